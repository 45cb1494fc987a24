"""From what clients and vendors saw to figures: percentiles, where the time goes, what an interrupt left."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import Any

from mocks import Settings

END_POINT_MS = 200.0


def spread(values: Iterable[float | None]) -> dict[str, float]:
    """n, p50, p95, p99 and max, by nearest rank."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return {"n": 0}

    def rank(share: float) -> float:
        return round(known[max(0, math.ceil(share / 100 * len(known)) - 1)], 1)

    return {"n": len(known), "p50": rank(50), "p95": rank(95), "p99": rank(99), "max": round(known[-1], 1)}


def ms(since: float | None, at: float | None) -> float | None:
    return None if since is None or at is None else (at - since) * 1000


def latency(turns: list[dict[str, Any]], mocks: Settings) -> dict[str, Any]:
    """The span from the last voiced sample sent to the first sound received, and what of it we added."""
    spans = [ms(turn["voice_end"], turn["first_audio"]) for turn in turns]
    vendors = mocks.asr_ms + mocks.llm_first_ms + mocks.tts_first_ms
    added = [None if span is None else span - END_POINT_MS - vendors for span in spans]
    return {
        "span_ms": spread(spans),
        "added_ms": spread(added),
        "failed": sum(span is None for span in spans),
        "stale_frames": sum(turn["stale"] for turn in turns),
        "stages_ms": stages(turns, mocks),
    }


def stages(turns: list[dict[str, Any]], mocks: Settings) -> dict[str, float]:
    """Medians by the server's own metrics, the vendors' latencies taken off; what is left over is the wire's.

    `voice_end` is how much later (or, negative, earlier) than the client the server saw the voice end,
    transport and the detector's judgement together.
    """
    rows: list[dict[str, float]] = []
    for turn in turns:
        numbers = turn["metrics"]
        wanted = [
            "end_point_ms",
            "asr_final_ms",
            "first_token_ms",
            "first_sentence_ms",
            "first_audio_from_voice_ms",
        ]
        span = ms(turn["voice_end"], turn["first_audio"])
        if span is None or any(numbers.get(name) is None for name in wanted):
            continue
        point, asr, token, sentence, audio = (float(numbers[name]) for name in wanted)
        rows.append(
            {
                "end_point": point,
                "asr": asr - mocks.asr_ms,
                "llm": token - asr - mocks.llm_first_ms,
                "first_clause": sentence - token,
                "tts": audio - point - sentence - mocks.tts_first_ms,
                "voice_end_and_wire": span - audio,
            }
        )
    if not rows:
        return {}
    return {name: spread(row[name] for row in rows)["p50"] for name in rows[0]}


def interrupts(turns: list[dict[str, Any]], old_frames: int) -> dict[str, Any]:
    """How long sound went on after the interrupt was sent; what came after its acknowledgement."""
    after = [
        max(0.0, ms(turn["asked"], turn["last_audio"]) or 0.0) for turn in turns if turn["asked"] is not None
    ]
    return {
        "interrupts": len(after),
        "in_sound": sum(turn["frames"] > 0 for turn in turns),
        "last_sound_ms": spread(after),
        "acknowledged_ms": spread(ms(turn["asked"], turn["acknowledged"]) for turn in turns),
        "unacknowledged": sum(turn["acknowledged"] is None for turn in turns),
        "stale_frames": sum(turn["stale"] for turn in turns),
        "old_generation_frames": old_frames,
    }


def closings(turns: list[dict[str, Any]], counts: dict[str, Any]) -> dict[str, Any]:
    """What the vendor saw of the interrupts. A request that ran to its end was not closed."""
    told: dict[str, Any] = {}
    for kind in ("llm", "tts"):
        count = counts[kind]
        waits: list[float | None] = []
        for word, at, _ in count["closed"]:
            asked = [
                turn["asked_wall"] for turn in turns if turn["word"] == word and turn["asked_wall"] <= at
            ]
            waits.append((at - max(asked)) * 1000 if asked else None)
        told[kind] = {
            "requests": count["started"],
            "closed_before_first": count["early"],
            "closed_later": count["late"],
            "ran_to_the_end": count["finished"],
            "still_open": count["open"],
            "closed_after_ms": spread(waits),
        }
    return told


def calibration() -> float:
    """Millions of rounds of a fixed loop per second: compare runs of different moments by it."""
    best = 0.0
    for _ in range(3):
        began, rounds, total = time.perf_counter(), 0, 0
        while time.perf_counter() - began < 0.1:
            for number in range(10_000):
                total += number & 7
            rounds += 10_000
        best = max(best, rounds / (time.perf_counter() - began) / 1e6)
    return round(best, 2)
