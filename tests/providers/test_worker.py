"""Worker processes: streams, bounds, cancellation, and every way a process can fail."""

import asyncio
import contextlib
import logging
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from aizuchi.errors import ProviderError, StageTimeout
from aizuchi.providers import worker as worker_module
from aizuchi.providers.pool import Pool
from aizuchi.providers.worker import Call, Plan
from aizuchi.providers.workshop import WINDOW
from tests import house

HERE = Path(__file__).resolve().parent
GUARD = 30.0
"""Seconds after which a test is stuck; none takes one."""


@pytest.fixture(autouse=True)
def children_find_the_odd_crafts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))


def pool(start: str = "", *, threads: int = 4, size: int = 1, waiting: int = 16, **plan: Any) -> Pool:
    options = {"start": start, "threads": threads}
    timing = {"pause": 0.01, "longest_pause": 0.05, "start_timeout": GUARD, **plan}
    return Pool(Plan("odd_crafts:Odd", options, "odd", **timing), size=size, waiting=waiting)


async def echo(workers: Pool, text: bytes = b"hello") -> list[Any]:
    """One whole call, to show that the process is well."""
    async with asyncio.timeout(GUARD), workers.call({"do": "echo"}) as call:
        await call.send(text)
        call.end()
        return [item async for item in call]


async def collect(call: Call) -> list[Any]:
    async with asyncio.timeout(GUARD):
        return [item async for item in call]


async def test_input_and_answers_stream():
    """Answers come while input still goes."""
    async with pool() as workers, workers.call({"do": "echo"}) as call:
        for piece in (b"a", b"b", b"c"):
            await call.send(piece)
            assert await anext(call) == piece
        call.end()
        assert await collect(call) == ["end"]


async def test_an_empty_piece_arrives_as_one():
    """To a recogniser it says that the speaker pauses."""
    async with pool() as workers, workers.call({"do": "echo"}) as call:
        for piece in (b"a", b"", b"", b"b"):
            await call.send(piece)
        call.end()
        assert await collect(call) == [b"a", b"", b"", b"b", "end"]


async def test_calls_share_a_process():
    """Several calls are open on one process at once and do not mix."""
    async with pool() as workers, contextlib.AsyncExitStack() as stack:
        calls = [await stack.enter_async_context(workers.call({"do": "echo"})) for _ in range(4)]
        for index, call in enumerate(calls):
            await call.send(bytes([index]))
        for index, call in reversed(list(enumerate(calls))):
            call.end()
            assert await collect(call) == [bytes([index]), "end"]
        assert len(workers.pids) == 1


async def test_long_input_is_cut():
    """A minute of sound in one piece arrives whole."""
    sound = bytes(range(256)) * 7500
    async with pool() as workers, workers.call({"do": "echo"}) as call, asyncio.TaskGroup() as tg:

        async def feed() -> None:
            await call.send(sound)
            call.end()

        tg.create_task(feed())
        assert b"".join((await collect(call))[:-1]) == sound


async def test_a_slow_reader_holds_its_call_back_and_no_other():
    """Answers nobody takes fill one window; the process serves others meanwhile, then goes on in order."""
    async with pool() as workers, workers.call({"do": "count", "n": 1000, "size": 1000}) as slow:
        for _ in range(3):
            assert (await echo(workers))[-1] == "end"
        assert len(slow._items) <= WINDOW
        assert [number for number, _ in await collect(slow)] == list(range(1000))


async def test_a_slow_process_holds_its_feeder_back():
    """Input the process does not read is bounded by the window; the feeder waits."""
    async with pool() as workers, workers.call({"do": "never_read"}) as call, asyncio.TaskGroup() as tg:
        sent = 0

        async def feed() -> None:
            nonlocal sent
            while True:
                await call.send(b"x")
                sent += 1

        feeder = tg.create_task(feed())
        await echo(workers)
        assert sent == WINDOW and not feeder.done()
        feeder.cancel()


async def test_leaving_cancels_at_once():
    """Leaving a call's block returns without waiting; the place is free again and the process lives on."""
    async with pool(threads=1) as workers:
        for _ in range(5):
            async with workers.call({"do": "count", "n": 10**9}) as call:
                await anext(call)
        before = workers.pids
        assert (await echo(workers))[-1] == "end"
        assert workers.pids == before


async def test_cancel_storm():
    """Hundreds of calls, cancelled before, while and after they are served, leave the process in order."""
    async with pool(threads=3, waiting=500) as workers:
        await echo(workers)
        before = workers.pids

        async def one(index: int) -> None:
            async with workers.call({"do": "count", "n": index}) as call:
                for _ in range(index % 4):
                    with contextlib.suppress(StopAsyncIteration):
                        await anext(call)

        async with asyncio.timeout(GUARD), asyncio.TaskGroup() as tg:
            tasks = [tg.create_task(one(index)) for index in range(300)]
            await asyncio.sleep(0)
            for task in tasks[::3]:
                task.cancel()
        assert (await echo(workers))[-1] == "end"
        assert workers.pids == before
        worker = workers._workers[0]
        for _ in range(100):  # the last cancelled ones are still letting go; each answer brings news of them
            if worker.places == 3:
                break
            await echo(workers)
        assert (worker.reserved, worker.places) == (0, 3) and not worker._calls


async def test_a_killed_process_ends_its_calls_and_comes_back():
    """Every open call gets a retryable error, the next one a new process."""
    async with pool() as workers, workers.call({"do": "count", "n": 10**9}) as one:
        await anext(one)
        async with workers.call({"do": "echo"}) as two:
            (pid,) = workers.pids
            psutil.Process(pid).kill()
            for call in (one, two):
                with pytest.raises(ProviderError) as caught:
                    await collect(call)
                assert caught.value.retryable
        assert (await echo(workers))[-1] == "end"
        assert workers.pids and workers.pids != [pid]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no way to send these to one process")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_to_the_whole_group_is_the_servers(number: signal.Signals):
    """A service manager and Ctrl-C reach workers, too; a reply in the making is still finished."""
    async with pool() as workers, workers.call({"do": "echo"}) as call:
        await call.send(b"before")
        assert await anext(call) == b"before"
        (pid,) = workers.pids
        psutil.Process(pid).send_signal(number)
        await call.send(b"after")
        call.end()
        assert await collect(call) == [b"after", "end"]
        assert workers.pids == [pid]


async def test_a_process_that_dies_by_itself():
    """What it said before is still delivered."""
    async with pool() as workers, workers.call({"do": "die"}) as call:
        assert await anext(call) == "last words"
        with pytest.raises(ProviderError, match="died"):
            await anext(call)


async def test_prints_do_not_reach_the_channel():
    """What a library prints, from C or Python, and what it reads from stdin, harms nothing."""
    async with pool("print") as workers, workers.call({"do": "print_garbage"}) as call:
        assert await collect(call) == [""]


@pytest.mark.parametrize("do", ["break_channel", "too_long"])
async def test_garbage_in_the_channel_ends_the_process(do: str):
    """Bytes that are no frame are not guessed at: the call fails, a new process serves the next."""
    async with pool() as workers:
        async with workers.call({"do": do}) as call:
            with pytest.raises(ProviderError):
                await collect(call)
        assert (await echo(workers))[-1] == "end"


async def test_much_on_stderr(caplog: pytest.LogCaptureFixture):
    """A talkative library does not block on its stderr, and fills no log."""
    caplog.set_level(logging.DEBUG, "aizuchi.providers.worker")
    async with pool() as workers, workers.call({"do": "shout"}) as call:
        assert await collect(call) == ["done"]
    assert len([r for r in caplog.records if "xxx" in r.getMessage()]) <= worker_module.LINES


async def test_silence_is_taken_for_a_hang():
    """A call that waits longer than the plan allows fails, and the process is replaced."""
    async with pool(answer_timeout=0.2) as workers:
        async with workers.call({"do": "hang"}) as call:
            assert await anext(call) == "hanging"
            with pytest.raises(StageTimeout):
                await anext(call)
        workers._workers[0].plan = replace(workers._workers[0].plan, answer_timeout=GUARD)
        assert (await echo(workers))[-1] == "end"


async def test_a_cancel_that_is_not_heeded(monkeypatch: pytest.MonkeyPatch):
    """A process that does not let go of a cancelled call is killed after a grace, and replaced."""
    monkeypatch.setattr(worker_module, "CANCEL_GRACE", 0.05)
    async with pool(threads=1) as workers:
        async with workers.call({"do": "hang"}) as call:
            await anext(call)
            (pid,) = workers.pids
        assert (await echo(workers))[-1] == "end"
        assert workers.pids != [pid]


async def test_a_call_refused_by_the_craft():
    """Its words and whether another try may help arrive unchanged; the process goes on."""
    async with pool() as workers:
        async with workers.call({"do": "refuse"}) as call:
            with pytest.raises(ProviderError, match="no such voice") as caught:
                await collect(call)
            assert not caught.value.retryable
        before = workers.pids
        assert (await echo(workers))[-1] == "end" and workers.pids == before


async def test_a_bug_in_the_craft_tells_no_contents():
    """An unexpected exception fails the call by its type alone: its text may hold what was said."""
    async with pool() as workers, workers.call({"do": "bug", "secret": "hunter2"}) as call:
        with pytest.raises(ProviderError) as caught:
            await collect(call)
        assert "KeyError" in str(caught.value) and "hunter2" not in str(caught.value)


async def test_what_a_person_must_mend_is_tried_once():
    """A start refused for good: calls get the reason at once and no process is started again."""
    async with pool("trouble") as workers:
        with pytest.raises(ProviderError, match="the model is missing") as caught:
            await workers.started()
        assert not caught.value.retryable
        with pytest.raises(ProviderError, match="the model is missing"):
            async with workers.call({"do": "echo"}):
                pass
        async with asyncio.timeout(GUARD):
            await asyncio.wait(workers._tasks)


@pytest.mark.parametrize("start", ["exit", "bug"])
async def test_a_start_that_fails_again_and_again(start: str):
    """Calls that wait are refused with a retryable error after some failures, instead of waiting on."""
    async with pool(start) as workers:
        with pytest.raises(ProviderError, match="exit code") as caught:
            async with asyncio.timeout(GUARD), workers.call({"do": "echo"}):
                pass
        assert caught.value.retryable


async def test_a_start_that_hangs():
    """A process that is not ready in time is given up."""
    async with pool("hang", start_timeout=0.5) as workers:
        with pytest.raises(ProviderError, match="not ready"):
            await workers.started()


async def test_an_unknown_craft_is_said():
    """A module that can't be imported is a refusal with its name."""
    async with Pool(Plan("no_such_module:Thing", {}, "odd")) as workers:
        with pytest.raises(ProviderError, match="no_such_module"):
            await workers.started()


async def test_too_many_waiting_are_refused():
    """Beyond the bound nobody waits; those who do are served in turn."""
    async with pool(threads=1, waiting=1) as workers, asyncio.TaskGroup() as tg:
        async with workers.call({"do": "echo"}) as first:
            waiter = tg.create_task(echo(workers))
            await asyncio.sleep(0)
            with pytest.raises(ProviderError, match="busy"):
                async with workers.call({"do": "echo"}):
                    pass
            first.end()
            assert await collect(first) == ["end"]
        assert (await waiter)[-1] == "end"


async def test_a_waiter_that_gives_up_loses_no_place():
    """A cancelled wait takes no place with it."""
    async with pool(threads=1) as workers, asyncio.TaskGroup() as tg:
        async with workers.call({"do": "echo"}) as first:
            waiter = tg.create_task(echo(workers))
            await asyncio.sleep(0)
            waiter.cancel()
            first.end()
            await collect(first)
        assert (await echo(workers))[-1] == "end"


async def test_two_processes_share_the_load():
    """With one place each, two calls run on two processes."""
    async with (
        pool(threads=1, size=2) as workers,
        workers.call({"do": "echo"}) as one,
        workers.call({"do": "echo"}) as two,
    ):
        assert one._worker is not two._worker
        assert len(workers.pids) == 2


async def test_keys_stay_in_the_server(monkeypatch: pytest.MonkeyPatch):
    """A worker's environment holds no API key."""
    monkeypatch.setenv("AIZUCHI_TEST_API_KEY", "sk-1234")
    async with pool() as workers:
        await workers.started()
        assert workers.about == {"secret": ""}


async def test_leaving_the_pool_kills_its_processes():
    """Also in the middle of a call and with one waiting, which both get an error."""
    workers = await pool(threads=1).__aenter__()
    async with asyncio.timeout(GUARD), workers.call({"do": "hang"}) as call, asyncio.TaskGroup() as tg:
        await anext(call)
        process = psutil.Process(workers.pids[0])

        async def wait() -> None:
            with pytest.raises(ProviderError):
                await echo(workers)

        tg.create_task(wait())
        await asyncio.sleep(0)
        await workers.__aexit__(None, None, None)
        with pytest.raises(ProviderError):
            await anext(call)
        assert not process.is_running()
    with pytest.raises(ProviderError, match="not running"):
        async with workers.call({"do": "echo"}):
            pass


PARENT = """
import asyncio, os, sys
from aizuchi.providers.pool import Pool
from aizuchi.providers.worker import Plan

async def main():
    async with Pool(Plan("odd_crafts:Odd", {}, "odd")) as workers:
        async with workers.call({"do": "count", "n": 10**9}) as call:
            await anext(call)
            print(workers.pids[0], flush=True)
            os._exit(0)

if sys.argv[1] == "uvloop":
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
"""


@pytest.mark.parametrize("loop", ["asyncio"] if sys.platform == "win32" else ["asyncio", "uvloop"])
def test_no_orphans(loop: str):
    """A parent that dies without a word leaves no process behind; on either event loop."""
    done = subprocess.run(
        [sys.executable, "-c", PARENT, loop], capture_output=True, text=True, timeout=GUARD, check=True
    )
    until = time.monotonic() + GUARD
    while lives(int(done.stdout)) and time.monotonic() < until:
        time.sleep(0.02)
    assert not lives(int(done.stdout))


def lives(pid: int) -> bool:
    """Not so a process that is over and only waits to be noticed, as in containers where nobody does."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_crafts_stay_in_their_processes():
    """Nothing of the server imports a craft: by name alone it is started elsewhere."""
    package = Path(worker_module.__file__).resolve().parents[1]
    for path in package.rglob("*.py"):
        if path.parent.name != "crafts":
            found = {name for _, name in house.imports("x.py", path.read_text(encoding="utf-8"))}
            assert not [n for n in found if n.startswith("aizuchi.providers.crafts")], path
