"""Whatever comes in and whatever is sent: no surprise, and no message that the protocol does not have."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aizuchi.events import Event, Input, Interrupted, Packet, TurnBegun
from aizuchi.ports import Ask, Join
from aizuchi.timeline_json import KINDS
from tests.anything import things
from tests.wire.chatanon_talk import Talk, connected

UP = [
    "connect",
    "message",
    "audio_message",
    "audio_stream_start",
    "audio_stream_chunk",
    "audio_stream_end",
    "agent_mode_start",
    "agent_audio_chunk",
    "agent_mode_stop",
    "voice_call_start",
    "voice_call_audio_chunk",
    "voice_call_stop",
    "switch_character",
    "clear_history",
    "ping",
    "pong",
]
FIELDS = ["api_token", "character_name", "content", "audio_base64", "type"]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
pcm = st.binary(max_size=60).map(lambda data: base64.b64encode(data).decode())
likely = st.builds(
    lambda type_, fields: json.dumps({**fields, "type": type_}),
    st.sampled_from(UP) | st.text(max_size=12) | anything,
    st.dictionaries(
        st.sampled_from(FIELDS), anything | pcm | st.sampled_from(["anon", "mutsumi"]), max_size=4
    ),
)
messages = likely | st.text() | st.binary() | anything.map(json.dumps)
entries = st.sampled_from(sorted(KINDS)).flatmap(lambda kind: things(KINDS[kind]))
# Sound is told to a wire as packets of whole samples, of turns whose numbers come from few.
packets = st.builds(
    lambda turn, index, samples: Packet(turn, index, 0, 0, 0, bytes(samples * 2), "pcm_s16le", 16_000),
    st.integers(1, 3),
    st.integers(0, 2),
    st.integers(0, 3_200),
)
begun = st.builds(TurnBegun, st.integers(1, 3), st.sampled_from(["user", "proactive", "backchannel"]))


@given(st.lists(messages, max_size=12), st.booleans(), st.booleans())
@settings(max_examples=150)
def test_any_message_is_an_event_or_refused(incoming: list[str | bytes], joined: bool, browser: bool):
    """Garbage, half-right messages and binary noise: events of the port, or words of the protocol."""
    talk = connected(browser=browser) if joined else Talk(browser=browser)
    for message in incoming:
        for event in talk.raw(message):
            assert isinstance(event, Input | Join | Ask | dict)
            if isinstance(event, Join):
                talk.welcome()
            if isinstance(event, Ask):
                talk.answer(character="mutsumi")
    talk.down(Interrupted("client"))


def test_heavy_garbage_is_refused_quickly():
    """Deep nesting, huge numbers and long nonsense end as one short refusal each."""
    deep = "[" * 200_000
    heavy = [
        deep,
        '{"type": "message", "content": ' + deep + "}",
        '{"type": ' + "9" * 100_000 + "}",
        '{"type": "' + "x" * 1_000_000 + '"}',
        '{"type": "audio_message", "audio_base64": "' + "*" * 1_000_000 + '"}',
        '{"type": "switch_character", "character_name": "' + "x" * 1_000_000 + '"}',
        "\ud800",
        '{"type": "\\ud800"}',
    ]
    for message in heavy:
        (error,) = connected().raw(message)
        assert error["type"] == "error" and len(error["message"]) <= 300


@pytest.mark.parametrize("dialect", ["seed", "head", "auto"])
@given(
    st.lists(st.tuples(entries | packets | begun, st.none() | st.integers(1, 3)), max_size=25),
    st.sampled_from(["", "audio_message", "audio_stream_start", "agent_mode_start", "voice_call_start"]),
)
@settings(max_examples=150)
def test_any_event_makes_only_lawful_messages(
    dialect: Any, history: list[tuple[Event, int | None]], before: str
):
    """Whatever the engine says, each frame is a message of the protocol, whole and small."""
    talk = connected(dialect=dialect)
    if before:
        talk.up(before, audio_base64=base64.b64encode(bytes(640)).decode())
    for event, turn in history:
        talk.down(event, turn=turn)
