"""Conversations of agents and pages as they go, in memory and over real sockets alike.

A line names a connection and what it does: `connect` (as `agent` or `frontend`, perhaps with a `name`, or
`refused`), `sends` (an object), `sends_text`, `sends_bytes`; or what comes to it next: `gets` (an object),
`gets_text`, `closed` (the code). `<uuid>` and `<time>` stand for what differs each time. What a connection is
not sent is checked by what it gets next, and by nothing being left at the end.
"""

import asyncio
import json
import re
import uuid
from datetime import datetime
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.server.bitnp_client import Bitnp
from tests.server.fakes import make_house
from tests.server.memory_hub import MemoryHub
from tests.server.sockets import serving

FILES = sorted((Path(__file__).parent / "transcripts").glob("bitnp-*.jsonl"))
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}"


class InMemory:
    """The hub's own loops over outlets that are lists."""

    def __init__(self):
        self.hub = MemoryHub()

    async def __aenter__(self):
        await self.hub.__aenter__()
        return self

    async def __aexit__(self, *error):
        await self.hub.__aexit__(*error)

    async def connect(self, side, name):
        return await self.hub.connect("agent" if side == "agent" else "page", name)

    async def send(self, who, frame):
        who.sent.put_nowait(frame)

    async def get(self, who):
        async with asyncio.timeout(20):
            return await who.got.get()

    async def closed(self, who):
        return (await self.hub.over(who))[0]


class OverSockets:
    """A server on loopback and clients written from the document."""

    def __init__(self):
        self._serving = serving(make_house())
        self._clients = []

    async def __aenter__(self):
        self._base = await self._serving.__aenter__()
        return self

    async def __aexit__(self, *error):
        for each in self._clients:
            await each.socket.close()
        await self._serving.__aexit__(*error)

    async def connect(self, side, name):
        made = Bitnp(self._base, side, name)
        try:
            await made.open()
        except InvalidStatus as error:
            assert error.response.status_code == 403
            return None
        self._clients.append(made)
        return made

    async def send(self, who, frame):
        await who.socket.send(frame)

    async def get(self, who):
        return await who.raw()

    async def closed(self, who):
        return (await who.closed())[0]


def same(got, expected):
    """Whether a message is the expected one, placeholders aside; the order of keys counts."""
    assert list(got) == list(expected), (got, expected)
    for name, value in expected.items():
        if value == "<uuid>":
            assert uuid.UUID(got[name]).version == 4
        elif value == "<time>":
            assert re.fullmatch(TIME, got[name]) and datetime.fromisoformat(got[name])
        else:
            assert got[name] == value and type(got[name]) is type(value), (got, expected)


async def play(world, lines):
    who = {}
    for line in lines:
        at = line.get("at")
        match line:
            case {"note": _}:
                continue
            case {"connect": side}:
                made = await world.connect(side, line.get("name", "shumeiniang"))
                assert (made is None) == line.get("refused", False), line
                who[at] = made
            case {"sends": message}:
                await world.send(who[at], json.dumps(message, ensure_ascii=False))
            case {"sends_text": text}:
                await world.send(who[at], text)
            case {"sends_bytes": text}:
                await world.send(who[at], text.encode())
            case {"gets": message}:
                same(json.loads(await world.get(who[at])), message)
            case {"gets_text": text}:
                pattern = re.escape(text).replace("<time>", TIME)
                got = await world.get(who[at])
                assert re.fullmatch(pattern, got), (got, text)
            case {"closed": code}:
                assert await world.closed(who.pop(at)) == code
            case other:
                raise AssertionError(f"what is {other}?")
    for each in who.values():
        if each is not None:
            # Nothing else was on its way: the next thing it gets is the answer to this.
            await world.send(each, "{}")
            assert json.loads(await world.get(each)) == {"type": "error", "message": "empty message type"}


@pytest.mark.parametrize("world", [InMemory, pytest.param(OverSockets, marks=pytest.mark.network)])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_transcript(world, file):
    """Each line happens as it stands there."""
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    async with asyncio.timeout(60), world() as there:
        await play(there, lines)


def test_files():
    """There are some."""
    assert len(FILES) >= 3
