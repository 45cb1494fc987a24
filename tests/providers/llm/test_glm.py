"""What only Zhipu has: efforts, numbered errors, search results between the words, its ways to finish."""

from __future__ import annotations

import asyncio

import pytest

from aizuchi.errors import ProviderError
from aizuchi.events import ToolCall
from aizuchi.providers.llm.glm import GlmModel
from tests.loopback.openai_server import Answer
from tests.loopback.zhipu_server import ZhipuServer
from tests.providers.llm.vendors import ask, model, text

pytestmark = pytest.mark.network


@pytest.fixture
async def server():
    async with asyncio.timeout(30), ZhipuServer() as server:
        yield server


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh", "max"])
async def test_an_effort_goes_as_it_is(server: ZhipuServer, effort: str):
    """Each is taken by the server; only `none` does not think."""
    server.answer(Answer("Yes.", reasoning="Hm."))
    assert text(await ask(model(server, model="glm-5.2", reasoning_effort=effort))) == "Yes."
    body = server.requests[0].json
    assert body["reasoning_effort"] == effort
    assert body["thinking"] == {"type": "disabled" if effort == "none" else "enabled"}


@pytest.mark.parametrize(
    ("code", "message", "tries"),
    [
        ("1000", "refused the key; set GLM_API_KEY, or llm.glm.api_key", 1),
        ("1002", "refused the key", 1),
        ("1113", "wants the account to be charged", 1),
        ("1211", "look at llm.glm.model", 1),
        ("1214", "did not accept the request", 1),
        ("1261", "did not accept the request", 1),
        ("1301", "refuses to answer this", 1),
        ("1302", "asks for fewer requests", 3),
        ("1303", "asks for fewer requests", 3),
        ("1305", "is overloaded", 3),
        ("1308", "used up", 1),
        ("500", "is overloaded", 3),
    ],
)
async def test_codes(server: ZhipuServer, code: str, message: str, tries: int):
    """429 may mean a call too many, an empty account or a used-up plan: the code tells."""
    server.trouble(code, times=9)
    with pytest.raises(ProviderError, match=message) as caught:
        await ask(model(server))
    assert len(server.requests) == tries
    assert caught.value.retryable is (tries > 1)


@pytest.mark.parametrize(("code", "retryable"), [("1301", False), ("1305", True), ("1234", True)])
async def test_codes_in_mid_stream(server: ZhipuServer, code: str, retryable: bool):
    """There is no status to go by there."""
    server.fault("error", after=2, code=code, message="不")
    with pytest.raises(ProviderError) as caught:
        await ask(model(server))
    assert caught.value.retryable is retryable


@pytest.mark.parametrize("stream", [True, False])
async def test_search_results_are_not_spoken(server: ZhipuServer, stream: bool):
    """What a search found, and the call that made it, are no part of the reply and no tool of ours."""
    server.search = True
    server.say("It is fine today.")
    pieces = await ask(model(server, stream=stream))
    assert text(pieces) == "It is fine today."
    assert not any(isinstance(piece, ToolCall) for piece in pieces)
    assert pieces[-1].finish == "stop"


@pytest.mark.parametrize(
    ("said", "finish", "outcome"),
    [
        ("Well, ", "sensitive", "stop"),
        ("", "sensitive", "refuses to answer"),
        ("Well, ", "network_error", "network_error"),
        ("Well, ", "length", "length"),
        ("Well, ", "model_context_window_exceeded", "length"),
    ],
)
async def test_ways_to_finish(server: ZhipuServer, said: str, finish: str, outcome: str):
    """Its filter ends a reply, its own network fails one, its window cuts one."""
    server.answer(Answer(said, finish=finish))
    server.answer(Answer(said, finish=finish))
    server.answer(Answer(said, finish=finish))
    if outcome in ("stop", "length"):
        assert (await ask(model(server)))[-1].finish == outcome
    else:
        with pytest.raises(ProviderError, match=outcome):
            await ask(model(server))


async def test_the_other_address(server: ZhipuServer, monkeypatch: pytest.MonkeyPatch):
    """The address of the vendor's own package counts where none is configured."""
    monkeypatch.setenv("ZAI_BASE_URL", server.base_url)
    chosen = GlmModel(GlmModel.Options.model_validate({"api_key": server.key}))
    assert text(await ask(chosen))
    assert "glm-4.7-flash" in chosen.about
