"""A voice over a reply: pause first, decide later. Sans-I/O; one machine for each utterance.

    onset ──▶ holding ──a word, or too long a voice──▶ taken
                 │  ▲
      silence, or │  │ the voice comes again
     nothing more ▼  │
              let go ──a word after all──▶ taken

While it is *holding* the reply stands still. A cough, a noise or a back-channel ("mm-hm", "对", "はい")
lets the reply go on from its place, the voice that is *taken* for an interruption ends it. The machine's
clocks are the microphone's sound (how much of it was voiced, how much was silent since) and, for the case
that no more sound comes, `patience_ms` of its owner's clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from aizuchi.engine.rules import BargeIn

Decision = Literal["pause", "go_on", "interrupt"]
Stage = Literal["new", "holding", "let_go", "taken"]
Known = Literal["nothing", "backchannel", "words"]

PATIENCE_MS: Final = 3_000
"""So long a reply is held at most: the recogniser is stuck, the microphone is lost."""
LATE_MS: Final = 100
"""So much voice before the pause counts: it was needed to be sure that it is one."""
NO_WORDS_MS: Final = 240
"""Silence after which a sound without any text was no word: a recogniser that streams has had its say."""


class Overlap:
    """What one utterance over a sounding reply means. `small` tells whether a text is only a back-channel.

    Every call returns what is to be done now, or None. After "pause" the owner holds the reply until it is
    told "go_on" or "interrupt"; it calls `give_up` when `PATIENCE_MS` have passed since.
    """

    def __init__(self, rules: BargeIn, small: Callable[[str], bool]) -> None:
        self.stage: Stage = "new"
        self.known: Known = "nothing"
        self._rules = rules
        self._small = small
        self._voiced_before = 0.0

    @property
    def holding(self) -> bool:
        """The reply stands still because of it."""
        return self.stage == "holding"

    def voice(self, voiced_ms: float) -> Decision | None:
        """The user's voice begins, or goes on; `voiced_ms` is all of it in this utterance so far.

        After the reply was let go, the voice has to be new: see `again`.
        """
        if self.stage == "new":
            return self._hold(max(0.0, voiced_ms - LATE_MS))
        if self.stage != "holding" or self.known == "words":
            return None
        most = self._rules.backchannel_ms if self.known == "backchannel" else self._rules.decide_ms
        return self._take() if voiced_ms - self._voiced_before >= most else None

    def again(self, voiced_ms: float) -> Decision | None:
        """The voice comes back after a silence."""
        return self._hold(voiced_ms) if self.stage == "let_go" else None

    def text(self, text: str) -> Decision | None:
        """What the recogniser believes so far, or in the end."""
        if not text.strip():
            return None
        self.known = "backchannel" if self._small(text) else "words"
        return self._take() if self.known == "words" and self.stage != "taken" else None

    def silent(self, silence_ms: float) -> Decision | None:
        """The user's voice has stopped for so long."""
        if self.known == "backchannel" or silence_ms >= NO_WORDS_MS:
            return self._let_go()
        return None

    def over(self) -> Decision | None:
        """The utterance has ended; its text may still come."""
        return self._let_go()

    def give_up(self) -> Decision | None:
        """Nothing was heard any more for too long."""
        return self._let_go()

    def _hold(self, voiced_ms: float) -> Decision:
        self.stage, self._voiced_before = "holding", voiced_ms
        return "pause"

    def _let_go(self) -> Decision | None:
        if self.stage != "holding":
            return None
        self.stage = "let_go"
        return "go_on"

    def _take(self) -> Decision:
        self.stage = "taken"
        return "interrupt"
