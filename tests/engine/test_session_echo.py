"""A microphone that hears the loudspeaker: the character never answers itself, and the user is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aizuchi.engine.guard import Tally
from aizuchi.engine.rules import BargeIn, Echo, Hearing, Rules
from aizuchi.events import (
    Dropped,
    Interrupted,
    MicAudio,
    Sentence,
    Speech,
    SpeechStarted,
    TurnBegun,
    TurnEnded,
    TurnHeld,
)
from aizuchi.ports import Audio, Final, Hints, Partial, Score, Style
from tests.engine.scenes import Scene, play
from tests.fakes import HERO, FakeModel, FakeRecognizer, FakeVad, FakeVoice, Script, tokens
from tests.fakes import speech as fakes_speech
from tests.speech import speech

TEXT = "And so my fellow Americans ask not what your country can do for you."
ECHO = "my fellow americans ask not what your country"


class Loud(FakeVad):
    """Whatever is loud is speech."""

    async def scores(self, audio: AsyncIterator[bytes]) -> AsyncIterator[Score]:
        rest = b""
        async for pcm in audio:
            rest += pcm
            while len(rest) >= 640:
                piece, rest = rest[:640], rest[640:]
                level = float(np.sqrt(np.mean(np.frombuffer(piece, "<i2").astype(float) ** 2)))
                yield Score(piece, 0.95 if level > 200 else 0.02, -20.0)


class Late(FakeRecognizer):
    """Gives no partials."""

    async def transcribe(self, audio: AsyncIterator[bytes], hints: Hints) -> AsyncIterator[Partial | Final]:
        async for item in super().transcribe(audio, hints):
            if isinstance(item, Final):
                yield item


class Orator(FakeVoice):
    """Says everything with a recording."""

    async def say(self, sentence: Sentence, style: Style) -> AsyncIterator[Any]:
        async with self.opened(sentence.turn):
            pcm = speech("jfk_16k.wav")
            for at in range(0, len(pcm), 3200):
                yield Audio(pcm[at : at + 3200], 16_000)
                await asyncio.sleep(0.01)


class Room:
    """A loudspeaker, and a microphone that hears it after `delay_ms`, and the user."""

    def __init__(self, scene: Scene, delay_ms: int, gain: float) -> None:
        self._scene = scene
        self._gain = gain
        self._air = [bytes(640)] * (delay_ms // 20)
        self._dice = np.random.default_rng(3)

    async def live(self, seconds: float, user: bytes = b"") -> None:
        """The reply is played in step with the engine's own clock; `user` begins to speak with it."""
        scene = self._scene
        for step in range(round(seconds * 50)):
            turn, place = scene.session.turns.stage.playing
            pcm = b"".join(e.pcm for e in scene.all(Speech) if e.turn == turn) if place is not None else b""
            at = round((place or 0.0) * 16) * 2
            self._air.append(pcm[at : at + 640].ljust(640, b"\0"))
            heard = np.frombuffer(self._air.pop(0), "<i2") * self._gain + self._dice.normal(0, 15, 320)
            voice = user[step * 640 : step * 640 + 640].ljust(640, b"\0")
            heard = np.clip(heard + np.frombuffer(voice, "<i2") * 4.0, -32768, 32767)
            scene.session.feed(MicAudio(heard.astype("<i2").tobytes(), link="me"))
            await asyncio.sleep(0.02)


def conversation(
    act: Any, guard: Any, text: str | Callable[[int], str] = ECHO, *, silence_ms: int = 600, **more: Any
) -> Scene:
    """`text` is what the recogniser makes of an utterance, perhaps of its milliseconds."""
    hearing = Hearing(mode="continuous", silence_ms=silence_ms)
    rules = Rules(hearing=hearing, barge_in=BargeIn(), echo=Echo(guard))
    ear = Late(lambda ms: Script([(0.1, Final(text if isinstance(text, str) else text(ms)))]))
    replies = iter([TEXT, "Fine."])
    model = FakeModel(lambda prompt: tokens(next(replies, "Well.")))

    async def whole(scene: Scene) -> None:
        scene.listen(mode="continuous")
        scene.type("tell me")
        await act(scene)

    voice = Orator()
    return play(whole, rules=rules, vad=Loud(), asr=[ear], llm=[model], tts=[voice], **more)


@pytest.mark.parametrize(("delay_ms", "gain"), [(40, 0.5), (200, 0.3), (500, 0.2)])
def test_the_character_does_not_answer_itself(delay_ms: int, gain: float):
    """The whole reply comes back, at once and at a distance: it is played to its end, and nothing follows."""

    async def act(scene: Scene) -> None:
        await Room(scene, delay_ms, gain).live(16)

    scene = conversation(act, "auto")
    assert [begun.text for begun in scene.all(TurnBegun)] == ["tell me"]
    assert [ended.outcome for ended in scene.all(TurnEnded)] == ["finished"]
    assert not scene.all(TurnHeld)
    assert {each.reason for each in scene.all(Dropped)} == {"it was the character's own voice"}


def test_without_the_guard_it_does():
    """The same room: what the guard is there for."""

    async def act(scene: Scene) -> None:
        await Room(scene, 200, 0.3).live(6)

    scene = conversation(act, "off")
    assert scene.all(Interrupted)[0].reason == "barge_in"


@pytest.mark.parametrize("delay_ms", [40, 200])
def test_the_user_is_heard_over_the_echo(delay_ms: int):
    """Four seconds into the reply somebody speaks: it ends, although the microphone hears it all the time."""

    async def act(scene: Scene) -> None:
        room = Room(scene, delay_ms, 0.2)
        await room.live(4)
        assert not scene.all(Interrupted)
        await room.live(4, speech("go_forward_ten_meters.wav"))

    scene = conversation(act, "auto", "go forward ten meters")
    assert scene.all(Interrupted)[0].reason == "barge_in"
    assert scene.all(Interrupted)[0].turn == 1


@pytest.mark.parametrize("delay_ms", [40, 200])
def test_only_what_the_user_said_is_answered(delay_ms: int):
    """The echo that the microphone heard for four seconds before the user spoke is no part of their words."""

    def understood(ms: int) -> str:
        return "go forward ten meters" if ms < 5000 else f"{ECHO} go forward ten meters"

    async def act(scene: Scene) -> None:
        room = Room(scene, delay_ms, 0.2)
        await room.live(4)
        await room.live(6, speech("go_forward_ten_meters.wav"))

    scene = conversation(act, "auto", understood, silence_ms=1500)
    assert scene.all(SpeechStarted)[0].audio_at < 1, "the echo and the user are one stretch of sound"
    assert [begun.text for begun in scene.all(TurnBegun)] == ["tell me", "go forward ten meters"]


def test_a_client_that_cancels_echo_is_not_guarded():
    """It says so when it comes; then a voice pauses the reply from its first second on."""

    async def act(scene: Scene) -> None:
        scene.session.leave("me")
        scene.session.join("me", ("mouth", "ear"), cancels_echo=True)
        scene.listen(mode="continuous")
        scene.type("tell me")
        await scene.until(Speech)
        await Room(scene, 0, 0.0).live(2, speech("go_forward_ten_meters.wav"))

    scene = conversation(act, "auto")
    assert scene.all(TurnHeld)


@pytest.mark.parametrize(
    ("mode", "cancels", "followed"),
    [("continuous", False, True), ("continuous", True, False), ("push", False, False)],
)
def test_sound_is_followed_only_where_it_may_come_back(mode: Any, cancels: bool, followed: bool):
    """A reply costs nothing for a client that cancels echo, nor while a button is held."""

    async def act(scene: Scene) -> None:
        scene.session.leave("me")
        scene.session.join("me", ("mouth", "ear"), cancels_echo=cancels)
        scene.listen(mode=mode)
        scene.session.begin("lecture", text="x")
        await scene.until(Speech, 3)
        guard = scene.session.listening._guard  # pyright: ignore[reportPrivateUsage]
        assert guard is not None
        assert bool(guard._rows) == followed  # pyright: ignore[reportPrivateUsage]

    conversation(act, "auto")


def test_a_hum_may_come_back_too():
    """The guard knows what it says and sounds like, and where it is, as of a reply."""
    seen: list[tuple[int, bool]] = []

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        await scene.hear(fakes_speech(2500), bytes(32 * 180))
        await scene.until(Speech)
        guard = scene.session.listening._guard  # pyright: ignore[reportPrivateUsage]
        number, place = scene.session.turns.stage.playing
        assert guard is not None and scene.session.turns.stage.active is None
        seen.append((number, place is not None))
        assert guard._turn == number and guard.own(Tally(unsure=1), "mm")  # pyright: ignore

    hummer = replace(HERO, hum_every=2.0, hums={"en": ("mm",)})
    play(act, rules=Rules(hearing=Hearing(mode="continuous", silence_ms=600)), character=hummer)
    assert seen == [(1, True)]
