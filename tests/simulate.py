"""`make simulate N=10000`: random conversations on virtual time, and a table of what was seen."""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import random
import sys
import time
from collections import Counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.judge import Report
from tests.simulation import conversation, shortened

SHOWN = {
    "conversations": "conversations",
    "virtual hours": "virtual hours of conversation",
    "TurnBegun": "turns",
    "Interrupted": "interrupts",
    "TurnHeld": "turns held",
    "TurnResumed": "turns resumed",
    "SpeechStarted": "utterances",
    "Heard": "utterances recognised or empty",
    "AttemptBegun": "answers prepared before the end was certain",
    "committed": "... of them spoken",
    "Annotated": "subtitles and feelings that came late",
    "ToolCall": "tool calls",
    "Queued": "waits for a provider, each change of place",
    "Fault": "faults said to the client",
    "Dropped": "inputs dropped with a reason",
    "Slide": "pages of lectures",
    "Obeyed": "words of command to a lecture",
    "Speech": "slices of sound",
    "packets": "packets sent",
    "entries": "timeline entries",
}


def one(asked: tuple[int, float]) -> Report:
    seed, most = asked
    # As many from 1 s to 2 as from 10 to 20: most of what can go wrong does so early, where it costs less.
    seconds = most ** random.Random(f"length {seed}").random() if most > 1 else most
    logging.disable(logging.CRITICAL)
    try:
        return shortened(conversation(seed, seconds=seconds))
    except BaseException as error:  # a crash is a finding like any other
        return Report(seed, violations=[f"crash: {type(error).__name__}: {error}"])


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--n", type=int, default=10_000, help="how many conversations")
    words.add_argument("--first", type=int, default=0, help="first seed")
    words.add_argument(
        "--seconds",
        type=float,
        default=20.0,
        help="how long clients are wild at most before they calm down (virtual; each draws its own)",
    )
    words.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = words.parse_args()
    console, began = Console(), time.perf_counter()
    totals: Counter[str] = Counter()
    bad: list[Report] = []
    bar = Progress(
        TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )
    with bar, multiprocessing.get_context("spawn").Pool(asked.jobs) as pool:
        work = bar.add_task("simulating", total=asked.n)
        seeds = ((seed, asked.seconds) for seed in range(asked.first, asked.first + asked.n))
        try:
            for report in pool.imap_unordered(one, seeds, chunksize=8):
                totals.update(report.counts)
                totals["conversations"] += 1
                totals["seconds"] += round(report.seconds)
                if report.violations:
                    bad.append(report)
                bar.advance(work)
        except KeyboardInterrupt:
            console.print("stopped; this is what was seen so far")
    totals["virtual hours"] = totals["seconds"] // 3600
    totals["entries"] = sum(count for name, count in totals.items() if name[0].isupper())
    table = Table(
        "seen",
        "count",
        title=f"{totals['conversations']:,} conversations in {time.perf_counter() - began:.0f} s",
    )
    for key, label in SHOWN.items():
        table.add_row(label, f"{totals[key]:,}")
    table.add_row("violations", f"{sum(len(report.violations) for report in bad):,}")
    console.print(table)
    for report in sorted(bad, key=lambda each: each.seed)[:20]:
        console.print(f"seed {report.seed}: {report.violations[0]}", markup=False)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
