"""The relay's messages: every frame is read as JSON says, and events pass letter for letter."""

import json
import math
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aizuchi.server.hub import words
from aizuchi.server.hub.words import Disconnect, Event, IsAgentOnline, Unknown, Wrong, read

NOW = datetime(2026, 11, 20, 22, 50, 27, 500652)
TABLE = [
    # frame, what an agent has said with it, what a page has
    ('{"type":"event","data":1}', Event(b"1"), Event(b"1")),
    ('{"type":"event"}', Event(b'""'), Event(b"{}")),
    ('{"type":"event","payload":[2]}', Event(b"[2]"), Event(b"[2]")),
    ('{"type":"event","payload":[2],"data":null}', Event(b"null"), Event(b"null")),
    ('{"type":"disconnect","data":1}', Disconnect(), Disconnect()),
    ('{"type":"is_agent_online"}', Unknown(), IsAgentOnline()),
    ('{"type":"EVENT"}', Unknown(), Unknown()),
    ('{"type":7}', Unknown(), Unknown()),
    ('{"type":["event"]}', Unknown(), Unknown()),
    ("{}", Wrong(words.NO_TYPE), Wrong(words.NO_TYPE)),
    ('{"type":""}', Wrong(words.NO_TYPE), Wrong(words.NO_TYPE)),
    ('{"type":null}', Wrong(words.NO_TYPE), Wrong(words.NO_TYPE)),
    ('{"type":[]}', Wrong(words.NO_TYPE), Wrong(words.NO_TYPE)),
    ("", Wrong(words.NOT_UNDERSTOOD), Wrong(words.NOT_UNDERSTOOD)),
    ("[]", Wrong(words.NOT_UNDERSTOOD), Wrong(words.NOT_UNDERSTOOD)),
    ('"event"', Wrong(words.NOT_UNDERSTOOD), Wrong(words.NOT_UNDERSTOOD)),
    ('{"type":"event","data":Infinity}', Wrong(words.NOT_UNDERSTOOD), Wrong(words.NOT_UNDERSTOOD)),
    ('{"type":"event","data":01}', Wrong(words.NOT_UNDERSTOOD), Wrong(words.NOT_UNDERSTOOD)),
    ('{"type":"event","data":"\\ud83d","x":1,}', Wrong(words.NOT_UNDERSTOOD), Wrong(words.NOT_UNDERSTOOD)),
    (b'{"type":"event"}', Wrong(words.NOT_UNDERSTOOD), Wrong(words.NOT_UNDERSTOOD)),
    ('{"type":"event","type":"disconnect"}', Disconnect(), Disconnect()),
    ('{"\\u0074ype":"event","data":1}', Event(b"1"), Event(b"1")),
    # What only the standard library's scanner takes.
    ('{"type":"event","data":"\\ud83d"}', Event(b'"\\ud83d"'), Event(b'"\\ud83d"')),
    ('{"x":"\\ud83d" , "data" : [1.50 , 2] , "type":"event"} ', Event(b"[1.50 , 2]"), Event(b"[1.50 , 2]")),
    (
        '{"x":"\\ud83d","type":"event","payload":{"a":1,"a":2}}',
        Event(b'{"a":1,"a":2}'),
        Event(b'{"a":1,"a":2}'),
    ),
]


def plain(said):
    return Event(bytes(said.data)) if isinstance(said, Event) else said


@pytest.mark.parametrize("frame, agent, page", TABLE, ids=[str(number) for number in range(len(TABLE))])
def test_read(frame, agent, page):
    """What each side has said with a frame."""
    assert plain(read(frame, "agent")) == agent
    assert plain(read(frame, "page")) == page


def test_deep():
    """Nesting that nobody can read is no fault of ours."""
    deep = '{"type":"event","data":' + "[" * 100_000 + "]" * 100_000 + "}"
    assert read(deep, "page") == Wrong(words.NOT_UNDERSTOOD)
    assert read('{"x":"\\ud83d",' + deep[1:], "page") == Wrong(words.NOT_UNDERSTOOD)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(["type", "data", "payload", "agentName", "t", ""])


@given(
    st.dictionaries(KEYS, JSON | st.sampled_from(["event", "disconnect", "is_agent_online"]), max_size=6),
    st.booleans(),
    st.sampled_from([None, 2]),
    st.sampled_from(["agent", "page"]),
)
def test_objects(message, escape, indent, side):
    """Any object is understood as its meaning says, and its data is a piece of the frame."""
    frame = json.dumps(message, ensure_ascii=escape, indent=indent)
    said = read(frame, side)
    kind = message.get("type", "")
    if kind == "event":
        assert isinstance(said, Event)
        data = bytes(said.data).decode()
        default = "" if side == "agent" else {}
        assert json.loads(data) == message.get("data", message.get("payload", default))
        assert data in frame or data in ('""', "{}")
        assert json.loads(b"".join(words.relayed(said.data, NOW, "event")))["data"] == json.loads(data)
    elif kind == "disconnect":
        assert said == Disconnect()
    elif kind == "is_agent_online" and side == "page":
        assert said == IsAgentOnline()
    else:
        assert said == (Unknown() if kind else Wrong(words.NO_TYPE))


# fmt: off
PIECES = st.sampled_from([
    "{", "}", "[", "]", ",", ":", " ", '"', "\\", '"type"', '"event"', '"data"', "1", "-", ".", "e5", "true",
    "nul", "l", "NaN", "\\ud83d", "\x00", "é", "🍓", "\n", '{"type":"event","data":',
])
# fmt: on


@given(st.lists(PIECES, max_size=25).map("".join), st.sampled_from(["agent", "page"]))
def test_anything(frame, side):
    """Nothing raises; what is taken for an event is one, and what is refused is no JSON object."""
    said = read(frame, side)
    try:
        message = json.loads(frame, parse_constant=no_json)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        assert said == Wrong(words.NOT_UNDERSTOOD), frame
    elif message.get("type") == "event":
        assert isinstance(said, Event)
    else:
        assert not isinstance(said, Event)


def no_json(name):
    raise ValueError(name)


def test_answers():
    """The words of the document, letter for letter."""
    assert json.loads(words.welcome("some-id", NOW)) == {
        "type": "system",
        "message": "successfully connected",
        "client_id": "some-id",
        "timestamp": "2026-11-20T22:50:27.500652",
    }
    assert json.loads(words.SENT) == {"type": "success", "message": "event sent"}
    assert json.loads(words.online(True)) == {"type": "success", "message": True}
    assert json.loads(words.error("why")) == {"type": "error", "message": "why"}
    assert words.local(NOW.replace(microsecond=0)) == "2026-11-20T22:50:27.000000"


def test_envelopes():
    """The full one has a type, the bare one, as the original's, has none."""
    full = b"".join(words.relayed(b"[1]", NOW, "event"))
    bare = b"".join(words.relayed(b"[1]", NOW, "bare"))
    assert full == b'{"type":"event","time":"2026-11-20T22:50:27.500652","data":[1]}'
    assert bare == b'{"time":"2026-11-20T22:50:27.500652","data":[1]}'


def test_encoded():
    """Our own agents' events: compact, readable, and never what JSON can't say."""
    assert words.encoded({"a": "莓"}) == '{"a":"莓"}'.encode()
    assert words.encoded("\ud83d") == b'"\\ud83d"'
    for wrong in (math.nan, object(), {1}):
        with pytest.raises((TypeError, ValueError)):
            words.encoded(wrong)
