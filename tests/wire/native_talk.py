"""One connection of the native protocol in a test: frames in, frames out, every frame judged."""

import json
import struct
from functools import cache
from typing import Any

from aizuchi.events import Entry, Event
from aizuchi.ports import Welcome
from aizuchi.wire.native import NativeWire
from aizuchi.wire.native.schema import schema
from tests.wire import validator

NOW = 1_700_000_000.0
SESSION = "s-1"

published = cache(schema)


class Talk:
    """A wire and the frames that went both ways.

    Each frame going down is checked: the schema allows it, `seq` counts from 0, the envelope is whole.
    """

    def __init__(self, *, token_required: bool = False) -> None:
        self.wire = NativeWire(token_required=token_required)
        self.next_down = 0
        self.next_up = 0
        self.next_entry = 0

    # -- up

    def raw(self, message: str | bytes) -> list[Any]:
        """Events of one message; messages sent straight back come as dicts."""
        got: list[Any] = []
        for event in self.wire.receive(message, NOW):
            got.append(self._judge(event) if isinstance(event, str | bytes) else event)
        return got

    def up(self, type_: str, **fields: Any) -> list[Any]:
        """Events of a message with the next number."""
        message = {"type": type_, "seq": self.next_up, **fields}
        if type_ == "playback_done":
            message |= {"seq": fields["seq"]} if "seq" in fields else {}
        self.next_up += 1
        return self.raw(json.dumps(message))

    def binary(self, pcm: bytes, *, last: bool = False, kind: int = 1) -> list[Any]:
        frame = struct.pack(">BBHII", kind, int(last), 0, self.next_up, 0) + pcm
        self.next_up += 1
        return self.raw(frame)

    # -- down

    def welcome(self, **fields: Any) -> list[dict[str, Any]]:
        told: dict[str, Any] = {
            "session": SESSION,
            "link": "l-1",
            "character": "mio",
            "generation": 0,
            "state": "idle",
            "resume_token": "r-1",
            "limits": {"chunk_ms": 200, "max_text": 8_000, "queue": 4},
            "features": ("text",),
        }
        return [self._judge(frame) for frame in self.wire.welcome(Welcome(**(told | fields)), NOW)]

    def down(self, event: Event, *, generation: int = 1, turn: int | None = 1) -> list[dict[str, Any]]:
        """The messages made of one entry."""
        entry = Entry(self.next_entry, 0.0, turn, generation, event)
        self.next_entry += 1
        return [self._judge(frame) for frame in self.wire.send(entry, NOW)]

    def _judge(self, frame: str | bytes) -> dict[str, Any]:
        if isinstance(frame, bytes):
            kind, flags, reserved, seq, generation = struct.unpack(">BBHII", frame[:12])
            assert (kind, reserved) == (2, 0)
            message = {"type": "frame", "seq": seq, "generation_id": generation}
            message |= {"last": bool(flags & 1), "data": frame[12:]}
        else:
            message = json.loads(frame)
            validator.check(published(), message, direction="down")
            assert message["ts"] == NOW * 1000
        assert message["seq"] == self.next_down
        self.next_down += 1
        return message


def hello(*want: str, token_required: bool = False, **fields: Any) -> Talk:
    """A connection whose client has said hello and was welcomed."""
    talk = Talk(token_required=token_required)
    talk.up("hello", protocol="dh.v1", want=list(want), **fields)
    talk.welcome()
    return talk


def bare(message: dict[str, Any]) -> dict[str, Any]:
    """A message without its envelope."""
    return {
        k: v for k, v in message.items() if k not in ("session_id", "seq", "generation_id", "turn_id", "ts")
    }
