"""`run_server.py` as a process of its own, with the original's flags."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.e2e.server import environment
from tests.server.bitnp_client import agent, page

pytestmark = [pytest.mark.network, pytest.mark.slow]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def started(command: list[str], folder: Path, err: Path) -> subprocess.Popen[bytes]:
    with err.open("wb") as to:
        return subprocess.Popen(command, cwd=folder, env=environment(folder / "home"), stdout=to, stderr=to)


async def healthy(url: str, process: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(60), httpx.AsyncClient() as client:
        while process.poll() is None:
            try:
                if (await client.get(f"{url}health")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.05)
    raise AssertionError("it ended")


async def test_run_server(tmp_path: Path):
    """It relays, serves slides and keeps its log in the working directory."""
    slides = tmp_path / "pictures"
    slides.mkdir()
    (slides / "幻灯片1.PNG").write_bytes(b"picture")
    port = free_port()
    command = [sys.executable, "-m", "aizuchi.compat.bitnp.run_server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--ppt-images-dir", "pictures", "--ppt-mount-path", "/slides/"]
    err = tmp_path / "err.txt"
    process = started(command, tmp_path, err)
    url = f"http://127.0.0.1:{port}/"
    try:
        await healthy(url, process)
        async with agent(url) as it, page(url) as one, httpx.AsyncClient() as client:
            await it.event({"type": "say_aloud"})
            assert await one.data() == {"type": "say_aloud"}
            got = await client.get(f"{url}slides/幻灯片1.PNG", headers={"Origin": "http://any.example"})
            assert got.content == b"picture" and got.headers["access-control-allow-origin"]
    finally:
        process.terminate()
        code = await asyncio.to_thread(process.wait, 30)
    assert code in ((0,) if os.name == "posix" else (0, 1))
    said = (tmp_path / "vtuber_server.log").read_text(encoding="utf-8")
    assert "an agent has come to the hub" in said and "shumeiniang" in said
    assert "may come in" in err.read_text(encoding="utf-8")
