"""Start-up, imports, size: what a user waits for before anything is said."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from processes import Server, environment
from websockets.asyncio.client import connect

PATIENCE = 20.0
IMPORTS = {
    "import aizuchi.events, ports, timeline": "import aizuchi.events, aizuchi.ports, aizuchi.timeline",
    "import aizuchi.build (all of the server)": "import aizuchi.build, aizuchi.server.serve",
}


def starts(home: Path, runs: int) -> tuple[list[float], list[float]]:
    """Seconds from the process's start to /health, and to the first text of a typed turn's reply."""
    health: list[float] = []
    text: list[float] = []
    for _ in range(runs):
        server = Server(home, vendor=None)
        try:
            health.append(round(server.healthy_s, 3))
            asyncio.run(_first_text(server.url))
            text.append(round(time.perf_counter() - server.began, 3))
        finally:
            server.close()
    return health, text


async def _first_text(url: str) -> None:
    async with asyncio.timeout(PATIENCE), connect(url, compression=None) as socket:
        hello = {"type": "hello", "protocol": "dh.v1", "audio": "none", "want": ["stream"], "seq": 0}
        await socket.send(json.dumps(hello))
        await socket.send(json.dumps({"type": "text_input", "text": "hello", "seq": 1}))
        async for message in socket:
            if isinstance(message, str) and json.loads(message)["type"] == "assistant_text_delta":
                return
    raise SystemExit("the server closed the connection before it answered")


def imports(home: Path, runs: int) -> dict[str, list[float]]:
    """Seconds that imports and `--help` take beyond a bare interpreter, compiled before."""

    def timed(*arguments: str) -> float:
        began = time.perf_counter()
        command = [sys.executable, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60, env=environment(home))
        return time.perf_counter() - began

    bare = min(timed("-c", "pass") for _ in range(3))
    told: dict[str, list[float]] = {}
    for name, code in IMPORTS.items():
        timed("-c", code)
        told[name] = [round(timed("-c", code) - bare, 3) for _ in range(runs)]
    timed("-m", "aizuchi", "--help")
    told["aizuchi --help"] = [round(timed("-m", "aizuchi", "--help"), 3) for _ in range(runs)]
    return told


def installed_mb() -> tuple[float, int]:
    """Megabytes of the distribution and all it needs without extras, and how many packages that is."""
    wanted, seen, size = ["aizuchi"], set[str](), 0
    while wanted:
        name = re.sub(r"[-_.]+", "-", wanted.pop()).lower()
        if name in seen:
            continue
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        seen.add(name)
        size += sum(_size(Path(str(found.locate_file(file)))) for file in found.files or ())
        for requirement in found.requires or ():
            spec, _, marker = requirement.partition(";")
            if "extra" not in marker:
                wanted.append(re.split(r"[\s\[<>=!~(;]", spec.strip())[0])
    return size / 1e6, len(seen)


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
