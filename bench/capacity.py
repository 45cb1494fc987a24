"""How many talking users one core carries: delay of each frame, underruns, CPU and memory.

The server is held to the first core; the users (`crowd.py`) and the vendors share the second. Every user
sends 20 ms of PCM all the time, real speech with noise between, and hears a reply half of the time. The
vendors answer at once, so that what waits is ours. How busy the second core was with them is printed, and a
figure that was taken while it was too busy is marked.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from crowd import Job
from mocks import Settings
from processes import Machine, Server, Vendor, client, line, result

TALKATIVE: Final = Settings(reply_tokens=9, ms_per_character=70.0)
"""A reply of about 42 characters is 2.9 s of sound: half of a cycle."""
SERVER_CORE: Final = 0
USERS_CORE: Final = 1
SATURATED: Final = 70.0
"""Percent of a core from which the users' side is called busy: its own delays then count as the server's."""


@dataclass(frozen=True)
class Shape:
    """How large a round is."""

    sessions: tuple[int, ...] = (1, 10, 40, 100, 150)
    settle: float = 7.0
    hold: float = 15.0


QUICK: Final = Shape((1, 40, 100), 6.0, 8.0)


def pin(pid: int, core: int) -> bool:
    """Hold a process, and the threads it will start, to one core; False where that can't be."""
    if (os.cpu_count() or 1) <= core or not hasattr(psutil.Process, "cpu_affinity"):
        return False
    psutil.Process(pid).cpu_affinity([core])
    return True


def measure(
    home: Path, vendor: Vendor, clips: list[str], sessions: int, shape: Shape, seed: int
) -> dict[str, Any]:
    """A fresh server with so many users; the figures of the time that counted."""
    server = Server(home, vendor=vendor.port, started=lambda pid: pin(pid, SERVER_CORE))
    vendor.set(TALKATIVE)
    pin(vendor.pid, USERS_CORE)
    try:
        warm = Job(server.url, sessions=1, settle=3.0, hold=0.5, cycle=2.0, clips=clips, seed=seed)
        with client(warm, "crowd.py", started=lambda pid: pin(pid, USERS_CORE)) as process:
            line(process)
            line(process)
            result(process)
        empty = server.memory_mb()
        job = Job(server.url, sessions=sessions, settle=shape.settle, hold=shape.hold, clips=clips, seed=seed)
        with client(job, "crowd.py", started=lambda pid: pin(pid, USERS_CORE)) as process:
            line(process)
            machine, used, sold = Machine(), server.cpu_s(), vendor.cpu_s()
            began = time.perf_counter()
            line(process)
            took = time.perf_counter() - began
            cpu, vendors = (server.cpu_s() - used) / took * 100, (vendor.cpu_s() - sold) / took * 100
            memory, others = server.memory_mb(), machine.others_percent()
            seen = result(process)
    finally:
        server.close()
    sent = seen["frames_up"] / max(1, seen["frames_up_wanted"])
    users = seen["client_cpu_percent"] + vendors
    return {
        "sessions": sessions,
        "cpu_percent": round(cpu, 1),
        "cpu_each_percent": round(cpu / sessions, 2),
        "delay_ms": seen["delay_ms"],
        "reply_ms": seen["reply_ms"],
        "replies": seen["heard"],
        "underruns": seen["underruns"],
        "unanswered": seen["unanswered"],
        "lost": seen["lost"],
        "errors": seen["errors"],
        "down_share": round(seen["down_share"], 2),
        "sent_share": round(sent, 3),
        "memory_each_kb": round((memory - empty) * 1000 / sessions),
        "users_percent": round(users, 1),
        "users_late_ms": round(seen["client_late"], 1),
        "users_busy": users > SATURATED or sent < 0.98,
        "others_percent": others,
    }
