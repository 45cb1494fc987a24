"""What a page sounds like: recorded before its loudspeaker, looked at for gaps, tones and silence."""

from __future__ import annotations

import base64
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import BrowserContext, Page

from aizuchi.providers.tts.tone import LOWEST, STEP, TONES

HERE = Path(__file__).parent
QUIET = 100
"""Of 32767: below it nothing is heard. The test voice is 80 times as loud."""


def fit(context: BrowserContext) -> None:
    """Give every page of the context an ear."""
    context.add_init_script(path=HERE / "ear.js")


@dataclass(frozen=True)
class Stretch:
    """Sound of one tone without a pause; times in seconds of the page's audio clock."""

    tone: int
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin


@dataclass(frozen=True)
class Gap:
    begin: float
    end: float
    before: int | None
    """The tone before it, and after it."""
    after: int | None

    @property
    def ms(self) -> float:
        return (self.end - self.begin) * 1000


def tone_of(text: str) -> int:
    """Which of the hundred tones the voice `tone` gives a sentence."""
    return zlib.crc32(text.encode()) % TONES


class Recording:
    """Mono sound from the start of the page's audio clock; `marks` are (what happened, when)."""

    def __init__(self, samples: NDArray[np.int16], rate: int, marks: list[tuple[str, float]]) -> None:
        self.samples = samples
        self.rate = rate
        self.marks = marks
        self._loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > QUIET)

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def mark(self, what: str) -> float:
        """When that happened for the last time; the beginning of its name is enough."""
        times = [at for said, at in self.marks if said.startswith(what)]
        assert times, f"no {what!r} among {[said for said, _ in self.marks]}"
        return times[-1]

    def first_sound(self, after: float = 0.0) -> float | None:
        later = self._loud[self._loud >= after * self.rate]
        return float(later[0] / self.rate) if len(later) else None

    def last_sound(self, before: float | None = None) -> float | None:
        """When the last sample that is heard ends."""
        earlier = self._loud if before is None else self._loud[self._loud < before * self.rate]
        return float((earlier[-1] + 1) / self.rate) if len(earlier) else None

    def tone(self, begin: float, end: float) -> int | None:
        """The tone of a stretch of 50 ms or more, or None for silence: all tones fit into 50 ms."""
        size = round(self.rate / STEP)
        piece = self.samples[round(begin * self.rate) : round(end * self.rate)]
        piece = piece[: len(piece) // size * size].astype(np.float64)
        if not len(piece) or np.abs(piece).max() <= QUIET:
            return None
        power = np.zeros(size // 2 + 1)
        for part in piece.reshape(-1, size):
            power += np.abs(np.fft.rfft(part)) ** 2
        lowest = round(LOWEST / STEP)
        return int(np.argmax(power[lowest : lowest + TONES]))

    def gaps(self, longer_ms: float = 30.0, begin: float = 0.0, end: float | None = None) -> list[Gap]:
        """Silences between two sounds, with the tones beside them."""
        found: list[Gap] = []
        for index in np.flatnonzero(np.diff(self._loud) > longer_ms * self.rate / 1000):
            since, until = (self._loud[index] + 1) / self.rate, self._loud[index + 1] / self.rate
            if since >= begin and (end is None or until <= end):
                before, after = self.tone(since - 0.06, since), self.tone(until, until + 0.06)
                found.append(Gap(float(since), float(until), before, after))
        return found

    def gaps_within_sentences(self, longer_ms: float = 30.0) -> list[Gap]:
        """Those with the same tone on both sides: each sentence of the voice `tone` has one of its own."""
        return [gap for gap in self.gaps(longer_ms) if gap.before == gap.after]

    def stretches(self, begin: float = 0.0, end: float | None = None) -> list[Stretch]:
        """The sound between `begin` and `end`, cut at silences and where the tone changes (to 10 ms)."""
        loud = self._loud[self._loud >= begin * self.rate]
        loud = loud if end is None else loud[loud < end * self.rate]
        breaks = np.flatnonzero(np.diff(loud) > self.rate / 200)
        found: list[Stretch] = []
        for first, last in zip([0, *(breaks + 1)], [*breaks, len(loud) - 1], strict=True):
            if last >= first:
                found += self._cut(loud[first] / self.rate, (loud[last] + 1) / self.rate)
        return found

    def _cut(self, begin: float, end: float) -> list[Stretch]:
        """A run of sound, cut where its tone changes."""
        found: list[Stretch] = []
        for cell in np.arange(begin, end, 0.01):
            since = max(begin, min(cell - 0.02, end - 0.0505))
            tone, until = self.tone(since, since + 0.0505), min(cell + 0.01, end)
            if found and (tone is None or found[-1].tone == tone):
                found[-1] = Stretch(found[-1].tone, found[-1].begin, until)
            elif tone is not None:
                found.append(Stretch(tone, cell, until))
        # Where one tone passes into the next, the window over both may see a third.
        return [each for each in found if each.seconds > 0.03]

    def order(self, begin: float = 0.0, end: float | None = None) -> list[int]:
        """The tones in the order in which they began, each once."""
        return list(dict.fromkeys(each.tone for each in self.stretches(begin, end)))

    def loud_seconds(self, tone: int) -> float:
        """How long a tone sounded in all, holds and gaps not counted."""
        return sum(each.seconds for each in self.stretches() if each.tone == tone)


def mark(page: Page, what: str) -> None:
    """Note the moment under a name of one's own."""
    page.evaluate("what => window.__ear.mark(what)", what)


def sounding(page: Page) -> bool:
    """Something was heard within the last 200 ms."""
    return bool(page.evaluate("window.__ear.sounding()"))


def wait_for_sound(page: Page) -> None:
    until(page, "window.__ear.sounding()")


def wait_for_silence(page: Page) -> None:
    until(page, "!window.__ear.sounding()", within=90)


def until(page: Page, expression: str, within: float = 30) -> None:
    """Ask the page until it is so; Playwright's own way needs `eval`, which our policy forbids."""
    limit = time.monotonic() + within
    while not page.evaluate(expression):
        assert time.monotonic() < limit, f"not within {within:g} s: {expression}"
        page.wait_for_timeout(20)


def record(page: Page) -> Recording:
    """Everything that the page's loudest AudioContext has sounded so far."""
    taken: list[dict[str, Any]] = page.evaluate("window.__ear.take()")
    assert taken, "the page has connected nothing to a loudspeaker"
    marks: list[dict[str, Any]] = page.evaluate("window.__ear.marks")
    heard = [np.frombuffer(base64.b64decode(each["pcm"]), "<i2") for each in taken]
    best = max(range(len(heard)), key=lambda index: int(np.abs(heard[index].astype(np.int64)).sum()))
    rate, places = round(taken[best]["rate"]), taken[best]["places"]
    assert places, "nothing ties the samples to the clock"
    assert max(places) - min(places) < rate / 500, f"samples were lost: pulses lie at {places}"
    # What came before the ear listened is taken for silence.
    lead = -round(places[0])
    samples = np.concatenate([np.zeros(lead, np.int16), heard[best]]) if lead > 0 else heard[best][-lead:]
    # A mark from before that clock existed lies at its beginning.
    times = [(each["what"], each["times"][best] if best < len(each["times"]) else 0.0) for each in marks]
    return Recording(samples, rate, times)
