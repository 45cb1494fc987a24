"""ChatAnon conversations as they go, replayed through the wire.

A line is a cause: `manners` and `opened` (the handshake's headers) of the connection, `up` (a client's
message; `ms` stands for so much sound), `welcome`, `entry`, `answer` (to the last question) and `refuse` by
the server, `new` for another connection; or what comes of the cause before it: `event` or `down`. After a
change on purpose `python -m tests.wire.test_chatanon_transcripts` writes the outcomes anew.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aizuchi.errors import ProtocolError, UnknownCharacter
from aizuchi.ports import Ask, Join
from aizuchi.wire.chatanon import Manners
from tests.wire.chatanon_talk import Talk, sound
from tests.wire.replaying import entry, files, plain, read, rewrite

FILES = files("chatanon")


def replay(lines: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The causes of a transcript, each followed by what comes of it now."""
    talk = Talk()
    for line in lines:
        if "event" in line or "down" in line:
            continue
        yield json.loads(json.dumps(line))
        match line:
            case {"note": _}:
                continue
            case {"new": _}:
                talk = Talk()
                continue
            case {"manners": dict(told)}:
                talk = Talk(**told)
                assert Manners(**told)
                continue
            case {"opened": dict(headers)}:
                talk.wire.opened(headers)
                continue
            case {"up": str(text)}:
                got = talk.raw(text)
            case {"up": dict(message)}:
                ms = message.pop("ms", None)
                got = talk.raw(json.dumps(message | ({} if ms is None else {"audio_base64": sound(ms)})))
            case {"welcome": dict(told)}:
                got = talk.welcome(**told)
            case {"answer": dict(told)}:
                got = talk.answer(**told)
            case {"refuse": {"message": str(text), "code": "unknown"}}:
                got = talk.refuse(UnknownCharacter(text))
            case {"refuse": {"message": str(text), "code": str(code), "close": close}}:
                got = talk.refuse(ProtocolError(text, code=code, close=close))
            case {"entry": dict(told)}:
                got = talk.entry(entry(told))
            case _:
                raise AssertionError(f"no such line: {line}")
        for each in got:
            told = {"down": _brief(each)} if isinstance(each, dict) else {"event": _event(each)}
            yield json.loads(json.dumps(told))


def _event(event: Any) -> dict[str, Any]:
    if isinstance(event, Join):
        return {"kind": "join", "character": event.character, "alone": event.alone, "stays": event.stays}
    if isinstance(event, Ask):
        return {"kind": "ask", "what": event.what, **event.args}
    pcm = getattr(event, "pcm", None)
    return plain(event) | ({} if pcm is None else {"ms": len(pcm) // 32})


def _brief(message: dict[str, Any]) -> dict[str, Any]:
    brief = {name: value for name, value in message.items() if not name.startswith("audio_")}
    if "audio_base64" in message:
        brief["ms"] = len(base64.b64decode(message["audio_base64"])) // 32
    return brief


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_transcript(path: Path):
    """The conversation goes as it is written down."""
    assert list(replay(read(path))) == read(path)
    assert any("down" in line for line in read(path))


def test_all_are_there():
    """One transcript for each way in which clients talk."""
    ways = {"seed", "head", "union", "batch", "stream", "call", "agent", "refused"}
    assert {path.stem.removeprefix("chatanon-") for path in FILES} == ways


if __name__ == "__main__":
    rewrite(FILES, replay)
