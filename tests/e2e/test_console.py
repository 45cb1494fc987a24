"""The console of a server that is two processes: a change reaches both, and what both do is seen."""

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.server import TONES, Server
from tests.e2e.talking import talk
from tests.wire.independent import Plain

pytestmark = [
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="connections can't be handed over there"),
]


async def test_a_change_reaches_every_worker(tmp_path: Path):
    """A new character is met in both processes, a changed rule is reloaded by both, written once."""
    with Server(tmp_path, TONES, args=["--workers", "2"]) as server:
        async with httpx.AsyncClient(base_url=server.url, headers={"X-Aizuchi-Console": "1"}) as http:

            async def ask(method: str, path: str, **body: Any) -> Any:
                answer = await http.request(method, f"/api/console{path}", json=body or None, timeout=30)
                assert answer.status_code == 200, answer.text
                return answer.json()

            async def both(told: list[dict[str, Any]]) -> None:
                """Each reloaded, at the latest when asked again: a busy machine answers late, and says so."""
                if [each["reloaded"] for each in told] != [True]:
                    told = (await ask("POST", "/reload"))["workers"]
                assert [each["reloaded"] for each in told] == [True]

            # The port is open as soon as one of them is there.
            await asyncio.to_thread(
                server.wait, "both workers", lambda: len(server.get("/health")["workers"]) == 2, 60
            )
            made = await ask("POST", "/characters", source="aizuchi", name="mei")
            assert made["reloaded"]
            await both(made["workers"])
            said = await ask("GET", "/config")
            changed = await ask("PATCH", "/config", hash=said["hash"], changes={"hearing.silence_ms": 700})
            assert changed["results"] == [{"path": "hearing.silence_ms", "applied": "new_sessions"}]
            await both(changed["workers"])
            async with asyncio.timeout(60), contextlib.AsyncExitStack() as stack:
                clients: list[Plain] = []
                while not clients or min(each["sessions"] for each in server.get("/health")["workers"]) < 1:
                    assert len(clients) < 10, "all connections went to one worker"
                    clients.append(await stack.enter_async_context(talk(server.socket, character="mei")))
                live = await ask("GET", "/live")
                assert live["workers"] == 2 and live["silent"] == []
                assert {each["worker"] for each in live["sessions"]} == {0, 1}
                assert {each["character"] for each in live["sessions"]} == {"mei"}
