"""Chatting by voice: one utterance at a time between two presses of Enter, or a call that just goes on.

Sound comes from the microphone, or from a recording that takes its place. Servers that are deaf while they
reply are not sent any meanwhile: they would answer it afterwards, the character's own voice included.
"""

from __future__ import annotations

import asyncio
import base64
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, Literal

from aizuchi.cli.chat_typed import beside
from aizuchi.cli.devices import RATE, SLICE_MS, Microphone
from aizuchi.cli.screen import Keyboard
from aizuchi.errors import ConfigError
from aizuchi.texts import Texts

if TYPE_CHECKING:
    from aizuchi.cli.chat_talk import Chat

TEXTS: Final = Texts(
    {
        "push": (
            "Enter begins to record, Enter again ends; /help lists the commands, /quit leaves.",
            "按回车开始录音，再按一次结束；/help 列出命令，/quit 离开。",
        ),
        "call": (
            "Just speak. /help lists the commands, /quit or Ctrl-C leaves.",
            "直接说话即可。/help 列出命令，/quit 或 Ctrl-C 离开。",
        ),
        "headphones": (
            "Your voice interrupts; headphones keep the reply out of the microphone.",
            "说话会打断回答；戴耳机可避免回答传入麦克风。",
        ),
        "ready": ("[Enter to speak] ", "[按回车说话] "),
        "recording": ("[recording; Enter ends it] ", "[正在录音，按回车结束] "),
        "speaking": ("{name} is spoken, {seconds:.1f} s", "播送 {name}，{seconds:.1f} 秒"),
        "no_device": (
            "there is no microphone to use: {reason}. Without one: --wav FILE, or --mode text",
            "没有可用的麦克风：{reason}。没有它可以用 --wav 文件，或 --mode text",
        ),
        "no_start": ("The server did not begin to listen: {reason}", "服务器没有开始听：{reason}"),
        "no_answer": ("no answer", "没有回应"),
        "deaf": (
            "This server takes no text in a call.",
            "此服务器在通话中不接收文字。",
        ),
        "not_understood": ("Nothing was understood.", "没有听懂任何内容。"),
    }
)
STARTING: Final = 10.0
"""Seconds for the server to begin to listen."""
SETTLED: Final = 3.0
"""Seconds of quiet that end a call from a recording."""
GIVE_UP: Final = 30.0
SIZE: Final = RATE * 2 * SLICE_MS // 1000
Family = Literal["agent", "voice_call"]


# -- where the sound comes from


@asynccontextmanager
async def source(chat: Chat, wav: Path | None, library: Any) -> AsyncIterator[Microphone | Recording]:
    """The recording if there is one, else the microphone. Raises ConfigError."""
    if wav is not None:
        from aizuchi.audio import read_wav

        pcm, _ = await asyncio.to_thread(read_wav, wav, RATE)
        chat.screen.line(TEXTS.say(chat.lang, "speaking", name=wav.name, seconds=len(pcm) / 2 / RATE), "dim")
        yield Recording(pcm)
        return
    try:
        microphone = Microphone(library)
    except library.PortAudioError as error:
        raise ConfigError(TEXTS.say(chat.lang, "no_device", reason=error)) from error
    with microphone:
        yield microphone


class Recording:
    """A recording in the microphone's place, at its pace, and silence after it."""

    def __init__(self, pcm: bytes) -> None:
        self._pcm = pcm
        self._at = 0
        self._due: float | None = None

    @property
    def over(self) -> bool:
        return self._at >= len(self._pcm)

    async def slice(self) -> bytes:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._due is None or now - self._due > 1.0:  # it had to wait for the server
            self._due = now
        await asyncio.sleep(self._due - now)
        self._due += SLICE_MS / 1000
        self._at, begin = self._at + SIZE, self._at
        return self._pcm[begin : self._at].ljust(SIZE, b"\0")


def encoded(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode()


@contextmanager
def leaving(leave: asyncio.Event):
    """Ctrl-C sets the event."""
    loop = asyncio.get_running_loop()

    def pressed(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(leave.set)

    before = signal.signal(signal.SIGINT, pressed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# -- one utterance at a time


async def streamed(chat: Chat, wav: Path | None, library: Any, keyboard: Any = None) -> int:
    """Streamed utterances. Raises Gone in a group, ConfigError."""
    if wav is not None:
        return await beside(chat, _one_recording(chat, wav))
    keys = keyboard or Keyboard()
    chat.screen.line(TEXTS.say(chat.lang, "push"), "dim")
    keys.start()
    leave = asyncio.Event()
    with leaving(leave):
        return await beside(chat, until(leave, Push(chat, keys, library).run()))


async def until(leave: asyncio.Event, doing: Any) -> int:
    """Do something until it is done or the user leaves."""
    async with asyncio.TaskGroup() as group:
        done, left = group.create_task(doing), group.create_task(leave.wait())
        await asyncio.wait({done, left}, return_when=asyncio.FIRST_COMPLETED)
        for each in (done, left):
            each.cancel()
    return 0 if done.cancelled() else done.result()


async def _one_recording(chat: Chat, wav: Path) -> int:
    async with source(chat, wav, None) as sound:
        assert isinstance(sound, Recording)
        if not await begin(chat):
            return 1
        while not sound.over:
            await chat.line.send("audio_stream_chunk", audio_base64=encoded(await sound.slice()))
        await chat.line.send("audio_stream_end")
        answered = await chat.answered()
    await chat.sound.played()
    return 0 if answered and chat.understood and not chat.failed else 1


async def begin(chat: Chat) -> bool:
    """Ask the server to take an utterance."""
    chat.sound.cut()
    chat.replies.spoken()
    chat.free.clear()
    chat.started.clear()
    chat.refusal = ""
    await chat.line.send("audio_stream_start")
    return await agreed(chat)


async def agreed(chat: Chat) -> bool:
    """Whether the server began to listen; if not, it is said why."""
    reason = TEXTS.say(chat.lang, "no_answer")
    try:
        async with asyncio.timeout(STARTING):
            await chat.started.wait()
        if not chat.refusal:
            return True
        reason = chat.refusal
    except TimeoutError:
        pass
    chat.screen.line(TEXTS.say(chat.lang, "no_start", reason=reason), "bad")
    chat.free.set()
    return False


class Push:
    """Utterances between two presses of Enter."""

    def __init__(self, chat: Chat, keyboard: Any, library: Any) -> None:
        self._chat = chat
        self._keyboard = keyboard
        self._library = library
        chat.prompt = self._prompt

    def _prompt(self) -> None:
        if self._keyboard.live:
            self._chat.screen.fresh()
            self._chat.screen.write(TEXTS.say(self._chat.lang, "ready"), "dim")

    async def _line(self) -> str | None:
        text = await self._keyboard.line()
        if self._keyboard.live:
            self._chat.screen.entered()
        return text if text is None else text.strip()

    async def run(self) -> int:
        chat = self._chat
        self._prompt()
        while (text := await self._line()) is not None:
            if text.startswith("/"):
                if await chat.command(text):
                    break
                if chat.free.is_set():
                    self._prompt()
                continue
            if not await begin(chat):
                self._prompt()
                continue
            async with source(chat, None, self._library) as microphone, asyncio.TaskGroup() as group:
                chat.screen.write(TEXTS.say(chat.lang, "recording"), "bad")
                sending = group.create_task(self._send(microphone))
                await self._line()
                sending.cancel()
            await chat.line.send("audio_stream_end")
            if not self._keyboard.live:
                await chat.answered()
        chat.say("bye")
        return 0

    async def _send(self, microphone: Any) -> None:
        while True:
            pcm = await microphone.slice()
            await self._chat.line.send("audio_stream_chunk", audio_base64=encoded(pcm))


# -- a call


async def called(chat: Chat, wav: Path | None, library: Any, *, family: Family, keyboard: Any = None) -> int:
    """A call in one family of names, or in the other where the server knows only that; see `streamed`."""
    leave = asyncio.Event()
    with leaving(leave):
        call = Call(chat, family)
        if wav is not None:
            return await beside(chat, call.recorded(wav, leave))
        keys = keyboard or Keyboard()
        chat.screen.line(TEXTS.say(chat.lang, "call"), "dim")
        if chat.replies.interrupts:
            chat.screen.line(TEXTS.say(chat.lang, "headphones"), "dim")
        keys.start()
        return await beside(chat, until(leave, call.live(library, keys)))


class Call:
    """One call."""

    def __init__(self, chat: Chat, family: Family) -> None:
        self._chat = chat
        self._family: Family = family

    async def start(self) -> bool:
        chat = self._chat
        other: Family = "agent" if self._family == "voice_call" else "voice_call"
        for family in (self._family, other):
            self._family = family
            chat.started.clear()
            chat.refusal, chat.probing = "", True
            await chat.line.send("agent_mode_start" if family == "agent" else "voice_call_start")
            with suppress(TimeoutError):
                async with asyncio.timeout(STARTING):
                    await chat.started.wait()
            chat.probing = False
            if family == other or "unknown message type" not in chat.refusal.lower():
                break
        return await agreed(chat)

    async def stop(self) -> None:
        await self._chat.line.send("agent_mode_stop" if self._family == "agent" else "voice_call_stop")

    async def live(self, library: Any, keyboard: Any) -> int:
        """With the microphone, until the user leaves."""
        if not await self.start():
            return 1
        async with source(self._chat, None, library) as microphone, asyncio.TaskGroup() as group:
            sending = group.create_task(self._send(microphone))
            await self._commands(keyboard)
            sending.cancel()
        await self.stop()
        self._chat.say("bye")
        return 0

    async def _commands(self, keyboard: Any) -> None:
        chat = self._chat
        while (text := await keyboard.line()) is not None:
            text = text.strip()
            if keyboard.live:
                chat.screen.entered()
            if text.startswith("/"):
                if await chat.command(text):
                    return
            elif text and chat.replies.interrupts:
                await chat.type(text)
            elif text:
                chat.screen.line(TEXTS.say(chat.lang, "deaf"), "bad")
        # Without a keyboard the call goes on until Ctrl-C.
        await asyncio.Event().wait()

    async def _send(self, sound: Any) -> None:
        chat = self._chat
        chunk = "agent_audio_chunk" if self._family == "agent" else "voice_call_audio_chunk"
        while True:
            if isinstance(sound, Recording) and not self._heard:
                await self._wait_until_heard()
            pcm = await sound.slice()
            if self._heard:
                await chat.line.send(chunk, audio_base64=encoded(pcm))

    @property
    def _heard(self) -> bool:
        """The server wants to hear us now."""
        chat = self._chat
        return chat.replies.interrupts or (chat.listening.is_set() and chat.sound.left == 0)

    async def _wait_until_heard(self) -> None:
        while not self._heard:
            await self._chat.listening.wait()
            await self._chat.sound.played()

    async def recorded(self, wav: Path, leave: asyncio.Event) -> int:
        """With a recording: until it was answered and nothing more comes."""
        chat = self._chat
        if not await self.start():
            return 1
        async with source(chat, wav, None) as sound, asyncio.TaskGroup() as group:
            assert isinstance(sound, Recording)
            sending = group.create_task(self._send(sound))
            quiet = 0.0
            while not leave.is_set():
                chat.news.clear()
                try:
                    async with asyncio.timeout(1.0):
                        await chat.news.wait()
                    quiet = 0.0
                except TimeoutError:
                    quiet += 1.0
                done = sound.over and chat.listening.is_set() and chat.understood > 0 and chat.sound.left == 0
                if quiet >= (SETTLED if done else GIVE_UP):
                    break
            sending.cancel()
        await self.stop()
        await chat.sound.played()
        if not chat.understood:
            chat.screen.line(TEXTS.say(chat.lang, "not_understood"), "bad")
        return 0 if chat.understood and not chat.failed else 1
