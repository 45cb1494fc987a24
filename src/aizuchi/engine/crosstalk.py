"""A voice while a reply runs: whose it is, and what becomes of the reply. The machine is `overlap.py`.

Until it is decided at most the reply stands still, and nothing is lost either way: what was said is
answered, or the timeline says why not. Without the policy `pause`, or where nothing sounds that could be
paused, the floor's table decides alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aizuchi.engine import floor
from aizuchi.engine.echo import Verdict
from aizuchi.engine.guard import Guard
from aizuchi.engine.links import Links
from aizuchi.engine.microphone import Microphone
from aizuchi.engine.overlap import PATIENCE_MS, Decision, Overlap
from aizuchi.engine.rules import Rules
from aizuchi.engine.scribe import Scribe
from aizuchi.engine.turns import Turns
from aizuchi.engine.utterance import Utterance
from aizuchi.engine.utterances import Utterances

BEFORE_MS: Final = 500
"""The user's voice may have begun so long before it was told from the echo."""


class Crosstalk:
    """One session's. All calls are synchronous; `small` tells whether a text is only a back-channel."""

    def __init__(
        self,
        scribe: Scribe,
        turns: Turns,
        links: Links,
        rules: Rules,
        *,
        said: Utterances,
        guard: Guard | None,
        small: Callable[[str], bool],
    ) -> None:
        self._scribe = scribe
        self._turns = turns
        self._stage = turns.stage
        self._links = links
        self._rules = rules
        self._said = said
        self._guard = guard
        self._small = small
        self._patience: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------------ whose voice it is

    def guards(self, mic: Microphone) -> bool:
        """The reply may come back through this microphone. Who holds a button means what they say."""
        link = self._links.get(mic.link)
        cancels = link is not None and link.cancels_echo and self._rules.echo.guard == "auto"
        return self._guard is not None and mic.mode != "push" and not cancels

    def echoes(self, mic: Microphone, utterance: Utterance) -> bool:
        """What is heard just now is the reply; counted for the utterance."""
        return self._verdict(mic, utterance) == "echo"

    def own(self, mic: Microphone, utterance: Utterance, text: str) -> bool:
        """What was said is the character's own voice."""
        return self._guard is not None and self.guards(mic) and self._guard.own(utterance.tally, text)

    def _verdict(self, mic: Microphone, utterance: Utterance) -> Verdict:
        if self._guard is None or not self.guards(mic):
            return "voice"
        return self._guard.judge(utterance.tally)

    def _counts(self, sign: floor.Sign, mic: Microphone, utterance: Utterance) -> bool:
        """Whether a sign of speech is the user's; while that is not sure only words pause or interrupt."""
        if sign == "word":
            return not self.own(mic, utterance, utterance.text)
        if mic.endpointing.silence_ms > 0 and self.guards(mic):
            return utterance.tally.voice > utterance.tally.echo
        verdict = self._verdict(mic, utterance)
        patient = self._rules.barge_in.policy == "pause" and self._stage.cause is not None
        return verdict == "voice" or (verdict == "unsure" and not patient)

    # ------------------------------------------------------------------ what it means

    def voice(self, sign: floor.Sign, mic: Microphone, utterance: Utterance) -> None:
        """A sign of the user's voice over what runs: does it take the floor?"""
        if utterance.took_floor or utterance.abandoned or not self._counts(sign, mic, utterance):
            return
        voiced_ms = mic.endpointing.voiced_ms
        overlap = self._overlap(mic, utterance)
        if overlap is not None and self._stage.cause is not None:
            said = overlap.text(utterance.text) if sign == "word" else overlap.voice(voiced_ms)
            self._decided(said, utterance)
            return
        situation = floor.running(self._stage.cause, user_speaks=True)
        decision = floor.voice(self._rules.barge_in, sign, voiced_ms, situation)
        if decision == "ignore" or (decision != "begin" and sign == "word" and self._small(utterance.text)):
            return
        self._take_floor(decision, utterance)

    def paused(self, utterance: Utterance, silence_ms: float) -> None:
        """The voice has stopped for so long."""
        if utterance.overlap is not None:
            self._decided(utterance.overlap.silent(silence_ms), utterance)

    def went_on(self, mic: Microphone, utterance: Utterance) -> None:
        """The voice comes again."""
        if utterance.overlap is not None:
            self._decided(utterance.overlap.again(mic.endpointing.voiced_ms), utterance)

    def over(self, utterance: Utterance) -> None:
        """The utterance has ended; its text may still come."""
        if utterance.overlap is not None:
            self._decided(utterance.overlap.over(), utterance)

    def settle(self) -> None:
        """The reply goes on if nobody's voice holds it any more."""
        if not self._said.in_doubt:
            self._stage.carry_on()

    def _overlap(self, mic: Microphone, utterance: Utterance) -> Overlap | None:
        """The machine for what is said over a reply; a pressed button needs none."""
        pauses = self._rules.barge_in.policy == "pause" and mic.mode != "push"
        if utterance.overlap is None and pauses and self._stage.pausable:
            utterance.overlap = Overlap(self._rules.barge_in, self._small)
        return utterance.overlap

    def _decided(self, decision: Decision | None, utterance: Utterance) -> None:
        """Do what the machine says about the reply."""
        match decision:
            case "pause" if self._stage.pausable:
                utterance.voice_at_ms = utterance.ms
                self._stage.pause()
                if self._patience is not None:
                    self._patience.cancel()
                loop = asyncio.get_running_loop()
                self._patience = loop.call_later(PATIENCE_MS / 1000, self._give_up)
            case "go_on":
                self.settle()
            case "interrupt":
                shows = floor.running(self._stage.cause, user_speaks=True) == "show"
                self._take_floor("hold" if shows else "yield", utterance)
            case _:
                pass

    def _give_up(self) -> None:
        """No reply is held for ever: nothing was heard that would have ended the doubt."""
        for _, utterance in self._said.live:
            if utterance.overlap is not None:
                utterance.overlap.give_up()
        self._stage.carry_on()

    def _take_floor(self, decision: floor.Decision, utterance: Utterance) -> None:
        utterance.took_floor = True
        if utterance.tally.echo:
            # It began as the echo of the reply, whose words the user did not say.
            began = utterance.ms if utterance.voice_at_ms is None else utterance.voice_at_ms
            utterance.only(utterance.ms - began + BEFORE_MS)
        if decision == "yield":
            self._turns.interrupt("barge_in")
        elif decision == "hold":
            self._turns.hold("barge_in")
        if self._scribe.state == "idle":
            self._scribe.move("listening", "barge_in")
