"""Requests to one server share few connections, and find them again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest
import pytest_asyncio

from aizuchi.errors import ProviderError
from aizuchi.providers.lanes import WIDTH, Lanes
from aizuchi.providers.openai import Api, ApiOptions
from tests.loopback.openai_server import OpenAIServer


@pytest_asyncio.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest_asyncio.fixture
async def api(server: OpenAIServer) -> AsyncIterator[Api]:
    options = {"base_url": server.base_url, "api_key": server.key, "retries": 0}
    api = Api(ApiOptions.model_validate(options), stage="llm", model="loopback")
    await api.open()
    yield api
    await api.close()


CONTENT = b'{"model": "loopback", "stream": true, "messages": [{"role": "user", "content": "Hello?"}]}'


async def ask(api: Api) -> None:
    async with asyncio.timeout(20):
        response = await api.post("/chat/completions", CONTENT, {"content-type": "application/json"})
        assert [chunk async for chunk in api.chunks(response)]


@pytest.mark.network
async def test_one_after_the_other_needs_one_connection(server: OpenAIServer, api: Api):
    """The one that was warmed serves them all."""
    assert await api.warm()
    for _ in range(12):
        await ask(api)
    assert server.connections == 1


@pytest.mark.network
async def test_many_at_once_keep_their_connections(server: OpenAIServer, api: Api):
    """Three rounds of many at once need no more connections than one round."""
    many = 3 * WIDTH
    for _ in range(3):
        async with asyncio.TaskGroup() as group:
            for _ in range(many):
                group.create_task(ask(api))
    assert server.connections <= many


@pytest.mark.network
async def test_what_is_broken_off_leaves_its_place(server: OpenAIServer, api: Api):
    """Requests that fail or are given up do not push later ones into lanes that are cold."""
    for _ in range(2 * WIDTH):
        server.fault("refuse", status=503)
        with pytest.raises(ProviderError):
            await ask(api)
    before = server.connections
    await ask(api)
    assert server.connections == before


async def test_lanes_fill_one_by_one():
    """A request goes to the first lane with room, and room is made when its answer is closed."""
    made: list[list[str]] = []

    def make() -> httpx.AsyncBaseTransport:
        lane: list[str] = []
        made.append(lane)

        def answer(request: httpx.Request) -> httpx.Response:
            lane.append(request.url.path)
            if request.url.path == "/down":
                raise httpx.ConnectError("down")
            return httpx.Response(200, stream=httpx.ByteStream(b"hello"))

        return httpx.MockTransport(answer)

    async with httpx.AsyncClient(transport=Lanes(make, width=2), base_url="http://x") as client:
        async with AsyncExitStack() as stack:
            for path in ("/a", "/b", "/c"):
                await stack.enter_async_context(client.stream("GET", path))
        await client.get("/d")
        with pytest.raises(httpx.ConnectError):
            await client.get("/down")
        await client.get("/e")
    assert made == [["/a", "/b", "/d", "/down", "/e"], ["/c"]]
