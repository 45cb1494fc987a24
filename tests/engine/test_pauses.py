"""Pauses within a conversation on virtual time: who is asked, what it changes, and that it can't do harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aizuchi.engine.rules import Hearing, Rules, TurnEnd
from aizuchi.errors import ProviderError
from aizuchi.events import Heard, SpeechEnded, SpeechStarted, TurnBegun, TurnEndJudged
from aizuchi.ports import Final, Hints, Partial, Recognizer
from tests.engine.scenes import Scene, play
from tests.fakes import HANG, Fake, FakeTurnModel, silence, speech


class Streaming(Fake, Recognizer):
    """Knows what is said in each utterance, and tells it when the speaker pauses, `delay` seconds later."""

    name = "fake"
    embedded = True

    def __init__(self, *texts: str, delay: float = 0.02) -> None:
        super().__init__()
        self._texts = list(texts)
        self._delay = delay

    @property
    def streams(self) -> bool:
        return True

    async def transcribe(self, audio: AsyncIterator[bytes], hints: Hints) -> AsyncIterator[Partial | Final]:
        async with self.opened():
            said = self._texts.pop(0).split("|")
            at = 0
            async for pcm in audio:
                if not pcm:
                    await asyncio.sleep(self._delay)
                    at += 1
                    yield Partial(" ".join(said[:at]))
            yield Final(" ".join(said))


def rules(mode: Any = "continuous", **layers: Any) -> Rules:
    return Rules(hearing=Hearing(mode=mode, silence_ms=600), turn_end=TurnEnd(**layers))


def lasted(scene: Scene, number: int = 0) -> int:
    """Milliseconds from the voice's end to the decision."""
    ends = [(entry.at, entry.event) for entry in scene.log if isinstance(entry.event, SpeechEnded)]
    at, event = ends[number]
    return round((at - event.voice_end) * 1000)


def one(quiet: int = 3000, **parts: Any) -> Scene:
    """Somebody speaks for a second and is silent."""

    async def act(scene: Scene) -> None:
        scene.listen(mode=parts.get("mode", "continuous"))
        await scene.hear(speech(1000), silence(quiet))

    layers = parts.pop("layers", {})
    parts.pop("mode", None)
    return play(act, rules=rules(**layers), **parts)


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("what time is it", 360),
        ("i would like to", 1200),
        ("i like apples", 600),
        ("我想去北京然后", 1200),
        ("今何時ですか", 360),
    ],
)
def test_the_transcript_decides_how_long_a_pause_may_last(text: str, wait: int):
    """A finished sentence is answered sooner, an unfinished one is waited for; the timeline says why."""
    scene = one(asr=[Streaming(text)])
    assert lasted(scene) == pytest.approx(wait, abs=21)
    judged = [each.wait_ms for each in scene.all(TurnEndJudged)]
    assert judged == ([] if wait == 600 else [wait])


def test_a_layer_that_is_off_has_no_say():
    """`turn_end.transcript: false` and a model that is not to be asked leave the plain silence."""
    model = FakeTurnModel(lambda number: (0.01, 1.0))
    scene = one(asr=[Streaming("what time is it")], turn=model, layers={"transcript": False, "model": False})
    assert lasted(scene) == pytest.approx(600, abs=21)
    assert not model.heard and not scene.all(TurnEndJudged)


@pytest.mark.parametrize(
    ("probability", "wait"), [(0.95, 480), (0.5, 600), (0.05, 1200), (0, 1200), (1, 480)]
)
def test_the_model_is_heard(probability: float, wait: int):
    """With nothing to read the model's opinion alone decides."""
    scene = one(asr=[Streaming("")], turn=FakeTurnModel(lambda number: (0.05, probability)))
    assert lasted(scene) == pytest.approx(wait, abs=21)


def test_the_model_hears_the_last_eight_seconds_with_the_pause():
    """It is asked once in a pause, as soon as that is no closure of a consonant any more."""
    model = FakeTurnModel(lambda number: (0.05, 0.05))

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        await scene.hear(speech(9000), silence(100), speech(500), silence(1500))

    play(act, asr=[Streaming("")], rules=rules(), turn=model)
    (heard,) = model.heard
    assert len(heard) == 8000 * 32
    assert heard.endswith(silence(160)) and not heard.endswith(silence(181))


@pytest.mark.parametrize(
    "fault",
    [
        (0.0, ProviderError("its process died")),
        (0.0, ZeroDivisionError("an author's mistake")),
        (0.0, "yes"),
        (0.0, 7.0),
        (0.0, HANG),
        (0.9, 0.0),
    ],
)
def test_a_model_that_fails_or_is_late_changes_nothing(fault: tuple[float, Any]):
    """The other layers decide, and the session lives on."""
    model = FakeTurnModel(lambda number: fault)

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        for _ in range(2):
            await scene.hear(speech(1000), silence(500), speech(100))
            await scene.hear(silence(2500))

    scene = play(act, asr=[Streaming("what|time is it", "go|forward ten meters")], rules=rules(), turn=model)
    assert [heard.text for heard in scene.all(Heard)] == ["what time is it", "go forward ten meters"]
    assert lasted(scene, 0) == lasted(scene, 1) == pytest.approx(360, abs=21)
    assert model.open == 0


def test_a_model_that_keeps_failing_is_left_alone():
    """After three failures in a row nobody asks it for half a minute; then it is asked again."""
    model = FakeTurnModel(lambda number: (0.0, ProviderError("no")))

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        for _ in range(6):
            await scene.hear(speech(300), silence(500))
        assert len(model.heard) == 3
        await asyncio.sleep(31)
        await scene.hear(speech(300), silence(500))
        assert len(model.heard) == 4

    play(act, asr=[Streaming("a|b|c|d|e|f|g|h")], rules=rules(), turn=model)


def test_an_answer_for_a_pause_that_is_over_is_not_used():
    """The model says "finished" when the speaker has long gone on: the next pause is judged anew."""
    model = FakeTurnModel(lambda number: (0.4, 1.0) if number == 1 else (0.05, 0.5))

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        await scene.hear(speech(500), silence(300), speech(500), silence(2000))

    scene = play(act, asr=[Streaming("")], rules=rules(), turn=model)
    assert lasted(scene) == pytest.approx(600, abs=21)
    assert len(scene.all(SpeechEnded)) == 1 and len(model.heard) == 2


def test_words_that_come_after_the_end_judge_nothing():
    """A slow recogniser's partial of the first utterance can't stretch the second one's pause."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        await scene.hear(speech(500), silence(700), speech(500), silence(2000))

    ear = Streaming("i would like to", "", delay=1.3)
    scene = play(act, asr=[ear], rules=rules(habits=False))
    assert lasted(scene, 0) == lasted(scene, 1) == pytest.approx(600, abs=21)


def test_new_words_in_a_pause_are_another_look():
    """The recogniser is slow: the pause is stretched only when its words are there, and not too late."""
    scene = one(asr=[Streaming("i would like to", delay=0.4)])
    assert lasted(scene) == pytest.approx(1200, abs=21)
    (judged,) = scene.all(TurnEndJudged)
    assert judged.silence_ms == pytest.approx(480, abs=41)


def test_a_speaker_who_pauses_long_is_given_time():
    """Three pauses of 500 ms within utterances, and the next may last a quarter longer than that."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        for _ in range(2):
            await scene.hear(speech(400), silence(560), speech(400), silence(560), speech(400))
            await scene.hear(silence(2000))

    scene = play(act, asr=[Streaming("", "")], rules=rules())
    assert len(scene.all(SpeechStarted)) == 2
    assert lasted(scene, 0) == pytest.approx(600, abs=21)
    assert lasted(scene, 1) == pytest.approx(700, abs=21)


def test_being_cut_off_teaches_the_habit():
    """Whoever goes on right after an end was decided had not finished; the third time they are waited for."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        for _ in range(4):
            await scene.hear(speech(400), silence(800))
        await scene.hear(speech(400), silence(3000))

    scene = play(act, asr=[Streaming("", "", "", "", "")], rules=rules())
    # Three were cut off; from then on 1.25 x 800 ms are waited, and the speaker goes on within.
    assert [lasted(scene, n) for n in range(4)] == [pytest.approx(w, abs=21) for w in (600, 600, 600, 1000)]


def test_a_sentence_after_a_sentence_is_no_cut_off():
    """Two whole sentences with a second between them teach nothing."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        for _ in range(5):
            await scene.hear(speech(400), silence(800))

    scene = play(act, asr=[Streaming(*["what time is it"] * 5)], rules=rules())
    assert scene.session.snapshot()["habits"] == []


def test_habits_outlive_a_lost_connection():
    """They are in the snapshot, as whole milliseconds, and come back with it."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        await scene.hear(speech(1000), silence(2000))

    before = one(asr=[Streaming("")]).session.snapshot()
    assert before["habits"] == []
    scene = play(act, asr=[Streaming("")], rules=rules(), restored={**before, "habits": [800, 800, 800]})
    assert lasted(scene) == pytest.approx(1000, abs=21)
    assert scene.session.snapshot()["habits"] == [800, 800, 800]


def test_the_button_ends_what_it_began():
    """In push mode nobody judges a pause and no model is asked."""
    model = FakeTurnModel()

    async def act(scene: Scene) -> None:
        scene.listen(mode="push")
        await scene.hear(speech(500), silence(1000), speech(300))
        scene.listen(False)
        await asyncio.sleep(3)

    scene = play(act, asr=[Streaming("what time is it")], rules=rules("push"), turn=model)
    assert not model.heard and not scene.all(TurnEndJudged)
    assert [begun.text for begun in scene.all(TurnBegun)] == ["what time is it"]
