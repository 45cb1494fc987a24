"""Beginning to answer before it is certain that the user has finished: when to try, keep, drop. Sans-I/O.

At a pause within an utterance there is a text of what was said so far. An answer to it may be prepared in
private; should the end-point then confirm that this was all, the time until then is saved. A pause within a
sentence makes one such attempt in vain, so they are bounded: so many in an utterance, a longer silence
wanted before each further one, so many tokens wasted in a session.

    the pause's silence    words                          attempt running?   decision
    ------------------------------------------------------------------------------------------
    too short              any                            no                 wait
    long enough            any                            no                 begin
    any                    the same, punctuation aside    yes                keep
    any                    others                         yes                drop, and decide anew
"""

from __future__ import annotations

import unicodedata
from typing import Final, Literal

from aizuchi.engine.rules import Hearing, Speculation

Decision = Literal["begin", "keep", "drop", "wait"]

_MOST_SILENCE: Final = 4
"""Never more than so many times `pause_ms` of silence is wanted before a try."""


class Tries:
    """The tries within one utterance: each one that the speaker belied makes the next want more silence."""

    def __init__(self, rules: Speculation, hearing: Hearing) -> None:
        self._rules = rules
        self._hearing = hearing
        self._used = 0
        self._belied = 0

    @property
    def wanted_ms(self) -> float:
        """Silence that the next try wants. Never more than half of what ends an utterance."""
        pause = self._hearing.pause_ms
        most = max(pause, self._hearing.silence_ms / 2)
        return min(pause * min(2**self._belied, _MOST_SILENCE), most)

    def allow(self, silence_ms: float) -> bool:
        """Whether another try may be made after so much silence."""
        return self._rules.on and self._used < self._rules.tries and silence_ms >= self.wanted_ms

    def use(self) -> None:
        self._used += 1

    def belied(self) -> None:
        """The speaker went on."""
        self._belied += 1

    def give_up(self) -> None:
        """No further try in this utterance."""
        self._used = self._rules.tries


class Speculating:
    """Which attempt a session makes. One runs at a time."""

    def __init__(self, rules: Speculation, hearing: Hearing) -> None:
        self._rules = rules
        self._hearing = hearing
        self._utterance = -1
        self._tries = Tries(rules, hearing)
        self._words: list[str] | None = None
        self.spent = 0
        """Tokens, prompts included, that dropped attempts have cost."""

    @property
    def running(self) -> bool:
        return self._words is not None

    def decide(self, utterance: int, text: str, silence_ms: float) -> Decision:
        """The user has said `text` so far and is silent for `silence_ms`: what to do now?

        The caller does it and tells by `dropped` and `began`. An utterance has a higher number than the one
        before; late news of an earlier one begins nothing.
        """
        if utterance > self._utterance:
            self._utterance, self._tries = utterance, Tries(self._rules, self._hearing)
        said = words(text)
        if self._words is not None:
            return "keep" if said == self._words else "drop"
        possible = bool(said) and utterance == self._utterance and self.spent < self._rules.budget_tokens
        return "begin" if possible and self._tries.allow(silence_ms) else "wait"

    def began(self, text: str) -> None:
        """An attempt to answer `text` runs."""
        self._words = words(text)
        self._tries.use()

    def confirmed(self, text: str) -> bool:
        """Whether the running attempt answers what was said in the end: only punctuation may differ."""
        return self._words is not None and self._words == words(text)

    def committed(self) -> None:
        """The running attempt became a turn."""
        self._words = None

    def dropped(self, reason: str, cost: int) -> None:
        """The running attempt was dropped; it had cost so many tokens, its prompt included."""
        self._words = None
        self.spent += cost
        if reason == "went_on":
            self._tries.belied()
        elif reason in ("failed", "expired"):
            # Whoever failed now would most likely fail again; whoever took too long has been waited for.
            self._tries.give_up()


def words(text: str) -> list[str]:
    """What of a text can be heard: words without case and punctuation, CJK by characters.

    Marks part words, so that "3.5" is not "35" nor "we're" "were". Symbols (a percent sign, a currency) and
    a minus before a figure are words.
    """
    found: list[str] = []
    whole = ""
    folded = unicodedata.normalize("NFKC", text).casefold()
    for at, char in enumerate(folded):
        kind = unicodedata.category(char)[0]
        if kind in "LNM" and not _stands_alone(char):
            whole += char
            continue
        if whole:
            found.append(whole)
            whole = ""
        minus = char in "-\u2212" and folded[at + 1 : at + 2].isdigit() and not folded[at - 1 : at].isalnum()
        if kind in "LN" or (kind == "S" and char not in "`^\u00b4") or minus or char in "%&#@":
            found.append("-" if minus else char)
    if whole:
        found.append(whole)
    return found


def _stands_alone(char: str) -> bool:
    """Chinese and Japanese write words without spaces between them."""
    code = ord(char)
    return 0x2E80 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x3FFFF
