"""Whatever pages say and whatever happens: no surprise, and no event that pages do not know."""

import base64
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from aizuchi.events import Event, Input, Packet, TurnBegun
from aizuchi.ports import Join
from aizuchi.timeline_json import KINDS
from tests.anything import things
from tests.wire.bitnp_talk import Talk, begun

UP = ["user_input", "lecture_control", "audio_playback_finished", "danmaku", "interrupt", "user_audio"]
FIELDS = [
    "content",
    "action",
    "page_num",
    "page",
    "seq",
    "id",
    "username",
    "media_data",
    "sample_rate",
    "is_last",
]
LIKELY = st.sampled_from(["hello", "next", "goto", 1, 16_000, True, base64.b64encode(bytes(99)).decode()])

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
said = st.builds(
    lambda type_, fields: json.dumps({**fields, "type": type_}),
    st.sampled_from(UP) | anything,
    st.dictionaries(st.sampled_from(FIELDS), anything | LIKELY, max_size=4),
)
messages = said | anything.map(json.dumps) | st.text()
entries = st.sampled_from(sorted(KINDS)).flatmap(lambda kind: things(KINDS[kind]))
packets = st.builds(
    lambda turn, index, samples, last: Packet(
        turn, index, 0, 0, 0, bytes(samples * 2), "pcm_s16le", 24_000, last=last
    ),
    st.integers(1, 3),
    st.integers(0, 2),
    st.integers(0, 4_800),
    st.booleans(),
)
turns = st.builds(
    TurnBegun, st.integers(1, 3), st.sampled_from(["user", "lecture", "proactive", "backchannel"])
)


@settings(max_examples=120, deadline=None)
@given(st.lists(messages, max_size=8))
def test_whatever_pages_say(sent: list[str]):
    """Each message gives inputs, or an error, and the conversation lives on."""
    talk = Talk()
    for message in sent:
        for each in talk.raw(message):
            assert isinstance(each, Input | Join) or each["type"] in ("error", "ppt_assets", "flip_ppt_page")
    assert talk.up("user_input", content="hello")


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.tuples(entries | packets | turns, st.none() | st.integers(1, 3), st.integers(0, 3)), max_size=25
    )
)
def test_whatever_happens(happened: list[tuple[Event, int | None, int]]):
    """Each event that leaves is one that pages know; a response is ended before another begins."""
    talk = begun(slides=("http://localhost/1.png",))
    is_open = False
    for event, turn, generation in happened:
        if isinstance(event, Packet) and event.codec != "pcm_s16le":
            continue
        named: Any = getattr(event, "turn", None)
        for sent in talk.down(event, turn=turn if named is None else named, generation=generation):
            match sent["type"]:
                case "start_of_response":
                    assert not is_open
                    is_open = True
                case "end_of_response":
                    assert is_open
                    is_open = False
                case _:
                    pass
