"""Ten thousand interrupts, in sessions side by side: does a single frame of a dead reply come after one?

    python bench/run.py --only stale --stale 10000

Short replies, interrupted at any moment up to 0.3 s after the text was sent or, two of three, after the first
sound. A frame is stale when it comes after the acknowledgement, bears an older generation than one already
seen, or sounds like another turn's word. What the vendors saw is counted, too.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from client import Job
from figures import closings, interrupts
from mocks import Settings
from rich.table import Table

if TYPE_CHECKING:
    from run import Bench

SHORT: Final = Settings(llm_first_ms=20, tts_first_ms=20, tts_speed=8, reply_tokens=60, ms_per_character=40)
SESSIONS: Final = 20
LONGEST_S: Final = 0.3
AFTER_SOUND: Final = 2 / 3
ENDING_S: Final = 5.0
"""Seconds for the vendors' last requests to be closed."""


def part(bench: Bench) -> None:
    """As many interrupts as asked for; without a number a thousand, a quick run 200."""
    wanted = bench.stale or (200 if bench.quick else 1_000)
    sessions = min(SESSIONS, wanted)
    turns = -(-wanted // sessions)
    bench.status(f"stale frames: {sessions * turns} interrupts in {sessions} sessions, seed {bench.seed}")
    job = Job("", "interrupt", sessions=sessions, turns=turns, seed=bench.seed)
    job.longest, job.after_sound = LONGEST_S, AFTER_SOUND
    seen, cost = bench.play(job, SHORT)
    deadline = time.monotonic() + ENDING_S
    counts = bench.counts()
    while time.monotonic() < deadline and any(counts[kind]["open"] for kind in ("llm", "tts")):
        time.sleep(0.05)
        counts = bench.counts()
    figures = interrupts(seen["turns"], seen["old_generation_frames"])
    vendor = closings(seen["turns"], counts)
    bench.tell("stale", seed=bench.seed, sessions=sessions, **figures, vendor=vendor, **cost)
    table = Table(
        *(
            "interrupts",
            "in mid-sound",
            "last sound p99, ms",
            "unacknowledged",
            "stale frames",
            "older generation",
        ),
        *("llm, tts requests left open", "seconds", "others %"),
        title=f"many interrupts, seed {bench.seed}",
    )
    table.add_row(
        *(str(figures["interrupts"]), str(figures["in_sound"])),
        *(f"{figures['last_sound_ms'].get('p99', 0):g}", str(figures["unacknowledged"])),
        *(str(figures["stale_frames"]), str(figures["old_generation_frames"])),
        f"{vendor['llm']['still_open']}, {vendor['tts']['still_open']}",
        *(f"{cost['seconds']:g}", str(cost["others_percent"])),
    )
    bench.show(table)
    stale = figures["stale_frames"] + figures["unacknowledged"]
    bench.verdict(f"stale frames over {figures['interrupts']} interrupts", stale, 0.5, "")
