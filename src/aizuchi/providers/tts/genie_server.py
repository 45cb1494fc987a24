"""Genie TTS's HTTP server: one that runs already, or one of our own that is started, watched and restarted.

The package keeps global state, asks on stdin and loads gigabytes, so it has a process and a Python of its own
(`genie_child.py`). Its server never ends the answer of a request that was stopped or whose reference can't be
read; every wait here has a limit therefore.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aizuchi.errors import ProviderError, StageTimeout
from aizuchi.providers.openai import is_local, reason, trust

if TYPE_CHECKING:
    import httpx

CHILD: Final = Path(__file__).with_name("genie_child.py")
STEADY: Final = 30.0
"""A process that lived so many seconds did start; its death begins a new count of failures."""
PATIENCE: Final = 3
"""Failed starts in a row after which requests are refused until one succeeds."""
PAUSE = 1.0
LONGEST_PAUSE: Final = 60.0
POLL = 0.2
HEALTH: Final = 5.0
"""Seconds for a question that needs no model."""
LINES: Final = 200
_ERRORS: Final = 64 << 10
log = logging.getLogger(__name__)


class NotLoaded(ProviderError):
    """The server does not know the voice: it is a new one, or was told to forget it."""


class GenieServer:
    """`base_url` of a running one, or the `python` that has the package and the environment for it."""

    def __init__(
        self,
        base_url: str,
        python: str,
        environment: Mapping[str, str],
        *,
        start_timeout: float,
        timeout: float,
        verify_tls: bool = True,
    ) -> None:
        self.own = not base_url
        self.ready = not self.own
        self.starts = 0
        """Of our own process; each one knows no voice yet."""
        self._url = base_url.rstrip("/")
        self._python = python
        self._environment = dict(environment)
        self._start_timeout = start_timeout
        self._timeout = timeout
        self._verify = verify_tls
        self._client: httpx.AsyncClient | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._turned = asyncio.Event()
        self._trouble = ""
        self._said: deque[str] = deque(maxlen=5)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def open(self) -> None:
        import httpx

        host = httpx.URL(self._url).host if self._url else "127.0.0.1"
        self._client = httpx.AsyncClient(
            verify=trust(self._url.startswith("https:"), self._verify),
            timeout=httpx.Timeout(self._timeout, connect=HEALTH),
            trust_env=not is_local(host),
        )

    async def close(self) -> None:
        self.kill()
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def kill(self) -> None:
        """End our own process at once; `run` starts another one."""
        self.ready = not self.own
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    # -- our own process

    async def run(self) -> None:
        """Keep it running; ends only by cancellation."""
        failures, loop = 0, asyncio.get_running_loop()
        while True:
            begun = loop.time()
            try:
                why = await self._live()
            finally:
                self.kill()
                self._turned.set()
            failures = 1 if loop.time() - begun > STEADY else failures + 1
            self._trouble = why if failures >= PATIENCE else ""
            self._turned.set()
            log.warning("genie: %s; starting it again", why)
            await asyncio.sleep(min(LONGEST_PAUSE, PAUSE * 2 ** (failures - 1)))

    async def _live(self) -> str:
        """One process from its start to its end; why it ended."""
        self._said.clear()
        port = _free_port()
        self._url = f"http://127.0.0.1:{port}"
        try:
            process = await asyncio.create_subprocess_exec(
                self._python,
                str(CHILD),
                "127.0.0.1",
                str(port),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=self._environment,
            )
        except OSError as error:
            return f"{self._python} can't be started: {error.strerror or type(error).__name__}"
        self._process = process
        try:
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(self._listen(process))
                healthy = group.create_task(self._healthy())
                code = await process.wait()
                healthy.cancel()
                with suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await asyncio.wait([listening])
                listening.cancel()
        finally:
            self.ready = False
            with suppress(ProcessLookupError):
                process.kill()
            self._process = None
        return f"the process ended (exit code {code}){self._last_words()}"

    async def _healthy(self) -> None:
        """Until it answers; it is ended when it does not in time."""
        try:
            async with asyncio.timeout(self._start_timeout):
                while not await self.answers():  # noqa: ASYNC110 (it is another process)
                    await asyncio.sleep(POLL)
        except TimeoutError:
            self._said.append(f"it gave no answer within {self._start_timeout:g} s")
            self.kill()
            return
        self.starts += 1
        self.ready, self._trouble = True, ""
        self._turned.set()

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Read what it says to its end, so that it never blocks on it; the first lines are logged."""
        assert process.stdout is not None
        lines, rest = 0, b""
        while chunk := await process.stdout.read(4096):
            *whole, rest = (rest + chunk).split(b"\n")
            rest = rest[-4096:]
            for line in whole:
                text = line.decode("utf-8", "replace").strip()
                lines += 1
                if text:
                    self._said.append(text)
                if text and lines <= LINES:
                    log.debug("genie: %.300s", text)

    def _last_words(self) -> str:
        last = " ".join(self._said[-1].split())[:300] if self._said else ""
        if "No module named 'genie_tts'" in last:
            return f": {self._python} has no genie_tts; `aizuchi genie setup` prepares one that has"
        return f": {last}" if last else ""

    # -- requests

    async def up(self) -> None:
        """Wait until it can be asked. Raises ProviderError: it does not start, or takes too long."""
        try:
            async with asyncio.timeout(self._start_timeout):
                while not self.ready:
                    if self._trouble:
                        raise ProviderError(f"genie does not start: {self._trouble}")
                    self._turned.clear()
                    await self._turned.wait()
        except TimeoutError:
            raise StageTimeout(f"genie was not ready within {self._start_timeout:g} s") from None

    async def answers(self) -> bool:
        """Whether anybody answers there."""
        import httpx

        if self._client is None:
            return False
        try:
            answer = await self._client.get(f"{self._url}/openapi.json", timeout=HEALTH)
        except (httpx.HTTPError, OSError):
            return False
        return answer.status_code < 500

    async def post(self, path: str, payload: Mapping[str, Any], *, within: float | None = None) -> None:
        """A request that is answered by whether it succeeded. Raises ProviderError."""
        async with aclosing(self.stream(path, payload, within=within)) as chunks:
            async for _ in chunks:
                pass

    async def stream(
        self, path: str, payload: Mapping[str, Any], *, within: float | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The body of an answer, as it comes; `within` seconds at most from one piece to the next.

        Raises ProviderError.
        """
        import httpx

        if self._client is None:
            raise ProviderError("tts.genie is not open", retryable=False)
        limit = within or self._timeout
        timeout = httpx.Timeout(limit, connect=HEALTH)
        host = httpx.URL(self._url).host
        try:
            async with self._client.stream("POST", self._url + path, json=payload, timeout=timeout) as answer:
                if answer.status_code != 200:
                    raise _refused(host, path, answer.status_code, await _read(answer))
                async for chunk in answer.aiter_bytes():
                    yield chunk
        except httpx.TimeoutException:
            raise StageTimeout(f"genie at {host} said nothing for {limit:g} s") from None
        except (httpx.HTTPError, OSError) as error:
            raise ProviderError(f"cannot reach genie at {host}: {reason(error)}") from None


async def _read(answer: httpx.Response) -> str:
    body = b""
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > _ERRORS:
            break
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    detail = said.get("detail") if isinstance(said, dict) else None
    return " ".join(str(detail or "").split())[:300]


def _refused(host: str, path: str, status: int, detail: str) -> ProviderError:
    said = f"genie at {host} refused {path} (HTTP {status}): {detail or 'it gave no reason'}"
    if path == "/tts" and status == 404:
        return NotLoaded(said)
    return ProviderError(said, retryable=status >= 500)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def environment(data: Path) -> dict[str, str]:
    """For our own process: no secret of ours, and where the data is."""
    hidden = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL")
    kept = {name: value for name, value in os.environ.items() if not any(h in name.upper() for h in hidden)}
    return kept | {"GENIE_DATA_DIR": str(data), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
