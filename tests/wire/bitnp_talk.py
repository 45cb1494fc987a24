"""An agent of ours in a test: what pages say in, events out, and every event that leaves is judged."""

import base64
import json
import struct
from typing import Any

from aizuchi.errors import ProtocolError
from aizuchi.events import Entry, Event
from aizuchi.ports import Welcome
from aizuchi.wire.bitnp import BitnpWire
from aizuchi.wire.bitnp.wire import connected

NOW = 1_700_000_000.0
SHAPES: dict[str, set[str]] = {
    # the real page's
    "start_of_response": set(),
    "say_aloud": {"content", "media_data", "format", "seq", "is_last"},
    "bracket_tag": {"content"},
    "flip_ppt_page": {"page_num"},
    "ppt_assets": {"urls", "total"},
    "end_of_response": {"response"},
    # ours, which it passes over
    "interrupt": {"reason"},
    "stop_audio": set(),
    "lecture_state": {"state", "page_num", "total"},
    "user_text": {"content"},
    "emotion": {"content"},
    "viseme": {"visemes"},
    "error": {"code", "message"},
}
"""Every event of an agent of ours and its fields, from the reference's sections 4.2 and 5.5."""


def sound(media_data: str) -> tuple[int, int]:
    """Bytes of sound and rate of a file that the real page's player takes. Fails for any other."""
    wav = base64.b64decode(media_data, validate=True)
    riff, size, wave, fmt, length, kind, channels, rate, per_second, block, bits, data, body = struct.unpack(
        "<4sI4s4sIHHIIHH4sI", wav[:44]
    )
    assert (riff, wave, fmt, data, length) == (b"RIFF", b"WAVE", b"fmt ", b"data", 16)
    assert (kind, channels, bits, block, per_second) == (1, 1, 16, 2, rate * 2)
    assert size == len(wav) - 8 and body == len(wav) - 44 > 0 and body % 2 == 0
    return body, rate


def judged(frame: str | bytes) -> dict[str, Any]:
    """An event as a page reads it: known, whole, with text where text is read, under 1 MiB."""
    assert isinstance(frame, str) and len(frame) < 1 << 20
    event: dict[str, Any] = json.loads(frame)
    assert set(event) == {"type"} | SHAPES[event["type"]], event
    match event["type"]:
        case "say_aloud":
            sound(event["media_data"])
            assert event["format"] == "wav" and isinstance(event["content"], str)
            assert type(event["seq"]) is int and type(event["is_last"]) is bool
        case "bracket_tag" | "end_of_response":
            assert isinstance(event.get("content", event.get("response")), str)
        case "flip_ppt_page":
            assert type(event["page_num"]) is int
        case _:
            pass
    return event


class Talk:
    """A wire and what went through it."""

    def __init__(self, **more: Any) -> None:
        self.wire = BitnpWire("shumeiniang", "shumeiniang", **more)
        self.next = 0

    def raw(self, message: str | bytes) -> list[Any]:
        """Events of one message; what is sent straight back, also a refusal, comes as dicts."""
        got: list[Any] = []
        try:
            for event in self.wire.receive(message, NOW):
                got.append(judged(event) if isinstance(event, str | bytes) else event)
        except ProtocolError as error:
            assert self.wire.close_code(error) is None
            got += [judged(frame) for frame in self.wire.refuse(error, NOW)]
        return got

    def up(self, type_: str, **fields: Any) -> list[Any]:
        return self.raw(json.dumps({"type": type_, **fields}))

    def pages(self, number: int) -> list[Any]:
        return self.raw(connected(number))

    def welcome(self) -> list[dict[str, Any]]:
        welcome = Welcome(session="s", link="l", character="anon", generation=0, state="idle")
        return [judged(each) for each in self.wire.welcome(welcome, NOW)]

    def entry(self, entry: Entry) -> list[dict[str, Any]]:
        return [judged(frame) for frame in self.wire.send(entry, NOW)]

    def down(self, event: Event, *, turn: int | None = 1, generation: int = 1) -> list[dict[str, Any]]:
        self.next += 1
        return self.entry(Entry(self.next, 0.0, turn, generation, event))


def begun(**more: Any) -> Talk:
    """An agent with one page."""
    talk = Talk(**more)
    talk.pages(1)
    talk.welcome()
    return talk


def types(messages: list[Any]) -> list[str]:
    return [message["type"] if isinstance(message, dict) else type(message).__name__ for message in messages]
