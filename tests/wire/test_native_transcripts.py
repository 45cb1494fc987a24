"""Whole conversations of the native protocol, line by line.

A transcript's lines are what happens (`up`: a client's message, `welcome`: the server's answer to a join,
`entry`: one entry of the timeline) and, after each, what comes of it (`event`: what the wire makes of a
message, `down`: a message to the client, `frame`: a binary one). Of sound only the length is told.

`python -m tests.wire.test_native_transcripts` writes the outcomes anew, for a person to read in the diff.
"""

import json
from collections.abc import Iterator
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from aizuchi.events import Entry, Input, Packet
from aizuchi.timeline_json import entry_from_json, entry_to_json
from tests.wire.native_talk import SESSION, Talk

FOLDER = Path(__file__).parent / "transcripts"
FILES = sorted(FOLDER.glob("native-*.jsonl"))
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
            entry = entry_from_json(told)
            assert entry is not None, told
            if isinstance(entry.event, Packet):
                pcm = bytes(entry.event.ms * entry.event.rate // 500)
                entry = replace(entry, event=replace(entry.event, data=pcm))
            for message in talk.down(entry.event, generation=entry.generation, turn=entry.turn):
                yield {"frame": _brief(message)} if message["type"] == "frame" else {"down": _brief(message)}
        case {"note": _}:
            pass
        case _:
            raise AssertionError(f"no such line: {line}")


def _event(event: Any) -> dict[str, Any]:
    if not isinstance(event, Input):
        assert is_dataclass(event)
        return {"kind": type(event).__name__.lower()} | _told(event)
    told = entry_to_json(Entry(0, 0.0, None, 0, event))
    for name in ("seq", "at", "turn", "generation"):
        told.pop(name)
    pcm = getattr(event, "pcm", None)
    return told if pcm is None else told | {"ms": len(pcm) // 32}


def _told(thing: Any) -> dict[str, Any]:
    """The fields that differ from their defaults."""
    plain = type(thing)(protocol=thing.protocol) if hasattr(thing, "protocol") else type(thing)()
    names = type(thing).__dataclass_fields__
    return {name: getattr(thing, name) for name in names if getattr(thing, name) != getattr(plain, name)}


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


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


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
    for each in FILES:
        rows = [json.dumps(line, ensure_ascii=False) for line in replay(read(each))]
        each.write_text("\n".join(rows) + "\n", encoding="utf-8")
