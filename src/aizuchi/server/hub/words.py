"""The relay's messages, no input or output: what an agent or a page says, and what it is answered.

An event's `data` is never taken apart: it is checked to be JSON and passed on letter for letter, so that
`1.00`, a number of a hundred digits or a key that comes twice arrive as they were sent. Everything else of
a frame is ours to read; keys that we do not know are tolerated. Source: docs/wire/bitnp.md.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

Side = Literal["agent", "page"]
Envelope = Literal["event", "bare"]

NAME_TAKEN: Final = (4001, "Agent name already connected")
"""How a second agent of a name is refused, before the handshake is answered."""
SENT: Final = b'{"type":"success","message":"event sent"}'
NO_TYPE: Final = "empty message type"
NOT_UNDERSTOOD: Final = "expected a JSON object in a text frame"
NO_DATA: Final = {"agent": b'""', "page": b"{}"}
"""What stands for `data` that was left out; as the original has it, unlike for either side."""
_SPACE: Final = " \t\n\r"


@dataclass(frozen=True, slots=True)
class Event:
    """Something for the other side."""

    data: bytes | msgspec.Raw
    """JSON; a `Raw` is a piece of the frame that it came in."""


@dataclass(frozen=True, slots=True)
class IsAgentOnline:
    """A page asks whether anybody would get its events."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The sender wishes to leave."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A type without a meaning here; it is not answered."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Nothing that can be acted on; `why` is the answer."""

    why: str


Said = Event | IsAgentOnline | Disconnect | Unknown | Wrong
_ASKS, _LEAVES, _UNKNOWN = IsAgentOnline(), Disconnect(), Unknown()
_NO_TYPE, _NOT_UNDERSTOOD = Wrong(NO_TYPE), Wrong(NOT_UNDERSTOOD)


class _Message(msgspec.Struct, gc=False):
    type: Any = ""
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    payload: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode = msgspec.json.Decoder(_Message).decode


def read(frame: str | bytes, side: Side) -> Said:
    """What an agent or a page has said with one frame. Never raises."""
    if not isinstance(frame, str):
        return _NOT_UNDERSTOOD
    try:
        message = _decode(frame)
        kind, data = message.type, message.data
        if data is msgspec.UNSET:
            # The page's own helper `sendMessage` sends `payload`.
            data = message.payload
    except (msgspec.MsgspecError, UnicodeEncodeError):
        try:
            kind, data = _spans(frame)
        except (ValueError, RecursionError):
            return _NOT_UNDERSTOOD
    except RecursionError:
        return _NOT_UNDERSTOOD
    if kind == "event":
        return Event(NO_DATA[side] if isinstance(data, msgspec.UnsetType) else data)
    if kind == "disconnect":
        return _LEAVES
    if kind == "is_agent_online" and side == "page":
        return _ASKS
    return _UNKNOWN if kind else _NO_TYPE


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _spans(frame: str) -> tuple[Any, bytes | msgspec.UnsetType]:
    """Type and data of a message, by the standard library's scanner.

    It is slower, and takes what the other one does not: half a surrogate pair as an escape, which both
    Python and JavaScript send when a text was cut within an emoji. Raises ValueError or RecursionError.
    """
    values: dict[str, Any] = {}
    spans: dict[str, tuple[int, int]] = {}
    at = _skip(frame, 0)
    if frame[at : at + 1] != "{":
        raise ValueError("no object")
    at = _skip(frame, at + 1)
    while frame[at : at + 1] != "}":
        if values:
            at = _skip(frame, _expect(frame, at, ","))
        _expect(frame, at, '"')
        name, at = _scan(frame, at)
        begin = _skip(frame, _expect(frame, _skip(frame, at), ":"))
        values[name], end = _scan(frame, begin)
        spans[name] = (begin, end)
        at = _skip(frame, end)
    if _skip(frame, at + 1) != len(frame):
        raise ValueError("more than one value")
    span = spans.get("data", spans.get("payload"))
    # Half a pair that is no escape is no UTF-8 either and could not have come as text.
    return values.get("type", ""), msgspec.UNSET if span is None else frame[span[0] : span[1]].encode()


_scan = json.JSONDecoder(parse_constant=_refuse).raw_decode


def _skip(frame: str, at: int) -> int:
    while at < len(frame) and frame[at] in _SPACE:
        at += 1
    return at


def _expect(frame: str, at: int, character: str) -> int:
    if frame[at : at + 1] != character:
        raise ValueError(f"expected {character} at {at}")
    return at + 1


# -- answers


def welcome(client_id: str, now: datetime) -> bytes:
    """The first frame of every connection."""
    return _dump(
        {
            "type": "system",
            "message": "successfully connected",
            "client_id": client_id,
            "timestamp": local(now),
        }
    )


def online(there: bool) -> bytes:
    return _dump({"type": "success", "message": there})


def error(why: str) -> bytes:
    return _dump({"type": "error", "message": why})


def relayed(data: bytes | msgspec.Raw, now: datetime, envelope: Envelope) -> tuple[bytes, Any, bytes]:
    """An event as the other side gets it, in three pieces; `data` is not copied.

    The original leaves the `type` out (`bare`); its documentation speaks of an `event` message. All known
    receivers look at `data` alone.
    """
    kind = '"type":"event",' if envelope == "event" else ""
    return f'{{{kind}"time":"{local(now)}","data":'.encode(), data, b"}"


def local(now: datetime) -> str:
    """Local time as the original writes it: microseconds, no zone."""
    return now.isoformat(timespec="microseconds")


def encoded(data: Any) -> bytes:
    """An event's `data` of our own. Raises TypeError or ValueError for what is no JSON."""
    try:
        return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(data, allow_nan=False, separators=(",", ":")).encode()


def decoded(data: bytes | msgspec.Raw) -> Any:
    """What `read` has found to be JSON."""
    return json.loads(bytes(data))


def _dump(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()
