"""`aizuchi chat` within a test: its command line, lines in the keyboard's place, a sound card that waits."""

import asyncio
import queue
from pathlib import Path
from typing import Any

import pytest

from aizuchi.audio import write_wav
from aizuchi.cli import _parser  # pyright: ignore[reportPrivateUsage]
from aizuchi.cli import chat as command
from aizuchi.config import load
from tests.wire.independent_chatanon import quiet, tone


class Keys:
    """A keyboard: lines from a pipe, or typed one by one while it is `live`."""

    def __init__(self, *lines: str, live: bool = False) -> None:
        self.live = live
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._more = asyncio.Event()
        for each in lines:
            self._lines.put(each)

    def start(self) -> None: ...

    def press(self, text: str = "") -> None:
        self._lines.put(text)
        self._more.set()

    async def line(self) -> str | None:
        while self._lines.empty():
            if not self.live:
                return None
            self._more.clear()
            await self._more.wait()
        return self._lines.get()


async def chat(
    url: str,
    *argv: str,
    keys: Keys | None = None,
    library: Any = None,
    monkeypatch: pytest.MonkeyPatch | None = None,
) -> int:
    """Run `aizuchi chat --url URL ARGV`; its exit code. What is printed is pytest's to catch."""
    args = _parser("en").parse_args(["chat", "--url", url, *argv])
    if monkeypatch is not None and keys is not None:
        for module in ("chat_typed", "chat_voice"):
            monkeypatch.setattr(f"aizuchi.cli.{module}.Keyboard", lambda: keys)
    async with asyncio.timeout(100):
        return await command._chat(  # pyright: ignore[reportPrivateUsage]
            load(None, lang="en"), args, command.address(args.url), library
        )


def recording(folder: Path, *pieces: bytes) -> Path:
    """A WAV file; by default somebody who says something short."""
    path = folder / "said.wav"
    write_wav(path, b"".join(pieces or (quiet(200), tone(500), quiet(200))), 16_000)
    return path
