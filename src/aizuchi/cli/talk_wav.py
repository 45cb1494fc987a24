"""A recording is spoken in real time; what is heard, answered and when is shown as it happens."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aizuchi.cli.screen import columns
from aizuchi.texts import Texts

if TYPE_CHECKING:
    from aizuchi.cli.talk import Talk
    from aizuchi.client import Client, Happening

TEXTS: Final = Texts(
    {
        "speaking": ("{name} is spoken, {seconds:.1f} s", "播送 {name}，{seconds:.1f} 秒"),
        "you": ("you", "你"),
        "interrupted": ("the reply is interrupted", "回答被打断"),
        "nothing": ("Nothing was recognised.", "没有识别出文字。"),
        "silent": ("The server said nothing for {limit:g} s.", "服务器 {limit:g} 秒没有动静。"),
        "saved": ("{path}: {seconds:.1f} s of reply", "{path}：{seconds:.1f} 秒回答"),
        "no_sound": ("There was no sound to save.", "没有声音可存。"),
        "rest": (
            "The recording went on after the end of its first utterance; --mode push takes it as one, "
            "--mode continuous speaks on, over the replies too.",
            "录音在第一句话之后还有内容；--mode push 把整段当作一句话，"
            "--mode continuous 一直说下去，不等回答说完。",
        ),
        "head": ("ms after the end of the voice", "从声音结束起的毫秒数"),
        "here": ("here", "本机"),
        "server": ("server", "服务器"),
        "final": ("final text", "最终文字"),
        "token": ("first token", "首个词元"),
        "sentence": ("first sentence", "首句"),
        "audio": ("first audio", "首段声音"),
        "done": ("done", "结束"),
        "counted": (
            "The server counts from the last sample that its voice detection took for speech.",
            "服务器从其语音检测认定的最后一个语音采样算起。",
        ),
    }
)

SENTENCE_END: Final = re.compile(r"[.!?。！？…]")
"""The protocol sends no sentences, only text; this is near enough for a table."""
RATE: Final = 16_000
SLICE_MS: Final = 20
QUIET: Final = 30.0
"""Seconds without any event after which the talk is given up."""
TAIL: Final = 30.0
"""Seconds of silence that follow the recording at most, until its end is recognised."""
SETTLED: Final = 3.0
"""Seconds without any event that end a continuous talk once the recording is over and nobody speaks."""
SHOWN: Final = ("held", "resumed")
"""Reasons that tell more than the state, which stays the same."""
GRACE: Final = 2.0
"""Seconds that the figures may come after the end of the turn."""


@dataclass
class Turn:
    """What came of the recording, with the event loop's time of each."""

    voice_end: float | None = None
    heard: str | None = None
    said: str = ""
    marks: dict[str, float] = field(default_factory=dict[str, float])
    figures: Mapping[str, Any] = field(default_factory=dict[str, Any])
    pcm: bytearray = field(default_factory=bytearray)
    rate: int = 0
    ended: bool = False

    def mark(self, name: str) -> None:
        """The first time that something happens."""
        self.marks.setdefault(name, asyncio.get_running_loop().time())


def voiced_until(pcm: bytes, rate: int = RATE) -> float:
    """Seconds to the end of the last 30 ms that are within 25 dB of the loudest.

    A rough measure on purpose, and one that no recogniser of ours has a hand in.
    """
    from aizuchi.audio import level, size_of

    size = size_of(30, rate)
    levels = [level(pcm[start : start + size]) for start in range(0, len(pcm), size)]
    loudest = max(levels, default=-100.0)
    voiced = [index for index, each in enumerate(levels) if each > max(loudest - 25.0, -60.0)]
    return min((voiced[-1] + 1) * size, len(pcm)) / 2 / rate if voiced else len(pcm) / 2 / rate


class Recorded:
    """One recording spoken on one connection."""

    def __init__(self, talk: Talk, client: Client, pcm: bytes, mode: str) -> None:
        self._talk = talk
        self._screen = talk.screen
        self._client = client
        self._pcm = pcm
        self._mode = mode
        self._heard = asyncio.Event()
        self._spoken = False
        """The whole recording was sent."""
        self._began = 0.0
        self._open = False
        self.turn = Turn()
        self.cut_short = False
        """The utterance ended before the recording did, and the rest was not sent."""

    async def run(self) -> bool:
        """Speak and listen; False when nothing came for too long."""
        await self._client.listen()
        self._began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            speaking = group.create_task(self._speak())
            try:
                complete = await self._hear()
            finally:
                speaking.cancel()
        return complete

    async def _speak(self) -> None:
        """Send the recording, unless the server ends the conversation in between."""
        from aizuchi.client import Closed

        try:
            await self._send()
        except Closed as error:
            if error.code not in (1000, 1001):
                raise

    async def _send(self) -> None:
        """The recording at its pace, then silence until somebody has understood it."""
        from aizuchi.audio import size_of

        loop, size = asyncio.get_running_loop(), size_of(SLICE_MS, RATE)
        voice_end = voiced_until(self._pcm)
        began, sent = loop.time(), 0.0
        for start in range(0, len(self._pcm), size):
            chunk = self._pcm[start : start + size]
            sent += len(chunk) / 2 / RATE
            await asyncio.sleep(began + sent - loop.time())
            await self._client.audio(chunk)
            if self._mode != "continuous" and self.turn.voice_end is None and sent >= voice_end:
                self.turn.voice_end = loop.time()
            if self._heard.is_set() and self._mode != "continuous":
                self.cut_short = sent + 0.5 < voice_end
                return
        self._spoken = True
        if self._mode == "push":
            await self._client.stop()
            return
        # The microphone of a continuous talk stays open until `run` has seen its end.
        open_ended = self._mode == "continuous"
        while open_ended or (not self._heard.is_set() and sent < len(self._pcm) / 2 / RATE + TAIL):
            sent += SLICE_MS / 1000
            await asyncio.sleep(began + sent - loop.time())
            await self._client.audio(bytes(size))

    async def _hear(self) -> bool:
        events = aiter(self._client)
        limit = QUIET
        while True:
            try:
                async with asyncio.timeout(limit):
                    event = await anext(events)
            except TimeoutError:
                return self.turn.ended
            except StopAsyncIteration:
                return self.turn.ended
            self._take(event)
            if self._mode == "continuous":
                limit = SETTLED if self._spoken and self.turn.ended else QUIET
            elif self.turn.ended:
                if self.turn.figures or self.turn.heard == "":
                    return True
                limit = GRACE

    def _take(self, event: Happening) -> None:
        from aizuchi.client import Sound
        from aizuchi.wire.native import down

        turn, screen = self.turn, self._screen
        match event:
            case down.AsrPartial(text=text):
                screen.partial(f"{TEXTS.say(self._talk.lang, 'you')} > {text}")
            case down.AsrFinal(text=text):
                turn.mark("final")
                # What is timed is the first utterance that was understood.
                turn.heard = turn.heard or text
                self._heard.set()
                screen.line(f"{TEXTS.say(self._talk.lang, 'you')} > {text}", "you")
            case down.AssistantTextDelta(delta=text):
                turn.mark("token")
                if not self._open:
                    screen.fresh()
                    screen.write(f"{self._client.hello.character} > ", "they")
                    self._open = True
                turn.said += text
                if SENTENCE_END.search(turn.said):
                    turn.mark("sentence")
                screen.write(text)
            case Sound(pcm=pcm, rate=rate):
                if pcm:
                    turn.mark("audio")
                    turn.rate = turn.rate or rate
                    turn.pcm += pcm
            case down.StateUpdate(state=state, previous=previous, reason=reason):
                self._state(state, previous, reason or "")
            case down.Metrics():
                turn.figures = turn.figures or event.model_extra or {}
                turn.mark("done")
                turn.ended = True
            case down.QueueUpdate():
                self._talk.queued(event)
            case down.Error(message=message):
                screen.line(message, "bad")
                self._open = False
            case _:
                pass

    def _state(self, state: str, previous: str, reason: str) -> None:
        at = asyncio.get_running_loop().time() - self._began
        if self._open and state == "speaking":
            # The text is ahead of its sound; its line goes on.
            self._screen.write(f" [{at:.2f} s {reason if reason in SHOWN else state}]", "dim")
        else:
            broken = reason == "barge_in" and previous in ("thinking", "speaking")
            why = f", {TEXTS.say(self._talk.lang, 'interrupted')}" if broken else ""
            self._screen.line(f"{at:7.2f} s  {state}{why}", "dim")
            self._open = False
        self.turn.ended = self.turn.ended and state in ("idle", "listening")
        if state in ("idle", "listening"):
            if previous in ("thinking", "speaking") and self.turn.heard is not None:
                self.turn.mark("done")
                self.turn.ended = True
            elif self.turn.heard == "":
                self.turn.ended = True


async def recorded(talk: Talk, wav: Path, save: Path | None, mode: str) -> int:
    """Speak a recording and show what comes of it. Returns 0 when it was understood and answered."""
    from aizuchi.audio import read_wav, write_wav

    pcm, _rate = await asyncio.to_thread(read_wav, wav, RATE)
    want = ("stream", "metrics", "emotion")
    # A recording does not hear our loudspeaker.
    async with talk.client(audio="binary", want=want, mode=mode, echo_cancelled=True) as client:
        talk.greet(client)
        talk.screen.line(TEXTS.say(talk.lang, "speaking", name=wav.name, seconds=len(pcm) / 2 / RATE), "dim")
        spoken = Recorded(talk, client, pcm, mode)
        complete = await spoken.run()
        await client.bye()
    turn, screen, lang = spoken.turn, talk.screen, talk.lang
    screen.fresh()
    if spoken.cut_short:
        screen.line(TEXTS.say(lang, "rest"), "dim")
    if not complete:
        screen.line(TEXTS.say(lang, "silent", limit=QUIET), "bad")
    if turn.heard == "":
        screen.line(TEXTS.say(lang, "nothing"), "bad")
    for line in table(turn, talk):
        screen.line(line)
    if save is not None:
        if turn.pcm:
            await asyncio.to_thread(write_wav, save, bytes(turn.pcm), turn.rate)
            seconds = len(turn.pcm) / 2 / turn.rate
            screen.line(TEXTS.say(lang, "saved", path=save, seconds=seconds), "dim")
        else:
            screen.line(TEXTS.say(lang, "no_sound"), "bad")
    return 0 if complete and turn.heard else 1


ROWS: Final = (
    ("final", "asr_final_from_voice_ms"),
    ("token", "first_token_from_voice_ms"),
    ("sentence", "first_sentence_from_voice_ms"),
    ("audio", "first_audio_from_voice_ms"),
    ("done", ""),
)
"""What is shown, and what the server calls its own measurement of it."""


def table(turn: Turn, talk: Talk) -> list[str]:
    """The turn's times, as measured here (network included) and by the server. Empty without a turn.

    Where a recording holds several utterances only the server knows when the first of them ended.
    """
    if not turn.heard or (turn.voice_end is None and not turn.figures):
        return []

    def cell(number: float | None) -> str:
        return "-" if number is None else f"{number:.0f}"

    def say(key: str) -> str:
        return TEXTS.say(talk.lang, key)

    rows = [[say("head"), say("here"), say("server")]]
    for key, figure in ROWS:
        at = turn.marks.get(key)
        here = None if at is None or turn.voice_end is None else (at - turn.voice_end) * 1000
        there = turn.figures.get(figure)
        if turn.voice_end is not None or there is not None:
            rows.append(["  " + say(key), cell(here), cell(there)])
    return ["", *columns(rows, "<>>"), say("counted")]
