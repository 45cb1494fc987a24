"""Entries become JSON and come back the same, bytes apart."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aizuchi.events import (
    Cue,
    Entry,
    Event,
    Image,
    Interrupted,
    MicNoted,
    Speech,
    TextDelta,
    TurnBegun,
    Typed,
)
from aizuchi.timeline_json import KINDS, entry_from_json, entry_to_json, kind_of
from tests.anything import fractions, numbers, things


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_event_comes_back(kind: type[Event]):
    """Whatever its fields hold, an entry of every class survives JSON and says its class's name."""

    @settings(max_examples=40)
    @given(things(kind), numbers, fractions, st.none() | numbers, numbers)
    def check(event: Event, seq: int, at: float, turn: int | None, generation: int) -> None:
        entry = Entry(seq, at, turn, generation, event)
        told = json.loads(json.dumps(entry_to_json(entry)))
        assert told["kind"] == kind_of(event)
        assert entry_from_json(told) == entry

    check()


def test_kinds_are_the_whole_vocabulary():
    """Inputs, facts and reply events are all known; the two abstract ones are not kinds."""
    assert {"heard_partial", "typed", "turn_begun", "speech", "packet"} <= KINDS.keys()
    assert not {"event", "input", "entry"} & KINDS.keys()


def test_form_is_compact():
    """Defaults are left out, and a turn is told once."""
    entry = Entry(3, 0.5, 2, 4, TurnBegun(2, "user", "Hello"))
    assert entry_to_json(entry) == {
        "seq": 3,
        "at": 0.5,
        "turn": 2,
        "generation": 4,
        "kind": "turn_begun",
        "cause": "user",
        "text": "Hello",
    }


def test_names_do_not_collide():
    """A cue's own kind, and a turn that differs from the entry's, have names of their own."""
    cue = entry_to_json(Entry(0, 0.0, None, 0, Cue(5, 0, 0, 80, "viseme", "aa")))
    assert (cue["kind"], cue["of_kind"], cue["turn"], cue["of_turn"]) == ("cue", "viseme", None, 5)
    silent = Entry(0, 0.0, 7, 0, Interrupted("client"))
    assert entry_to_json(silent)["of_turn"] is None
    assert entry_from_json(entry_to_json(silent)) == silent


def test_sound_is_told_as_length_and_given_back():
    """A slice's bytes become milliseconds; whoever kept the sound may put it back."""
    entry = Entry(0, 0.0, 1, 1, Speech(1, 0, 40, bytes(960), 24_000, last=True))
    told = entry_to_json(entry)
    assert told["ms"] == 20 and "pcm" not in told
    assert entry_from_json(told) == replace(entry, event=replace(entry.event, pcm=b""))
    assert entry_from_json(told, pcm=bytes(960)) == entry
    noted = Entry(0, 0.0, None, 0, MicNoted(1000, b"\1\2"))
    assert entry_from_json(entry_to_json(noted), pcm=b"\1\2") == noted
    delta = Entry(0, 0.0, 1, 1, TextDelta("a"))
    assert entry_from_json(entry_to_json(delta), pcm=b"ignored") == delta


def test_pictures_lose_their_bytes():
    """An image keeps its type alone."""
    entry = Entry(0, 0.0, None, 0, Typed("see", (Image("image/png", b"\x89PNG"),), link="a"))
    told = entry_to_json(entry)
    assert told["images"] == [{"mime": "image/png"}]
    back = entry_from_json(told)
    assert back is not None and back.event == Typed("see", (Image("image/png", b""),), link="a")


def test_strangers_are_tolerated():
    """A later version's kind gives None and its new fields are passed over."""
    base = {"seq": 0, "at": 0, "turn": None, "generation": 0}
    assert entry_from_json({**base, "kind": "dreamt", "of": "sheep"}) is None
    told = {**base, "kind": "text_delta", "text": "a", "colour": "blue"}
    assert entry_from_json(told) == Entry(0, 0.0, None, 0, TextDelta("a"))


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"seq": 0, "at": 0, "turn": None, "generation": 0},
        {"seq": "0", "at": 0, "turn": None, "generation": 0, "kind": "text_delta", "text": ""},
        {"seq": 0, "at": None, "turn": None, "generation": 0, "kind": "text_delta", "text": ""},
        {"seq": 0, "at": 0, "turn": "x", "generation": 0, "kind": "text_delta", "text": ""},
        {"seq": 0, "at": 0, "turn": None, "generation": True, "kind": "text_delta", "text": ""},
        {"seq": 0, "at": 0, "turn": None, "generation": 0, "kind": "text_delta"},
        {"seq": 0, "at": 0, "turn": None, "generation": 0, "kind": "text_delta", "text": 5},
        {
            "seq": 0,
            "at": 0,
            "turn": None,
            "generation": 0,
            "kind": "state_changed",
            "state": "x",
            "previous": "idle",
        },
        {"seq": 0, "at": 0, "turn": None, "generation": 0, "kind": "typed", "text": "", "images": {}},
    ],
)
def test_what_is_no_entry_is_refused(told: dict[str, Any]):
    """Missing and wrong fields raise ValueError, nothing else."""
    with pytest.raises(ValueError, match=r".+"):
        entry_from_json(told)
