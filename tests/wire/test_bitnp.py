"""An agent of ours, as bitnp's pages see it: what they say, what they are told, and the sound they get."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from aizuchi.events import (
    Author,
    Cue,
    Interrupt,
    LectureMoved,
    Listen,
    MicAudio,
    Packet,
    Played,
    Sentence,
    SpeechDone,
    Steer,
    TurnBegun,
    TurnEnded,
    Typed,
)
from aizuchi.ports import Join
from tests.wire.bitnp_talk import SHAPES, Talk, begun, sound, types


def packet(sentence: int, *, ms: int = 200, rate: int = 24_000, last: bool = False, turn: int = 1) -> Packet:
    return Packet(turn, sentence, 0, 0, ms, bytes(ms * rate // 500), "pcm_s16le", rate, last=last)


def test_it_joins_with_the_first_page():
    """Whatever the first message is, the conversation begins with it, trusted and without a token."""
    joined, typed = Talk().up("user_input", content="hello")
    assert isinstance(joined, Join) and joined.trusted and not joined.token and not joined.stays
    assert typed == Typed("hello")


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 32_000, 48_000])
def test_sound_is_complete_wav(rate: int):
    """Any rate, 16-bit, mono, with true sizes, in frames far below 1 MiB."""
    talk = begun()
    talk.down(TurnBegun(1, "user"))
    talk.down(Sentence(1, 0, "Hello.", "Hello."))
    (said,) = talk.down(packet(0, rate=rate))
    assert sound(said["media_data"]) == (200 * rate // 500, rate)
    assert talk.wire.delivery.frame_ms == 200 and talk.wire.delivery.rate is None


def test_a_sentence_ends_with_a_sound_also_when_no_sample_is_left():
    """An empty sound is no sound to the page, and then it would not tell that it has played it."""
    talk = begun()
    talk.down(TurnBegun(1, "user"))
    talk.down(Sentence(1, 0, "Hello.", "Hello."))
    talk.down(packet(0))
    (end,) = talk.down(packet(0, ms=0, last=True))
    assert end["is_last"] and sound(end["media_data"])[0] > 0


def test_little_is_sent_ahead():
    """Old pages can't be stopped, so that they have a second at most, and play that whatever comes."""
    delivery = Talk().wire.delivery
    assert delivery.lead_ms == 1_000 and not delivery.discards and not delivery.can_hold


def test_a_voice_that_fails_leaves_the_text():
    """Sentences without sound are told with a moment of silence."""
    talk = begun()
    talk.down(TurnBegun(1, "user"))
    talk.down(Sentence(1, 0, "One.", "One. "))
    talk.down(Sentence(1, 1, "Two.", "Two."))
    said = talk.down(TurnEnded(1, "finished", text="One. Two."))
    assert types(said) == ["say_aloud", "say_aloud", "end_of_response"]
    assert [each["content"] for each in said[:2]] == ["One. ", "Two."]


def test_a_mouth_for_those_who_want_one():
    """What is known of its shapes comes before a sentence's sound."""
    talk = begun()
    talk.down(TurnBegun(1, "user"))
    talk.down(Sentence(1, 0, "One.", "One."))
    talk.down(Cue(1, 0, 0, 80, "viseme", "aa"))
    viseme, _ = talk.down(packet(0))
    assert viseme == {"type": "viseme", "visemes": [{"t": 0, "d": 80, "id": "aa"}]}


@pytest.mark.parametrize(
    ("tag", "content"),
    [
        ("happy", "点头"),
        ("angry", "摇头"),
        ("winking", "wink"),
        ("wink", "wink"),
        ("点头", "点头"),
        ("sad", "sad"),
    ],
)
def test_expressions(tag: str, content: str):
    """Feelings become what the real page's figure can show; what it can't keeps its name."""
    talk = begun()
    talk.down(TurnBegun(1, "user"))
    talk.down(Sentence(1, 0, "One.", "One.", tags=(tag,)))
    assert talk.down(packet(0))[0] == {"type": "bracket_tag", "content": content}


def test_expressions_of_ones_own():
    """The table may be widened."""
    talk = begun(expressions={"sad": "叹气"})
    talk.down(TurnBegun(1, "user"))
    talk.down(Sentence(1, 0, "One.", "One.", tags=("sad", "happy")))
    assert [each["content"] for each in talk.down(packet(0))[:2]] == ["叹气", "点头"]


def test_a_page_in_an_answer():
    """Both spellings of the original turn the slide, and are no expression."""
    talk = begun()
    talk.down(TurnBegun(1, "user"))
    talk.down(Sentence(1, 0, "Look.", "Look.", tags=("PPT_3", "翻页:2")))
    flips = talk.down(packet(0))[:2]
    assert flips == [{"type": "flip_ppt_page", "page_num": 3}, {"type": "flip_ppt_page", "page_num": 2}]


def test_hums_are_not_for_pages():
    """They would empty the subtitle."""
    assert begun().down(TurnBegun(1, "backchannel")) == []


def test_finished_is_told_by_whoever_has_played_first():
    """A number that was not sent, or was told already, or is none, is passed over."""
    talk = begun()
    talk.down(TurnBegun(7, "user"), turn=7)
    talk.down(Sentence(7, 0, "One.", "One."), turn=7)
    talk.down(packet(0, turn=7), turn=7)
    assert talk.up("audio_playback_finished", seq=1) == []  # its last piece was not sent yet
    talk.down(packet(0, last=True, turn=7), turn=7)
    for odd in (99, "x", None, True, 1.5, [1], -1):
        assert talk.up("audio_playback_finished", seq=odd) == []
    assert talk.up("audio_playback_finished", seq="1") == [Played(7, sentence=0, whole=True)]
    assert talk.up("audio_playback_finished", seq=1) == []


def test_bullet_comments():
    """A viewer says it to the character; the same one comes only once."""
    talk = begun()
    comment = {"id": 5, "username": "小明", "content": "好可爱"}
    assert talk.up("danmaku", **comment) == [Typed("好可爱", author=Author("viewer", "小明"))]
    assert talk.up("danmaku", **comment) == []
    assert talk.up("danmaku", id=6, username="x", content=" ") == []


def test_speech_of_a_page():
    """Pieces of an utterance; it ends with the last."""
    talk = begun()
    pcm = base64.b64encode(bytes(16_000)).decode()
    got = talk.up("user_audio", media_data=pcm, sample_rate=16_000)
    assert types(got) == ["Listen", "MicAudio", "MicAudio", "MicAudio"] and got[0] == Listen(True, "push")
    assert all(isinstance(each, Listen) or len(each.pcm) <= 6_400 for each in got)
    end = talk.up("user_audio", media_data=pcm, sample_rate=16_000, is_last=True)
    assert types(end) == ["MicAudio"] * 3 + ["Listen"] and isinstance(end[0], MicAudio)


def test_silence_is_wanted():
    """A page of today may say so."""
    assert begun().up("interrupt") == [Interrupt("client")]


@pytest.mark.parametrize(
    "data",
    ["text", 1, None, [], [{"type": "user_input"}], {}, {"type": None}, {"type": "later"}, {"type": ["x"]},
     {"type": "user_input"}, {"type": "user_input", "content": 5}, {"type": "user_input", "content": "\n"}],
)  # fmt: skip
def test_malformed_events_are_passed_over(data: Any):
    """Data of any shape may come; it changes nothing."""
    talk = begun()
    assert talk.raw(json.dumps(data)) == []
    assert talk.up("user_input", content="hello") == [Typed("hello")]


@pytest.mark.parametrize(
    "fields",
    [{"type": "user_audio", "media_data": "***"}, {"type": "user_audio", "sample_rate": "x"},
     {"type": "lecture_control"}, {"type": "lecture_control", "action": "goto", "page_num": True}],
)  # fmt: skip
def test_nonsense_gets_an_error(fields: dict[str, Any]):
    """It is told what was expected, and the conversation goes on."""
    talk = begun()
    assert types(talk.raw(json.dumps(fields))) == ["error"]
    assert talk.up("lecture_control", action="NEXT") == [Steer("next")]


def test_a_lecture_waits_while_nobody_looks():
    """The last page has left: it pauses; with the next one it goes on, unless somebody paused it before."""
    talk = begun()
    talk.down(LectureMoved("playing", 1, 1, 2), turn=None)
    assert talk.pages(0) == [Steer("pause")] and talk.pages(1) == [Steer("resume")]
    talk.down(LectureMoved("paused", 1, 1, 2), turn=None)
    assert talk.pages(0) == [] and talk.pages(2) == []


def test_late_sound_of_another_turn_is_nobodys():
    """A turn whose beginning was not sent has no words here."""
    talk = begun()
    assert talk.down(packet(0, turn=9), turn=9) == []
    assert talk.down(SpeechDone(9, 10), turn=9) == []
    assert talk.down(TurnEnded(9, "finished"), turn=9) == []


def test_every_event_is_told_of():
    """The shapes these tests know are what the page about the protocol says."""
    from pathlib import Path

    page = Path(__file__).resolve().parents[2] / "docs" / "wire" / "bitnp-agent.md"
    text = page.read_text(encoding="utf-8")
    missing = {name for name in [*SHAPES, *(field for shape in SHAPES.values() for field in shape)]}
    assert not {
        name for name in missing if f"`{name}" not in text and f"{name}`" not in text and name not in text
    }
