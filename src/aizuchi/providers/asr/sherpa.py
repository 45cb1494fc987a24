"""sherpa-onnx: neural recognisers from a folder on this machine, in a worker process.

Needs the extra `sherpa` and a model: `aizuchi models download NAME` fetches one, once. The library ends its
process when something about a model is wrong, hence the process of its own (`crafts/sherpa.py`) and the look
at the files before (`sherpa_folder.py`).
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from pydantic import Field

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.ports import Final, Hints, Partial, Recognizer
from aizuchi.providers import models
from aizuchi.providers.asr.sherpa_folder import Kind, find
from aizuchi.providers.pool import Pool
from aizuchi.providers.worker import Plan


class SherpaRecognizer(Recognizer):
    """sherpa-onnx with a local model; streaming models give partials, others only the final text."""

    name: ClassVar[str] = "sherpa"

    class Options(Recognizer.Options):
        """Its settings."""

        model: str = Field("", description="the model's folder; `aizuchi models` lists and fetches models")
        kind: Kind | None = Field(None, description="what kind of model it is; empty: told by its files")
        int8: bool = Field(True, description="prefer the small variant of a model that has two")
        language: str = Field("", description="for SenseVoice and Whisper: the language spoken; empty: any")
        languages: list[str] = Field(
            default_factory=list, description="languages the model hears; empty: as the list of models says"
        )
        itn: bool = Field(True, description="for SenseVoice: numbers as figures, and punctuation")
        threads: int = Field(2, ge=1, le=64, description="threads one decoding may use")
        provider: str = Field("cpu", description="onnxruntime's execution provider: cpu, cuda, coreml")
        workers: int = Field(1, ge=1, le=16, description="processes; each loads the model")

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.options: SherpaRecognizer.Options = options
        self._pool: Pool | None = None
        self._streams = False

    async def __aenter__(self) -> Self:
        """Looks at the files, then starts loading and does not wait. Raises ConfigError."""
        options = self.options
        if not options.model:
            raise ConfigError(
                "asr sherpa: `model` is missing: the folder of a model; see `aizuchi models`",
                zh="asr sherpa：缺少 model，即模型所在的文件夹；参见 `aizuchi models`",
            )
        if importlib.util.find_spec("sherpa_onnx") is None:
            raise ConfigError(
                "asr sherpa: its package is missing; pip install 'aizuchi[sherpa]'",
                zh="asr sherpa：软件包没有安装；请运行 pip install 'aizuchi[sherpa]'",
            )
        folder = Path(options.model).expanduser()  # noqa: ASYNC240
        kind, files = await asyncio.to_thread(find, folder, options.kind, int8=options.int8)
        self._streams = kind.startswith("streaming")
        plan = Plan(
            "aizuchi.providers.crafts.sherpa:Sherpa",
            {
                "kind": kind,
                "files": files,
                "threads": options.threads,
                "provider": options.provider,
                "language": options.language,
                "itn": options.itn,
            },
            self.name,
            start_timeout=180.0,
            answer_timeout=60.0,
        )
        self._pool = Pool(plan, size=options.workers, waiting=32)
        await self._pool.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            await self._pool.__aexit__(kind, error, trace)

    @property
    def ready(self) -> bool:
        return self._pool is not None and self._pool.ready

    @property
    def languages(self) -> frozenset[str] | None:
        if self.options.languages:
            return frozenset(self.options.languages)
        known = models.named(Path(self.options.model).name)
        return frozenset(known.languages) if known is not None else None

    @property
    def streams(self) -> bool:
        return self._streams

    @property
    def about(self) -> str:
        return f"sherpa-onnx with {Path(self.options.model).name or 'no model'}, on this machine"

    async def transcribe(
        self, audio: AsyncIterator[bytes], hints: Hints
    ) -> AsyncGenerator[Partial | Final, None]:
        """Partials while sound comes, if the model streams; hints are ignored. Utterances up to a minute."""
        if self._pool is None:
            raise ProviderError("sherpa is not running")
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
        case ["f", str(text), str(language)]:
            return Final(text, language if text else "")
        case _:
            raise ProviderError("the sherpa process sent what is no result")
