"""Whatever comes in and whatever is sent: no surprise but ProtocolError, no message the schema forbids."""

import base64
import contextlib
import json
import struct
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aizuchi.errors import ProtocolError
from aizuchi.events import Event, Input, Interrupted
from aizuchi.ports import Join, Leave
from aizuchi.timeline_json import KINDS
from aizuchi.wire.native.outward import REPLY
from aizuchi.wire.native.schema import schema
from aizuchi.wire.native.up import WANTS
from tests.anything import things
from tests.wire.native_talk import Talk, hello

UP = sorted(schema()["$defs"]["up"]["discriminator"]["mapping"])
FIELDS = sorted(
    {name for node in schema()["$defs"].values() for name in node.get("properties", ())} - {"type", "seq"}
)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
pcm = st.binary(max_size=60).map(lambda data: base64.b64encode(data).decode())
plausible = (
    anything | pcm | st.sampled_from(["s-1", "page", "image/png", "dh.v1", "auto", "stream", 0, 1, True])
)
likely = st.builds(
    lambda type_, fields, seq: json.dumps({"type": type_, **fields, "seq": seq}),
    st.sampled_from(UP) | st.text(max_size=12),
    st.dictionaries(st.sampled_from(FIELDS), plausible, max_size=8),
    st.integers(-1, 9) | anything,
)
frames = st.builds(
    lambda kind, flags, seq, data: struct.pack(">BBHII", kind, flags, 0, seq, 0) + data,
    st.integers(0, 3),
    st.integers(0, 255),
    st.integers(0, 12),
    st.binary(max_size=60),
)
messages = likely | frames | st.text() | st.binary() | anything.map(json.dumps)


@pytest.mark.parametrize("token_required", [False, True])
@given(st.lists(messages, max_size=12), st.booleans())
@settings(max_examples=150)
def test_any_message_is_an_event_or_refused(token_required: bool, incoming: list[str | bytes], joined: bool):
    """Garbage, half-right messages and binary noise: events of the port, or ProtocolError."""
    talk = hello("stream", token_required=token_required) if joined else Talk(token_required=token_required)
    for message in incoming:
        with contextlib.suppress(ProtocolError):
            for event in talk.raw(message):
                assert isinstance(event, Input | Join | Leave | dict)
                if isinstance(event, Join):
                    talk.welcome()
    talk.down(Interrupted("client"), generation=1)


def test_heavy_garbage_is_refused_quickly():
    """Deep nesting, huge numbers and long lists of nonsense end as one refusal each."""
    deep = "[" * 200_000
    heavy = [
        deep,
        '{"type": "ui_event", "name": "x", "payload": {"a": ' + deep + "}}",
        '{"type": "ping", "t": ' + "9" * 100_000 + "}",
        '{"type": "text_input", "text": "x", "images": [' + "1," * 400_000 + "1]}",
        '{"type": "hello", "want": [' + "1," * 400_000 + "1]}",
        "\ud800",
        '{"type": "text_input", "text": "\\ud800"}',
    ]
    for message in heavy:
        with pytest.raises(ProtocolError) as caught:
            hello().raw(message)
        assert len(str(caught.value)) <= 300


entries = st.sampled_from(sorted(KINDS)).flatmap(lambda kind: things(KINDS[kind]))
wants = st.lists(st.sampled_from(WANTS), unique=True)


@given(
    st.lists(st.tuples(entries, st.integers(0, 1), st.none() | st.integers(0, 2)), max_size=20),
    wants,
    st.sampled_from(["base64", "binary", "none"]),
)
@settings(max_examples=150)
def test_any_event_makes_only_lawful_messages(
    history: list[tuple[Event, int, int | None]], want: list[str], audio: str
):
    """Whatever the engine says, each frame fits the schema, is numbered, and is of a living generation.

    The one message with an old id is the end of an interrupted reply's text, right before the next.
    """
    talk = hello(*want, audio=audio)
    generation = highest = 0
    for event, step, turn in history:
        generation += step
        if isinstance(event, Interrupted) and event.of_generation is not None:
            # The dead turn was of a generation before; the vocabulary's strategy knows no order.
            event = Interrupted(event.reason, event.turn, generation, event.heard, event.text)
            generation += 1
        for message in talk.down(_sane(event), generation=generation, turn=turn):
            if message["type"] != "assistant_text_end" or message["finish_reason"] != "interrupted":
                assert message["generation_id"] >= highest
            highest = max(highest, message["generation_id"])


reply = st.sampled_from(REPLY).flatmap(things)


@given(st.lists(reply, min_size=1, max_size=8), wants)
@settings(max_examples=60)
def test_no_reply_of_a_dead_generation(dead: list[Event], want: list[str]):
    """After an interrupt no reply material of before makes any message at all."""
    talk = hello(*want)
    talk.down(Interrupted("client"), generation=5)
    assert [message for event in dead for message in talk.down(_sane(event), generation=4)] == []


def _sane(event: Event) -> Event:
    """The engine's own counts are never negative; the wire need not survive that."""
    fields: dict[str, Any] = {}
    for name in ("sentence", "index", "of_generation"):
        value = getattr(event, name, None)
        if isinstance(value, int):
            fields[name] = abs(value) % 1000
    return replace(event, **fields)
