"""A recogniser that hears utterances as a whole is asked at the pause already. Times are virtual."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aizuchi.engine.chain import Chain
from aizuchi.engine.rules import Hearing, Rules, Speculation
from aizuchi.errors import ProviderError
from aizuchi.events import (
    Answered,
    AttemptBegun,
    AttemptEnded,
    Fault,
    Heard,
    HeardPartial,
    Interrupt,
    Requested,
    Speech,
    SpeechEnded,
    TurnBegun,
    TurnEnded,
)
from aizuchi.ports import Final, Partial, Recognizer
from tests.engine.scenes import Scene, play
from tests.fakes import FakeRecognizer, Script, silence, speech


def rules(**speculation: Any) -> Rules:
    return Rules(hearing=Hearing(mode="auto", silence_ms=600), speculation=Speculation(**speculation))


def whole(*steps: Script) -> FakeRecognizer:
    """Answers one request after the other; the last script serves all that follow."""
    left = list(steps)
    return FakeRecognizer(lambda ms: left.pop(0) if len(left) > 1 else left[0])


def text(wait: float, said: str = "hello") -> Script:
    return Script([(wait, Final(said))])


def at(scene: Scene, kind: type) -> float:
    return next(entry.at for entry in scene.log if isinstance(entry.event, kind))


async def say(scene: Scene) -> None:
    scene.listen(mode="auto")
    await scene.hear(silence(200), speech(400), silence(700))
    await scene.until(TurnEnded)


@pytest.mark.parametrize(
    ("takes", "late"),
    [(0.0, 0.0), (0.15, 0.0), (0.5, 0.0), (0.6, 0.08), (3.0, 2.48)],
)
def test_its_time_passes_within_the_wait(takes: float, late: float):
    """The wait is 600 ms, asked was after 80: what takes less than the rest costs nothing."""
    scene = play(say, asr=[whole(text(takes))], rules=rules())
    assert at(scene, Heard) - at(scene, SpeechEnded) == pytest.approx(late, abs=0.03)
    assert scene.all(Heard)[0].text == "hello"
    assert len([each for each in scene.all(Requested) if each.stage == "asr"]) == 2
    outcomes = {each.outcome for each in scene.all(Answered) if each.stage == "asr"}
    assert outcomes == ({"done", "cancelled"} if takes else {"done"})


def test_answer_and_all_come_with_the_end_point():
    """150 ms of recogniser, 100 of model and 50 of voice are gone in a wait of 600."""
    scene = play(say, asr=[whole(text(0.15))], rules=rules())
    assert at(scene, Speech) - at(scene, SpeechEnded) < 0.06
    assert scene.all(HeardPartial)[-1].text == "hello"
    assert scene.all(AttemptEnded)[-1].turn == 1


@pytest.mark.parametrize(
    ("newest", "final", "late"),
    [("hello", "Hello.", 0.0), ("hello there", "hello", 0.15), ("", "hello", 0.15)],
)
def test_the_final_text_of_a_stream_is_there_with_the_end_point(newest: str, final: str, late: float):
    """Far away it takes 150 ms; where the stream knows other words, its own final text decides."""
    ear = FakeRecognizer(lambda ms: text(0.15, final), at_pause=lambda ms: newest)
    scene = play(say, asr=[ear], rules=rules())
    assert at(scene, Heard) - at(scene, SpeechEnded) == pytest.approx(late, abs=0.03)
    assert [heard.text for heard in scene.all(Heard)] == [final]
    assert scene.all(AttemptEnded)[-1].turn == 1
    if not late:
        assert at(scene, AttemptBegun) - at(scene, SpeechEnded) < -0.25  # it waited for no final text
        assert at(scene, Speech) - at(scene, SpeechEnded) < 0.06


def test_a_partial_that_agrees_late_settles_it():
    """The stream lags behind; as soon as it says the same, nobody waits for its final text."""

    class Lagging(FakeRecognizer):
        async def transcribe(self, audio: AsyncIterator[bytes], hints: Any) -> AsyncIterator[Any]:
            async with self.opened():
                paused = False
                async for pcm in audio:
                    paused = paused or not pcm
                if paused:
                    await asyncio.sleep(0.2)
                    yield Partial("hello")
                    await asyncio.sleep(2.0)
                await asyncio.sleep(0.1)
                yield Final("hello")

    scene = play(say, asr=[Lagging(at_pause=lambda ms: "")], rules=rules())
    assert at(scene, Heard) - at(scene, SpeechEnded) == pytest.approx(0.2, abs=0.03)


def test_a_stream_on_this_machine_is_asked_once():
    """It would hear everything twice, on the same cores."""
    ear = FakeRecognizer(lambda ms: text(0.02), at_pause=lambda ms: "hello", embedded=True)
    scene = play(say, asr=[ear], rules=rules())
    assert ear.requests == 1
    assert scene.all(AttemptEnded)[-1].turn == 1


def test_without_speculation_it_is_asked_once():
    """As it has always been."""
    ear = whole(text(0.15))
    scene = play(say, asr=[ear], rules=rules(on=False))
    assert ear.requests == 1
    assert at(scene, Heard) - at(scene, SpeechEnded) == pytest.approx(0.15, abs=0.03)


def test_whoever_goes_on_gets_the_text_of_all_of_it():
    """The request of the pause is closed; the next pause is tried again, on all of the sound."""
    ear = FakeRecognizer(lambda ms: text(0.2, "go" if ms < 900 else "go on"))

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        await scene.hear(speech(300), silence(200), speech(400), silence(700))
        await scene.until(TurnEnded)
        assert ear.open == 0

    scene = play(act, asr=[ear], rules=rules())
    assert [heard.text for heard in scene.all(Heard)] == ["go on"]
    assert scene.all(TurnBegun)[0].text == "go on"
    assert ear.closed_early >= 2  # that of the first pause, and the one that went on listening


@pytest.mark.parametrize(
    "bad",
    [
        Script([(0.05, ProviderError("no"))]),
        Script([(0.05, ProviderError("never", retryable=False))]),
        Script([(0.05, ZeroDivisionError())]),
        Script([(0.05, "garbage")]),
        Script(),
        Script(hang=True),
    ],
)
def test_its_failure_costs_nothing(bad: Script):
    """The request that went on listening answers; nobody is told, and no breaker opens."""
    ear = whole(bad, text(0.1))
    chain = Chain[Recognizer]("asr", [ear])

    async def act(scene: Scene) -> None:
        await say(scene)
        assert chain._breakers[id(ear)].failures == 0  # pyright: ignore[reportPrivateUsage]

    scene = play(act, asr=chain, rules=rules())
    assert [heard.text for heard in scene.all(Heard)] == ["hello"]
    assert not scene.all(Fault)
    assert ear.open == 0


def test_if_the_other_fails_its_text_is_taken():
    """Twice refused at the end, and the answer of the pause still on its way."""
    ear = whole(text(1.0), Script([(0.01, ProviderError("busy"))]))
    scene = play(say, asr=[ear], rules=rules())
    assert [heard.text for heard in scene.all(Heard)] == ["hello"]
    assert not scene.all(Fault)


def test_the_first_of_both_wins():
    """A slow tentative answer does not hold up a quick final one."""
    ear = whole(Script([(5.0, Final("late"))]), text(0.1, "quick"))
    scene = play(say, asr=[ear], rules=rules())
    assert scene.all(Heard)[0].text == "quick"
    assert at(scene, Heard) - at(scene, SpeechEnded) == pytest.approx(0.1, abs=0.03)


def test_what_is_said_over_a_reply_is_asked_about_once():
    """It may be an echo or a cough; only who has the floor is transcribed ahead."""
    ear = whole(text(0.1, "mm-hm"))

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        scene.type("tell me")
        await scene.until(Speech)
        await scene.hear(speech(100), silence(400))
        assert ear.requests == 1

    play(act, asr=[ear], rules=rules())


def test_a_click_closes_both():
    """Nothing of what was being said is left open."""
    ear = whole(Script(hang=True))

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        await scene.hear(speech(400), silence(300))
        assert ear.open == 2
        scene.session.feed(Interrupt("click", link="me"))
        await asyncio.sleep(0.1)
        assert ear.open == 0

    play(act, asr=[ear], rules=rules())


def test_pauses_are_tried_with_growing_reserve():
    """Each request uploads all of the sound anew: short pauses are not asked about again and again."""
    ear = FakeRecognizer(lambda ms: text(0.3, "a b c d e"))

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        await scene.hear(*[sound for _ in range(4) for sound in (speech(200), silence(120))])
        await scene.hear(speech(200), silence(900))
        await scene.until(TurnEnded)

    play(act, asr=[ear], rules=rules())
    assert ear.requests == 3  # the one that listens, the first pause, the last one
