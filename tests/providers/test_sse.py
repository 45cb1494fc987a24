"""Server-sent events, whatever way their bytes come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aizuchi.providers.sse import EventParser, ServerEvent, TooLarge


def parse(*chunks: bytes) -> list[ServerEvent]:
    parser = EventParser()
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return [*events, *parser.close()]


@pytest.mark.parametrize(
    "stream, events",
    [
        (b"data: a\n\n", [("a", "")]),
        (b"data:a\n\n", [("a", "")]),
        (b"data:  a\n\n", [(" a", "")]),
        (b"data\n\n", [("", "")]),
        (b"data: a\ndata: b\n\n", [("a\nb", "")]),
        (b"event: x\ndata: a\n\ndata: b\n\n", [("a", "x"), ("b", "")]),
        (b"event: x\n\ndata: b\n\n", [("b", "")]),
        (b": ping\n\nid: 3\nretry: 9\n\ndata: a\n\n", [("a", "")]),
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [("a", ""), ("b", ""), ("c", "")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("a", "")]),
        ("data: 早上好\n\n".encode(), [("早上好", "")]),
        (b"data: \xff\n\n", [("\ufffd", "")]),
        (b"data: a\n\ndata: last", [("a", ""), ("last", "")]),
        (b"data: a\n\ndata: last\r", [("a", ""), ("last", "")]),
        (b"\n\n\n", []),
        (b"", []),
    ],
)
def test_events(stream: bytes, events: list[tuple[str, str]]):
    """Each form of the format gives its events, in one piece and byte by byte."""
    assert parse(stream) == events
    assert parse(*(stream[at : at + 1] for at in range(len(stream)))) == events


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1), max_size=5
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.randoms(use_true_random=False),
)
def test_any_split(texts: list[str], end: str, random):
    """Events come out the same wherever the network cuts the bytes."""
    stream = "".join(f"data: {text}{end}{end}" for text in texts).encode()
    cuts = sorted(random.sample(range(len(stream) + 1), min(len(stream), 6)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert [event.data for event in parse(*chunks)] == texts


@pytest.mark.parametrize("stream", [b"data: " + b"x" * 200, b"data: x\n" * 40])
def test_an_event_is_bounded(stream: bytes):
    """A line, or a number of lines, beyond the bound is refused instead of kept."""
    parser = EventParser(limit=100)
    with pytest.raises(TooLarge):
        list(parser.feed(stream))
