"""Smart Turn: a small neural model that hears whether a speaker has finished, in a worker process.

Facts from the model card of `pipecat-ai/smart-turn-v3` and its repository, read 2026-11: BSD 2-clause,
8.7 MB (v3.2, for the CPU), trained on 23 languages; input `(1, 80, 800)`, the log-mel features of the last
8 seconds, silence first; output a probability. It costs about 30 ms of one core each time.
"""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from pydantic import Field

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.ports import TurnModel
from aizuchi.providers import models
from aizuchi.providers.pool import Pool
from aizuchi.providers.worker import Plan

SHIPPED = "smart-turn-v3.2-cpu"
"""The version that was tried; `models.py` knows it."""
PLACE = Path("audio", "turn", "smart_turn", "data")
"""Where the weights lie inside the package `pipecat-ai`."""


class SmartTurnModel(TurnModel):
    """Smart Turn v3: hears from the voice whether its speaker has finished; 23 languages, on this machine."""

    name: ClassVar[str] = "smart_turn"

    class Options(TurnModel.Options):
        model: str = Field(
            "",
            description="a smart-turn .onnx file, or its folder; empty takes the one inside an installed "
            "pipecat-ai; `aizuchi models download smart-turn-v3.2-cpu` fetches one",
        )
        threads: int = Field(1, ge=1, le=16, description="threads one judgement may use")
        workers: int = Field(1, ge=1, le=16, description="processes; each judges one pause at a time")

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options or self.Options.model_validate({}))
        self.options: SmartTurnModel.Options
        self._pool: Pool | None = None

    async def __aenter__(self) -> Self:
        """Looks for the file, then starts loading and does not wait. Raises ConfigError."""
        model = await asyncio.to_thread(weights, self.options.model)
        plan = Plan(
            "aizuchi.providers.crafts.smart_turn:SmartTurn",
            {"model": str(model), "threads": self.options.threads},
            self.name,
            answer_timeout=5.0,
        )
        self._pool = Pool(plan, size=self.options.workers)
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
        known = models.named(SHIPPED)
        return None if known is None else frozenset(known.languages)

    @property
    def about(self) -> str:
        return "Smart Turn, on this machine"

    async def finished(self, pcm: bytes) -> float:
        """See the port. Waits while the model still loads, or is busy; the caller has a limit."""
        if self._pool is None:
            raise ProviderError("smart_turn is not running")
        async with self._pool.call(None) as call:
            await call.send(pcm)
            call.end()
            async for probability in call:
                return float(probability)
        raise ProviderError("the smart_turn process gave no answer")


def weights(named: str) -> Path:
    """The model file: `named`, a file or its folder, else the newest inside an installed `pipecat-ai`.

    Raises ConfigError, which says how to get one.
    """
    if named:
        path = Path(named).expanduser()
        found = _newest(path) if path.is_dir() else path if path.is_file() else None
        if found is None:
            raise ConfigError(
                f"turn smart_turn: there is no model {path}",
                zh=f"turn smart_turn：找不到模型 {path}",
            )
        return found
    # The package itself is not imported: only its data file is of use here.
    spec = importlib.util.find_spec("pipecat")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (found := _newest(Path(folder) / PLACE)) is not None:
            return found
    raise ConfigError(
        "turn smart_turn: its model is missing; `aizuchi models download smart-turn-v3.2-cpu` fetches it "
        "(then name it as `model`), or pip install --no-deps pipecat-ai, which carries it",
        zh="turn smart_turn：缺少模型文件；可用 `aizuchi models download smart-turn-v3.2-cpu` 下载"
        "（并填入 model），或安装带有该文件的软件包：pip install --no-deps pipecat-ai",
    )


def _newest(folder: Path) -> Path | None:
    """Of several the last by name, those for the CPU first."""
    found = sorted(folder.glob("*.onnx"), key=lambda path: ("cpu" in path.name, path.name))
    return found[-1] if found else None
