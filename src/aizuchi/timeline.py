"""The log of one session: append, follow, since.

A timeline is a window in memory. Readers see every entry as it is appended, in order, and must be
quick and never raise; one that may have to wait owns a queue. What falls out of the window is gone
here (recorders and history keep what they need); asking for it says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from aizuchi.errors import AizuchiError
from aizuchi.events import Entry, Event, MicNoted, Speech

Reader = Callable[[Entry], None]


class OutOfWindow(AizuchiError):
    """The entries asked for have left the window."""


class Timeline:
    """Entries of one session in order of `seq`, without gaps.

    `now` gives seconds on the session's clock. `keep_seconds` and `keep_entries` bound the window;
    sound older than `keep_sound` seconds is released even within it (its length stays known
    through `at_ms` of the next slice).
    """

    def __init__(
        self,
        now: Callable[[], float],
        *,
        keep_seconds: float = 120.0,
        keep_entries: int = 4_000,
        keep_sound: float = 10.0,
        first_seq: int = 0,
    ) -> None:
        self._now = now
        self._epoch = now()
        self._keep_seconds = keep_seconds
        self._keep_entries = keep_entries
        self._keep_sound = keep_sound
        self._window: deque[Entry] = deque()
        self._next = first_seq
        self._silenced = first_seq
        self._readers: list[Reader] = []
        self._pending: deque[Entry] = deque()
        self._delivering = False

    @property
    def now(self) -> float:
        """Seconds since the session began."""
        return self._now() - self._epoch

    @property
    def next_seq(self) -> int:
        return self._next

    def append(self, event: Event, *, turn: int | None, generation: int) -> Entry:
        """Add one entry and show it to every reader before returning.

        A reader that appends in turn does so after the present entry has reached all readers.
        """
        entry = Entry(self._next, self.now, turn, generation, event)
        self._next += 1
        self._window.append(entry)
        self._trim(entry.at)
        self._pending.append(entry)
        if not self._delivering:
            self._delivering = True
            try:
                while self._pending:
                    shown = self._pending.popleft()
                    for reader in tuple(self._readers):
                        reader(shown)
            finally:
                self._delivering = False
        return entry

    def follow(self, reader: Reader) -> Callable[[], None]:
        """Show `reader` every later entry; returns the function that stops it."""
        self._readers.append(reader)

        def stop() -> None:
            if reader in self._readers:
                self._readers.remove(reader)

        return stop

    def since(self, seq: int) -> Iterator[Entry]:
        """Entries from `seq` on. Raises OutOfWindow when the window no longer reaches back so far."""
        oldest = self._window[0].seq if self._window else self._next
        if seq < oldest:
            raise OutOfWindow(f"entries before {oldest} have left the window, {seq} was asked for")
        return (entry for entry in tuple(self._window) if entry.seq >= seq)

    def _trim(self, now: float) -> None:
        window = self._window
        while len(window) > self._keep_entries or window[0].at < now - self._keep_seconds:
            window.popleft()
        base = window[0].seq
        self._silenced = max(self._silenced, base)
        while self._silenced < self._next:
            entry = window[self._silenced - base]
            if entry.at > now - self._keep_sound:
                break
            if isinstance(entry.event, Speech | MicNoted) and entry.event.pcm:
                window[self._silenced - base] = replace(entry, event=replace(entry.event, pcm=b""))
            self._silenced += 1
