"""Characters of a running server: changed, broken, mended, brought and taken away, while one talks."""

import asyncio
import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.server import TONES, Server
from tests.e2e.talking import talk
from tests.wire.independent import Plain

pytestmark = [pytest.mark.network, pytest.mark.slow]

CONFIG = {**TONES, "admission": {"overload_lag_ms": 60_000}}
"""A machine that is busy with other tests is to take newcomers all the same."""
PAGE = {"Origin": "https://page.example"}


class Author:
    """Writes characters into the server's data folder, each file in one step."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.folder = server.home / "characters"

    def write(self, name: str, file: str, text: str) -> None:
        path = self.folder / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{file}.new")
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, path)

    def put(self, name: str, display_name: str, says: str) -> None:
        self.write(name, "manifest.md", f"# Role: {display_name}\n\nYou say {says}.")
        say = f"otherwise: {{name: all, say: {{en: 'I say {says}.'}}}}"
        rule = f"{{name: word, when: {{en: word}}, say: {{en: 'I say {says}.'}}}}"
        self.write(name, "script.yaml", f"languages: [en]\nrules: [{rule}]\n{say}\n")

    def shown(self, name: str) -> dict[str, Any] | None:
        told = self.server.get("/characters", **PAGE)["characters"]
        return next((each for each in told if each["name"] == name), None)

    async def until(self, what: str, happened: Any) -> None:
        await asyncio.to_thread(self.server.wait, what, happened, 60)


async def said(client: Plain) -> str:
    await client.send("text_input", text="the word?")
    turn = await client.turn()
    return "".join(each["delta"] for each in turn.of_type("assistant_text_delta"))


def complaints(server: Server, name: str) -> list[str]:
    return [line for line in server.output().splitlines() if f"the character {name} goes on" in line]


async def test_a_change_is_met_at_the_next_turn(tmp_path: Path):
    """Edited, the next reply is the new one's; broken, the last good one goes on and the log says why."""
    with Server(tmp_path, CONFIG) as server:
        author = Author(server)
        author.put("bo", "Bo", "one")
        await author.until("bo's coming", lambda: author.shown("bo"))
        async with talk(server.socket, character="bo") as client, asyncio.timeout(120):
            assert await said(client) == "I say one."
            author.put("bo", "Bob", "two")
            await author.until("the change", lambda: (author.shown("bo") or {})["display_name"] == "Bob")
            assert await said(client) == "I say two."

            author.write("bo", "character.yaml", "display_name: Bobby\nlanguage: English\n")
            await author.until("a complaint", lambda: complaints(server, "bo"))
            assert "character.yaml:2: language" in complaints(server, "bo")[0]
            assert (author.shown("bo") or {})["display_name"] == "Bob"
            rows = server.get("/api/console/characters")["characters"]
            row = next(each for each in rows if each["name"] == "bo")
            assert row["kept"] and row["problem"].startswith("character.yaml:2: language")
            assert await said(client) == "I say two."

            author.write("bo", "character.yaml", "display_name: Bobby\nlanguage: en\n")
            await author.until("the mending", lambda: (author.shown("bo") or {})["display_name"] == "Bobby")
            author.put("bo", "Bo", "three")
            await author.until("the log", lambda: server.output().count("bo has changed") == 2)
            assert await said(client) == "I say three."
            assert len(complaints(server, "bo")) == 1

            shutil.rmtree(author.folder / "bo")
            await author.until("bo's going", lambda: author.shown("bo") is None)
            assert await said(client) == "I say three.", "who talks with them goes on"
        async with Plain(server.socket, hello=False) as stranger:
            await stranger.send("hello", character="bo")
            assert "there is no character 'bo'" in (await stranger.until("error"))["message"]


async def test_switched_off(tmp_path: Path):
    """With `watch_characters: false` a change waits for the next start, or for the console to be asked."""
    with Server(tmp_path, {**CONFIG, "watch_characters": False}) as server:
        author = Author(server)
        author.put("bo", "Bo", "one")
        await asyncio.sleep(2)
        assert author.shown("bo") is None
        async with httpx.AsyncClient(headers={"X-Aizuchi-Console": "1"}, trust_env=False) as http:
            answer = await http.post(f"{server.url}api/console/reload", timeout=30)
            assert answer.json()["reloaded"] and author.shown("bo") is not None


def test_the_public_routes_answer_a_page_from_elsewhere(tmp_path: Path):
    """ChatAnon's page asks from its own origin: all three routes let it read their answers."""
    with Server(tmp_path, CONFIG) as server, httpx.Client(base_url=server.url, trust_env=False) as http:
        for path in ("/", "/health", "/characters"):
            answer = http.get(path, headers=PAGE)
            assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == "*"
            asked = http.options(path, headers={**PAGE, "Access-Control-Request-Method": "GET"})
            assert asked.status_code == 204 and asked.headers["access-control-allow-origin"] == "*"
        assert http.get("/", headers=PAGE).json()["status"] == "running"
        assert http.get("/health", headers=PAGE).json() == {"status": "healthy"}
        names = [each["name"] for each in http.get("/characters", headers=PAGE).json()["characters"]]
        assert names == ["aizuchi", "anon", "ferrule", "xiadeng"]
        page = http.get("/", headers={"Accept": "text/html"})
        assert page.headers["content-type"].startswith("text/html")


@pytest.mark.skipif(sys.platform == "win32", reason="connections can't be handed over there")
async def test_every_process_takes_it(tmp_path: Path):
    """Each of two workers meets the changed character; one of them speaks of it."""
    with Server(tmp_path, CONFIG, args=["--workers", "2"]) as server:
        author = Author(server)
        await author.until("both workers", lambda: len(server.get("/health")["workers"]) == 2)
        author.put("bo", "Bo", "one")
        # Connections go to both by turns.
        await author.until("both know bo", lambda: all(author.shown("bo") for _ in range(8)))
        async with asyncio.timeout(120), contextlib.AsyncExitStack() as stack:
            clients: list[Plain] = []
            while not clients or min(each["sessions"] for each in server.get("/health")["workers"]) < 1:
                assert len(clients) < 10, "all connections went to one worker"
                clients.append(await stack.enter_async_context(talk(server.socket, character="bo")))
            for client in clients:
                assert await said(client) == "I say one."
        assert server.output().count("the character bo is new here") == 1
