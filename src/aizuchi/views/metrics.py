"""How long things took: a reader per session, percentiles over all of them.

`Metrics` follows one timeline and keeps the figures of its last turns; `Summary` keeps the recent figures of
all sessions; `Meter` is what a server owns: call it with each new session. Views only read. Each ended turn
leaves one log record, "turn", whose fields are its figures.
"""

from __future__ import annotations

import logging
import math
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from aizuchi.events import AttemptEnded, Entry, Measured
from aizuchi.timeline import Timeline
from aizuchi.views.figures import Folding, TurnFigures

log = logging.getLogger(__name__)

KEPT_TURNS = 50


class Followed(Protocol):
    """What a view needs of a session."""

    @property
    def id(self) -> str: ...
    @property
    def person(self) -> str: ...
    @property
    def timeline(self) -> Timeline: ...


class Metrics:
    """The figures of one session. `read` is the timeline reader.

    `done` is told of each ended turn, `attempted` of each ended attempt; `quiet` leaves no log records.
    """

    def __init__(
        self,
        session: str = "",
        done: Callable[[TurnFigures], None] | None = None,
        *,
        attempted: Callable[[AttemptEnded], None] | None = None,
        quiet: bool = False,
    ) -> None:
        self._session = session
        self._done = done
        self._attempted = attempted
        self._quiet = quiet
        self._folding = Folding()
        self._ended: deque[TurnFigures] = deque(maxlen=KEPT_TURNS)

    @property
    def utterances(self) -> int:
        return self._folding.utterances

    @property
    def empty_recognitions(self) -> int:
        return self._folding.empty

    @property
    def failed_recognitions(self) -> int:
        return self._folding.failed

    def read(self, entry: Entry) -> None:
        ended = self._folding.read(entry)
        if self._attempted is not None and isinstance(entry.event, AttemptEnded):
            self._attempted(entry.event)
        if ended is None:
            return
        self._ended.append(ended)
        if not self._quiet:
            log.info("turn", extra=record(self._session, ended))
        if self._done is not None:
            self._done(ended)

    def sent(self, turn: int, at: float) -> None:
        """A link handed sound of a turn to its socket, at `at` on the session's clock.

        Sound that leaves after an interrupt is what `interrupt_ms` is there to show, so a link that can
        tell should.
        """
        figures = self.figures(turn)
        if figures is not None:
            figures.last_sound = max(at, figures.last_sound or at)

    def figures(self, turn: int) -> TurnFigures | None:
        """Of a running turn, or of one of the last fifty."""
        running = self._folding.running.get(turn)
        if running is not None:
            return running
        return next((each for each in reversed(self._ended) if each.turn == turn), None)

    @property
    def turns(self) -> Sequence[TurnFigures]:
        """The last ended turns, oldest first."""
        return tuple(self._ended)

    def measured(self, turn: int) -> Measured | None:
        """What a client that asked for figures is sent; None while the turn runs or once it is forgotten."""
        figures = self.figures(turn)
        if figures is None or figures.outcome is None:
            return None
        return Measured(turn, figures.generation, figures.outcome, figures.heard, figures.numbers())


def record(session: str, figures: TurnFigures) -> dict[str, Any]:
    """The fields of a turn's log record. Figures only: what was said is no business of a log."""
    known = {name: number for name, number in figures.numbers().items() if number is not None}
    return {
        "session": session,
        "turn": figures.turn,
        "generation": figures.generation,
        "cause": figures.cause,
        "outcome": figures.outcome,
        **({"fallback": figures.fallback} if figures.fallback else {}),
        **known,
        **({"faults": ",".join(figures.faults)} if figures.faults else {}),
        "stages": figures.stages,
    }


class Summary:
    """Percentiles over the recent turns of all sessions.

    The newest `size` values of each figure are kept: a server that runs for weeks shall tell how it
    is doing now.
    """

    def __init__(self, size: int = 1_000) -> None:
        self._size = size
        self._values: dict[str, deque[float]] = {}
        self.turns: Counter[str] = Counter()
        """By outcome."""
        self.fallbacks: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.committed = 0
        """Answers that were prepared before it was certain that the user had finished, and spoken."""
        self.dropped: Counter[str] = Counter()
        """Those that were not, by reason."""
        self.wasted_tokens = 0
        """Text that dropped ones had made, as we estimate it."""
        self.wasted_audio_ms = 0

    def attempted(self, ended: AttemptEnded) -> None:
        """An answer was prepared; how much a committed one saved is a figure of its turn."""
        if ended.turn is not None:
            self.committed += 1
        else:
            self.dropped[ended.reason] += 1
            self.wasted_tokens += ended.tokens
            self.wasted_audio_ms += ended.audio_ms

    @property
    def values(self) -> Mapping[str, Sequence[float]]:
        """The kept values of each figure."""
        return self._values

    def add(self, figures: TurnFigures) -> None:
        self.turns[figures.outcome or "running"] += 1
        if figures.fallback:
            self.fallbacks[figures.fallback] += 1
        self.faults.update(figures.faults)
        for name, number in figures.numbers().items():
            if number is not None and name != "faults":
                self._note(name, number)
        for name, ms in figures.stages.items():
            self._note(f"stage_{name}_ms", ms)

    def _note(self, name: str, number: float) -> None:
        self._values.setdefault(name, deque(maxlen=self._size)).append(number)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able: outcomes, and count, p50, p95 and max of each figure."""
        return {
            "turns": dict(self.turns),
            "fallbacks": dict(self.fallbacks),
            "faults": dict(self.faults),
            "speculation": {
                "attempts": self.committed + self.dropped.total(),
                "committed": self.committed,
                "dropped": dict(self.dropped),
                "wasted_tokens": self.wasted_tokens,
                "wasted_audio_ms": self.wasted_audio_ms,
            },
            "figures": {
                name: {
                    "count": len(values),
                    "p50": percentile(values, 50),
                    "p95": percentile(values, 95),
                    "max": max(values),
                }
                for name, values in self._values.items()
            },
        }


class Meter:
    """Measures every session of a server. Call it with a new session; it returns what stops it."""

    REMEMBERED = 2_000
    """Sessions followed at a time, fifty turns each; beyond it the oldest can be asked no more."""

    def __init__(self) -> None:
        self.summary = Summary()
        self._metrics: OrderedDict[str, Metrics] = OrderedDict()

    def __call__(self, session: Followed) -> Callable[[], None]:
        metrics = Metrics(session.id, self.summary.add, attempted=self.summary.attempted)
        self._metrics[session.id] = metrics
        self._metrics.move_to_end(session.id)
        while len(self._metrics) > self.REMEMBERED:
            self._metrics.popitem(last=False)
        unfollow = session.timeline.follow(metrics.read)

        def stop() -> None:
            unfollow()
            if self._metrics.get(session.id) is metrics:
                del self._metrics[session.id]

        return stop

    def of(self, session: str) -> Metrics | None:
        return self._metrics.get(session)

    def measured(self, session: Followed, turn: int) -> Measured | None:
        metrics = self._metrics.get(session.id)
        return None if metrics is None else metrics.measured(turn)

    def sent(self, session: Followed, turn: int, at: float) -> None:
        """Sound of a turn was handed to a transport, at seconds of the session's clock."""
        if (metrics := self._metrics.get(session.id)) is not None:
            metrics.sent(turn, at)

    def as_dict(self) -> dict[str, Any]:
        """The summary, with what the sessions of this moment have heard."""
        followed = self._metrics.values()
        return {
            "sessions": len(self._metrics),
            "recognitions": {
                "utterances": sum(each.utterances for each in followed),
                "empty": sum(each.empty_recognitions for each in followed),
                "failed": sum(each.failed_recognitions for each in followed),
            },
            **self.summary.as_dict(),
        }


def percentile(values: Iterable[float], share: float) -> float:
    """By nearest rank, so that it is always a value that occurred. Raises ValueError for no values."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values, no percentile")
    return ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)]
