"""A typed conversation: what you write is answered while it is being thought of."""

from __future__ import annotations

import asyncio
import signal
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from aizuchi.cli.screen import Keyboard
from aizuchi.texts import Texts

if TYPE_CHECKING:
    from aizuchi.cli.talk import Talk
    from aizuchi.client import Client, Happening

TEXTS: Final = Texts(
    {
        "how": (
            "Write and press Enter. Ctrl-C interrupts; Ctrl-C again, or /quit, leaves.",
            "输入后按回车。Ctrl-C 打断；再按 Ctrl-C 或输入 /quit 离开。",
        ),
        "you": ("you", "你"),
        "interrupted": ("[interrupted]", "[已打断]"),
        "tool": ("[{name} …]", "[{name} …]"),
        "tool_failed": ("[{name}: {reason}]", "[{name}：{reason}]"),
        "again": ("Ctrl-C once more leaves.", "再按一次 Ctrl-C 离开。"),
        "fault": ("{message}", "{message}"),
        "bye": ("Goodbye.", "再见。"),
    }
)
LEAVE: Final = ("/quit", "/exit", "/q")


class Typed:
    """One typed conversation on one connection."""

    def __init__(self, talk: Talk, client: Client, keyboard: Keyboard) -> None:
        self._talk = talk
        self._screen = talk.screen
        self._client = client
        self._keyboard = keyboard
        self._free = asyncio.Event()
        self._free.set()
        self._speaking = False
        """A reply has begun to appear."""
        self._text = ""
        """Of the reply so far."""
        self._presses = asyncio.Queue[None](10)
        self._warned = False

    async def run(self) -> int:
        """Until the user leaves or the connection ends."""
        loop = asyncio.get_running_loop()

        def pressed(_number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._press)

        before = signal.signal(signal.SIGINT, pressed)
        try:
            async with asyncio.TaskGroup() as group:
                hearing = group.create_task(self._hear())
                breaking = group.create_task(self._break())
                typing = group.create_task(self._type())
                await asyncio.wait({hearing, breaking, typing}, return_when=asyncio.FIRST_COMPLETED)
                for task in (hearing, breaking, typing):
                    task.cancel()
        finally:
            signal.signal(signal.SIGINT, before)
        self._screen.line(TEXTS.say(self._talk.lang, "bye"), "dim")
        return 0

    def _press(self) -> None:
        if not self._presses.full():
            self._presses.put_nowait(None)

    async def _break(self) -> None:
        """Ctrl-C interrupts a reply; with nothing to interrupt the first is a warning, the next leaves."""
        while True:
            await self._presses.get()
            if not self._free.is_set():
                await self._client.interrupt()
                continue
            if self._warned:
                return
            self._warned = True
            self._screen.line(TEXTS.say(self._talk.lang, "again"), "dim")
            self._prompt()

    async def _type(self) -> None:
        self._prompt()
        while True:
            text = await self._keyboard.line()
            if self._keyboard.live:
                self._screen.entered()
            if text is None:
                await self._free.wait()
                return
            text = text.strip()
            if text in LEAVE:
                return
            if not text:
                self._prompt()
                continue
            if not self._keyboard.live:
                # Lines from a pipe are a script: each waits for the reply before it.
                await self._free.wait()
                self._screen.line(f"{TEXTS.say(self._talk.lang, 'you')} > {text}")
            self._warned = False
            self._free.clear()
            self._speaking = False
            await self._client.say(text)
            if not self._keyboard.live:
                await self._free.wait()

    def _prompt(self) -> None:
        if self._keyboard.live:
            self._screen.fresh()
            self._screen.write(f"{TEXTS.say(self._talk.lang, 'you')} > ", "you")

    async def _hear(self) -> None:
        async for event in self._client:
            self._show(event)

    def _show(self, event: Happening) -> None:
        from aizuchi.wire.native import down

        screen, lang = self._screen, self._talk.lang
        match event:
            case down.StateUpdate(state="thinking"):
                self._free.clear()
            case down.StateUpdate(
                state="idle" | "listening", previous="thinking" | "speaking", reason=reason
            ):
                if reason == "interrupt":
                    screen.write((" " if self._speaking else "") + TEXTS.say(lang, "interrupted"), "dim")
                self._speaking = False
                screen.fresh()
                self._free.set()
                self._prompt()
            case down.AssistantTextDelta(delta=text):
                if not self._speaking:
                    screen.fresh()
                    screen.write(f"{self._client.hello.character} > ", "they")
                    self._speaking = True
                    self._text = ""
                screen.write(text)
                self._text += text
            case down.AssistantSubtitle(text=text) if text.strip() not in self._text:
                screen.line(text, "dim")
            case down.ToolStatus(name=name, state="running"):
                screen.line(TEXTS.say(lang, "tool", name=name), "dim")
                self._speaking = False
            case down.ToolStatus(name=name, state="failed", result=reason):
                screen.line(TEXTS.say(lang, "tool_failed", name=name, reason=reason), "bad")
            case down.QueueUpdate():
                self._talk.queued(event)
            case down.Error(message=message):
                screen.line(TEXTS.say(lang, "fault", message=message), "bad")
                if event.code in ("busy", "rate_limited", "bad_message"):
                    self._free.set()
                    self._prompt()
            case _:
                pass


async def typed(talk: Talk, keyboard: Any = None) -> int:
    """Talk by typing. Text only, so that no sound is made for nobody."""
    async with talk.client(audio="none", want=("stream", "tools", "subtitles")) as client:
        talk.greet(client)
        source = keyboard or Keyboard()
        if source.live:
            talk.screen.line(TEXTS.say(talk.lang, "how"), "dim")
        source.start()
        return await Typed(talk, client, source).run()
