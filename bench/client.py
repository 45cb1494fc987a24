"""Many users in one process, over real sockets, paced in real time; figures as one line of JSON.

    python bench/client.py < job.json

Written from the protocol's document with nothing of ours, so that it measures what a stranger's client
would. Prints `{"ready": true}` once all its sessions are connected. A frame of 20 ms is sent when its
last sample would have been captured. Speech begins anywhere in a frame, as it does at a microphone; the
sending of the frame that holds its last voiced sample is the moment from which everything counts.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from words import WORDS, heard, word_in

FRAME_BYTES = 640
FRAME_S = 0.02
PATIENCE = 10.0
"""Seconds for anything the server should do; a turn that takes longer has failed."""
HEADER = struct.Struct(">BBHII")


@dataclass
class Job:
    url: str
    kind: str
    """talk, interrupt, barge or idle."""
    sessions: int = 1
    turns: int = 1
    clips: list[str] = field(default_factory=list)
    """Files of 16 kHz s16le whose first and last samples are voiced."""
    noise: bool = False
    """Between the words -60 dBFS of noise instead of digital silence."""
    longest: float = 1.5
    """Interrupts come at a random moment up to so many seconds after the text was sent."""
    after_sound: float = 0.0
    """For this share of the turns that moment counts from the reply's first sound."""
    hold: float = 5.0
    want: list[str] = field(default_factory=lambda: ["stream", "metrics"])
    echo_cancelled: bool = True
    """What the microphone hears is the user; False: the server has to tell."""
    seed: int = 1


@dataclass
class Turn:
    """What one session saw of one turn; times are `time.perf_counter()`."""

    word: int = -1
    generation: int = -1
    voice_end: float | None = None
    first_audio: float | None = None
    last_audio: float | None = None
    asked: float | None = None
    asked_wall: float = 0.0
    acknowledged: float | None = None
    frames: int = 0
    stale: int = 0
    metrics: dict[str, Any] = field(default_factory=dict)


class Talker:
    """One session: a socket, what it last said about its state, and the present turn."""

    def __init__(self, job: Job, number: int, clips: list[bytes], quiet: list[bytes]) -> None:
        self.job = job
        self.random = random.Random(job.seed * 1_000 + number)
        self.turn = Turn()
        self.turns: list[Turn] = []
        self.told: list[dict[str, Any]] = []
        """What a kind of job reports beside its turns."""
        self.generation = -1
        """The highest seen."""
        self.state = ""
        self.reason = ""
        self.old_generation_frames = 0
        self.changed = asyncio.Event()
        self._clips = clips
        self._spoken = number
        self._quiet = quiet
        self._pending: list[bytes] = []
        self._mark_first = self._mark_last = False
        self._tail = 0
        """Frames of the sound being sent that follow its last voiced one."""
        self.voice_began: float | None = None
        self._seq = 0

    async def open(self) -> None:
        self.socket: ClientConnection = await connect(
            self.job.url, compression=None, max_size=None, ping_interval=None, open_timeout=PATIENCE
        )
        mode = "push" if self.job.kind in ("interrupt", "idle") else "continuous"
        hello = {"type": "hello", "protocol": "dh.v1", "audio": "binary", "mode": mode}
        hello |= {"echo_cancelled": self.job.echo_cancelled}
        await self.send(hello | {"want": self.job.want})

    async def send(self, message: dict[str, Any]) -> None:
        message |= {"seq": self._seq, "ts": time.time() * 1000}
        self._seq += 1
        await self.socket.send(json.dumps(message))

    # -- in

    async def listen(self) -> None:
        async for message in self.socket:
            now = time.perf_counter()
            if isinstance(message, bytes):
                self._sound(message, now)
            else:
                self._word(json.loads(message), now)

    def _sound(self, message: bytes, now: float) -> None:
        kind, _flags, _, _seq, generation = HEADER.unpack_from(message)
        if kind != 2 or len(message) == HEADER.size:
            return
        turn = self.turn
        if generation < self.generation:
            self.old_generation_frames += 1
            turn.stale += 1
            return
        word = self.word_of(message[HEADER.size :])
        if turn.acknowledged is not None or (word is not None and turn.word >= 0 and word != turn.word):
            turn.stale += 1
            return
        if turn.first_audio is None:
            turn.first_audio, turn.generation = now, generation
        turn.frames += 1
        turn.last_audio = now
        self.changed.set()

    def word_of(self, pcm: bytes) -> int | None:
        """Which word's reply a frame belongs to, if that can be heard."""
        return heard(pcm)

    def _word(self, message: dict[str, Any], now: float) -> None:
        turn = self.turn
        self.generation = max(self.generation, message.get("generation_id", -1))
        match message["type"]:
            case "state_update":
                self.state, self.reason = message["state"], message.get("reason", "")
                asked = turn.asked is not None or self.reason == "barge_in"
                if self.state == "idle" and asked and turn.acknowledged is None:
                    turn.acknowledged = now
            case "asr_final":
                word = word_in(message["text"])
                turn.word = -1 if word is None else word
            case "metrics":
                for each in (turn, *self.turns[-3:]):
                    if each.generation == message.get("of_generation"):
                        each.metrics = message
            case "error":
                print(
                    f"error from the server: {message.get('code')} {message.get('message')}", file=sys.stderr
                )
            case _:
                pass
        self.changed.set()

    async def until(self, condition: Any, patience: float = PATIENCE) -> bool:
        """Wait until something holds; False when it does not come to hold in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while not condition():
                    self.changed.clear()
                    await self.changed.wait()
                return True
        return False

    # -- out

    async def microphone(self) -> None:
        """Send a frame every 20 ms, by a schedule that does not drift."""
        await self.send({"type": "start_listen"})
        due = time.perf_counter() + self.random.random() * FRAME_S
        number = 0
        while True:
            due += FRAME_S
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            number += 1
            pcm = self._pending.pop(0) if self._pending else self.ambience(number)
            now = time.perf_counter()
            if self._mark_first:
                self.voice_began, self._mark_first = now, False
            if self._mark_last and len(self._pending) <= self._tail:
                self.turn.voice_end, self._mark_last = now, False
                self.changed.set()
            await self.socket.send(self.framed(pcm))
            self._seq += 1

    def framed(self, pcm: bytes) -> bytes:
        return HEADER.pack(1, 0, 0, self._seq, 0) + pcm

    def ambience(self, number: int) -> bytes:
        """The frame of this number while nothing is said."""
        return self._quiet[number % len(self._quiet)]

    def speak(self) -> None:
        self.utter(self._clips[self._spoken % len(self._clips)])
        self._spoken += 1

    def utter(self, clip: bytes, tail: int = 0) -> None:
        """Send a sound from its voiced begin on; its last `tail` bytes are quiet."""
        before = self.random.randrange(FRAME_BYTES // 2) * 2
        after = -(before + len(clip)) % FRAME_BYTES
        sound = self._quiet[0][:before] + clip + self._quiet[-1][:after]
        self._pending += [sound[at : at + FRAME_BYTES] for at in range(0, len(sound), FRAME_BYTES)]
        voiced = before + len(clip) - tail
        self._tail = len(sound) // FRAME_BYTES - 1 - (voiced - 1) // FRAME_BYTES
        self._mark_first = self._mark_last = True

    def next_turn(self) -> Turn:
        self.turn = Turn()
        return self.turn

    # -- what the kinds of job do

    async def talk(self) -> None:
        """Speak, wait for the whole reply, pause, again."""
        await asyncio.sleep(0.5 + self.random.random() * 2.0 * (self.job.sessions > 1))
        for _ in range(self.job.turns):
            turn = self.next_turn()
            self.speak()
            await self.until(lambda turn=turn: turn.first_audio is not None)
            await self.until(lambda: self.state in ("listening", "idle"))
            self.turns.append(turn)
            await asyncio.sleep(0.2 + self.random.random() * 0.3)

    async def interrupt(self) -> None:
        """Type, interrupt at a random moment, look whether anything still comes, again."""
        order = self.random.sample(range(len(WORDS)), len(WORDS))
        for number in range(self.job.turns):
            turn = self.next_turn()
            turn.word = order[number % len(order)]
            await self.send({"type": "text_input", "text": f"say {WORDS[turn.word]}"})
            if self.random.random() < self.job.after_sound:
                await self.until(lambda turn=turn: turn.first_audio is not None)
            await asyncio.sleep(self.random.random() * self.job.longest)
            turn.asked, turn.asked_wall = time.perf_counter(), time.time()
            await self.send({"type": "interrupt", "reason": "user_click"})
            await self.until(lambda turn=turn: turn.acknowledged is not None)
            await asyncio.sleep(0.03 + self.random.random() * 0.05)
            self.turns.append(turn)

    async def barge(self) -> None:
        """Type, and speak into the reply."""
        await asyncio.sleep(self.random.random())
        for number in range(self.job.turns):
            turn = self.next_turn()
            turn.word = (number * 7 + self.random.randrange(len(WORDS))) % len(WORDS)
            await self.send({"type": "text_input", "text": f"say {WORDS[turn.word]}"})
            if await self.until(lambda turn=turn: turn.first_audio is not None):
                await asyncio.sleep(0.3 + self.random.random() * 0.5)
                self.speak()
                await self.until(lambda turn=turn: turn.acknowledged is not None)
                turn.asked, turn.asked_wall = self.voice_began, time.time()
            self.turns.append(turn)
            # The words spoken are answered, too: let that reply begin, then end it.
            spoken = self.next_turn()
            await self.until(lambda spoken=spoken: spoken.first_audio is not None)
            await self.send({"type": "interrupt"})
            await self.until(lambda: self.state != "speaking")
            await asyncio.sleep(0.2)


def quiet_frames(noise: bool, seed: int) -> list[bytes]:
    """A second and a bit of what is between words."""
    if not noise:
        return [bytes(FRAME_BYTES)]
    source = random.Random(seed)
    amplitude = 32768 * 10 ** (-60 / 20)
    return [struct.pack("<320h", *(round(source.gauss(0, amplitude)) for _ in range(320))) for _ in range(61)]


async def run(job: Job, make: Callable[[int, list[bytes]], Talker]) -> dict[str, Any]:
    """`make` gives the session of a number; the frames are those between words."""
    quiet = quiet_frames(job.noise, job.seed)
    talkers = [make(number, quiet) for number in range(job.sessions)]
    for talker in talkers:
        await talker.open()
    work: list[Any] = []
    async with asyncio.TaskGroup() as group:
        listening = [group.create_task(talker.listen()) for talker in talkers]
        for talker in talkers:
            await talker.until(lambda talker=talker: talker.generation >= 0)
        microphones = []
        if job.kind not in ("interrupt", "idle"):
            microphones = [group.create_task(talker.microphone()) for talker in talkers]
        print(json.dumps({"ready": True}), flush=True)
        if job.kind == "idle":
            await asyncio.sleep(job.hold)
        else:
            work = [group.create_task(getattr(talker, job.kind)()) for talker in talkers]
            for each in work:
                await each
        for each in [*microphones, *listening]:
            each.cancel()
    for talker in talkers:
        await talker.socket.close()
    return {
        "turns": [vars(turn) for talker in talkers for turn in talker.turns],
        "told": [each for talker in talkers for each in talker.told],
        "old_generation_frames": sum(talker.old_generation_frames for talker in talkers),
    }


def main(job: Job, make: Callable[[int, list[bytes]], Talker]) -> None:
    """Run and print the figures."""
    try:
        import uvloop

        result = uvloop.run(run(job, make))
    except ImportError:
        result = asyncio.run(run(job, make))
    tell(result)


def tell(figures: object) -> None:
    """One line to whoever measures. Written whole: an event loop may have left the pipe non-blocking, and a
    long line printed into that loses what does not fit."""
    sys.stdout.flush()
    os.set_blocking(sys.stdout.fileno(), True)
    left = memoryview((json.dumps(figures) + "\n").encode())
    while left:
        left = left[os.write(sys.stdout.fileno(), left) :]


if __name__ == "__main__":
    given = Job(**json.load(sys.stdin))
    spoken = [Path(clip).read_bytes() for clip in given.clips]
    main(given, lambda number, quiet: Talker(given, number, spoken, quiet))
