"""A streaming recogniser that knows what is being said: it reads `marks` and gives the true words.

A provider like any third party's, found through an entry point (`installed`). At any moment its text is
exactly the words that lie wholly within the sound it was given; where it was given a piece of an utterance,
the words of that piece. Unmarked sound has no words.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import ClassVar

from marks import BLOCK, Reader
from pydantic import Field

from aizuchi.ports import Final, Hints, Partial, Recognizer

RATE = 16_000
BLOCK_MS = BLOCK * 1000 / RATE
SLACK_MS = 2 * BLOCK_MS
"""A word counts as within the sound when no more than a mark's length of it is missing."""
NAME = "bench-scripted"


def installed(folder: Path) -> str:
    """Make what an installer would leave of this provider in a folder; gives what PYTHONPATH needs."""
    about = folder / "bench_scripted-0.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-scripted\nVersion: 0\n")
    (about / "entry_points.txt").write_text(f"[aizuchi.asr]\n{NAME} = scripted:ScriptedRecognizer\n")
    return os.pathsep.join([str(Path(__file__).resolve().parent), str(folder)])


def words_within(words: list[tuple[float, float, str]], first_ms: float, last_ms: float) -> list[str]:
    """Those of (begin, end, text) that lie wholly between two moments."""
    return [
        text
        for begin, end, text in words
        if begin >= first_ms - SLACK_MS and end <= last_ms + SLACK_MS and end > begin
    ]


class ScriptedRecognizer(Recognizer):
    """Reads the marks in the sound and looks the words up."""

    name: ClassVar[str] = NAME

    class Options(Recognizer.Options):
        script: Path = Field(description="JSON: identity -> {language, words: [[begin ms, end ms, text]]}")
        final_ms: float = Field(0.0, description="from the end of the sound to the final text")

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._final = options.final_ms / 1000
        told = json.loads(options.script.read_text(encoding="utf-8"))
        self._scripts = {int(identity): script for identity, script in told.items()}

    @property
    def streams(self) -> bool:
        """Partial texts come as the sound does."""
        return True

    async def transcribe(
        self, audio: AsyncIterator[bytes], hints: Hints
    ) -> AsyncGenerator[Partial | Final, None]:
        reader, spans, told = Reader(), dict[int, tuple[int, int]](), ""
        async for pcm in audio:
            for block in reader.feed(pcm):
                first, _ = spans.get(block.identity, (block.place, 0))
                spans[block.identity] = first, block.place + 1
            text = self._text(spans)
            if text != told or not pcm:  # at a pause the newest words are wanted, news or not
                told = text
                yield Partial(text)
        if self._final:
            await asyncio.sleep(self._final)
        yield Final(told, self._language(spans))

    def _text(self, spans: dict[int, tuple[int, int]]) -> str:
        text = ""
        for identity, (first, last) in spans.items():
            script = self._scripts.get(identity)
            if script is None:
                continue
            between = "" if script["language"] in ("zh", "ja") else " "
            said = between.join(words_within(script["words"], first * BLOCK_MS, last * BLOCK_MS))
            text = f"{text} {said}".strip() if between else text + said
        return text

    def _language(self, spans: dict[int, tuple[int, int]]) -> str:
        return next((self._scripts[each]["language"] for each in spans if each in self._scripts), "")
