"""A conversation by voice: the microphone stays open, and the user's voice interrupts."""

from __future__ import annotations

import asyncio
import importlib
import signal
import threading
from collections import deque
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from aizuchi.cli.devices import SLICE_MS, Loudspeaker, Microphone
from aizuchi.errors import ConfigError
from aizuchi.texts import Lang, Texts

if TYPE_CHECKING:
    from aizuchi.cli.talk import Talk
    from aizuchi.client import Client, Happening, Sound

TEXTS: Final = Texts(
    {
        "missing": (
            "talking by voice needs the extra `mic`: pip install 'aizuchi[mic]' (in a checkout: "
            ".venv/bin/python -m pip install sounddevice). Without it: --text, or --wav FILE",
            "语音对话需要扩展 mic：pip install 'aizuchi[mic]'（源码目录中："
            ".venv/bin/python -m pip install sounddevice）。没有它也可以用 --text 或 --wav 文件",
        ),
        "no_library": (
            "the sound library does not load: {reason}. On Debian and Ubuntu: apt install libportaudio2. "
            "Without sound: --text, or --wav FILE",
            "声音库无法加载：{reason}。Debian 与 Ubuntu 上：apt install libportaudio2。"
            "没有声音也可以用 --text 或 --wav 文件",
        ),
        "no_device": (
            "there is no microphone or loudspeaker to use: {reason}. Without them: --text, or --wav FILE",
            "没有可用的麦克风或扬声器：{reason}。没有它们也可以用 --text 或 --wav 文件",
        ),
        "how": (
            "Just speak; your voice interrupts. Headphones keep the reply out of the microphone. "
            "Ctrl-C leaves.",
            "直接说话即可，说话会打断回答。戴耳机可避免回答传入麦克风。Ctrl-C 离开。",
        ),
        "you": ("you", "你"),
        "interrupted": ("[interrupted]", "[已打断]"),
        "dropped": (
            "{ms} ms of your voice were lost: this machine is too busy",
            "机器太忙，丢失了 {ms} 毫秒的声音",
        ),
        "bye": ("Goodbye.", "再见。"),
    }
)


def sound_library(lang: Lang) -> Any:
    """The module `sounddevice`. Raises ConfigError with the way out."""
    try:
        return importlib.import_module("sounddevice")
    except ModuleNotFoundError as error:
        raise ConfigError(TEXTS.say(lang, "missing")) from error
    except OSError as error:  # the package is there, PortAudio is not
        raise ConfigError(TEXTS.say(lang, "no_library", reason=error)) from error


class Speaker:
    """What the loudspeaker still has to play. Filled by the loop, emptied by the sound card's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Sound, bytes]] = deque()
        self._done: list[Sound] = []
        self._paused_at: int | None = None

    def put(self, sound: Sound) -> None:
        """More to play. Something newer than what is paused takes its place."""
        with self._lock:
            if self._paused_at is not None and sound.generation > self._paused_at:
                self._waiting.clear()
                self._paused_at = None
            self._waiting.append((sound, sound.pcm))

    def clear(self) -> None:
        """Silence, now."""
        with self._lock:
            self._waiting.clear()
            self._done.clear()
            self._paused_at = None

    def pause(self, generation: int) -> None:
        """Silence for a while; what there is is kept."""
        with self._lock:
            self._paused_at = generation

    def resume(self) -> None:
        """Play on."""
        with self._lock:
            self._paused_at = None

    def fill(self, size: int) -> bytes:
        """The next `size` bytes to play, padded with silence."""
        out = bytearray()
        with self._lock:
            playing = self._paused_at is None
            while playing and self._waiting and (len(out) < size or not self._waiting[0][1]):
                sound, pcm = self._waiting.popleft()
                need = size - len(out)
                out += pcm[:need]
                if len(pcm) > need:
                    self._waiting.appendleft((sound, pcm[need:]))
                    break
                if sound.last:
                    self._done.append(sound)
        return bytes(out) + bytes(size - len(out))

    def finished(self) -> list[Sound]:
        """Sentences that were played to their end since the last call, by their last piece."""
        with self._lock:
            done, self._done = self._done, []
        return done


class HandsFree:
    """One spoken conversation on one connection."""

    def __init__(self, talk: Talk, client: Client, library: Any) -> None:
        self._talk = talk
        self._screen = talk.screen
        self._client = client
        self._library = library
        self._speaker = Speaker()
        self._loudspeaker = Loudspeaker(library, self._speaker.fill)
        self._open = False

    async def run(self) -> int:
        """Until Ctrl-C or the end of the connection. Raises ConfigError when there is no device."""
        loop = asyncio.get_running_loop()
        leave = asyncio.Event()

        def pressed(_number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(leave.set)

        try:
            microphone = Microphone(self._library)
        except self._library.PortAudioError as error:
            raise ConfigError(TEXTS.say(self._talk.lang, "no_device", reason=error)) from error
        before = signal.signal(signal.SIGINT, pressed)
        try:
            await self._client.listen(mode="continuous")
            with microphone:
                async with asyncio.TaskGroup() as group:
                    tasks = {
                        group.create_task(each)
                        for each in (self._send(microphone), self._hear(), self._report(), leave.wait())
                    }
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                    for task in tasks:
                        task.cancel()
        finally:
            signal.signal(signal.SIGINT, before)
            self._loudspeaker.close()
        if microphone.lost_ms:
            self._screen.line(TEXTS.say(self._talk.lang, "dropped", ms=microphone.lost_ms), "bad")
        self._screen.line(TEXTS.say(self._talk.lang, "bye"), "dim")
        return 0

    async def _send(self, microphone: Microphone) -> None:
        while True:
            await self._client.audio(await microphone.slice())

    async def _report(self) -> None:
        """Tell the server what was really heard, so that it remembers that and no more."""
        while True:
            await asyncio.sleep(SLICE_MS / 1000)
            for sound in self._speaker.finished():
                await self._client.played(sound)

    async def _hear(self) -> None:
        async for event in self._client:
            await self._take(event)

    async def _take(self, event: Happening) -> None:
        from aizuchi.client import Sound
        from aizuchi.wire.native import down

        screen, lang = self._screen, self._talk.lang
        match event:
            case Sound():
                self._play(event)
                if event.text:
                    await self._client.playing(event)
            case down.AsrPartial(text=text):
                screen.partial(f"{TEXTS.say(lang, 'you')} > {text}")
            case down.AsrFinal(text=text) if text:
                screen.line(f"{TEXTS.say(lang, 'you')} > {text}", "you")
                self._open = False
            case down.AssistantTextDelta(delta=text):
                if not self._open:
                    screen.fresh()
                    screen.write(f"{self._client.hello.character} > ", "they")
                    self._open = True
                screen.write(text)
            case down.PlaybackPause(generation_id=generation):
                self._speaker.pause(generation)
            case down.PlaybackResume():
                self._speaker.resume()
            case down.StateUpdate(reason="interrupt" | "barge_in" | "superseded"):
                self._speaker.clear()
                if self._open:
                    screen.write(f" {TEXTS.say(lang, 'interrupted')}", "dim")
                screen.fresh()
                self._open = False
            case down.StateUpdate(state="idle" | "listening"):
                screen.fresh()
                self._open = False
            case down.QueueUpdate():
                self._talk.queued(event)
            case down.Error(message=message):
                screen.line(message, "bad")
                self._open = False
            case _:
                pass

    def _play(self, sound: Sound) -> None:
        self._loudspeaker.at(sound.rate)
        self._speaker.put(sound)


async def hands_free(talk: Talk, library: Any) -> int:
    """Talk by voice until the user leaves."""
    async with talk.client(audio="binary", want=("stream", "hold"), mode="continuous") as client:
        talk.greet(client)
        talk.screen.line(TEXTS.say(talk.lang, "how"), "dim")
        return await HandsFree(talk, client, library).run()
