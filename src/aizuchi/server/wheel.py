"""One timer for all who wait for a moment. Times are the event loop's own seconds.

A hundred links that each let a frame go every 20 ms would set and cancel thousands of timers a second. Here a
moment is put into a slot of `SLOT` seconds; the loop has a single timer, for the earliest slot in use, and
whoever has the same slot is woken together. Nobody is woken early, and nobody later than one slot. Who is
woken and asks for a moment that is past gets the next slot, so that nobody can spin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import ceil, floor
from typing import Final

SLOT: Final = 0.005
"""Seconds; a fortieth of the sound that a client has in hand."""
_SLACK: Final = 1e-6
"""Slots by which a clock may be short of a moment that it was set to: floating point, nothing else."""


class Alarm:
    """One who may be woken, at one moment at a time. Made by `Wheel.alarm`."""

    __slots__ = ("_wheel", "slot", "wake")

    def __init__(self, wheel: Wheel, wake: Callable[[], None]) -> None:
        self._wheel = wheel
        self.wake = wake
        self.slot: int | None = None

    def set(self, when: float | None) -> None:
        """Wake at `when` instead of what was set before; None: not at all."""
        slot = None if when is None else max(ceil(when / SLOT), self._wheel.turned + 1)
        if slot != self.slot:
            self.slot = slot
            if slot is not None:
                self._wheel.put(slot, self)


class Wheel:
    """The moments of one event loop, the one in which its first alarm is set."""

    def __init__(self) -> None:
        self._slots: dict[int, list[Alarm]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._first = 0
        """The slot for which the timer is set."""
        self.turned = 0
        """The last slot whose time has come."""

    def alarm(self, wake: Callable[[], None]) -> Alarm:
        """`wake` is called from the event loop; quick, never raises."""
        return Alarm(self, wake)

    def put(self, slot: int, alarm: Alarm) -> None:
        """For `Alarm.set`. What an alarm has left stays in its slot and is passed over there."""
        waiting = self._slots.get(slot)
        if waiting is not None:
            waiting.append(alarm)
            return
        self._slots[slot] = [alarm]
        if self._timer is None or slot < self._first:
            self._arm(slot)

    def _arm(self, slot: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._first = slot
        # uvloop rounds to whole milliseconds; these are.
        self._timer = loop.call_at(round(slot * SLOT, 3), self._turn, loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        self.turned = floor(loop.time() / SLOT + _SLACK)
        for slot in sorted(each for each in self._slots if each <= self.turned):
            for alarm in self._slots.pop(slot):
                if alarm.slot == slot:
                    alarm.slot = None
                    alarm.wake()
        first = min(self._slots, default=None)
        if first is not None and (self._timer is None or first < self._first):
            self._arm(first)
