"""Smart Turn: where its file is found, the worker process, and the real weights where there are any."""

from __future__ import annotations

import asyncio
import importlib.machinery
import importlib.util
import math
import os
from pathlib import Path

import numpy as np
import pytest

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.providers.crafts.log_mel import log_mel
from aizuchi.providers.crafts.smart_turn import samples
from aizuchi.providers.turn.smart_turn import PLACE, SmartTurnModel, weights
from tests import speech
from tests.providers.turn import shipped, tiny


@pytest.fixture
def tiny_model(tmp_path: Path) -> Path:
    file = tmp_path / "smart-turn-tiny.onnx"
    file.write_bytes(tiny.model())
    return file


def turn(model: Path) -> SmartTurnModel:
    return SmartTurnModel(SmartTurnModel.Options.model_validate({"model": str(model)}))


def without_package(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    """`pipecat` is installed in these folders, or not at all."""
    real = importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> importlib.machinery.ModuleSpec | None:
        if name != "pipecat":
            return real(name, package)
        if not folders:
            return None
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(folder) for folder in folders]
        return spec

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


# ------------------------------------------------------------------ the file


def test_a_named_file_or_its_folder(tiny_model: Path):
    """`model` names either; of several files in a folder the newest for the CPU is taken."""
    assert weights(str(tiny_model)) == weights(str(tiny_model.parent)) == tiny_model
    for name in ("smart-turn-v3.1-cpu.onnx", "smart-turn-v3.2-cpu.onnx", "smart-turn-v3.2-gpu.onnx"):
        (tiny_model.parent / name).write_bytes(b"")
    assert weights(str(tiny_model.parent)).name == "smart-turn-v3.2-cpu.onnx"


def test_the_one_inside_pipecat_is_found_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Its package stays unimported: it is large, and only the file is of use."""
    place = tmp_path / "pipecat" / PLACE
    place.mkdir(parents=True)
    (tmp_path / "pipecat" / "__init__.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    (place / "smart-turn-v3.2-cpu.onnx").write_bytes(tiny.model())
    without_package(monkeypatch, tmp_path / "pipecat")
    assert weights("") == place / "smart-turn-v3.2-cpu.onnx"


async def test_a_missing_file_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Nothing is pretended: without its file the provider does not start, in either language."""
    without_package(monkeypatch)
    with pytest.raises(ConfigError, match="aizuchi models download smart-turn") as caught:
        await SmartTurnModel().__aenter__()
    assert "下载" in caught.value.zh
    with pytest.raises(ConfigError, match="there is no model"):
        await turn(tmp_path / "nothing.onnx").__aenter__()


# ------------------------------------------------------------------ the process


async def test_a_probability_comes_out_of_the_process(tiny_model: Path):
    """The answer is what the model makes of the features of that very sound."""
    sound = (np.sin(np.arange(16_000) / 9) * 9000).astype("<i2").tobytes()
    async with turn(tiny_model) as model, asyncio.timeout(60):
        answers = [await model.finished(sound), await model.finished(bytes(3200)), await model.finished(b"")]
    for answer, pcm in zip(answers, (sound, bytes(3200), b""), strict=True):
        mean = float(log_mel(samples(pcm)).mean())
        assert answer == pytest.approx(1 / (1 + math.exp(-mean)), abs=1e-4)
    assert answers[0] != answers[1] == answers[2]


async def test_questions_at_once_are_all_answered(tiny_model: Path):
    """One process answers one after the other; one that is given up costs the others nothing."""
    async with turn(tiny_model) as model, asyncio.timeout(60):
        first = await model.finished(bytes(32_000))
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(model.finished(bytes(32_000))) for _ in range(6)]
            await asyncio.sleep(0)
            asked[2].cancel()
    assert [each.result() for each in asked if not each.cancelled()] == [first] * 5


@pytest.mark.parametrize("broken", [b"no model at all", tiny.model(bands=64), tiny.model(sigmoid=False)])
async def test_a_file_that_is_no_smart_turn_fails_plainly(tmp_path: Path, broken: bytes):
    """Garbage, another model's shape, or answers that are no probability: told, and not tried again."""
    file = tmp_path / "smart-turn.onnx"
    file.write_bytes(broken)
    async with turn(file) as model, asyncio.timeout(60):
        with pytest.raises(ProviderError, match="no Smart Turn model") as caught:
            await model.finished(bytes(32_000))
    assert not caught.value.retryable


async def test_outside_its_life_it_refuses(tiny_model: Path):
    """Before it was entered and after it was left there is no process to ask."""
    model = turn(tiny_model)
    with pytest.raises(ProviderError):
        await model.finished(b"")
    async with model:
        pass
    with pytest.raises(ProviderError):
        await model.finished(b"")


# ------------------------------------------------------------------ the real thing


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights that people use, one copy for all workers of this run."""
    base = tmp_path_factory.getbasetemp()
    return shipped.real_weights(
        (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "smart-turn"
    )


def test_other_weights_are_refused():
    """What lies in the wheel under the model's name is not believed because of its name."""
    with pytest.raises(ValueError, match="SHA-256"):
        shipped.checked(tiny.model())


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("name", ["zh_sentence.wav", "en_sentence.wav", "zh_asr_example.wav", "jfk_16k.wav"])
async def test_the_real_model_tells_a_sentence_from_its_beginning(real: Path, name: str):
    """Whole sentences are finished, the same ones cut after 70 % are not."""
    pcm = speech.speech(name)
    async with turn(real) as model, asyncio.timeout(60):
        assert await model.finished(pcm) > 0.8
        assert await model.finished(pcm[: len(pcm) * 7 // 20 * 2]) < 0.3
