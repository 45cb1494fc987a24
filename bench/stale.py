"""Ten thousand interrupts, in sessions side by side: does a single frame of a dead reply come after one?

    python bench/run.py --only stale --stale 10000

Short replies, interrupted at any moment up to 0.3 s after the text was sent or, two of three, after the first
sound. A frame is stale when it comes after the acknowledgement, bears an older generation than one already
seen, or sounds like another turn's word. What the vendors saw is counted, too.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from client import Job
from figures import interrupts
from mocks import Settings
from rich.table import Table

if TYPE_CHECKING:
    from run import Bench

SHORT: Final = Settings(llm_first_ms=20, tts_first_ms=20, tts_speed=8, reply_tokens=60, ms_per_character=40)
SESSIONS: Final = 20
BATCH: Final = 2_000
"""So many at a time: a job of the client is given minutes, whatever the machine does beside."""
LONGEST_S: Final = 0.3
AFTER_SOUND: Final = 2 / 3
ENDING_S: Final = 5.0
"""Seconds for the vendors' last requests to be closed."""


def part(bench: Bench) -> None:
    """As many interrupts as asked for; without a number a thousand, a quick run 200."""
    wanted = bench.stale or (200 if bench.quick else 1_000)
    turns: list[dict[str, Any]] = []
    cost: dict[str, Any] = {"seconds": 0.0}
    old = still_open = 0
    while len(turns) < wanted:
        seed = bench.seed + len(turns)
        count = min(BATCH, wanted - len(turns))
        bench.status(f"stale frames: {len(turns)} of {wanted} interrupts, seed {seed}")
        job = Job("", "interrupt", sessions=min(SESSIONS, count), turns=-(-count // SESSIONS), seed=seed)
        job.longest, job.after_sound = LONGEST_S, AFTER_SOUND
        seen, spent = bench.play(job, SHORT)
        turns += seen["turns"]
        old += seen["old_generation_frames"]
        still_open += left_open(bench)
        cost = spent | {"seconds": round(cost["seconds"] + spent["seconds"], 1)}
    figures = interrupts(turns, old)
    bench.tell("stale", seed=bench.seed, **figures, requests_left_open=still_open, **cost)
    table = Table(
        *(
            "interrupts",
            "in mid-sound",
            "last sound p99, ms",
            "unacknowledged",
            "stale frames",
            "older generation",
        ),
        *("requests left open", "seconds", "others %"),
        title=f"many interrupts, seed {bench.seed}",
    )
    table.add_row(
        *(str(figures["interrupts"]), str(figures["in_sound"])),
        *(f"{figures['last_sound_ms'].get('p99', 0):g}", str(figures["unacknowledged"])),
        *(str(figures["stale_frames"]), str(figures["old_generation_frames"])),
        *(str(still_open), f"{cost['seconds']:g}", str(cost["others_percent"])),
    )
    bench.show(table)
    stale = figures["stale_frames"] + figures["unacknowledged"]
    bench.verdict(f"stale frames over {figures['interrupts']} interrupts", stale, 0.5, "")


def left_open(bench: Bench) -> int:
    """How many requests the vendors still answer, after some patience."""
    deadline = time.monotonic() + ENDING_S
    while True:
        counts = bench.counts()
        still = sum(counts[kind]["open"] for kind in ("llm", "tts"))
        if not still or time.monotonic() > deadline:
            return still
        time.sleep(0.05)
