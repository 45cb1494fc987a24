"""What becomes of a pause: the layers are asked, and the end-pointer is told how long it may last.

Looked at when a pause is told, each time it has doubled, for new words in it, and when the turn-end model has
answered. `turn_end.py` does the arithmetic; here its evidence is gathered. The words may be older than the
pause for a moment: a recogniser that streams is asked for its newest ones as the pause begins, and their
arrival is another look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from aizuchi.engine.endings import Ending, ending
from aizuchi.engine.endpointing import Endpointing
from aizuchi.engine.habits import Habits
from aizuchi.engine.microphone import EndReason, Microphone
from aizuchi.engine.rules import Rules
from aizuchi.engine.scripts import guess_language
from aizuchi.engine.streams import answered
from aizuchi.engine.turn_end import Evidence, wait_ms
from aizuchi.engine.utterance import Utterance
from aizuchi.errors import ProviderError
from aizuchi.events import Event, TurnEndJudged
from aizuchi.ports import TurnModel

log = logging.getLogger(__name__)

ASK_AFTER_MS: Final = 150
"""Silence from which the model is asked, once per pause; shorter gaps lie within words by the dozen. Later it
would only hear the silence itself, which it takes for an end."""
HEARS_MS: Final = 8_000
"""The model hears so much of the end of the utterance."""
MODEL_TIMEOUT: Final = 1.0
"""Seconds after which its answer is not waited for any more."""
FAILURES: Final = 3
"""Failures in a row after which it is left alone for `RESTS` seconds."""
RESTS: Final = 30.0
CUT_OFF_S: Final = 1.0
"""Whoever goes on within so many seconds of the decision had not finished."""


@dataclass(slots=True, eq=False)
class _Pause:
    """One pause of one utterance."""

    mic: Microphone
    endpointing: Endpointing
    """The one that runs it: a microphone that was abandoned has another."""
    utterance: Utterance
    model: float | None = None
    asked: bool = False
    told: tuple[Any, ...] = ()

    @property
    def lasts(self) -> bool:
        return (
            self.mic.endpointing is self.endpointing and self.endpointing.paused and not self.utterance.ended
        )


@dataclass(frozen=True, slots=True)
class _Ended:
    """The last end that silence decided."""

    mic: Microphone
    voice_end: float
    decided: float
    transcript: Ending


class Pauses:
    """One session's pauses. All calls are synchronous; the model is asked in a task of the session."""

    def __init__(
        self,
        rules: Rules,
        model: TurnModel | None,
        append: Callable[[Event], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        language: str = "",
    ) -> None:
        self.habits = Habits()
        self._rules = rules
        self._model = model if rules.turn_end.model else None
        self._append = append
        self._spawn = spawn
        self._pause: _Pause | None = None
        self._ended: _Ended | None = None
        self._expected = self._language = language
        """ISO 639-1; the latter of what was said last: a few characters alone may be Chinese or Japanese."""
        self._failures = 0
        self._rests_until = 0.0

    def look(self, mic: Microphone, utterance: Utterance) -> None:
        """A pause was told, has doubled, or there are new words in it."""
        if mic.mode == "push":
            return  # the button ends it
        pause = self._pause
        if pause is None or pause.utterance is not utterance or not pause.lasts:
            pause = _Pause(mic, mic.endpointing, utterance)
            if not pause.lasts:
                return  # words that come after the end
            self._pause = pause
        self._judge(pause)
        self._ask(pause)

    def went_on(self, pause_ms: float) -> None:
        """The pause was within an utterance."""
        self._pause = None
        if self._rules.turn_end.habits:
            self.habits.went_on(pause_ms)

    def over(self, mic: Microphone, utterance: Utterance, voice_end: float, reason: EndReason) -> None:
        """The utterance ended; `voice_end` in seconds of the microphone's sound."""
        self._pause = self._ended = None
        if reason == "silence":
            self._ended = _Ended(mic, voice_end, mic.endpointing.at, self._transcript(utterance))

    def began(self, mic: Microphone, onset: float) -> None:
        """Another utterance; `onset` in seconds of the microphone's sound. Right after an end it tells of a
        cut-off, unless that one was a whole sentence."""
        ended, self._ended = self._ended, None
        if ended is None or ended.mic is not mic or ended.transcript == "finished":
            return
        if self._rules.turn_end.habits and onset - ended.decided <= CUT_OFF_S:
            self.habits.went_on((onset - ended.voice_end) * 1000)

    def finished(self, utterance: Utterance) -> bool:
        """What was said so far ends like a finished sentence."""
        return self._transcript(utterance) == "finished"

    def _transcript(self, utterance: Utterance) -> Ending:
        if utterance.text:
            self._language = guess_language(utterance.text, self._expected, self._language)
        return ending(utterance.text, self._language)

    def _judge(self, pause: _Pause) -> None:
        rules = self._rules.turn_end
        words = self._transcript(pause.utterance) if rules.transcript and pause.utterance.text else None
        habit = self.habits.pause_ms if rules.habits else None
        wait = wait_ms(self._rules.hearing.silence_ms, rules, Evidence(words, pause.model, habit))
        pause.endpointing.wait_ms = wait
        found = (round(wait), words, pause.model)
        if found == pause.told or (not pause.told and wait == self._rules.hearing.silence_ms):
            return
        pause.told = found
        self._append(
            TurnEndJudged(
                pause.utterance.number,
                round(pause.endpointing.silence_ms),
                round(wait),
                words or "",
                None if pause.model is None else round(pause.model, 3),
                None if habit is None else round(habit),
            )
        )

    # ------------------------------------------------------------------ the model

    def _ask(self, pause: _Pause) -> None:
        model, silence = self._model, pause.endpointing.silence_ms
        if model is None or pause.asked or silence < ASK_AFTER_MS:
            return
        pause.asked = True
        if asyncio.get_running_loop().time() >= self._rests_until:
            self._spawn(self._answer(model, pause))

    async def _answer(self, model: TurnModel, pause: _Pause) -> None:
        """A late or failing model changes nothing: the other layers have decided."""
        try:
            async with asyncio.timeout(MODEL_TIMEOUT):
                sound = pause.utterance.tail(HEARS_MS)
                probability = _checked(await answered(model.finished(sound), model.name), model.name)
        except TimeoutError:
            self._failed(model, f"no answer within {MODEL_TIMEOUT:g} s")
        except ProviderError as error:
            self._failed(model, str(error))
        else:
            self._failures = 0
            if pause is self._pause and pause.lasts:
                pause.model = probability
                self._judge(pause)

    def _failed(self, model: TurnModel, reason: str) -> None:
        self._failures += 1
        if self._failures >= FAILURES:
            self._failures = 0
            self._rests_until = asyncio.get_running_loop().time() + RESTS
            log.warning("turn %s: %s; left alone for %.0f s", model.name, reason, RESTS)


def _checked(probability: object, name: str) -> float:
    """Third-party code may give anything."""
    if not isinstance(probability, int | float) or not 0 <= probability <= 1:
        raise ProviderError(f"{name} gave {probability!r:.40} instead of a probability")
    return float(probability)
