"""How long a score takes, and what it costs, with many streams that talk at once.

    python bench/vad.py [--streams 1 20 100] [--seconds 10] [--frame-ms 20] [--energy] [--ungated] [--json]

Each stream is sent in real time, at its own phase, from its own place in a recording. Two times a score:
*judge*, from the arrival of the chunk that made it possible to the score (the server's own share), and
*age*, from the arrival of the stretch's last sample (with the wait for a window to fill). CPU is that of the
whole process, pacing included.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np

from aizuchi.audio import read_wav
from aizuchi.ports import Vad
from aizuchi.providers.vad.energy import EnergyVad
from aizuchi.providers.vad.silero import SileroVad

RATE = 16_000


def sound(path: str) -> bytes:
    """The recording, else noise that swells like speech: the model's price is the same."""
    folder = os.environ.get("AIZUCHI_SPEECH_DIR") or Path(__file__).resolve().parents[2] / "shared" / "audio"
    for candidate in (path, Path(folder) / "speech_60s_16k.wav"):
        if candidate and Path(candidate).is_file():
            return read_wav(candidate, RATE)[0]
    print("no recording found, noise is used", file=sys.stderr)
    t = np.arange(60 * RATE) / RATE
    noise = np.random.default_rng(1).standard_normal(t.size) * 3000 * np.abs(np.sin(2 * np.pi * t))
    return noise.astype("<i2").tobytes()


class Stream:
    """One microphone and the ear that times its scores."""

    def __init__(self, pcm: bytes, frame_ms: int, seconds: float, phase: float) -> None:
        self._pcm = pcm
        self._size = 2 * RATE * frame_ms // 1000
        self._frame = frame_ms / 1000
        self._frames = round(seconds / self._frame)
        self._phase = phase
        self._arrived: list[float] = []
        self.judge: list[float] = []
        self.age: list[float] = []

    async def _microphone(self) -> AsyncIterator[bytes]:
        begin = time.perf_counter() + self._phase
        for i in range(self._frames):
            due = begin + i * self._frame
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            self._arrived.append(due)
            at = i * self._size % (len(self._pcm) - self._size)
            yield self._pcm[at : at + self._size]

    async def run(self, vad: Vad) -> None:
        done = 0
        async for score in vad.scores(self._microphone()):
            now = time.perf_counter()
            done += len(score.pcm)
            self.judge.append(now - self._arrived[-1])
            self.age.append(now - self._arrived[min((done - 1) // self._size, len(self._arrived) - 1)])


async def measure(vad: Vad, pcm: bytes, streams: int, seconds: float, frame_ms: int) -> dict[str, Any]:
    step = len(pcm) // streams // 2 * 2
    rounds = [
        Stream(pcm[i * step :] + pcm[: i * step], frame_ms, seconds, (i * 0.618 % 1) * frame_ms / 1000)
        for i in range(streams)
    ]
    cpu, begin = time.process_time(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for stream in rounds:
            group.create_task(stream.run(vad))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - begin
    figures: dict[str, Any] = {"streams": streams, "frame_ms": frame_ms}
    for name in ("judge", "age"):
        times = np.concatenate([getattr(stream, name) for stream in rounds]) * 1000
        for label, q in (("p50", 50), ("p99", 99), ("max", 100)):
            figures[f"{name}_{label}_ms"] = round(float(np.percentile(times, q)), 2)
    figures["cpu_ms_per_stream_s"] = round(cpu * 1000 / streams / seconds, 2)
    figures["core_percent"] = round(cpu / wall * 100, 1)
    return figures


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 20, 100])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--frame-ms", type=int, default=20)
    parser.add_argument("--wav", default="", help="what the streams say")
    parser.add_argument("--energy", action="store_true", help="the energy VAD instead of Silero")
    parser.add_argument("--ungated", action="store_true", help="Silero judges silence too")
    parser.add_argument("--json", action="store_true", help="a JSON line a row instead of a table")
    args = parser.parse_args()
    pcm = sound(args.wav)
    silero = SileroVad(SileroVad.Options.model_validate({"gate": not args.ungated}))
    async with EnergyVad() if args.energy else silero as vad:
        await measure(vad, pcm, 1, 1.0, args.frame_ms)
        for row, streams in enumerate(args.streams):
            figures = await measure(vad, pcm, streams, args.seconds, args.frame_ms)
            if args.json:
                print(json.dumps({"bench": "vad", "vad": vad.name, **figures}), flush=True)
                continue
            if not row:
                print("  ".join(figures))
            print("  ".join(str(v).rjust(len(k)) for k, v in figures.items()), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
