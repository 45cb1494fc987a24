"""Many sessions whose model hangs, and recognition at work beside them: the gateway answers all the same."""

import asyncio
import os
import statistics
import textwrap
import time
from pathlib import Path

import pytest

from tests.e2e.server import ROOT, UNHURRIED, Server
from tests.e2e.talking import spoken, talk
from tests.speech import speech
from tests.wire.independent import Plain

pytestmark = pytest.mark.network

SESSIONS = 100
PINGS = 10

PLUGIN = '''
    """A third party's model that never answers."""

    import asyncio

    from aizuchi.ports import LanguageModel


    class Hanging(LanguageModel):
        name = "hanging"

        async def think(self, prompt):
            await asyncio.get_running_loop().create_future()
            yield
'''


def install(folder: Path) -> None:
    """Put a plugin into a folder as an installer would: a module, and an entry point that names it."""
    (folder / "hanging.py").write_text(textwrap.dedent(PLUGIN), encoding="utf-8")
    info = folder / "hanging-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hanging\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[aizuchi.llm]\nhanging = hanging:Hanging\n", encoding="utf-8")


async def pings(client: Plain, times: int) -> list[float]:
    """Round trips in ms."""
    took: list[float] = []
    for number in range(times):
        began = time.perf_counter()
        await client.send("ping", t=number)
        await client.until("pong", t=number)
        took.append((time.perf_counter() - began) * 1000)
    return took


def p99(values: list[float]) -> float:
    return sorted(values)[round(len(values) * 0.99) - 1]


@pytest.mark.slow
async def test_a_hundred_sessions_with_a_model_that_hangs(tmp_path: Path):
    """A hundred thinking sessions, and two that are being understood, all get their pongs (acceptance 8)."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    install(plugins)
    config = {**UNHURRIED, "llm": "hanging"}
    paths = f"{ROOT / 'src'}{os.pathsep}{plugins}"
    with Server(tmp_path / "server", config, PYTHONPATH=paths) as server:
        async with asyncio.timeout(100), talk(server.socket) as lonely:
            unloaded = await pings(lonely, 50)
        async with asyncio.timeout(110):
            loaded, finals = await crowd(server)
    assert len(loaded) == SESSIONS * PINGS, "every ping is answered"
    assert all(finals), "the two who spoke were understood meanwhile"
    print(
        f"ping unloaded: median {statistics.median(unloaded):.1f} ms, p99 {p99(unloaded):.1f} ms;"
        f" {SESSIONS} thinking sessions and 2 recognisers: median {statistics.median(loaded):.1f} ms,"
        f" p99 {p99(loaded):.1f} ms"
    )
    # Recognising that speech takes seconds of a processor. Done in the event loop it would show here.
    assert statistics.median(loaded) < 500 + 20 * statistics.median(unloaded)


async def crowd(server: Server) -> tuple[list[float], list[str]]:
    """All round trips of all sessions, and what those who spoke were understood to say."""
    meeting = asyncio.Barrier(SESSIONS + 2)
    rounds: list[float] = []
    finals: list[str] = []

    async def thinking() -> None:
        async with talk(server.socket) as client:
            await client.send("text_input", text="hello")
            await client.until("state_update", state="thinking")
            await meeting.wait()
            rounds.extend(await pings(client, PINGS))

    async def speaking() -> None:
        async with talk(server.socket, mode="push") as client:
            await client.send("start_listen")
            await meeting.wait()
            pcm = speech("librivox_austen_0870.wav")
            for start in range(0, len(pcm), 3_200):
                await client.sound(pcm[start : start + 3_200], binary=True)
            await client.send("stop_listen")
            finals.append((await client.until("asr_final"))["text"])

    async with asyncio.TaskGroup() as group:
        for _ in range(SESSIONS):
            group.create_task(thinking())
        for _ in range(2):
            group.create_task(speaking())
    return rounds, finals


async def test_ten_conversations_at_once(humming: Server):
    """Ten people at once: each gets their own reply, whole and in order, and nobody else's."""

    async def one(number: int) -> None:
        name = ("ann", "ben", "cid", "dee", "eve", "fay", "gus", "hal", "ida", "jon")[number]
        async with talk(humming.socket) as client:
            for greeting in ("alpha", "bravo", "charlie"):
                mark = len(client.log)
                await client.send("text_input", text=f"say: {greeting} {name}")
                await client.until("metrics", outcome="finished")
                (end,) = [m for m in client.log[mark:] if m["type"] == "assistant_text_end"]
                assert end["text"] == f"{greeting} {name}."

    async with asyncio.timeout(100), asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(one(number))


async def test_two_people_speak_at_once(embedded: Server):
    """Two microphones at the same time are two conversations: each is understood exactly."""

    async def one() -> str:
        async with talk(embedded.socket) as client:
            await client.send("start_listen")
            return (await spoken(client, speech("go_forward_ten_meters.wav")))["text"]

    async with asyncio.timeout(100), asyncio.TaskGroup() as group:
        tasks = [group.create_task(one()) for _ in range(2)]
    assert [task.result() for task in tasks] == ["go forward ten meters"] * 2
