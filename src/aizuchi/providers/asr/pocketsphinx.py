"""The embedded recogniser: pocketsphinx, English only, good for commands and a stopgap for dictation.

It holds Python's lock while it decodes, so it lives in worker processes (`crafts/pocketsphinx.py`, which
tells how it is set). Model and dictionary come inside its wheel.
"""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from pydantic import Field

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.ports import Final, Hints, Partial, Recognizer
from aizuchi.providers.pool import Pool
from aizuchi.providers.worker import Plan


class PocketsphinxRecognizer(Recognizer):
    """pocketsphinx 5 in worker processes. Embedded; no key, no network, English."""

    name: ClassVar[str] = "pocketsphinx"
    embedded: ClassVar[bool] = True

    class Options(Recognizer.Options):
        """Its settings."""

        grammar: list[str] | str = Field(
            default_factory=list,
            description="sentences that may be said, or a JSGF grammar, as a file or as text; empty: any",
        )
        workers: int = Field(2, ge=1, le=32, description="utterances recognised at once, each by a process")
        waiting: int = Field(8, ge=0, le=1000, description="utterances that may wait for a free process")

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.options: PocketsphinxRecognizer.Options = options
        grammar = [options.grammar] if isinstance(options.grammar, str) else list(options.grammar)
        self._grammar = [line for line in grammar if line.strip()]
        self._pool = Pool(
            Plan("aizuchi.providers.crafts.pocketsphinx:Pocketsphinx", {"grammar": self._grammar}, self.name),
            size=options.workers,
            waiting=options.waiting,
        )

    async def __aenter__(self) -> Self:
        """Starts loading and does not wait, except for a grammar, which may be wrong: then ConfigError."""
        if importlib.util.find_spec("pocketsphinx") is None:
            raise ConfigError(
                "asr pocketsphinx: the package pocketsphinx is missing; pip install pocketsphinx"
            )
        for line in self._grammar:
            if line.lower().endswith((".jsgf", ".gram")) and not Path(line).is_file():  # noqa: ASYNC240
                raise ConfigError(f"asr pocketsphinx: grammar {line!r} is no file")
        await self._pool.__aenter__()
        if self._grammar:
            try:
                await self._pool.started()
            except BaseException as error:
                await self._pool.__aexit__(None, None, None)
                if isinstance(error, ProviderError) and not error.retryable:
                    raise ConfigError(f"asr pocketsphinx: {error}") from error
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.__aexit__(kind, error, trace)

    @property
    def ready(self) -> bool:
        return self._pool.ready

    @property
    def languages(self) -> frozenset[str]:
        return frozenset({"en"})

    @property
    def streams(self) -> bool:
        return True

    @property
    def about(self) -> str:
        if self._grammar:
            return "pocketsphinx, only what its grammar knows"
        return "pocketsphinx, good for short clear sentences, poor at longer ones"

    async def transcribe(
        self, audio: AsyncIterator[bytes], hints: Hints
    ) -> AsyncGenerator[Partial | Final, None]:
        """Partials as the text grows, from about 0.7 s of sound on; hints are ignored.

        Confidence is the mean of the words' posteriors: above 0.4 mostly right, below 0.25 mostly wrong.
        ProviderError when all processes are busy and too many utterances wait.
        """
        async with self._pool.call(None) as call:
            async for pcm in audio:
                await call.send(pcm)
                for item in call.arrived():
                    yield _result(item)
            call.end()
            async for item in call:
                yield _result(item)


def _result(item: list[object]) -> Partial | Final:
    match item:
        case ["p", str(text)]:
            return Partial(text)
        case ["f", str(text), float(confidence)]:
            return Final(text, "en", confidence if text else None)
        case _:
            raise ProviderError("the pocketsphinx process sent what is no result")
