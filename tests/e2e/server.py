"""`aizuchi serve` in a process of its own, as a user starts it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

ROOT = Path(__file__).resolve().parents[2]
PATH = "/digital-human/ws"
STARTING = 90.0
"""Seconds until a server that does not answer is a failure; a loaded machine starts slowly."""
ENDING = 60.0

UNHURRIED: Mapping[str, Any] = {
    "limits": {"asr_final": 60, "llm_first": 60, "llm_gap": 60, "tts_first": 60, "tts_gap": 60}
}
"""Time limits that a slow machine does not reach, for tests that are not about them."""

QUICK_SCRIPT = {"use": "script", "introduce": False, "first_token_ms": 20, "tokens_per_second": 200}
NOBODY = "http://127.0.0.1:9/v1"
"""An address at which no server listens."""
NO_EARS = {"use": "openai", "base_url": NOBODY, "api_key": "none", "retries": 0}
"""A recogniser for servers that are only written to; it costs no process."""
TONES: Mapping[str, Any] = {
    **UNHURRIED,
    "vad": "energy",
    "asr": NO_EARS,
    "llm": QUICK_SCRIPT,
    "tts": {"use": "tone", "ms_per_character": 30},
}
"""A server that hums: each sentence has the tone of its text."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """This process's environment without anybody's settings and keys, with a data folder of its own."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("AIZUCHI_", "OPENAI_"))}
    # The terminal that runs the tests shall not decide in what language and shape things are printed.
    return own | {"AIZUCHI_HOME": str(home), "AIZUCHI_LANG": "en", "COLUMNS": "120", "NO_COLOR": "1"} | more


def run(*args: str, folder: Path, timeout: float = 120.0, **env: str) -> subprocess.CompletedProcess[str]:
    """`aizuchi ARGS` to its end, in `folder`, with a data folder below it."""
    return subprocess.run(
        [sys.executable, "-m", "aizuchi", *args],
        cwd=folder,
        env=environment(folder / "home", **env),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )


class Server:
    """A running server; leaving it asks it to stop, wants exit code 0 and no traceback printed.

    `config` is what its YAML file holds (JSON is YAML), or the file's very text. `url` is its HTTP address,
    `socket` that of the native protocol.
    """

    def __init__(
        self, folder: Path, config: Mapping[str, Any] | str = {}, *, args: Sequence[str] = (), **env: str
    ) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.config = config
        self.url = ""
        self._args = args
        self._env = env
        self._shown = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> str:
        return self.url.replace("http://", "ws://").rstrip("/") + PATH

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "aizuchi.yaml"
        config = self.config
        text = config if isinstance(config, str) else json.dumps(config, ensure_ascii=False)
        file.write_text(text, encoding="utf-8")
        with open(self._out, "wb") as out, open(self._err, "wb") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "aizuchi", "serve", "--config", str(file), "--port", "0", *self._args],
                cwd=self.folder,
                env=environment(self.home, **self._env),
                stdout=out,
                stderr=err,
                creationflags=_own_group(),
            )
        try:
            self._await_health()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            code = self.stop()
        except subprocess.TimeoutExpired:
            assert self._process is not None
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"{self.tail()}\nthe server did not end within {ENDING} s") from error
        if error is None:
            assert code == 0, f"{self.tail()}\nthe server ended with {code}"
            _, failed, trace_of_it = self.output().partition("Traceback")
            assert not failed, f"{trace_of_it[:4_000]}\nsomething failed inside"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def signal(self) -> None:
        """Ask it to end, as a service manager does."""
        self.process.send_signal(signal.CTRL_BREAK_EVENT if sys.platform == "win32" else signal.SIGTERM)

    def stop(self) -> int:
        """Its exit code; asks it to end unless it has already."""
        if self.process.poll() is None:
            self.signal()
        return self.process.wait(ENDING)

    def output(self) -> str:
        """All it has printed so far."""
        out, err = (path.read_text("utf-8", errors="replace") for path in (self._out, self._err))
        return f"--- stdout of the server\n{out}\n--- stderr of the server\n{err}"

    def tail(self) -> str:
        """The newest of it, for a message that is read from its end."""
        return self.output()[-4_000:]

    def news(self) -> str:
        """What it has printed to stderr since this was last asked."""
        text = self._err.read_text("utf-8", errors="replace")
        new, self._shown = text[self._shown :], len(text)
        return new

    def get(self, path: str, **headers: str) -> Any:
        """The JSON of an HTTP answer."""
        with httpx.Client(trust_env=False, timeout=30) as client:
            return client.get(self.url.rstrip("/") + path, headers=headers).json()

    def wait(self, what: str, happened: Any, within: float = 30.0) -> None:
        """Ask until `happened()`; AssertionError after so many seconds."""
        limit = time.monotonic() + within
        while not happened():
            assert time.monotonic() < limit, f"{self.tail()}\n{what} did not happen within {within:g} s"
            time.sleep(0.02)

    @property
    def _out(self) -> Path:
        return self.folder / "stdout.txt"

    @property
    def _err(self) -> Path:
        return self.folder / "stderr.txt"

    def _await_health(self) -> None:
        def healthy() -> bool:
            assert self.process.poll() is None, f"the server ended at once\n{self.output()}"
            found = re.search(r"http://127\.0\.0\.1:\d+/", self._out.read_text("utf-8", errors="replace"))
            if found is None:
                return False
            self.url = found[0]
            return self.get("/health")["status"] == "healthy"

        self.wait("being healthy", healthy, STARTING)


def _own_group() -> int:
    """On Windows a process can be asked to end only where it leads a group; elsewhere there are no flags."""
    return subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0
