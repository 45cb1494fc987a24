"""Whole conversations of the native protocol, line by line.

A transcript's lines are what happens (`up`: a client's message, `welcome`: the server's answer to a join,
`entry`: one entry of the timeline) and, after each, what comes of it (`event`: what the wire makes of a
message, `down`: a message to the client, `frame`: a binary one). Of sound only the length is told.

`python -m tests.wire.test_native_transcripts` writes the outcomes anew, for a person to read in the diff.
"""

import json
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import pytest

from aizuchi.events import Input
from tests.wire.native_talk import SESSION, Talk
from tests.wire.replaying import entry, files, plain, read, rewrite

FILES = files("native")
CAUSES = ("note", "up", "binary", "welcome", "entry")


def outcomes(talk: Talk, line: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What comes of one line that says what happens."""
    match line:
        case {"up": dict(message)}:
            sound = message.pop("ms", None)
            if sound is not None:
                message["data"] = "AAAA" * (sound * 32 // 3) + ["", "AA==", "AAA="][sound * 32 % 3]
            for each in talk.raw(json.dumps(message)):
                yield {"down": _brief(each)} if isinstance(each, dict) else {"event": _event(each)}
        case {"binary": {"ms": int(ms), "seq": int(seq), "last": bool(last)}}:
            talk.next_up = seq
            yield from ({"event": _event(each)} for each in talk.binary(bytes(ms * 32), last=last))
        case {"welcome": dict(told)}:
            yield from ({"down": _brief(message)} for message in talk.welcome(**told))
        case {"entry": dict(told)}:
            it = entry(told)
            for message in talk.down(it.event, generation=it.generation, turn=it.turn):
                yield {"frame": _brief(message)} if message["type"] == "frame" else {"down": _brief(message)}
        case {"note": _}:
            pass
        case _:
            raise AssertionError(f"no such line: {line}")


def _event(event: Any) -> dict[str, Any]:
    if not isinstance(event, Input):
        assert is_dataclass(event)
        return {"kind": type(event).__name__.lower()} | _told(event)
    pcm = getattr(event, "pcm", None)
    return plain(event) | ({} if pcm is None else {"ms": len(pcm) // 32})


def _told(thing: Any) -> dict[str, Any]:
    """The fields that differ from their defaults."""
    usual = type(thing)(protocol=thing.protocol) if hasattr(thing, "protocol") else type(thing)()
    names = type(thing).__dataclass_fields__
    return {name: getattr(thing, name) for name in names if getattr(thing, name) != getattr(usual, name)}


def _brief(message: dict[str, Any]) -> dict[str, Any]:
    brief = {
        name: value for name, value in message.items() if name not in ("ts", "server", "data", "session_id")
    }
    if message["type"] not in ("frame", "hello_ack"):
        assert message["session_id"] == SESSION
    if "data" in message:
        data = message["data"]
        brief["bytes"] = len(data) if isinstance(data, bytes) else len(data) * 3 // 4 - data.count("=")
    return json.loads(json.dumps(brief))


def replay(lines: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The causes of a transcript, each followed by what comes of it now."""
    talk = Talk()
    for line in lines:
        if any(cause in line for cause in CAUSES):
            yield json.loads(json.dumps(line))
            for outcome in outcomes(talk, line):
                yield json.loads(json.dumps(outcome))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_transcript(path: Path):
    """The conversation goes as it is written down."""
    lines = read(path)
    assert list(replay(read(path))) == lines
    assert any("down" in line for line in lines)


def test_all_are_there():
    """One transcript for each way in which clients talk."""
    ways = {"text-turn", "voice-turn", "interrupt", "one-shot", "resume", "barge-in"}
    assert {path.stem.removeprefix("native-") for path in FILES} == ways


if __name__ == "__main__":
    rewrite(FILES, replay)
