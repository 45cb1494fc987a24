"""A voice over a reply that sounds: it is paused first, then goes on or ends by what is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from aizuchi.engine.rules import BargeIn, Echo, Hearing, Rules, StageLimits
from aizuchi.errors import ProviderError
from aizuchi.events import (
    Dropped,
    Heard,
    Interrupt,
    Interrupted,
    Listen,
    Speech,
    SpeechEnded,
    SpeechStarted,
    StateChanged,
    TurnBegun,
    TurnEnded,
    TurnHeld,
    TurnResumed,
)
from aizuchi.ports import Final, Hints, Partial
from tests import fakes
from tests.engine.scenes import LONG, Scene, at, play
from tests.fakes import FakeModel, FakeRecognizer, FakeVad, FakeVoice, Script, silence, speech, tokens


def rules(mode: Any = "continuous", **more: Any) -> Rules:
    hearing = Hearing(mode=mode, silence_ms=600)
    return Rules(hearing=hearing, barge_in=BargeIn("pause"), echo=Echo("off"), **more)


class Quick(FakeRecognizer):
    """Streams: `soon` is its partial after the first 100 ms of sound, `final` its last word."""

    def __init__(self, soon: str, final: str | None = None, wait: float = 0.05) -> None:
        super().__init__(lambda ms: Script([(wait, Final(soon if final is None else final))]))
        self._soon = soon

    @property
    def streams(self) -> bool:
        return True

    async def transcribe(self, audio: AsyncIterator[bytes], hints: Hints) -> AsyncIterator[Partial | Final]:
        async with self.opened():
            ms, told = 0, False
            async for pcm in audio:
                ms += len(pcm) // 32
                if self._soon and not told and ms >= 400:  # 300 ms of it are from before the onset
                    told = True
                    yield Partial(self._soon)
            async for item in fakes.play(self._answer(ms)):
                yield item


def said(act: Callable[[Scene], Any], ear: FakeRecognizer, **more: Any) -> Scene:
    """Over a long reply in its second second."""

    async def whole(scene: Scene) -> None:
        scene.listen(mode="continuous")
        scene.type("tell me")
        await scene.until(Speech)
        await scene.hear(silence(1000))
        await act(scene)
        await scene.until(TurnEnded)
        await asyncio.sleep(3)

    more = {"rules": rules(), "llm": [FakeModel(lambda prompt: tokens(LONG))]} | more
    return play(whole, asr=[ear], **more)


def outcomes(scene: Scene) -> list[str]:
    return [ended.outcome for ended in scene.all(TurnEnded)]


@pytest.mark.parametrize("text", ["", "mm-hm", "嗯", "はい", "[cough]"])
@pytest.mark.parametrize("streams", [True, False])
def test_what_asks_for_nothing_lets_the_reply_go_on(text: str, streams: bool):
    """It stands still at the onset and goes on within a second after the sound, from the very place."""
    ear = Quick(text if streams else "", text)
    scene = said(lambda scene: scene.hear(speech(300), silence(1500)), ear)
    (held,), (resumed,) = scene.all(TurnHeld), scene.all(TurnResumed)
    assert held.at_ms == resumed.at_ms > 900
    assert at(scene, TurnHeld) == at(scene, SpeechStarted)
    voice_end = scene.all(SpeechEnded)[0].voice_end
    assert 0 < at(scene, TurnResumed) - voice_end <= 0.4
    assert outcomes(scene) == ["finished"]
    assert scene.all(TurnEnded)[0].heard == LONG
    assert [each.what for each in scene.all(Dropped)] == ["utterance"]
    assert scene.all(Heard)[0].text == text
    states = [(each.state, each.reason) for each in scene.all(StateChanged)]
    assert states[2:5] == [("speaking", ""), ("speaking", "held"), ("speaking", "resumed")]
    # The turn is over when its sound was played, later by just the pause.
    paused = at(scene, TurnResumed) - at(scene, TurnHeld)
    played = at(scene, TurnEnded) - at(scene, Speech) - paused
    assert played == pytest.approx(len(LONG) * 0.06, abs=0.3)


def test_a_word_interrupts_while_it_is_said():
    """Known from the recogniser's first partial; the utterance goes on and is answered."""
    scene = said(lambda scene: scene.hear(speech(300), silence(1500)), Quick("stop"))
    assert [each.reason for each in scene.all(Interrupted) if each.turn == 1] == ["barge_in"]
    assert at(scene, Interrupted) - at(scene, SpeechStarted) < 0.2
    assert scene.all(TurnBegun)[1].text == "stop"
    assert not scene.all(TurnResumed)


def test_a_long_voice_interrupts_without_a_word():
    """A recogniser that gives nothing before the end does not make the user wait."""
    scene = said(lambda scene: scene.hear(speech(900), silence(1500)), Quick("", "hello there"))
    cut = next(e.at for e in scene.log if isinstance(e.event, Interrupted) and e.event.turn == 1)
    assert cut - at(scene, SpeechStarted) == pytest.approx(0.34, abs=0.03)
    assert scene.all(TurnBegun)[1].text == "hello there"


def test_a_word_that_is_known_late_still_interrupts():
    """The reply has gone on; the final text ends it all the same, and is answered."""
    scene = said(lambda scene: scene.hear(speech(200), silence(1500)), Quick("", "wait"))
    assert len(scene.all(TurnResumed)) == 1
    assert outcomes(scene)[0] == "interrupted"
    assert scene.all(TurnBegun)[1].text == "wait"
    assert not scene.all(Dropped)


def test_a_back_channel_and_then_a_question():
    """The same utterance goes on after a short silence: paused again, and then interrupted."""
    ear = Quick("mm-hm", "mm-hm but why")
    scene = said(lambda scene: scene.hear(speech(200), silence(200), speech(1200), silence(1500)), ear)
    assert len(scene.all(TurnHeld)) == 2 and len(scene.all(TurnResumed)) == 1
    assert scene.all(TurnBegun)[1].text == "mm-hm but why"


def test_a_show_is_held_by_a_word_and_comes_back():
    """Music stands still at the onset, is held for the question, and goes on after the answer."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        scene.session.begin("lecture")
        await scene.until(Speech)
        await scene.hear(silence(1000), speech(300), silence(1500))
        await scene.until(TurnEnded, 2)

    texts = iter([LONG, "Fine."])
    scene = play(act, asr=[Quick("why")], rules=rules(), llm=[FakeModel(lambda prompt: tokens(next(texts)))])
    (held,), (resumed,) = scene.all(TurnHeld), scene.all(TurnResumed)
    assert held.turn == resumed.turn == 1
    assert [begun.cause for begun in scene.all(TurnBegun)] == ["lecture", "user"]
    assert [ended.turn for ended in scene.all(TurnEnded)] == [2, 1]
    assert not [each for each in scene.all(Interrupted) if each.turn]


@pytest.mark.parametrize("how", ["click", "text", "close"])
def test_what_ends_a_reply_ends_a_paused_one(how: str):
    """A click, typed text, the end of the session: as if it had been sounding."""

    async def act(scene: Scene) -> None:
        await scene.hear(speech(200))
        assert scene.all(TurnHeld)
        match how:
            case "click":
                scene.session.feed(Interrupt("click", link="me"))
            case "text":
                scene.type("something else")
            case _:
                scene.session.close("gone")

    scene = said(act, Quick(""))
    assert outcomes(scene)[0] == "interrupted"
    assert scene.all(Interrupted)[0].turn == 1
    assert not [each for each in scene.all(TurnResumed) if each.turn != 1]


@pytest.mark.parametrize("how", ["stalls", "microphone", "vad", "link"])
def test_a_pause_never_lasts(how: str):
    """No more sound, a microphone closed, a VAD that fails, a mouth that goes: the reply plays on."""
    broken: list[Any] = [None]

    async def act(scene: Scene) -> None:
        scene.session.join("you", ("mouth", "ear"))
        await scene.hear(speech(200))
        assert scene.all(TurnHeld)
        match how:
            case "stalls":
                pass
            case "microphone":
                scene.session.feed(Listen(False, link="me"))
            case "vad":
                broken[0] = ProviderError("lost its mind")
                await scene.hear(speech(100))
            case _:
                scene.session.leave("me", "lost")
        before = asyncio.get_running_loop().time()
        await scene.until(TurnResumed)
        assert asyncio.get_running_loop().time() - before < 3.1

    scene = said(act, Quick(""), vad=FakeVad(lambda: broken[0]), rules=rules(limits=StageLimits(vad_gap=3.0)))
    assert outcomes(scene) == ["finished"]


def test_a_recogniser_that_hangs_holds_nothing_up():
    """Its text never comes; the silence alone lets the reply go on."""
    scene = said(lambda scene: scene.hear(speech(200), silence(1500)), Quick("", "late", wait=60))
    assert outcomes(scene) == ["finished"]


def test_speech_while_the_character_thinks_is_not_paused():
    """There is nothing to pause yet: so much voice as `after_ms` interrupts, as ever."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        scene.type("tell me")
        await scene.hear(silence(200), speech(500), silence(800))
        await scene.until(TurnEnded)

    slow = FakeModel(lambda prompt: tokens("Well.", first=3.0))
    scene = play(act, asr=[Quick("")], llm=[slow], rules=rules())
    assert not scene.all(TurnHeld)
    assert at(scene, Interrupted) - at(scene, SpeechStarted) == pytest.approx(0.14, abs=0.03)


def test_an_ear_that_gets_all_in_one_piece_is_not_paused():
    """Its protocol has the plain interrupt only, and that comes by the old rule."""

    async def act(scene: Scene) -> None:
        scene.session.leave("me")
        scene.session.join("me", ("mouth", "ear"), paced=False)
        scene.listen(mode="continuous")
        scene.type("tell me")
        await scene.until(Speech)
        await scene.hear(silence(500), speech(500), silence(800))
        await scene.until(TurnEnded)

    scene = play(act, asr=[Quick("")], llm=[FakeModel(lambda prompt: tokens(LONG))], rules=rules())
    assert not scene.all(TurnHeld)
    assert scene.all(Interrupted)[0].reason == "barge_in"


def test_an_ear_that_cannot_pause_plays_what_it_had():
    """Its clock runs on by its lead and then stands; the place told is where the rest begins."""

    async def act(scene: Scene) -> None:
        scene.session.leave("me")
        scene.session.join("me", ("mouth", "ear"), coast_ms=200)
        scene.listen(mode="continuous")
        scene.type("tell me")
        await scene.until(Speech)
        began = asyncio.get_running_loop().time()
        await scene.hear(silence(1000), speech(100))
        turn = scene.session.turns.stage.active
        assert turn is not None and turn.paused
        held = at(scene, TurnHeld) - at(scene, Speech)
        await scene.hear(speech(100))
        now = asyncio.get_running_loop().time()
        assert turn.playback.position(now) == pytest.approx(min(now - began, held + 0.2) * 1000, abs=25)
        await scene.hear(silence(1500))
        await scene.until(TurnEnded)

    scene = play(act, asr=[Quick("")], llm=[FakeModel(lambda prompt: tokens(LONG))], rules=rules())
    place = (at(scene, TurnHeld) - at(scene, Speech)) * 1000 + 200
    assert scene.all(TurnHeld)[0].at_ms == scene.all(TurnResumed)[0].at_ms == pytest.approx(place, abs=2)
    assert outcomes(scene) == ["finished"]
    # It was silent only from the end of its buffer on.
    quiet = at(scene, TurnResumed) - at(scene, TurnHeld) - 0.2
    played = at(scene, TurnEnded) - at(scene, Speech) - quiet
    assert played == pytest.approx(len(LONG) * 0.06, abs=0.3)


def test_a_turn_that_fails_while_it_is_paused_ends_once():
    """The voice breaks in a way nobody foresaw; the session goes on."""
    voice = FakeVoice(lambda sentence: Script([(0.1, Speech)]) if sentence.index else None)
    scene = said(lambda scene: scene.hear(speech(200), silence(1500)), Quick(""), tts=[voice])
    assert len(scene.all(TurnEnded)) == 1


def test_a_characters_own_small_words():
    """What is small talk for one is a word for another."""
    hero = replace(fakes.HERO, backchannels=("roger",))
    for character, outcome in ((hero, "finished"), (fakes.HERO, "interrupted")):
        ear = Quick("roger")
        scene = said(lambda scene: scene.hear(speech(300), silence(1500)), ear, character=character)
        assert outcomes(scene)[0] == outcome
