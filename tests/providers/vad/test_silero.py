"""Silero on real speech: the same numbers alone and in company, nothing lost, nobody delayed."""

import asyncio
import gc
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.ports import Score
from aizuchi.providers.vad import silero
from aizuchi.providers.vad.gate import Gate
from aizuchi.providers.vad.silero import Batches, SileroVad, installed
from aizuchi.providers.vad.silero_model import NEW, Floats, load
from tests.speech import recording, some_speech, speech

GO = "go_forward_ten_meters.wav"


async def cut(pcm: bytes, size: int = 640) -> AsyncIterator[bytes]:
    for start in range(0, len(pcm), size):
        yield pcm[start : start + size]


async def scores(vad: SileroVad, pcm: bytes, size: int = 640) -> list[Score]:
    return [score async for score in vad.scores(cut(pcm, size))]


def one_by_one(pcm: bytes, *, gated: bool) -> list[float]:
    """The probability of each sample, every window judged alone by the bare model."""
    judge = load(installed())
    gate, state, out = Gate(gated=gated), NEW, list[float]()
    gate.feed(pcm)

    def take() -> None:
        for score in gate.settled():
            out.extend([score.probability] * (len(score.pcm) // 2))

    while (window := gate.window()) is not None:
        (p,), (state,) = judge([window], [state])
        gate.judged(p)
        take()
    if (window := gate.last_window()) is not None:
        (p,), (state,) = judge([window], [state])
        gate.judged(p)
    take()
    return out


def spread(found: list[Score]) -> list[float]:
    return [p for score in found for p in [score.probability] * (len(score.pcm) // 2)]


@pytest.fixture
async def vad() -> AsyncIterator[SileroVad]:
    async with SileroVad() as vad:
        yield vad


@pytest.mark.parametrize("size", [640, 1920, 333])
async def test_speech_is_speech(vad: SileroVad, size: int):
    """In a real recording the words are found where they are, and the joined stretches are the input."""
    pcm = bytes(16_000) + speech(GO) + bytes(32_000)
    found = await scores(vad, pcm, size)
    assert b"".join(score.pcm for score in found) == pcm
    p = np.array(spread(found))
    assert p[:7_600].max() == 0
    words = p[8_000 + 9_000 : 8_000 + 33_000]
    assert (words > 0.5).mean() > 0.85
    assert p[-14_000:].max() == 0


@pytest.mark.parametrize("name", some_speech())
async def test_the_gate_loses_no_speech(vad: SileroVad, name: str):
    """Of what the bare model calls speech the gate silences at most one hundredth, and it invents none."""
    pcm = speech(name)[: 2 * 16_000 * 15]
    bare = np.array(await asyncio.to_thread(one_by_one, pcm, gated=False))
    gated = np.array(spread(await scores(vad, pcm)))
    lost = ((gated == 0) & (bare >= 0.5)).sum() / (bare >= 0.5).sum()
    assert lost <= 0.01
    agree = (gated >= 0.5) == (bare >= 0.5)
    assert agree.mean() > 0.9
    first_bare, first_gated = (int(np.argmax(p >= 0.5)) for p in (bare, gated))
    assert first_gated - first_bare < 16 * 40


async def test_a_batch_gives_the_numbers_of_one(vad: SileroVad):
    """Eight different streams at once get, to 1e-4, what each gets from the model alone."""
    speech_ = speech(GO)
    pcms = [bytes(2 * 997 * i) + speech_[: 32_000 + 4_000 * i] for i in range(8)]
    together = await asyncio.gather(*(scores(vad, pcm) for pcm in pcms))
    for pcm, found in zip(pcms, together, strict=True):
        # The stretches' cuts depend on the chunks while the gate is shut, so the model runs here alike.
        alone = await scores(vad, pcm)
        assert np.abs(np.array(spread(found)) - np.array(spread(alone))).max() < 1e-4
        assert [score.pcm for score in found] == [score.pcm for score in alone]


async def test_batch_and_single_agree_in_the_model():
    """The model itself: eight windows in one call or in eight, state carried over fifty rounds."""
    judge = load(installed())
    samples = speech(GO)
    single, batch = [NEW] * 8, [NEW] * 8
    for k in range(50):
        windows = [samples[i * 2_000 + k * 1024 :][:1152] for i in range(8)]
        ps, batch = judge(windows, batch)
        pairs = [judge([w], [s]) for w, s in zip(windows, single, strict=True)]
        single = [s for _, (s,) in pairs]
        assert ps == pytest.approx([p for (p,), _ in pairs], abs=1e-4)


class Counting:
    """A judge that counts its batches, and waits for leave where told to."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, windows: list[bytes], states: list[Floats]) -> tuple[list[float], list[Floats]]:
        self.batches.append(len(windows))
        return [len(w) / 2000 for w in windows], states


@pytest.fixture
def pool() -> Any:
    with ThreadPoolExecutor(1) as pool:
        yield pool


async def test_a_lone_window_waits_for_nobody(pool: ThreadPoolExecutor):
    """With a free thread and no load a window goes at once and alone, without a timer."""
    judge = Counting()
    batches = Batches(judge, pool)
    loop = asyncio.get_running_loop()
    timers: list[float] = []
    real = loop.call_later
    loop.call_later = lambda delay, *a, **k: (timers.append(delay), real(delay, *a, **k))[1]  # type: ignore[method-assign]
    try:
        assert await batches.judge(bytes(1000), NEW) == (0.5, NEW)
    finally:
        loop.call_later = real  # type: ignore[method-assign]
    assert judge.batches == [1]
    assert timers == []


async def test_what_waits_goes_together(pool: ThreadPoolExecutor):
    """While the thread is busy windows gather, and all of them go with the next batch."""
    judge = Counting()
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(windows: list[bytes], states: list[Floats]) -> tuple[list[float], list[Floats]]:
        if not judge.batches:
            asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(10)
        return judge(windows, states)

    batches = Batches(slow, pool)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(batches.judge(bytes(n), NEW)) for n in range(41)]
        await asyncio.sleep(0)
        gate.set()
    assert judge.batches == [1, 40]
    assert [t.result()[0] for t in tasks] == [n / 2000 for n in range(41)]


async def test_more_than_a_batch_follows_at_once(pool: ThreadPoolExecutor):
    """Two hundred windows at once are all judged, in batches of at most 64."""
    judge = Counting()
    batches = Batches(judge, pool)
    results = await asyncio.gather(*(batches.judge(bytes(n), NEW) for n in range(200)))
    assert [p for p, _ in results] == [n / 2000 for n in range(200)]
    assert max(judge.batches) <= silero.BATCH
    assert sum(judge.batches) == 200


async def test_a_cancelled_window_disturbs_nobody(pool: ThreadPoolExecutor):
    """A stream that gives up before its turn is not judged; the others are."""
    judge = Counting()
    batches = Batches(judge, pool)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(batches.judge(bytes(n), NEW)) for n in range(5)]
        await asyncio.sleep(0)
        tasks[3].cancel()
        tasks[0].cancel()
    assert [t.result()[0] for t in tasks if not t.cancelled()] == [0.0005, 0.001, 0.002]
    assert sum(judge.batches) <= 4


async def test_a_failing_model_is_a_provider_error(pool: ThreadPoolExecutor):
    """When the model fails its batch gets a ProviderError, and the next batch is judged again."""
    judge = Counting()

    def fails_once(windows: list[bytes], states: list[Floats]) -> tuple[list[float], list[Floats]]:
        if not judge.batches:
            judge.batches.append(0)
            raise RuntimeError("out of memory")
        return judge(windows, states)

    batches = Batches(fails_once, pool)
    with pytest.raises(ProviderError, match="out of memory"):
        await batches.judge(bytes(10), NEW)
    assert (await batches.judge(bytes(10), NEW))[0] == 0.005


async def test_a_stuck_model_is_a_timeout(pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch):
    """A window is not waited for longer than its limit."""
    release = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stuck(windows: list[bytes], states: list[Floats]) -> tuple[list[float], list[Floats]]:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(10)
        return [0.0] * len(windows), states

    monkeypatch.setattr(silero, "JUDGE_TIMEOUT", 0.02)
    batches = Batches(stuck, pool)
    with pytest.raises(ProviderError, match=r"within 0\.02 s"):
        await batches.judge(bytes(10), NEW)
    release.set()


async def test_an_abandoned_stream_delays_nobody(vad: SileroVad):
    """One consumer stops in mid-stream, one source never sends: a third stream is scored to its end."""
    pcm = speech(GO)

    async def stalls() -> AsyncIterator[bytes]:
        yield pcm[20_000:21_000]
        await asyncio.Event().wait()

    async with aclosing(vad.scores(cut(pcm))) as left:
        await anext(left)
        stalled = aiter(vad.scores(stalls()))
        async with asyncio.TaskGroup() as group:
            hanging = group.create_task(_drain(stalled))
            async with asyncio.timeout(30):
                assert len(b"".join(s.pcm for s in await scores(vad, pcm))) == len(pcm)
            hanging.cancel()
    gc.collect()


async def _drain(stream: AsyncIterator[Score]) -> None:
    async for _ in stream:
        pass


async def test_shutting_down_frees_whoever_waits():
    """Leaving the provider ends streams with a ProviderError instead of leaving them to hang."""
    vad = SileroVad()
    with pytest.raises(ProviderError, match="not loaded"):
        await scores(vad, bytes(640))
    async with vad:
        stream = aiter(vad.scores(cut(speech(GO))))
        await anext(stream)
    with pytest.raises(ProviderError, match="shut down"):
        await _drain(stream)


async def test_who_comes_while_it_loads_waits():
    """Entering takes no time; a stream that begins before the model is there waits for it."""
    async with SileroVad() as vad:
        assert not vad.ready
        assert sum(len(score.pcm) for score in await scores(vad, speech(GO)[:32_000])) == 32_000
        assert vad.ready


async def test_weights_that_came_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """If the installed file is no model the server says so and goes on: typed text needs no ears."""
    (tmp_path / "silero_vad.onnx").write_bytes(b"no model")
    monkeypatch.setattr(silero, "installed", lambda: tmp_path / "silero_vad.onnx")
    async with SileroVad() as vad:
        with pytest.raises(ProviderError, match="no Silero VAD model"):
            await scores(vad, bytes(640))
        assert not vad.ready
    assert "nobody will be heard" in caplog.text


async def test_without_the_gate_every_window_is_judged():
    """`gate: false` leaves everything to the model, silence too."""
    async with SileroVad(SileroVad.Options.model_validate({"gate": False})) as vad:
        found = await scores(vad, bytes(32_000))
        assert all(0 < s.probability < 0.2 for s in found)
        assert sum(len(s.pcm) for s in found) == 32_000


async def test_wrong_weights_are_said_clearly(tmp_path: Path):
    """A missing file, or one that is no Silero model, is one ConfigError that names the setting."""
    (tmp_path / "x.onnx").write_bytes(b"no model")
    for model in ("nowhere.onnx", "x.onnx"):
        vad = SileroVad(SileroVad.Options.model_validate({"model": str(tmp_path / model)}))
        with pytest.raises(ConfigError, match=r"vad\.silero\.model"):
            await vad.__aenter__()


def test_recordings_are_sixteen_kilohertz():
    """What the tests call speech is a file that exists."""
    assert recording(GO).stat().st_size > 80_000
