"""Logs come out alike from everywhere, and no secret comes out at all."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from aizuchi.server import logs
from aizuchi.server.admission import Token


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """The stream of freshly configured JSON logs; the root logger is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def records(out: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_both_libraries_come_out_alike(out: io.StringIO):
    """A record of the standard library and one of structlog have the same fields, extras included."""
    logging.getLogger("a.b").info("hello %s", "there", extra={"session": "s1"})
    structlog.get_logger("a.b").info("hello there", session="s1")
    one, two = records(out)
    assert one["event"] == two["event"] == "hello there" and one["session"] == two["session"] == "s1"
    assert one["level"] == two["level"] == "info" and one["logger"] == two["logger"] == "a.b"


def test_configured_twice_logs_once(out: io.StringIO):
    """A second configuration takes the place of the first."""
    logs.configure("info", "json", out)
    logging.getLogger("a").info("once")
    assert len(records(out)) == 1


def test_levels(out: io.StringIO):
    """Below the level nothing comes out, and uvicorn's chatter never does."""
    logging.getLogger("a").debug("too quiet")
    structlog.get_logger("a").debug("too quiet")
    logging.getLogger("uvicorn.error").info("chatter")
    logging.getLogger("uvicorn.error").warning("worth it")
    assert [each["event"] for each in records(out)] == ["worth it"]


SECRET = "sk-abcdef123456"


@pytest.mark.parametrize(
    ("message", "extra"),
    [
        (f"refused: {SECRET}", {}),
        (f"Authorization: Bearer {SECRET}", {}),
        ("header bearer abcdef123456 was wrong", {}),
        ('{"token": "abcdef123456"}', {}),
        ("url?token=abcdef123456&x=1", {}),
        ("api_key=abcdef123456", {}),
        ("with fields", {"api_key": "abcdef123456"}),
        ("with fields", {"resume_token": "abcdef123456"}),
        ("with fields", {"headers": {"Authorization": "abcdef123456", "Accept": "x"}}),
        ("with fields", {"tried": [f"a {SECRET}", "b"]}),
        ("an object", {"who": repr(Token("abcdef123456", "alice"))}),
    ],
)
def test_secrets_are_struck_out(out: io.StringIO, message: str, extra: dict):
    """No secret leaves in a message or a field, and what is around it stays readable."""
    logging.getLogger("a").warning(message, extra=extra)
    structlog.get_logger("a").warning(message, **extra)
    assert "abcdef123456" not in out.getvalue() and len(records(out)) == 2


def test_secrets_in_tracebacks_are_struck_out(out: io.StringIO):
    """An exception's text is scrubbed like any other."""
    try:
        raise ValueError(f"the vendor said: key {SECRET} is unknown")
    except ValueError:
        logging.getLogger("a").exception("failed")
        structlog.get_logger("a").exception("failed")
    assert "abcdef123456" not in out.getvalue()
    assert out.getvalue().count("ValueError") >= 2, "the traceback itself is there"


@pytest.mark.parametrize(
    "text", ["tokens: 15", "token usage", "a secretary", "max_tokens=5 tokens", "task-force"]
)
def test_ordinary_words_stay(text: str):
    """Words that only resemble secrets are left alone."""
    assert logs.scrub_text(text) == text


def test_the_console_form_is_for_people():
    """The console form is not JSON and holds the message."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    try:
        logs.configure("debug", "console", stream)
        logging.getLogger("a").info("for people")
    finally:
        root.handlers[:], root.level = handlers, level
        structlog.reset_defaults()
    assert "for people" in stream.getvalue() and not stream.getvalue().startswith("{")


def test_a_turn_on_a_console(out: io.StringIO):
    """A console line of a turn has the few figures that tell; the JSON line keeps all."""
    fields = {
        "turn": 3,
        "outcome": "finished",
        "first_token_ms": 120.0,
        "stages": {"llm": 1},
        "session": "s1",
    }
    screen = io.StringIO()
    logs.configure("info", "console", screen)
    logging.getLogger("aizuchi.views.metrics").info("turn", extra=fields)
    line = screen.getvalue()
    assert "turn 3 finished" in line and "first_token_ms=120.0" in line and "session=s1" in line
    assert "stages" not in line and "logger" not in line and len(line) < 120
    logs.configure("info", "json", out)
    logging.getLogger("aizuchi.views.metrics").info("turn", extra=fields)
    assert records(out)[-1]["stages"] == {"llm": 1}
