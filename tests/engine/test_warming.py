"""Vendors' connections are opened before they are needed, seldom, and beside the conversation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aizuchi.engine.chain import WARM_EVERY
from aizuchi.errors import ProviderError
from aizuchi.events import SpeechStarted, TurnEnded
from tests.engine.scenes import Scene, play, rules
from tests.fakes import FakeModel, FakeVoice, silence, speech


class Connected(FakeVoice):
    """Counts when it is warmed; `fault` is what happens then."""

    def __init__(self, fault: BaseException | None = None, seconds: float = 0.0, **more: Any) -> None:
        super().__init__(**more)
        self.warmed: list[float] = []
        self._fault = fault
        self._seconds = seconds

    async def warm(self) -> bool:
        self.warmed.append(asyncio.get_running_loop().time() - 1000.0)
        await asyncio.sleep(self._seconds)
        if self._fault is not None:
            raise self._fault
        return True


def test_a_client_that_comes_finds_it_warm():
    """At the join and not at the first question; another client soon after changes nothing."""
    voice = Connected()

    async def act(scene: Scene) -> None:
        scene.session.join("other", ("mouth", "ear"))
        await asyncio.sleep(WARM_EVERY - 1)

    play(act, tts=[voice])
    assert voice.warmed == [0.0]


def test_a_witness_warms_nothing():
    """Who only reads will ask for nothing."""
    voice = Connected()

    async def act(scene: Scene) -> None:
        scene.session.join("me", ("witness",))
        await asyncio.sleep(1)

    play(act, tts=[voice], roles=())
    assert voice.warmed == []


def test_speech_after_a_long_pause_warms_again():
    """At its onset, while the user has yet to say what they want; a second utterance soon after does not."""
    voice = Connected()

    async def act(scene: Scene) -> None:
        await asyncio.sleep(WARM_EVERY + 5)
        scene.listen()
        await scene.hear(speech(300))
        assert len(voice.warmed) == 2, "it does not wait for the end of speech"
        await scene.until(SpeechStarted)

    play(act, tts=[voice], rules=rules())
    assert voice.warmed[1] == pytest.approx(WARM_EVERY + 5, abs=0.3)


def test_a_pause_after_long_speech_warms_again():
    """What was opened at its onset is cold again by then; the pauses of short speech open nothing."""
    voice = Connected()

    async def act(scene: Scene) -> None:
        scene.listen()
        await asyncio.sleep(WARM_EVERY + 1)
        await scene.hear(speech(1_000), silence(140), speech(round(WARM_EVERY * 1000)))
        assert len(voice.warmed) == 2
        await scene.hear(silence(140))
        assert len(voice.warmed) == 3

    play(act, tts=[voice], rules=rules())
    assert voice.warmed[2] - voice.warmed[1] >= WARM_EVERY


def test_what_was_used_lately_is_warm():
    """A turn keeps its connections; speaking right after it opens none."""
    voice = Connected()

    async def act(scene: Scene) -> None:
        await asyncio.sleep(WARM_EVERY - 3)
        scene.type("hello")
        await scene.until(TurnEnded)
        await asyncio.sleep(4)
        scene.listen()
        await scene.hear(speech(300))

    play(act, tts=[voice], rules=rules())
    assert len(voice.warmed) == 1


@pytest.mark.parametrize(
    "voice",
    [
        Connected(ProviderError("nobody there")),
        Connected(ValueError("a bug in a plugin")),
        Connected(seconds=10_000.0),
    ],
)
def test_warming_harms_nobody(voice: Connected):
    """It fails, breaks or hangs: the turn goes its way without waiting."""

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)
        await asyncio.sleep(30)

    scene = play(act, tts=[voice], llm=[FakeModel()])
    assert scene.all(TurnEnded)[0].outcome == "finished" and len(voice.warmed) == 1
