"""Very many users in one process at little cost: each speaks, hears its reply, is quiet, and begins again.

    python bench/crowd.py < job.json

`client.py` measures what one user feels, frame by frame, with a real WebSocket library; here the client must
cost so little that the server is the one that is measured. So the frames are made by hand, all sessions
share one clock of 20 slots of 1 ms, and hardly anything that comes is decoded. Prints `{"ready": true}` when
all are connected, figures as one line of JSON at the end.

A reply's frames are measured against a schedule that the client can know: the frame that ends at `e` ms of
sound may leave `lead` ms before that. The quickest frame of a reply gives the schedule's zero, so that no
frame is ever early, and a delay is what this frame lost against that one, on the way and at either end.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import struct
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from client import tell
from figures import spread

FRAME_BYTES: Final = 640
SLOTS: Final = 20
HEADER: Final = struct.Struct(">BBHII")
LEAD_MS: Final = 200.0
BUFFER_MS: Final = 200.0
"""What the client's player holds before it begins."""
CONNECTING: Final = 30.0
RATE: Final = 24_000
"""Of the replies' sound."""


@dataclass
class Job:
    url: str
    kind: str = "crowd"
    sessions: int = 10
    settle: float = 6.0
    """Seconds of talking before anything is counted."""
    hold: float = 12.0
    """Seconds that are counted."""
    cycle: float = 5.9
    """Seconds from one beginning to speak to the next; a reply of half its length makes half a duty."""
    clips: list[str] = field(default_factory=list)
    seed: int = 1


class Figures:
    """What was seen while it counted."""

    def __init__(self) -> None:
        self.counting = False
        self.delays: list[float] = []
        self.replies: list[float] = []
        self.underruns = 0
        self.heard = 0
        self.unanswered = 0
        self.frames_up = 0
        self.bytes_down = 0
        self.sound_ms = 0.0
        self.late_ticks: list[float] = []
        self.errors = 0

    def error(self, text: str) -> None:
        """The server says that something failed; the first words of it are shown."""
        self.errors += 1
        if self.errors == 1:
            print("error from the server:", text, file=sys.stderr)


class User(asyncio.Protocol):
    """One connection: what its microphone sends next, and the reply that is coming."""

    def __init__(
        self, job: Job, number: int, clips: list[bytes], quiet: list[bytes], figures: Figures
    ) -> None:
        self.random = random.Random(job.seed * 1_000 + number)
        self.ready = asyncio.get_running_loop().create_future()
        self.alive = False
        self._job = job
        self._figures = figures
        self._clips = clips
        self._quiet = quiet
        self._buffer = bytearray()
        self._upgraded = False
        self._seq = 0
        self._tick = 0
        self._speech: list[bytes] = []
        self._next = 0.0
        self._state = ""
        self._voice_end: float | None = None
        self._arrivals: list[tuple[float, float]] = []

    def connection_made(self, transport: Any) -> None:
        self.transport: asyncio.Transport = transport
        parts = urlsplit(self._job.url)
        key = base64.b64encode(os.urandom(16)).decode()
        head = (
            f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        transport.write(head.encode())

    def connection_lost(self, exc: Exception | None) -> None:
        if self.alive:
            print(f"a session was lost: {exc}", file=sys.stderr)
        self.alive = False
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("closed before the welcome"))

    # -- in

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        if not self._upgraded:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            del buffer[: end + 4]
            self._upgraded = True
            hello = {"type": "hello", "protocol": "dh.v1", "audio": "binary", "mode": "continuous"}
            self._text(hello | {"want": ["stream"]})
        now, at, have = time.perf_counter(), 0, len(buffer)
        while have - at >= 2:
            size, start = buffer[at + 1], at + 2
            if size == 126:
                if have < at + 4:
                    break
                size, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                if have < at + 10:
                    break
                size, start = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
            if have < start + size:
                break
            kind = buffer[at] & 15
            if kind == 2:
                self._sound(size - HEADER.size, now)
            elif kind == 1:
                self._word(bytes(buffer[start : start + size]))
            elif kind == 9:
                self._frame(10, bytes(buffer[start : start + size]))
            at = start + size
        if self._figures.counting:
            self._figures.bytes_down += at
        del buffer[:at]

    def _sound(self, size: int, now: float) -> None:
        if size <= 0:
            return
        if not self._arrivals and self._voice_end is not None:
            if self._figures.counting:
                self._figures.replies.append((now - self._voice_end) * 1000)
            self._voice_end = None
        self._arrivals.append((now * 1000, size / 2 / RATE * 1000))

    def _word(self, text: bytes) -> None:
        if b'"state_update"' in text:
            self._state = json.loads(text)["state"]
            if self._state != "speaking" and self._arrivals:
                self._reply_over()
        elif b'"hello_ack"' in text:
            self._text({"type": "start_listen"})
            self.alive = True
            if not self.ready.done():
                self.ready.set_result(None)
        elif b'"error"' in text:
            self._figures.error(text.decode())

    def _reply_over(self) -> None:
        arrivals, self._arrivals = self._arrivals, []
        if not self._figures.counting:
            return
        figures, end = self._figures, 0.0
        lateness: list[float] = []
        for at, ms in arrivals:
            end += ms
            lateness.append(at - max(0.0, end - LEAD_MS))
        zero = min(lateness)
        figures.delays += [each - zero for each in lateness]
        figures.heard += 1
        figures.sound_ms += end
        figures.underruns += underruns(arrivals)

    # -- out

    def tick(self, now: float) -> None:
        """Send the frame of 20 ms that was captured by now."""
        if not self.alive:
            return
        if self._speech:
            pcm = self._speech.pop(0)
            if not self._speech:
                self._voice_end = now
        else:
            self._tick += 1
            pcm = self._quiet[self._tick % len(self._quiet)]
            if now >= self._next and self._state != "speaking":
                if self._voice_end is not None and self._figures.counting:
                    self._figures.unanswered += 1
                self._speak(now)
        self._seq += 1
        self._frame(2, HEADER.pack(1, 0, 0, self._seq, 0) + pcm)
        if self._figures.counting:
            self._figures.frames_up += 1

    def begin(self, now: float) -> None:
        self._next = now + self.random.random() * self._job.cycle

    def _speak(self, now: float) -> None:
        self._next = max(self._next + self._job.cycle, now)
        clip = self._clips[self.random.randrange(len(self._clips))]
        before = self.random.randrange(FRAME_BYTES // 2) * 2
        sound = self._quiet[0][:before] + clip
        sound += self._quiet[-1][: -len(sound) % FRAME_BYTES]
        self._speech = [sound[at : at + FRAME_BYTES] for at in range(0, len(sound), FRAME_BYTES)]

    def _text(self, message: dict[str, Any]) -> None:
        message |= {"seq": self._seq, "ts": round(time.time() * 1000)}
        self._seq += 1
        self._frame(1, json.dumps(message).encode())

    def _frame(self, kind: int, data: bytes) -> None:
        """A client's frame is masked; a key of zeros is a key, and leaves the bytes as they are."""
        size = len(data)
        if size < 126:
            head = struct.pack(">BBI", 128 | kind, 128 | size, 0)
        else:
            head = struct.pack(">BBHI", 128 | kind, 254, size, 0)
        self.transport.write(head + data)


def underruns(arrivals: list[tuple[float, float]]) -> int:
    """How often a player that waits for `BUFFER_MS` of a reply, or all of it, runs dry."""
    total = sum(ms for _, ms in arrivals)
    held, count = 0.0, 0
    dry: float | None = None
    for at, ms in arrivals:
        held += ms
        if dry is None:
            if held >= min(BUFFER_MS, total):
                dry = at + held
            continue
        if at > dry:
            count += 1
            dry = at
        dry += ms
    return count


def quiet_frames(seed: int) -> list[bytes]:
    """A second and a bit of -60 dBFS of noise, which is what is between words."""
    source = random.Random(seed)
    amplitude = 32768 * 10 ** (-60 / 20)
    return [struct.pack("<320h", *(round(source.gauss(0, amplitude)) for _ in range(320))) for _ in range(61)]


async def clock(users: list[User], figures: Figures) -> None:
    """Every millisecond one slot's users send; late slots are made up for, and counted."""
    slots = [users[slot::SLOTS] for slot in range(SLOTS)]
    due, number = time.perf_counter(), 0
    while True:
        due += 0.02 / SLOTS
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        now = time.perf_counter()
        if figures.counting:
            figures.late_ticks.append((now - due) * 1000)
        for user in slots[number % SLOTS]:
            user.tick(now)
        number += 1
        if wait <= 0 and number % SLOTS == 0:
            await asyncio.sleep(0)


async def run(job: Job, clips: list[bytes]) -> dict[str, Any]:
    loop, figures, quiet = asyncio.get_running_loop(), Figures(), quiet_frames(job.seed)
    parts = urlsplit(job.url)
    users: list[User] = []
    for number in range(job.sessions):
        _, user = await loop.create_connection(
            lambda number=number: User(job, number, clips, quiet, figures),
            parts.hostname or "127.0.0.1",
            parts.port or 80,
        )
        async with asyncio.timeout(CONNECTING):
            await user.ready
        users.append(user)
    print(json.dumps({"ready": True}), flush=True)
    now = time.perf_counter()
    for user in users:
        user.begin(now)
    ticking = loop.create_task(clock(users, figures))
    await asyncio.sleep(job.settle)
    figures.counting = True
    print(json.dumps({"counting": True}), flush=True)
    used, began = time.process_time(), time.perf_counter()
    await asyncio.sleep(job.hold)
    took = time.perf_counter() - began
    figures.counting = False
    share = (time.process_time() - used) / took * 100
    print(json.dumps({"counted": True}), flush=True)
    ticking.cancel()
    lost = sum(not user.alive for user in users)
    for user in users:
        user.alive = False
        user.transport.close()
    counted = figures.late_ticks
    return {
        "delay_ms": spread(figures.delays),
        "reply_ms": spread(figures.replies),
        "underruns": figures.underruns,
        "heard": figures.heard,
        "unanswered": figures.unanswered,
        "lost": lost,
        "errors": figures.errors,
        "down_share": figures.sound_ms / 1000 / took / job.sessions,
        "frames_up": figures.frames_up,
        "frames_up_wanted": round(job.sessions * took * 50),
        "client_cpu_percent": round(share, 1),
        "client_late": sorted(counted)[int(len(counted) * 0.99)] if counted else 0.0,
        "seconds": took,
    }


if __name__ == "__main__":
    given = Job(**json.load(sys.stdin))
    spoken = [Path(clip).read_bytes() for clip in given.clips]
    try:
        import uvloop

        result = uvloop.run(run(given, spoken))
    except ImportError:
        result = asyncio.run(run(given, spoken))
    tell(result)
