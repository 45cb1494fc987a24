"""The session's ears where several things happen at once: two utterances, two microphones, text between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aizuchi.engine.rules import BargeIn, Hearing, Rules, Speculation, StageLimits
from aizuchi.errors import ProviderError
from aizuchi.events import (
    Dropped,
    Fault,
    Heard,
    Interrupt,
    Listen,
    MicAudio,
    MicNoted,
    Recorded,
    Speech,
    SpeechEnded,
    SpeechStarted,
    TurnBegun,
    TurnEnded,
    TurnHeld,
    TurnResumed,
)
from aizuchi.ports import Final, Partial, Score
from tests.engine.scenes import Scene, play
from tests.fakes import FakeModel, FakeRecognizer, FakeVad, Script, silence, speech, tokens

LONG = "One two three four five. Six seven eight nine ten. Eleven twelve thirteen fourteen."


def rules(mode: Any = "continuous", policy: Any = "after_ms", **more: Any) -> Rules:
    """Without speculation: each utterance here asks its recogniser once, whose answers are counted off."""
    more.setdefault("speculation", Speculation(on=False))
    return Rules(hearing=Hearing(mode=mode, silence_ms=200), barge_in=BargeIn(policy, 200), **more)


def answering(*answers: tuple[float, str]) -> FakeRecognizer:
    """Recognises one utterance after the other, each after its own time."""
    left = iter(answers)

    def answer(ms: int) -> Script:
        wait, text = next(left)
        return Script([(wait, Final(text))])

    return FakeRecognizer(answer)


# ------------------------------------------------------------------ two utterances at once


@pytest.mark.parametrize("how", ["type", "interrupt"])
def test_what_came_before_is_dropped_with_what_is_being_said(how: str):
    """An utterance still being understood must not speak up after newer text or a click."""
    ear = answering((2.0, "the old one"), (0.1, "the new one"))

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        await scene.hear(speech(500), silence(300), speech(300))
        assert len(scene.all(SpeechStarted)) == 2
        if how == "type":
            scene.type("something else")
        else:
            scene.session.feed(Interrupt("click", link="me"))
        await asyncio.sleep(20)

    scene = play(act, asr=[ear], rules=rules())
    wanted = ["something else"] if how == "type" else []
    assert [begun.text for begun in scene.all(TurnBegun)] == wanted
    assert [drop.what for drop in scene.all(Dropped)] == ["utterance", "utterance"]
    assert ear.open == 0


def test_pieces_are_joined_in_the_order_in_which_they_were_said():
    """A slow recogniser does not turn a sentence round, nor answer it in two halves."""
    ear = answering((1.5, "go forward"), (0.05, "ten meters"))

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        await scene.hear(speech(500), silence(240), speech(500), silence(300))
        await asyncio.sleep(5)

    scene = play(act, asr=[ear], rules=rules())
    assert [begun.text for begun in scene.all(TurnBegun)] == ["go forward ten meters"]
    assert scene.all(TurnBegun)[0].voice_end == scene.all(SpeechEnded)[1].voice_end


def test_an_utterance_that_is_dropped_as_it_begins_asks_nobody():
    """Text in the same moment: the recogniser's request is never left open."""
    ear = FakeRecognizer()

    async def act(scene: Scene) -> None:
        scene.session.timeline.follow(
            lambda entry: scene.type("now") if isinstance(entry.event, SpeechStarted) else None
        )
        scene.listen(mode="continuous")
        await scene.hear(speech(100))
        await asyncio.sleep(1)
        assert ear.open == 0

    play(act, asr=[ear], rules=rules())


# ------------------------------------------------------------------ two microphones at once


class Slow(FakeVad):
    """Scores half a second late, as a busy machine may."""

    async def scores(self, audio: AsyncIterator[bytes]) -> AsyncIterator[Score]:
        async for score in super().scores(audio):
            await asyncio.sleep(0.015)
            yield score


def test_the_button_pressed_again_at_once_begins_another_utterance():
    """What the first press had still queued is heard as the first utterance and ends it alone."""
    ear = answering((0.1, "one"), (0.1, "two"))

    async def act(scene: Scene) -> None:
        for _ in range(2):
            scene.listen(mode="push")
            for _ in range(25):
                scene.session.feed(MicAudio(speech(20), link="me"))
            scene.listen(False)
        await asyncio.sleep(10)

    scene = play(act, asr=[ear], vad=Slow(), rules=rules("push"))
    assert [len(sound) // 32 for sound in ear.heard] == [500, 500]
    assert {heard.text for heard in scene.all(Heard)} == {"one", "two"}
    assert [begun.text for begun in scene.all(TurnBegun)] == ["one two"]


def test_a_failing_microphone_takes_only_its_own_utterance_along():
    """The VAD of a microphone that was closed fails late; what is said into the new one stays."""

    class Fails(FakeVad):
        async def scores(self, audio: AsyncIterator[bytes]) -> AsyncIterator[Score]:
            first = self.requests == 0
            async for score in super().scores(audio):
                yield score
            if first:
                await asyncio.sleep(0.3)
                raise ProviderError("too late")

    async def act(scene: Scene) -> None:
        scene.listen(mode="push")
        await scene.hear(speech(200))
        scene.listen(False)
        scene.listen(mode="push")
        await scene.hear(speech(600))
        scene.listen(False)
        await scene.until(TurnBegun)

    scene = play(act, vad=Fails(), rules=rules("push"))
    assert [fault.code for fault in scene.all(Fault)] == ["vad_failed"]
    assert scene.all(TurnBegun)[-1].text.endswith("hello there")


@pytest.mark.parametrize("how", ["vad", "mouth"])
def test_what_was_held_goes_on_when_the_voice_that_held_it_is_lost(how: str):
    """A lecture must not stay silent because nobody can hear any more what the user wanted."""
    broken = [False]

    async def act(scene: Scene) -> None:
        scene.session.join("other", ("mouth",))
        scene.listen(mode="continuous")
        scene.session.begin("lecture")
        await scene.until(Speech)
        await scene.hear(speech(400))
        assert scene.all(TurnHeld)
        if how == "vad":
            broken[0] = True
            await scene.hear(speech(100))
        else:
            scene.session.feed(Listen(True, "push", link="other"))
            await asyncio.sleep(1)
            scene.session.feed(Listen(False, link="other"))
        await scene.until(TurnResumed)
        await scene.until(TurnEnded)

    vad = FakeVad(lambda: ProviderError("lost its mind") if broken[0] else None)
    quiet = FakeRecognizer(lambda ms: Script([(0.1, Final(""))]))
    play(act, vad=vad, asr=[quiet], llm=[FakeModel(lambda prompt: tokens(LONG))], rules=rules())


# ------------------------------------------------------------------ a reply is under way


def test_a_pressed_button_is_heard_under_any_policy():
    """`never` is about a voice in the room; who holds the button wants to be heard."""

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(Speech)
        scene.listen(mode="push")
        await scene.hear(speech(500))
        scene.listen(False)
        await scene.until(TurnBegun, 2)

    scene = play(act, llm=[FakeModel(lambda prompt: tokens(LONG))], rules=rules("push", "never"))
    assert scene.all(TurnBegun)[1].text == "hello there"


def test_a_voice_that_may_not_interrupt_is_told_why():
    """Under `never` speech over a reply is not answered, and the timeline says so."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        scene.type("hello")
        await scene.until(Speech)
        await scene.hear(speech(500), silence(400))
        await scene.until(TurnEnded)

    scene = play(act, rules=rules(policy="never"))
    assert [drop.what for drop in scene.all(Dropped)] == ["utterance"]


def test_a_cough_does_not_disarm_the_microphone():
    """Auto mode, armed over a reply: a sound too short to interrupt leaves it open for the voice."""

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(Speech)
        scene.listen(mode="auto")
        await scene.hear(speech(100), silence(400), speech(600), silence(300))
        await scene.until(TurnBegun, 2)
        await scene.until(TurnEnded, 2)
        assert scene.session.state == "idle"

    scene = play(act, llm=[FakeModel(lambda prompt: tokens(LONG))], rules=rules("auto"))
    assert [drop.reason for drop in scene.all(Dropped)] == ["it was too short to interrupt"]
    assert scene.all(TurnBegun)[1].voice_end is not None


# ------------------------------------------------------------------ plugs that lie


class Stalled(FakeVad):
    """Takes so many pieces of sound, or all, and never says anything about them."""

    def __init__(self, takes: int) -> None:
        super().__init__()
        self._takes = takes

    async def scores(self, audio: AsyncIterator[bytes]) -> AsyncIterator[Score]:
        async with self.opened():
            for _ in range(self._takes):
                if await anext(audio, None) is None:
                    break
            await asyncio.get_running_loop().create_future()
            yield Score(b"", 0.0, 0.0)


@pytest.mark.parametrize("mode", ["push", "auto"])
@pytest.mark.parametrize("stops", [True, False])
@pytest.mark.parametrize("takes", [0, 1, 1_000_000])
def test_a_stalled_vad_costs_one_microphone(mode: str, stops: bool, takes: int):
    """It is given up after its time; the next one works."""
    vad = Stalled(takes)

    async def act(scene: Scene) -> None:
        scene.listen(mode=mode)
        await scene.hear(speech(500))
        if stops:
            scene.listen(False)
        await scene.until(Fault, seconds=20)
        await asyncio.sleep(1)
        assert vad.open == 0
        assert scene.session.state == "idle"

    scene = play(act, vad=vad, rules=rules(mode, limits=StageLimits(vad_gap=3.0)))
    assert scene.all(Fault)[0].code == "vad_failed"


def test_a_silent_microphone_is_no_stalled_vad():
    """Nobody has to score sound that never came."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        await scene.hear(silence(200))
        await asyncio.sleep(60)
        await scene.hear(speech(600), silence(300))
        await scene.until(TurnBegun)

    assert not play(act, rules=rules("auto", limits=StageLimits(vad_gap=3.0))).all(Fault)


@pytest.mark.parametrize("lie", [Partial(None), Final(None), Partial(7), "words", None])  # pyright: ignore
def test_a_recogniser_that_lies_costs_one_utterance(lie: Any):
    """What is no text is a failure of its provider, not the end of the session."""
    answers = iter([Script([(0.1, lie)]), Script([(0.1, lie)]), Script([(0.1, Final("fine"))])])

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        await scene.hear(speech(500), silence(300))
        await scene.until(TurnEnded)
        scene.listen(mode="auto")
        await scene.hear(speech(500), silence(300))
        await scene.until(TurnBegun, 2)

    scene = play(act, asr=[FakeRecognizer(lambda ms: next(answers))], rules=rules("auto"))
    assert scene.all(Fault)[0].code == "asr_failed"
    assert scene.all(TurnBegun)[1].text == "fine"


def test_a_vad_that_lies_costs_one_microphone():
    """The same for what is no score."""

    class Liar(FakeVad):
        async def scores(self, audio: AsyncIterator[bytes]) -> AsyncIterator[Any]:  # pyright: ignore
            async for _ in audio:
                yield "loud"

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        await scene.hear(speech(100))
        scene.type("then like this")
        await scene.until(TurnEnded)

    assert play(act, vad=Liar(), rules=rules("auto")).all(Fault)[0].code == "vad_failed"


def test_sound_that_is_shed_is_said_while_it_is_shed():
    """A full queue tells every second what it drops, not only once it has room again."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        for _ in range(400):
            scene.session.feed(MicAudio(speech(20), link="me"))
        assert sum(note.dropped_ms for note in scene.all(MicNoted)) >= 5_000

    play(act, rules=rules("auto", mic_queue_ms=2_000))


# ------------------------------------------------------------------ recorded before


def test_a_recording_is_one_utterance_however_long():
    """Forty seconds that come at once are heard whole, past the queue and the longest utterance."""
    ear = FakeRecognizer()

    async def act(scene: Scene) -> None:
        scene.session.feed(Recorded(silence(300) + speech(39_000) + silence(700), link="me"))
        await scene.until(TurnEnded)

    scene = play(act, rules=rules(mic_queue_ms=1_000), asr=[ear])
    assert [len(sound) // 32 for sound in ear.heard] == [40_000]
    assert [begun.text for begun in scene.all(TurnBegun)] == ["hello there"]
    assert not any(note.dropped_ms for note in scene.all(MicNoted))


def test_a_recording_of_another_rate_is_converted():
    """Recognisers get 16 kHz."""
    ear = FakeRecognizer()

    async def act(scene: Scene) -> None:
        scene.session.feed(Recorded(speech(3_000), 48_000, link="me"))
        await scene.until(TurnEnded)

    play(act, asr=[ear])
    assert 950 <= len(ear.heard[0]) // 32 <= 1_000


def test_a_recording_from_who_may_not_speak_is_dropped():
    """A witness has no mouth."""

    async def act(scene: Scene) -> None:
        scene.session.feed(Recorded(speech(500), link="me"))
        await asyncio.sleep(1)

    scene = play(act, roles=("witness",))
    assert [each.what for each in scene.all(Dropped)] == ["sound"]
