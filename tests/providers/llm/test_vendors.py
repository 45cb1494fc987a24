"""`llm: doubao` and `llm: glm` against their vendors' loopback servers: what both have to do alike."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.events import ToolCall
from aizuchi.ports import Message, Prompt, Reasoning, Token, Usage
from aizuchi.providers.openai import Lost
from tests.loopback.openai_server import Answer
from tests.providers.llm.vendors import CLOCK, HELLO, VENDORS, Server, ask, model, text

pytestmark = pytest.mark.network


@pytest.fixture(params=sorted(VENDORS))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def server(name: str):
    async with asyncio.timeout(30), VENDORS[name][0]() as server:
        yield server


@pytest.mark.parametrize("stream", [True, False])
async def test_a_reply_without_thinking(server: Server, stream: bool):
    """By default it streams and does not think; the cost comes at the end."""
    server.answer(Answer("你好。 Good morning.", reasoning="They greet."))
    pieces = await ask(model(server, stream=stream))
    assert text(pieces) == "你好。 Good morning."
    assert not any(isinstance(piece, Reasoning) for piece in pieces)
    assert isinstance(pieces[-1], Usage) and pieces[-1].finish == "stop" and pieces[-1].tokens_out > 0
    assert server.requests[0].json["thinking"] == {"type": "disabled"}


async def test_a_reply_with_thinking(server: Server):
    """Thoughts are kept apart from what is said."""
    server.answer(Answer("Yes.", reasoning="They want a yes."))
    pieces = await ask(model(server, reasoning="low"))
    assert "".join(piece.text for piece in pieces if isinstance(piece, Reasoning)) == "They want a yes."
    assert text(pieces) == "Yes."
    body = server.requests[0].json
    assert body["thinking"] == {"type": "enabled"} and body["reasoning_effort"] == "low"


@pytest.mark.parametrize("fault", ["drip", "split", "joined", "no_done"])
async def test_odd_streams(server: Server, fault: str):
    """Odd cuts and a missing [DONE] change nothing."""
    server.say("Good morning, 早上好。")
    server.fault(fault)
    pieces = await ask(model(server))
    assert text(pieces) == "Good morning, 早上好。"
    assert isinstance(pieces[-1], Usage)


async def test_tools(server: Server):
    """A call and its result go there and back."""
    server.answer(Answer("", calls=[("current_time", {"zone": "Asia/Shanghai"})]))
    first = await ask(model(server), Prompt(HELLO.messages, (CLOCK,)))
    calls = [piece for piece in first if isinstance(piece, ToolCall)]
    assert [(call.name, call.args) for call in calls] == [("current_time", '{"zone": "Asia/Shanghai"}')]
    assert first[-1].finish == "tools"
    results = tuple(Message("tool", "noon", call_id=call.id) for call in calls)
    history = (*HELLO.messages, Message("assistant", "", calls=tuple(calls)), *results)
    server.say("It is noon.")
    assert text(await ask(model(server), Prompt(history, (CLOCK,)))) == "It is noon."


async def test_cancelled_in_mid_stream(server: Server):
    """Closing the reply closes the request at once, and the next one is served."""
    server.fault("stall", after=3)
    async with model(server) as chosen:
        async with aclosing(chosen.think(HELLO)) as pieces:
            assert isinstance(await anext(pieces), Token)
        await server.requests[0].disconnected.wait()
        server.say("Again.")
        async with aclosing(chosen.think(HELLO)) as pieces:
            assert text([piece async for piece in pieces]) == "Again."


async def test_stall(server: Server):
    """A server that falls silent is given up at the limit."""
    server.fault("stall", after=2)
    with pytest.raises(ProviderError, match="took too long"):
        await ask(model(server, timeout=0.3))


@pytest.mark.parametrize(
    ("fault", "message", "tries"),
    [
        ({"kind": "close_head"}, "without an answer", 3),
        ({"kind": "close", "after": 0}, "broke off", 3),
        ({"kind": "end", "after": 0}, "ended its answer early", 3),
        ({"kind": "garbage", "after": 0}, "no JSON", 3),
        ({"kind": "error", "after": 0}, "is overloaded: the fault was ordered", 3),
        ({"kind": "html"}, "web page", 1),
    ],
)
async def test_failures_before_the_first_token(
    server: Server, fault: dict[str, Any], message: str, tries: int
):
    """What may pass is tried again; no message holds the key."""
    server.fault(**fault, times=9)
    with pytest.raises(ProviderError, match=message) as caught:
        await ask(model(server))
    assert len(server.requests) == tries
    assert server.key not in str(caught.value)


@pytest.mark.parametrize("kind", ["close", "end", "error", "garbage"])
async def test_failures_after_the_first_token(server: Server, kind: str):
    """After the first token nothing is tried again."""
    server.fault(kind, after=3)
    pieces: list[Any] = []
    async with model(server) as chosen, aclosing(chosen.think(HELLO)) as stream:
        with pytest.raises(ProviderError):
            async for piece in stream:
                pieces.append(piece)
    assert text(pieces) and len(server.requests) == 1


async def test_a_connection_that_died_is_replaced(server: Server):
    """A kept connection that the server closed meanwhile costs nobody a reply."""
    async with model(server) as chosen:
        assert await chosen.warm()
        server.fault("close_head")
        async with aclosing(chosen.think(HELLO)) as pieces:
            assert text([piece async for piece in pieces])


async def test_a_wrong_key(server: Server, name: str):
    """It is said which variable to mend, once."""
    with pytest.raises(ProviderError, match="refused the key; set ") as caught:
        await ask(model(server, api_key="wrong.key-0123456789"))
    assert VENDORS[name][1].vendor.keys[0] in str(caught.value)
    assert not caught.value.retryable and len(server.requests) == 1
    assert "wrong.key-0123456789" not in str(caught.value)


async def test_keys_of_the_environment(server: Server, name: str, monkeypatch: pytest.MonkeyPatch):
    """Any of the vendor's variables holds the key; the first that is set counts, OpenAI's never."""
    variables = VENDORS[name][1].vendor.keys
    for variable in (*variables, "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", server.key)
    with pytest.raises(ProviderError, match="refused the key"):
        await ask(model(server, api_key=""))
    for variable in reversed(variables):
        monkeypatch.setenv(variable, server.key)
        assert text(await ask(model(server, api_key="")))
        monkeypatch.setenv(variable, "another")


async def test_no_key(name: str, monkeypatch: pytest.MonkeyPatch):
    """Without any key the vendor's own server is not asked; the error names the provider."""
    made = VENDORS[name][1]
    for variable in (*made.vendor.keys, *made.vendor.addresses):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    with pytest.raises(ConfigError, match=rf"llm\.{name} has no key: set {made.vendor.keys[0]}") as caught:
        async with made(made.Options()):
            pass
    assert f"llm.{name} 没有密钥" in caught.value.zh


async def test_nobody_there(name: str):
    """A server that does not run is named, with the option to look at."""
    made = VENDORS[name][1]
    given = {"base_url": "http://127.0.0.1:1/v3", "retries": 0}
    with pytest.raises(Lost, match=rf"nobody listens there.*llm\.{name}\.base_url"):
        await ask(made(made.Options.model_validate(given)))
    with pytest.raises(ConfigError, match=rf"llm\.{name}\.base_url is not an address"):
        made(made.Options.model_validate({"base_url": "nowhere"}))
