"""An agent of ours talking with bitnp's page, replayed through the wire.

A line is a cause: `agent` (what the wire is made with), `pages` (how many are connected), `welcome`, `up`
(the data of a page's event) and `entry`; or what comes of the cause before it: `event` or `down`. After a
change on purpose `python -m tests.wire.test_bitnp_transcripts` writes the outcomes anew.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aizuchi.events import Entry, Input, Packet
from aizuchi.ports import Join
from aizuchi.timeline_json import entry_from_json, entry_to_json
from tests.wire.bitnp_talk import Talk, sound

FOLDER = Path(__file__).parent / "transcripts"
FILES = sorted(FOLDER.glob("bitnp-*.jsonl"))


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
            case {"agent": dict(told)}:
                talk = Talk(**told)
                continue
            case {"pages": int(number)}:
                got = talk.pages(number)
            case {"welcome": _}:
                got = talk.welcome()
            case {"up": data}:
                got = talk.raw(json.dumps(data))
            case {"entry": dict(told)}:
                got = talk.entry(_entry(told))
            case _:
                raise AssertionError(f"no such line: {line}")
        for each in got:
            told = {"down": _brief(each)} if isinstance(each, dict) else {"event": _event(each)}
            yield json.loads(json.dumps(told))


def _entry(told: dict[str, Any]) -> Entry:
    entry = entry_from_json(told)
    assert entry is not None, told
    if isinstance(entry.event, Packet):
        pcm = bytes(entry.event.ms * entry.event.rate // 500)
        entry = replace(entry, event=replace(entry.event, data=pcm))
    return entry


def _event(event: Any) -> dict[str, Any]:
    if isinstance(event, Join):
        return {"kind": "join", "character": event.character, "person": event.person, "stays": event.stays}
    assert isinstance(event, Input)
    told = entry_to_json(Entry(0, 0.0, None, 0, event))
    pcm = getattr(event, "pcm", None)
    plain = {name: value for name, value in told.items() if name not in ("seq", "at", "turn", "generation")}
    return plain if pcm is None else plain | {"bytes": len(pcm)}


def _brief(event: dict[str, Any]) -> dict[str, Any]:
    if event["type"] != "say_aloud":
        return event
    size, rate = sound(event["media_data"])
    return event | {"media_data": f"{size * 500 // rate} ms at {rate} Hz"}


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_transcript(path: Path):
    """The conversation goes as it is written down."""
    assert list(replay(read(path))) == read(path)
    assert any("down" in line for line in read(path))


def test_all_are_there():
    """One transcript for each sequence of the reference's section 5."""
    assert {path.stem.removeprefix("bitnp-") for path in FILES} == {
        "chat",
        "interrupt",
        "lecture",
        "question",
    }


if __name__ == "__main__":
    for each in FILES:
        rows = [json.dumps(line, ensure_ascii=False) for line in replay(read(each))]
        each.write_text("\n".join(rows) + "\n", encoding="utf-8")
