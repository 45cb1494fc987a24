"""A voice that takes text while it is written: order, hold-back, limits, what becomes of a failure."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from aizuchi.engine.rules import Rules
from aizuchi.engine.scripts import width
from aizuchi.errors import ProviderError
from aizuchi.events import (
    Answered,
    Cue,
    Fault,
    Interrupt,
    Interrupted,
    Requested,
    Sentence,
    Speech,
    SpeechDone,
    TextDone,
    ToolCall,
    TurnEnded,
    WordTime,
)
from aizuchi.ports import Audio, Phoneme, Prompt, Style, Token, Toolbox, ToolSpec, Usage
from tests import fakes
from tests.engine.scenes import Scene, at, play
from tests.fakes import HANG, RATE, FakeModel, FakeStreamingVoice, FakeVoice, Script, tokens

STREAM = Rules(tts_strategy="stream")
TALE = "The fox ran far away. The dog was slow and old. They met again."


def answering(text: str, gap: float = 0.05) -> FakeModel:
    return FakeModel(lambda prompt: tokens(text, gap=gap))


def turn(voices: list[Any], model: FakeModel | None = None, rules: Rules = STREAM, **more: Any) -> Scene:
    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)

    return play(act, rules=rules, tts=voices, llm=[model or answering(TALE)], **more)


def shares(scene: Scene) -> list[int]:
    """Milliseconds of sound of each sentence."""
    ms = [0.0] * len(scene.all(Sentence))
    for slice_ in scene.all(Speech):
        ms[slice_.sentence] += len(slice_.pcm) / 2 / RATE * 1000
    return [round(each) for each in ms]


def lawful(scene: Scene) -> None:
    """P6 as far as one turn goes."""
    out, sounding, total = 0, 0, 0.0
    for event in (entry.event for entry in scene.log):
        if isinstance(event, Sentence):
            out += 1
        if isinstance(event, Speech):
            assert event.sentence < out and event.sentence >= sounding
            assert abs(event.at_ms - total) <= 1
            sounding = event.sentence
            total += len(event.pcm) / 2 / RATE * 1000


@pytest.mark.parametrize("tells", ["", "spoken", "words"])
@pytest.mark.parametrize("whole", [False, True])
def test_one_stream_speaks_the_whole_reply(tells: str, whole: bool):
    """All words go to the voice once and in one request; every sentence gets about its share of the sound."""
    voice = FakeStreamingVoice(tells=tells, whole=whole, ms_per_char=80)
    scene = turn([voice])
    assert "".join(voice.pieces[0]) == TALE and len(voice.pieces) == 1
    assert len(voice.pieces[0]) > (3 if not whole else 0), "words are given as they are written"
    lawful(scene)
    expected = [len(each.spoken) * 80 for each in scene.all(Sentence)]
    assert sum(shares(scene)) == len(TALE) * 80
    for ms, due in zip(shares(scene), expected, strict=True):
        assert abs(ms - due) <= (300 if tells else 400)
    ends = [slice_.sentence for slice_ in scene.all(Speech) if slice_.last]
    assert ends == list(range(len(expected)))
    assert scene.all(TurnEnded)[-1].outcome == "finished" and not scene.all(Fault)
    (done,) = scene.all(SpeechDone)
    assert done.ms == len(TALE) * 80


def test_the_voice_is_asked_before_the_first_sentence_is_written():
    """The first words are on their way while the model still writes the sentence; its sound waits for it."""
    scene = turn(
        [FakeStreamingVoice()], answering("Well my dear old friend of the north I am here.", gap=0.3)
    )
    asked = next(e.at for e in scene.log if isinstance(e.event, Requested) and e.event.stage == "tts")
    assert asked < at(scene, Sentence) <= at(scene, Speech)
    lawful(scene)


def test_held_sound_goes_out_with_its_sentence():
    """Sound that was too early waits for the sentence and not for the voice's next slice."""
    answer = [
        (0.1, Token("Well my dear ")),
        (2.0, Token("friend. Now")),
        (3.0, Token(" then.")),
        (0, Usage()),
    ]
    scene = turn([FakeStreamingVoice()], FakeModel(lambda prompt: Script(list(answer))))
    assert at(scene, Speech) == at(scene, Sentence)
    lawful(scene)


def test_markup_tags_and_code_are_not_given():
    """The voice gets speakable words only."""
    voice = FakeStreamingVoice()
    scene = turn(
        [voice], answering("[happy] It is **very** good. ```\ncode = 1\n``` See [this](http://a.b/c).")
    )
    assert "".join(voice.pieces[0]) == "It is very good. See this."
    lawful(scene)
    assert [sentence.spoken for sentence in scene.all(Sentence)].count("") == 1


def test_an_interrupt_aborts_the_stream_and_notes_how_far_it_was():
    """The vendor's stream is closed at once; `spoken` says how much of its text the sound had reached."""
    voice = FakeStreamingVoice(ms_per_char=60)

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(Speech, 12)
        scene.session.feed(Interrupt(link="me"))
        await scene.until(TurnEnded)

    scene = play(act, rules=STREAM, tts=[voice], llm=[answering(TALE)])
    assert voice.open == 0 and voice.closed_early == 1
    (answered,) = [each for each in scene.all(Answered) if each.stage == "tts"]
    assert answered.outcome == "cancelled"
    assert answered.spoken is not None and 8 <= answered.spoken <= 30
    assert answered.characters >= answered.spoken
    cut = scene.all(Interrupted)[0]
    assert TALE.startswith(cut.heard)


def test_the_text_offset_is_none_for_whole_sentences():
    """The other strategy knows no offset."""
    scene = turn([FakeVoice()], rules=Rules())
    assert {each.spoken for each in scene.all(Answered) if each.stage == "tts"} == {None}


def test_a_voice_that_takes_no_stream_gets_sentences():
    """Asked for a stream, a voice that can't is given whole sentences, and nobody is told."""
    voice = FakeVoice()
    scene = turn([voice])
    assert voice.requests == len(scene.all(Sentence)) == 3
    assert scene.all(TextDone)[0].fallback == "" and not scene.all(Fault)


@pytest.mark.parametrize(
    "fault",
    [
        Script([(0.01, ProviderError("it failed"))]),
        Script([], hang=True),
        Script([]),
        Script([(0, ValueError("a bug in a plugin"))]),
        Script([(0, "garbage")]),
    ],
)
def test_a_stream_that_fails_before_its_first_sound_is_taken_over(fault: Script):
    """The next voice speaks every sentence; the words that were given to the first are not lost."""
    next_voice = FakeVoice()
    scene = turn([FakeStreamingVoice(stream=lambda: fault), next_voice])
    assert next_voice.requests == 3
    assert scene.all(TextDone)[0].fallback == "provider:fake" and not scene.all(Fault)
    assert all(shares(scene))
    lawful(scene)


def test_with_no_other_voice_the_reply_is_text():
    """As with whole sentences: said once, and the turn ends as usual."""
    scene = turn([FakeStreamingVoice(stream=lambda: Script([(0.01, ProviderError("it failed"))]))])
    assert [each.message for each in scene.all(Fault)] == ["it failed"]
    assert scene.all(TextDone)[0].fallback == "text_only"
    assert scene.all(TurnEnded)[0].outcome == "finished" and not scene.all(Speech)


@pytest.mark.parametrize("end", [ProviderError("it broke"), HANG])
def test_a_stream_that_breaks_off_ends_its_sentence(end: Any):
    """What was begun is over; the sentences after it are spoken one by one."""
    sound = Audio(b"\1\0" * 1600, RATE)
    steps: list[tuple[float, Any]] = [(0.1, sound)] * 3
    script = Script([*steps, (0, end)]) if end is not HANG else Script(steps, hang=True)
    voice = FakeStreamingVoice(stream=lambda: script)
    scene = turn([voice])
    assert [each.message for each in scene.all(Fault)] == ["sentence 0 broke off"]
    assert voice.open == 0
    assert voice.requests == 1 + 2
    assert shares(scene)[0] == 300 and all(shares(scene)[1:])
    assert scene.all(TextDone)[0].fallback == ""
    lawful(scene)


def test_a_slow_model_is_not_the_voices_fault():
    """A voice that waits for text owes nothing, however long the model pauses within a sentence."""
    text = "Once upon a time there was a fox who lived in a small house."
    slow = [
        (0.1, Token("Once upon a time. There was a ")),
        (9.0, Token("fox who lived alone.")),
        (0, Usage()),
    ]
    assert STREAM.limits.tts_gap < 9
    scene = turn([FakeStreamingVoice(whole=True)], FakeModel(lambda prompt: Script(list(slow))))
    assert not scene.all(Fault) and scene.all(TurnEnded)[0].outcome == "finished"
    assert all(shares(scene)), text


def test_never_far_ahead_of_the_ear():
    """A long reply's sound stays within the limit, although the voice could make it at once."""
    rules = Rules(tts_strategy="stream", ahead=2.0)
    scene = turn([FakeStreamingVoice(ms_per_char=100)], answering(" ".join([TALE] * 5), gap=0.0), rules)
    began = at(scene, Speech)
    for entry in scene.log:
        if isinstance(entry.event, Speech):
            assert entry.event.at_ms / 1000 - (entry.at - began) <= 2.0 + 0.2


def test_words_are_counted_from_their_sentence():
    """Times and places of words are given to the sentence that holds them."""
    scene = turn([FakeStreamingVoice(tells="words", ms_per_char=60)])
    second = scene.all(Sentence)[1]
    words = [word for word in scene.all(WordTime) if word.sentence == 1]
    assert [word.text for word in words] == second.spoken.split()
    assert [second.spoken[word.start :][: len(word.text)] for word in words] == second.spoken.split()
    assert words[0].at_ms <= 120 and words[1].at_ms > words[0].at_ms


def test_phonemes_go_to_the_sentence_that_sounds():
    """Mouth shapes are shared out by their time."""
    sound = Audio(b"\1\0" * 8000, RATE)
    steps: list[tuple[float, Any]] = [(0.1, Phoneme(0, 80, "aa")), (0, sound), (0, Phoneme(450, 50, "oh"))]
    scene = turn([FakeStreamingVoice(stream=lambda: Script([(1.0, Phoneme(0, 1, "sil")), *steps]))])
    assert [(cue.value, cue.at_ms) for cue in scene.all(Cue)] == [("sil", 0), ("aa", 0), ("oh", 450)]


class Clock(Toolbox):
    def specs(self, context: Any) -> list[ToolSpec]:
        return [ToolSpec("clock", "", {"type": "object"}, timeout=30.0)]

    async def call(self, call: ToolCall, context: Any) -> str:
        await asyncio.sleep(20.0)
        return "noon"


def test_a_tool_ends_the_stream_and_the_next_round_has_its_own():
    """While a tool runs no vendor waits for words."""
    rounds = [
        Script([(0.1, Token("Let me see.")), (0, ToolCall("1", "clock", "{}")), (0, Usage("tools"))]),
        Script([(0.1, Token("It is noon. Good day.")), (0, Usage())]),
    ]

    def answer(prompt: Prompt) -> Script:
        return rounds[any(message.role == "tool" for message in prompt.messages)]

    voice = FakeStreamingVoice()
    scene = turn([voice], FakeModel(answer), toolbox=Clock())
    assert ["".join(pieces) for pieces in voice.pieces] == ["Let me see.", "It is noon. Good day."]
    assert not scene.all(Fault)
    lawful(scene)
    asked = [each.sentence for each in scene.all(Requested) if each.stage == "tts"]
    assert asked == [0, 1]


def test_a_voice_that_never_reads_is_not_waited_for_for_ever():
    """Stuck after its first sound, with words waiting: its limit runs."""

    class Stuck(FakeStreamingVoice):
        async def speak(self, text: AsyncIterator[str], style: Style, language: str) -> AsyncIterator[Any]:
            self.requests += 1
            async for piece in text:
                if piece.endswith("."):
                    break
            yield Audio(b"\1\0" * 1600, RATE)
            await asyncio.get_running_loop().create_future()

    scene = turn([Stuck()], answering(" ".join([TALE] * 9), gap=0.01))
    assert scene.all(Fault)[0].message == "sentence 0 broke off"
    assert scene.all(TurnEnded)[0].outcome == "finished"


CHINESE = "这是一个没有任何标点符号的非常长的句子"


@pytest.mark.parametrize(
    "steps",
    [
        [f"This is number {number} of them. " for number in range(40)],
        ["word "] * 200,
        [CHINESE[:16]] * 40,
        ["Short, "] * 2,
    ],
)
def test_a_voice_that_reads_for_ever_is_given_up(steps: list[str]):
    """Its limit runs from the first whole sentence, or from more text than any voice waits for."""

    class Mute(FakeStreamingVoice):
        async def speak(self, text: AsyncIterator[str], style: Style, language: str) -> AsyncIterator[Any]:
            async for _ in text:
                pass
            await asyncio.get_running_loop().create_future()
            yield Audio(b"", RATE)

    script = [(0.5, Token(step)) for step in steps]
    model = FakeModel(lambda prompt: Script([*script, (0, Usage())]))
    scene = turn([Mute(), FakeVoice()], model)
    failed = next(e.at for e in scene.log if isinstance(e.event, Answered) and e.event.stage == "tts")
    enough = min(at(scene, Sentence), 0.5 * math.ceil(120 / width(steps[0])))
    assert failed == pytest.approx(enough + STREAM.limits.tts_first, abs=0.6)
    assert scene.all(TextDone)[0].fallback == "provider:fake" and scene.all(Speech)


def test_a_filler_opens_no_stream():
    """What is said while the model is slow is said by itself; the reply's stream begins with the reply."""
    voice = FakeStreamingVoice()
    hero = replace(fakes.HERO, fillers={"en": ("Well ...",)}, filler_after=1.0)

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)

    model = FakeModel(lambda prompt: tokens("It is noon.", first=4.0))
    scene = play(act, character=hero, rules=STREAM, tts=[voice], llm=[model])
    assert ["".join(pieces) for pieces in voice.pieces] == ["It is noon."]
    assert [sentence.spoken for sentence in scene.all(Sentence)] == ["Well ...", "It is noon."]
    assert all(shares(scene))


@pytest.mark.parametrize(
    ("configured", "character", "client", "streams"),
    [
        ("sentence", None, False, False),
        ("stream", None, False, True),
        ("sentence", "stream", False, True),
        ("stream", "sentence", False, False),
        ("sentence", "sentence", True, True),
    ],
)
def test_who_chooses_the_strategy(configured: Any, character: Any, client: bool, streams: bool):
    """The client's wish goes before the character's way, and that before the configuration."""
    voice = FakeStreamingVoice()

    async def act(scene: Scene) -> None:
        scene.session.join("me", ("mouth", "ear"), streams=client)
        scene.type("hello")
        await scene.until(TurnEnded)

    hero = replace(fakes.HERO, tts_strategy=character)
    play(act, character=hero, rules=Rules(tts_strategy=configured), tts=[voice], roles=())
    assert bool(voice.pieces) == streams
