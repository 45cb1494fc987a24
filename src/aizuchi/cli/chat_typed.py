"""Chatting by typing: what is written is answered, a slash begins a command."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from aizuchi.cli.chat_talk import TEXTS as SHARED
from aizuchi.cli.screen import Keyboard
from aizuchi.texts import Texts

if TYPE_CHECKING:
    from aizuchi.cli.chat_talk import Chat

TEXTS: Final = Texts(
    {
        "how": (
            "Write and press Enter; /help lists the commands. Ctrl-C stops the sound; again, it leaves.",
            "输入后按回车；/help 列出命令。Ctrl-C 停止声音；再按一次或输入 /quit 离开。",
        ),
        "again": ("Ctrl-C once more leaves.", "再按一次 Ctrl-C 离开。"),
        "sent": ("{name} is sent, {seconds:.1f} s", "发送 {name}，{seconds:.1f} 秒"),
    }
)
RATE: Final = 16_000


async def typed(chat: Chat, wav: Path | None = None, keyboard: Any = None) -> int:
    """Chat by typing; a recording is sent whole, first. Raises Gone, in a group."""
    source = keyboard or Keyboard()
    if source.live:
        chat.screen.line(TEXTS.say(chat.lang, "how"), "dim")
    if wav is None:
        source.start()
        return await Typed(chat, source).run()
    return await beside(chat, sent(chat, wav))


async def sent(chat: Chat, wav: Path) -> int:
    """Say one recording, whole; 0 when it was answered."""
    from aizuchi.audio import read_wav

    pcm, _ = await asyncio.to_thread(read_wav, wav, RATE)
    chat.screen.line(TEXTS.say(chat.lang, "sent", name=wav.name, seconds=len(pcm) / 2 / RATE), "dim")
    await chat.record(pcm)
    answered = await chat.answered()
    await chat.sound.played()
    return 0 if answered and not chat.failed else 1


async def beside(chat: Chat, doing: Coroutine[Any, Any, int]) -> int:
    """Do something while what comes is shown. Raises Gone, in a group."""
    async with asyncio.TaskGroup() as group:
        hearing = group.create_task(chat.hear())
        try:
            return await doing
        finally:
            hearing.cancel()


class Typed:
    """One typed conversation."""

    def __init__(self, chat: Chat, keyboard: Any) -> None:
        self._chat = chat
        self._keyboard = keyboard
        self._presses = asyncio.Queue[None](10)
        self._warned = False
        chat.prompt = self._prompt

    async def run(self) -> int:
        """Until the user leaves or the connection ends."""
        loop = asyncio.get_running_loop()

        def pressed(_number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._press)

        before = signal.signal(signal.SIGINT, pressed)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {group.create_task(each) for each in (self._chat.hear(), self._break(), self._type())}
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
        finally:
            signal.signal(signal.SIGINT, before)
        self._chat.say("bye")
        return 0

    def _press(self) -> None:
        if not self._presses.full():
            self._presses.put_nowait(None)

    async def _break(self) -> None:
        """Ctrl-C silences a reply; with nothing to silence the first is a warning, the next leaves."""
        while True:
            await self._presses.get()
            if self._chat.stop():
                self._chat.say("stopped")
            elif self._warned:
                return
            else:
                self._warned = True
                self._chat.screen.line(TEXTS.say(self._chat.lang, "again"), "dim")
            self._prompt()

    async def _type(self) -> None:
        chat, keyboard = self._chat, self._keyboard
        self._prompt()
        while True:
            text = await keyboard.line()
            if keyboard.live:
                chat.screen.entered()
            if text is None:
                await chat.sound.played()
                return
            text = text.strip()
            self._warned = False
            if text and not keyboard.live:
                # Lines from a pipe are a script, which shows what was asked.
                chat.screen.line(f"{SHARED.say(chat.lang, 'you')} > {text}")
            if text.startswith("/"):
                if await chat.command(text):
                    return
            elif text:
                await chat.type(text)
            if not keyboard.live:
                await chat.answered()
            elif chat.free.is_set():
                self._prompt()

    def _prompt(self) -> None:
        if self._keyboard.live:
            self._chat.screen.fresh()
            self._chat.screen.write(f"{SHARED.say(self._chat.lang, 'you')} > ", "you")
