"""What the relay of bitnp carries: deliveries, delay and memory, and a page that never reads."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from hub_crowd import Job
from processes import Machine, client, result
from rich.table import Table

if TYPE_CHECKING:
    from run import Bench

# The original on two cores of another day: 100 pages, small events.
REACH: Final = {"deliveries": 110_000.0, "p99 paced": 3.2, "p99 dead": 10.0, "lost": 1.0}
SHAPES: Final = ((1, 1), (1, 10), (1, 100), (100, 1))
SIZES: Final = (1_000, 64_000)
PACED: Final = {1_000: 5_000.0, 64_000: 500.0}
"""Deliveries a second in all."""


def part(bench: Bench) -> None:
    """Flat out, paced, and with a page that never reads."""
    table = Table(
        *(
            "agents",
            "pages each",
            "bytes",
            "how",
            "events",
            "deliveries/s",
            "MB/s",
            "p50",
            "p99",
            "max",
            "lost",
        ),
        *("CPU %", "MB", "client %", "others %"),
        title="the relay: deliveries as counted by the pages, delay in ms",
    )
    rows: list[dict[str, Any]] = []
    seconds = 2.0 if bench.quick else 5.0
    for size in SIZES:
        for agents, pages in SHAPES:
            rate = PACED[size] / (agents * pages)
            rows.append(_row(bench, table, Job("flat", "", agents, pages, 0, size, seconds=seconds)))
            rows.append(_row(bench, table, Job("paced", "", agents, pages, 0, size, rate, seconds)))
    for size, rate in ((1_000, 1_000.0), (64_000, 100.0)):
        job = Job("paced", "", 1, 9, 1, size, rate, 3.0 if bench.quick else 10.0)
        rows.append(_row(bench, table, job))
    bench.show(table)
    small = next(row for row in rows if row["how"] == "flat" and (row["pages"], row["size"]) == (100, 1_000))
    paced = next(row for row in rows if row["how"] == "paced" and (row["pages"], row["size"]) == (100, 1_000))
    bench.verdict(
        "1 kB to 100 pages, flat out",
        small["deliveries_per_s"],
        REACH["deliveries"],
        "deliveries/s",
        least=True,
    )
    bench.verdict("1 kB to 100 pages, 5,000/s, p99", paced["latency_ms"].get("p99"), REACH["p99 paced"], "ms")
    for row in rows:
        if row["dead"]:
            about = f"nine pages beside one that never reads, {row['size']} bytes"
            bench.verdict(f"{about}: p99", row["latency_ms"].get("p99"), REACH["p99 dead"], "ms")
            bench.verdict(f"{about}: lost", float(row["lost"]), 0.5, "events")


def _row(bench: Bench, table: Table, job: Job) -> dict[str, Any]:
    dead = ", 1 never reads" if job.dead else ""
    bench.status(f"relay: {job.agents} x {job.pages} pages{dead}, {job.size} bytes, {job.kind}")
    # Afresh each time, so that memory is this job's own.
    bench.leave()
    server = bench.server()
    job.url = f"ws://127.0.0.1:{server.port}"
    idle = server.memory_mb()
    with client(job, "hub_crowd.py") as process:
        machine, used, began = Machine(), server.cpu_s(), time.perf_counter()
        most = 0.0
        seen = result(process)
        most = max(most, server.memory_mb())
        took = time.perf_counter() - began
    row = {
        "how": job.kind,
        "agents": job.agents,
        "pages": job.pages,
        "size": job.size,
        "rate": job.rate,
        **seen,
        "cpu_percent": round((server.cpu_s() - used) / took * 100),
        "memory_mb": round(most, 1),
        "idle_mb": round(idle, 1),
        "others_percent": machine.others_percent(),
    }
    bench.tell("hub", **row)
    delay = row["latency_ms"]
    table.add_row(
        *(f"{job.agents} x {job.pages}{dead}", str(job.size), job.kind, str(row["events"])),
        *(f"{row['deliveries_per_s']:,}", f"{row['mb_per_s']:g}"),
        *(f"{delay[name]:g}" if name in delay else "-" for name in ("p50", "p99", "max")),
        *(f"{row['lost']:,}", str(row["cpu_percent"]), f"{idle:.0f} -> {most:.0f}"),
        *(str(row["client_cpu_percent"]), str(row["others_percent"])),
    )
    return row
