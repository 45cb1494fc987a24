"""Is there more to do than this process can do in time? Sans-I/O; and the duty that measures it.

The measure is how late the event loop wakes somebody who asked to be woken. Everything a session does runs on
that loop, so a lag of the length of a client's buffer is a stutter.

    calm ──lag over the limit for 3 s──▶ overloaded
      ▲                                     │
      └──── under half of it for 5 s ───────┘

One late moment (a model that is loaded, a laptop that slept) changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

TICK = 0.25
"""Seconds between two measurements."""


class Overload:
    """`limit_ms` of lag for `after` seconds is too much; under half of it for `calm` seconds is none."""

    def __init__(self, limit_ms: float, *, after: float = 3.0, calm: float = 5.0) -> None:
        self.on = False
        self.limit_ms = limit_ms
        self._after = after
        self._calm = calm
        self._since: float | None = None
        """Since when all measurements spoke for the other state."""

    def measure(self, lag_ms: float, now: float) -> bool:
        """Take a measurement; returns whether `on` has changed."""
        other = lag_ms < self.limit_ms / 2 if self.on else lag_ms >= self.limit_ms
        if not other:
            self._since = None
            return False
        if self._since is None:
            self._since = now
        if now - self._since < (self._calm if self.on else self._after):
            return False
        self.on, self._since = not self.on, None
        return True


async def watch(overload: Overload, changed: Callable[[bool, float], None]) -> None:
    """Measure for ever; `changed(on, lag_ms)` is told when the state changes."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + TICK
        await asyncio.sleep(TICK)
        now = loop.time()
        lag_ms = max(0.0, now - due) * 1000
        if overload.measure(lag_ms, now):
            changed(overload.on, lag_ms)
