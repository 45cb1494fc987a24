"""`aizuchi asr-eval DIR`: word error rate of the chosen recogniser over recordings with references."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from aizuchi.cli.wer import Errors, compare
from aizuchi.errors import ConfigError, ProviderError
from aizuchi.texts import Texts

if TYPE_CHECKING:
    from aizuchi.config import Chosen
    from aizuchi.ports import Recognizer

TEXTS: Final = Texts(
    {
        "nothing": (
            "{folder} holds no recordings with references: x.wav beside x.txt, or a .tsv of file and text",
            "{folder} 中没有带文本的录音：需要 x.wav 与同名 x.txt，或列出文件与文本的 .tsv",
        ),
        "row": (
            "{file}, line {line}: expected a file name, a tab, and the words",
            "{file} 第 {line} 行：应为文件名、制表符、文本",
        ),
        "missing": (
            "{file}, line {line}: there is no recording {name}",
            "{file} 第 {line} 行：录音 {name} 不存在",
        ),
        "head": ("{name} over {count} recordings in {folder}", "{name}，{folder} 中的 {count} 段录音"),
        "failed": ("failed: {reason}", "失败：{reason}"),
        "slow": ("no answer within {limit:g} s", "{limit:g} 秒内无应答"),
        "sum": (
            "word error rate {rate:.1%}: {words} words: {substituted} wrong, {deleted} lost, {inserted} new",
            "词错误率 {rate:.1%}：共 {words} 词，{substituted} 错，{deleted} 漏，{inserted} 多",
        ),
        "speed": (
            "{audio:.1f} s of sound in {took:.1f} s ({factor:.2f} of real time); {failed} failed",
            "{audio:.1f} 秒录音用时 {took:.1f} 秒（实时的 {factor:.2f} 倍）；{failed} 段失败",
        ),
    }
)
RATE: Final = 16_000
START: Final = 60.0


@dataclass(frozen=True, slots=True)
class Case:
    """One recording and what is said in it."""

    wav: Path
    words: str


def cases(folder: Path, lang: Any) -> Iterator[Case]:
    """x.wav with x.txt, then the rows of every .tsv (file, tab, words; a header row is skipped).

    Raises ConfigError for a row that can't be read.
    """
    for wav in sorted(folder.rglob("*.wav")):
        text = wav.with_suffix(".txt")
        if text.is_file():
            yield Case(wav, text.read_text(encoding="utf-8-sig").strip())
    for table in sorted(folder.rglob("*.tsv")):
        for number, row in enumerate(table.read_text(encoding="utf-8-sig").splitlines(), start=1):
            if not row.strip():
                continue
            name, tab, words = row.partition("\t")
            if not tab:
                raise ConfigError(TEXTS.say(lang, "row", file=table, line=number))
            wav = table.parent / name.strip()
            if not wav.is_file():
                if number == 1:
                    continue  # a header, such as "file  words"
                raise ConfigError(TEXTS.say(lang, "missing", file=table, line=number, name=name.strip()))
            yield Case(wav, words.split("\t")[0].strip())


def run(args: argparse.Namespace) -> int:
    from aizuchi.config import load

    loaded = load(Path(args.config) if args.config else None, lang=args.lang)
    folder = Path(args.folder)
    found = list(cases(folder, loaded.lang)) if folder.is_dir() else []
    if not found:
        raise ConfigError(TEXTS.say(loaded.lang, "nothing", folder=folder))
    if args.limit > 0:
        found = found[: args.limit]
    chosen = loaded.chosen["asr"][0]
    print(TEXTS.say(loaded.lang, "head", name=chosen.name, count=len(found), folder=folder))
    return asyncio.run(_evaluate(chosen, found, loaded.lang))


async def _evaluate(chosen: Chosen, found: list[Case], lang: Any) -> int:
    from aizuchi.audio import read_wav
    from aizuchi.build import providers

    recognizer = cast("Recognizer", next(providers([chosen])))
    total, seconds, took, failed = Errors(), 0.0, 0.0, 0
    async with asyncio.timeout(START):
        await recognizer.__aenter__()
    try:
        for case in found:
            pcm, _rate = await asyncio.to_thread(read_wav, case.wav, RATE)
            began = time.perf_counter()
            length = len(pcm) / 2 / RATE
            # Ten times real time is far beyond what would be of use.
            limit = max(30.0, 10 * length)
            try:
                async with asyncio.timeout(limit):
                    heard = await _recognise(recognizer, pcm)
            except TimeoutError:
                failed += 1
                print(f"{case.wav.name}: {TEXTS.say(lang, 'slow', limit=limit)}")
                continue
            except ProviderError as error:
                failed += 1
                print(f"{case.wav.name}: {TEXTS.say(lang, 'failed', reason=error)}")
                continue
            took += time.perf_counter() - began
            seconds += length
            errors = compare(case.words, heard)
            total += errors
            print(f"{errors.rate:7.1%}  {case.wav.name}: {heard}", flush=True)
    finally:
        await recognizer.__aexit__(None, None, None)
    numbers = {name: getattr(total, name) for name in ("words", "substituted", "deleted", "inserted")}
    print(TEXTS.say(lang, "sum", rate=total.rate, **numbers))
    factor = took / seconds if seconds else 0.0
    print(TEXTS.say(lang, "speed", audio=seconds, took=took, factor=factor, failed=failed))
    return 1 if failed else 0


async def _recognise(recognizer: Recognizer, pcm: bytes) -> str:
    from aizuchi.ports import Final as Done
    from aizuchi.ports import Hints

    async def audio() -> AsyncIterator[bytes]:
        for start in range(0, len(pcm), 6_400):
            yield pcm[start : start + 6_400]

    text = ""
    async with aclosing(cast("Any", recognizer.transcribe(audio(), Hints()))) as results:
        async for result in results:
            if isinstance(result, Done):
                text = result.text
    return text
