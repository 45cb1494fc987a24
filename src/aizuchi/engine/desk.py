"""Who may call a stage's providers now, and who waits in which place. Sans-I/O; `now` is any clock.

A *ticket* is one call. It waits, runs, and leaves; it may leave from either. Of those that wait, calls of
replies that sound already are first (a sentence in the middle of a reply, the next round of a model), so
that nobody stutters who was let in; then the classes in the order of the preset; then whoever came first.

    asked ──▶ waiting ──▶ running ──▶ left
       │         └── shed: a better one came to a full queue
       └── refused: the queue is full

Background work never makes a reply wait: it is admitted only while no reply waits, and when a reply finds
every place taken, one running background call for each waiting reply is *revoked*. Its place is free once
it has left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from aizuchi.engine.priority import ORDERS, Preset, Priority

SMOOTHING = 0.2
"""Weight of the newest call in the running mean of lengths."""
RETRY_MS = 1_000
"""The shortest advice, and the one given before any call has ended."""


@dataclass(eq=False, slots=True)
class Ticket:
    """One call that wants a provider, or has one."""

    priority: Priority
    rank: tuple[int, int]
    """Smaller goes first: its class, then the order of coming."""
    began: float | None = None
    """When it was let in; None while it waits."""
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a waiting ticket stands."""

    position: int
    """1 is next."""
    ahead: int
    """Calls that run or wait before it."""
    eta_ms: int | None
    """Until its turn comes, by the running mean of call lengths; None until a call has ended."""


@dataclass(slots=True)
class Moves:
    """What an operation brought about, for the shell to carry out."""

    admitted: list[Ticket] = field(default_factory=list[Ticket])
    shed: list[Ticket] = field(default_factory=list[Ticket])
    revoked: list[Ticket] = field(default_factory=list[Ticket])


class Desk:
    """The places of one stage: `limit` calls at once, `waiting` tickets in the queue."""

    def __init__(self, limit: int, *, waiting: int, preset: Preset = "interactive_first") -> None:
        self._limit = limit
        self._most = waiting
        self._classes = {each: number for number, each in enumerate(ORDERS[preset], start=1)}
        self._queue: list[Ticket] = []
        """Sorted by rank."""
        self._running: set[Ticket] = set()
        self._serial = 0
        self._mean: float | None = None

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @property
    def free(self) -> bool:
        """A background call would be let in at once."""
        return len(self._running) < self._limit and not self._queue

    def ask(self, priority: Priority, now: float, *, urgent: bool = False) -> tuple[Ticket | None, Moves]:
        """A call wants a place. None: the queue is full of others at least as good.

        `urgent`: it belongs to a reply that sounds already.
        """
        self._serial += 1
        ticket = Ticket(priority, (0 if urgent else self._classes[priority], self._serial))
        self._queue.append(ticket)
        self._queue.sort(key=lambda each: each.rank)
        moves = self._go_on(now)
        if len(self._queue) > self._most:
            last = self._queue.pop()
            if last is ticket:
                return None, moves
            moves.shed.append(last)
        self._revoke(moves)
        return ticket, moves

    def leave(self, ticket: Ticket, now: float) -> Moves:
        """A call is over, or nobody waits for it any more. A second time it does nothing."""
        if ticket in self._running:
            self._running.remove(ticket)
            assert ticket.began is not None
            took = now - ticket.began
            self._mean = took if self._mean is None else self._mean + SMOOTHING * (took - self._mean)
        elif ticket in self._queue:
            self._queue.remove(ticket)
        return self._go_on(now)

    def places(self) -> Iterator[tuple[Ticket, Place]]:
        """Of those that wait, in the order in which they will be served."""
        for position, ticket in enumerate(self._queue, start=1):
            yield ticket, Place(position, len(self._running) + position - 1, self._eta_ms(position))

    def retry_after_ms(self) -> int:
        """When somebody who was refused may come again: once the present queue is through."""
        return max(RETRY_MS, self._eta_ms(len(self._queue) + 1) or 0)

    def _eta_ms(self, position: int) -> int | None:
        return None if self._mean is None else round(self._mean * position / self._limit * 1000)

    def _go_on(self, now: float) -> Moves:
        moves = Moves()
        while self._queue and len(self._running) < self._limit:
            ticket = self._queue.pop(0)
            ticket.began = now
            self._running.add(ticket)
            moves.admitted.append(ticket)
        return moves

    def _revoke(self, moves: Moves) -> None:
        """Background work makes way: as many of its calls as replies wait, those begun last first."""
        wanted = sum(each.priority != "background" for each in self._queue)
        wanted -= sum(each.revoked for each in self._running)
        held = [each for each in self._running if each.priority == "background" and not each.revoked]
        held.sort(key=lambda each: each.rank, reverse=True)
        for ticket in held[: max(0, wanted)]:
            ticket.revoked = True
            moves.revoked.append(ticket)
