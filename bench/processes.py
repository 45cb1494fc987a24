"""The other processes of the bench: started, asked, measured, ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol

import psutil
from mocks import Settings
from pydantic import ValidationError
from scripted import installed

HERE = Path(__file__).resolve().parent
START = 30.0
"""Seconds for a process to be ready."""
ENDING = 10.0
CLIENT = 240.0
"""Seconds that no job of the client needs."""


def environment(home: Path) -> dict[str, str]:
    """Ours without the user's settings and keys, so that only the bench decides.

    Compiled modules are kept in `home`: a shell that forbids Python to keep them (PYTHONDONTWRITEBYTECODE)
    triples every start.
    """
    theirs = ("AIZUCHI_", "OPENAI_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    return kept | {
        "AIZUCHI_HOME": str(home),
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPYCACHEPREFIX": str(home / "compiled"),
    }


def fetch(url: str, body: dict[str, Any] | None = None, timeout: float = 5.0) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=timeout) as answer:
        return json.load(answer)


class Vendor:
    """The mocks' process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "mocks.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.pid = self._process.pid

    def cpu_s(self) -> float:
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system

    def set(self, settings: Settings) -> None:
        fetch(f"http://127.0.0.1:{self.port}/set", asdict(settings))
        fetch(f"http://127.0.0.1:{self.port}/reset", {})

    def counts(self) -> dict[str, Any]:
        return fetch(f"http://127.0.0.1:{self.port}/stats", {})

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        end(self._process)


Config = Mapping[str, Any]
PLAIN: Final[tuple[Config, ...]] = (
    {"turn_end": {"transcript": False, "habits": False, "model": False}},
    {"speculation": {"on": False}},
)
"""Nothing but silence ends an utterance, so that it does so when the bench says; and no wait overlaps."""


def configuration(port: int, vendor: int, vad: str, more: Config) -> dict[str, Any]:
    """What the server is told; `more` goes over it, section by section."""
    openai = {
        "use": "openai",
        "base_url": f"http://127.0.0.1:{vendor}/v1",
        "api_key": "bench",
        "model": "mock",
    }
    told: dict[str, Any] = {
        "server": {"host": "127.0.0.1", "port": port},
        "vad": vad,
        "asr": openai,
        "llm": openai,
        "tts": openai | {"sample_rate": 24_000},
        "hearing": {"silence_ms": 200},
        "log": {"level": "warning"},
    }
    for each in PLAIN:
        told |= each if accepted(each) else {}
    for section, keys in more.items():
        both = isinstance(keys, dict) and isinstance(told.get(section), dict) and "use" not in keys
        told[section] = told[section] | keys if both else keys
    return told


def accepted(more: Config) -> bool:
    """Whether this Aizuchi knows all of these keys and values; an older one is measured without them."""
    from aizuchi.config.settings import Settings as Known

    try:
        Known.model_validate(more)
    except ValidationError:
        return False
    return True


class Server:
    """`aizuchi serve`, as a user starts it; with `vendor` None without any configuration.

    `started` is told the process's number before it has begun any work.
    """

    def __init__(
        self,
        home: Path,
        *,
        vendor: int | None,
        vad: str = "silero",
        more: Config = MappingProxyType({}),
        started: Callable[[int], object] = lambda _pid: None,
    ) -> None:
        self.port = free_port()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        command = [sys.executable, "-m", "aizuchi", "serve", "--port", str(self.port)]
        surroundings = environment(home)
        if vendor is not None:
            surroundings["PYTHONPATH"] = installed(home)
            path = home / f"bench-{self.port}.yaml"
            path.write_text(json.dumps(configuration(self.port, vendor, vad, more)), encoding="utf-8")
            command += ["--config", str(path)]
        self.began = time.perf_counter()
        self._process = subprocess.Popen(
            command, cwd=home, env=surroundings, stdout=self._log, stderr=self._log
        )
        started(self._process.pid)
        self.url = f"ws://127.0.0.1:{self.port}/digital-human/ws"
        self.healthy_s = self._healthy()
        self.process = psutil.Process(self._process.pid)

    def _healthy(self) -> float:
        """Seconds from the start to the first 200 of /health. Raises SystemExit with the log when it dies."""
        while time.perf_counter() - self.began < START:
            if self._process.poll() is not None:
                break
            with suppress(urllib.error.URLError, ConnectionError, TimeoutError, ValueError):
                fetch(f"http://127.0.0.1:{self.port}/health", timeout=1.0)
                return time.perf_counter() - self.began
            time.sleep(0.01)
        end(self._process)
        raise SystemExit("the server did not start; it said:\n" + self.log())

    def log(self, lines: int = 30) -> str:
        self._log.seek(0)
        return "\n".join(self._log.read().decode("utf-8", "replace").splitlines()[-lines:])

    def family(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]

    def cpu_s(self) -> float:
        """CPU seconds so far, with its worker processes."""
        total = 0.0
        for each in self.family():
            with suppress(psutil.Error):
                times = each.cpu_times()
                total += times.user + times.system
        return total

    def memory_mb(self) -> float:
        """Resident memory, with its worker processes; pages they share are counted once for each."""
        total = 0
        for each in self.family():
            with suppress(psutil.Error):
                total += each.memory_info().rss
        return total / 1e6

    def close(self) -> None:
        end(self._process)
        self._log.close()


class Machine:
    """What the machine does beside us, in percent of one core: a figure taken on a busy one is worth less."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._busy = self._all()
        self._ours = self._own()

    def others_percent(self) -> float:
        took = time.perf_counter() - self._began
        others = (self._all() - self._busy) - (self._own() - self._ours)
        return round(max(0.0, others) / took * 100)

    @staticmethod
    def _all() -> float:
        times = psutil.cpu_times()
        rest = sum(getattr(times, name, 0.0) for name in ("idle", "iowait", "guest", "guest_nice"))
        return sum(times) - rest

    @staticmethod
    def _own() -> float:
        """Ours, our children's, and that of the children that have ended."""
        here = psutil.Process()
        times = here.cpu_times()
        total = times.user + times.system
        total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        for each in here.children(recursive=True):
            with suppress(psutil.Error):
                theirs = each.cpu_times()
                total += theirs.user + theirs.system
        return total


class Job(Protocol):
    """What a client's process is told: the dataclass of its script."""

    kind: str


@contextmanager
def client(
    job: Job, script: str = "client.py", *, started: Callable[[int], object] = lambda _pid: None
) -> Iterator[subprocess.Popen[bytes]]:
    """The process of a client's script, its sessions connected. Raises SystemExit when it fails."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    started(process.pid)
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(json.dumps(asdict(job)).encode())  # pyright: ignore[reportArgumentType]
        process.stdin.close()
        line(process)
        yield process
    finally:
        end(process)


def line(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The client's next line, for which it has as long as for all. Raises SystemExit when it fails."""
    assert process.stdout is not None
    watchdog = threading.Timer(CLIENT, process.kill)
    watchdog.start()
    try:
        said = process.stdout.readline()
    finally:
        watchdog.cancel()
    if not said:
        raise SystemExit("the client failed; its words stand above")
    return json.loads(said)


def result(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Wait for the client's figures, and for its end."""
    figures = line(process)
    try:
        process.wait(ENDING)
    except subprocess.TimeoutExpired:
        process.kill()
    return figures


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
