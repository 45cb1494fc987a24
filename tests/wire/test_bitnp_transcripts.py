"""An agent of ours talking with bitnp's page, replayed through the wire.

A line is a cause: `agent` (what the wire is made with), `pages` (how many are connected), `welcome`, `up`
(the data of a page's event) and `entry`; or what comes of the cause before it: `event` or `down`. After a
change on purpose `python -m tests.wire.test_bitnp_transcripts` writes the outcomes anew.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aizuchi.ports import Join
from tests.wire.bitnp_talk import Talk, sound
from tests.wire.replaying import entry, files, plain, read, rewrite

FILES = files("bitnp")


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
                got = talk.entry(entry(told))
            case _:
                raise AssertionError(f"no such line: {line}")
        for each in got:
            told = {"down": _brief(each)} if isinstance(each, dict) else {"event": _event(each)}
            yield json.loads(json.dumps(told))


def _event(event: Any) -> dict[str, Any]:
    if isinstance(event, Join):
        return {"kind": "join", "character": event.character, "person": event.person, "stays": event.stays}
    pcm = getattr(event, "pcm", None)
    return plain(event) | ({} if pcm is None else {"bytes": len(pcm)})


def _brief(event: dict[str, Any]) -> dict[str, Any]:
    if event["type"] != "say_aloud":
        return event
    size, rate = sound(event["media_data"])
    return event | {"media_data": f"{size * 500 // rate} ms at {rate} Hz"}


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
    rewrite(FILES, replay)
