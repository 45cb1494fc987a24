"""The published schema and the page about the protocol are true."""

import re
from pathlib import Path

import pytest

from aizuchi.wire.native import schema
from aizuchi.wire.native.up import WANTS
from tests.wire import validator
from tests.wire.toy_server import RATE, toy_server

DOCS = Path(__file__).resolve().parents[2] / "docs" / "wire"
PAGE = (DOCS / "native.md").read_text(encoding="utf-8")


def test_schema_is_current():
    """The committed file is what the models say; `aizuchi docs` writes it anew."""
    assert (DOCS / schema.FILE).read_text(encoding="utf-8") == schema.text()


def test_schema_is_whole():
    """Every message of A4 and A5 is there, described, with its envelope."""
    published = schema.schema()
    up, down = (published["$defs"][each]["discriminator"]["mapping"] for each in ("up", "down"))
    assert len(up) == 18 and len(down) == 31
    for mapping, envelope in ((up, {"type"}), (down, {"type", "session_id", "seq", "generation_id", "ts"})):
        for name, reference in mapping.items():
            definition = published["$defs"][reference.rsplit("/", 1)[1]]
            assert definition["description"], name
            assert envelope <= set(definition["required"]), name
            assert {"seq", "session_id"} <= set(definition["properties"]), name


@pytest.mark.parametrize(
    "message",
    [
        {"type": "pong"},
        {"type": "pong", "session_id": "s", "seq": -1, "generation_id": 0, "ts": 0},
        {"type": "pong", "session_id": "s", "seq": True, "generation_id": 0, "ts": 0},
        {"type": "pong", "session_id": "s", "seq": 0, "generation_id": 0, "ts": 0, "x": 1},
        {"type": "gnop", "session_id": "s", "seq": 0, "generation_id": 0, "ts": 0},
        {"type": "state_update", "session_id": "s", "seq": 0, "generation_id": 0, "ts": 0, "state": "idle"},
    ],
)
def test_the_judge_judges(message: dict[str, object]):
    """The validator that every other test leans on refuses what is wrong."""
    with pytest.raises(validator.Wrong):
        validator.check(schema.schema(), message, direction="down")


def test_page_names_every_message():
    """Each type, each wish and each close code stands on the page."""
    published = schema.schema()
    names = {name for each in ("up", "down") for name in published["$defs"][each]["discriminator"]["mapping"]}
    written = set(re.findall(r"`([a-z_]+)`", PAGE))
    assert not (names | set(WANTS)) - written
    assert not {code for code in ("4401", "4404", "4406", "4409", "1012", "1013") if code not in PAGE}


@pytest.mark.network
async def test_example_runs():
    """The page's client, as it is printed, gets a reply."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    names: dict[str, object] = {"__name__": "example"}
    exec(compile(code, "docs/wire/native.md", "exec"), names)
    async with toy_server() as toy:
        url = toy.url.replace("http", "ws") + "/digital-human/ws"
        text, sound = await names["main"](url, "hello")  # pyright: ignore[reportCallIssue, reportGeneralTypeIssues]
    assert text == "You said hello." and sound == b"\2\0" * (RATE // 10)
