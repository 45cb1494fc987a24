"""One ChatAnon connection in a test: messages in, messages out, and every frame that leaves is judged."""

import base64
import json
from typing import Any

from aizuchi.errors import ProtocolError
from aizuchi.events import Entry, Event
from aizuchi.ports import Ask, Join, Welcome
from aizuchi.wire.chatanon import ChatAnonWire, Manners

NOW = 1_700_000_000.0
COMPANY = {"anon": "Anon", "mutsumi": "Mutsumi"}
SHAPES: dict[str, set[str]] = {
    "connected": {"character", "character_display_name", "message"},
    "disconnected": {"reason", "message"},
    "error": {"message"},
    "thinking": {"message"},
    "asr_start": set(),
    "asr_end": {"text"},
    "transcription": {"text", "is_partial"},
    "audio_stream_started": {"message"},
    "agent_listening": {"message"},
    "voice_call_listening": {"message"},
    "llm_start": set(),
    "llm_end": {"elapsed_time"},
    "tts_start": {"text", "emotion"},
    "audio_chunk": {"audio_base64", "audio_format", "audio_sample_rate"},
    "audio_end": set(),
    "response": {"content_cn", "content_jp", "emotion", "audio_format", "audio_sample_rate"},
    "turn_end": set(),
    "character_switched": {"character", "character_display_name", "message"},
    "history_cleared": {"message"},
    "pong": set(),
}
"""Every message of the server and its fields, from the reference's sections 2 to 7."""
EMOTIONS = {"happy", "sad", "angry", "fearful", "disgusted", "surprised", "calm", "auto"}


def judged(frame: str | bytes) -> dict[str, Any]:
    """A frame as its client reads it: a known message, whole, under 1 MiB, sound of 20 to 200 ms."""
    assert isinstance(frame, str) and len(frame) < 1 << 20
    message: dict[str, Any] = json.loads(frame)
    assert set(message) == {"type"} | SHAPES[message["type"]]
    if message["type"] == "audio_chunk":
        pcm = base64.b64decode(message["audio_base64"])
        assert len(pcm) % 2 == 0 and 20 <= len(pcm) / 32 <= 200
        assert (message["audio_format"], message["audio_sample_rate"]) == ("pcm", 16_000)
    assert message.get("emotion", "auto") in EMOTIONS
    return message


class Talk:
    """A wire and what went through it."""

    def __init__(self, *, browser: bool = False, **manners: Any) -> None:
        self.wire = ChatAnonWire(lambda: COMPANY, Manners(**manners))
        self.wire.opened({"origin": "https://page.example"} if browser else {})
        self.asked: Ask | None = None
        self.next = 0

    def raw(self, message: str | bytes) -> list[Any]:
        """Events of one message; what is sent straight back, also a refusal, comes as dicts."""
        got: list[Any] = []
        try:
            for event in self.wire.receive(message, NOW):
                got.append(judged(event) if isinstance(event, str | bytes) else event)
                self.asked = event if isinstance(event, Ask) else self.asked
        except ProtocolError as error:
            got += self.refuse(error)
        return got

    def up(self, type_: str, **fields: Any) -> list[Any]:
        return self.raw(json.dumps({"type": type_, **fields}))

    def refuse(self, error: ProtocolError) -> list[dict[str, Any]]:
        frames = [judged(frame) for frame in self.wire.refuse(error, NOW)]
        code = self.wire.close_code(error)
        return frames if code is None else [*frames, {"close": code}]

    def welcome(self, **fields: Any) -> list[dict[str, Any]]:
        told: dict[str, Any] = {"session": "s", "link": "l", "character": "anon", "generation": 0}
        told |= {"state": "idle"} | fields
        return [judged(each) for each in self.wire.welcome(Welcome(**told), NOW)]

    def answer(self, **result: Any) -> list[dict[str, Any]]:
        assert self.asked is not None
        return [judged(frame) for frame in self.wire.answer(self.asked, result, NOW)]

    def entry(self, entry: Entry) -> list[dict[str, Any]]:
        return [judged(frame) for frame in self.wire.send(entry, NOW)]

    def down(self, event: Event, *, turn: int | None = 1, at: float = 0.0) -> list[dict[str, Any]]:
        self.next += 1
        return self.entry(Entry(self.next, at, turn, 1, event))


def connected(*, browser: bool = False, **manners: Any) -> Talk:
    """A connection whose client was welcomed."""
    talk = Talk(browser=browser, **manners)
    (join,) = talk.up("connect", api_token="t", character_name="anon")
    assert isinstance(join, Join)
    talk.welcome()
    return talk


def types(messages: list[Any]) -> list[str]:
    return [message["type"] if isinstance(message, dict) else type(message).__name__ for message in messages]


def sound(ms: int) -> str:
    return base64.b64encode(bytes(ms * 32)).decode()
