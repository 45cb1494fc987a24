"""The OpenAI-compatible model against the loopback server, its faults included."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from aizuchi.errors import ConfigError, ProviderError, StageTimeout
from aizuchi.events import Image, ToolCall
from aizuchi.ports import Message, Prompt, Reasoning, Token, ToolSpec, Usage
from aizuchi.providers.llm.openai import OpenAIModel
from aizuchi.providers.openai import Lost, Refused
from tests.loopback.openai_server import Answer, OpenAIServer

pytestmark = pytest.mark.network
HELLO = Prompt((Message("system", "Be kind."), Message("user", "Hello?")))
CLOCK = ToolSpec("current_time", "Tells the time.", {"type": "object", "properties": {}})


@pytest.fixture
async def server():
    async with asyncio.timeout(30), OpenAIServer() as server:
        yield server


def model(server: OpenAIServer, **options: Any) -> OpenAIModel:
    given = {"base_url": server.base_url, "api_key": server.key, "model": "loopback", "retry_wait": 0.001}
    return OpenAIModel(OpenAIModel.Options.model_validate(given | options))


async def ask(model: OpenAIModel, prompt: Prompt = HELLO) -> list[Any]:
    async with model, aclosing(model.think(prompt)) as pieces:  # type: ignore[type-var]
        return [piece async for piece in pieces]


def text(pieces: list[Any]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Token))


async def test_a_reply_streams(server: OpenAIServer):
    """A reply comes token by token and ends with its reason and cost."""
    server.say("Good morning. It is a fine day.")
    pieces = await ask(model(server))
    assert text(pieces) == "Good morning. It is a fine day."
    assert len(pieces) == 8
    assert pieces[-1] == Usage("stop", tokens_in=3, tokens_out=7)


@pytest.mark.parametrize("fault", ["drip", "split", "joined", "twice", "unknown", "no_done"])
async def test_odd_streams(server: OpenAIServer, fault: str):
    """Odd cuts, doubled ends, unknown events and a missing [DONE] change nothing."""
    server.answer(Answer("Good morning, 早上好。", reasoning="Polite."))
    server.fault(fault)
    pieces = await ask(model(server))
    assert text(pieces) == "Good morning, 早上好。"
    assert "".join(piece.text for piece in pieces if isinstance(piece, Reasoning)) == "Polite."
    assert [type(piece) for piece in pieces].count(Usage) == 1 and isinstance(pieces[-1], Usage)


async def test_without_streaming(server: OpenAIServer):
    """A model that can't stream is asked so, and its answer is cut in pieces that join to the whole."""
    server.answer(Answer("  Good morning.\n\n早上好,今天天气很好,我们去散步吧。 ", reasoning="Hm."))
    pieces = await ask(model(server, stream=False))
    assert text(pieces) == "  Good morning.\n\n早上好,今天天气很好,我们去散步吧。 "
    assert sum(isinstance(piece, Token) for piece in pieces) > 3
    assert "stream_options" not in server.requests[0].json and server.requests[0].json["stream"] is False


@pytest.mark.parametrize("stream", [True, False])
def test_whether_it_streams(stream: bool):
    """A model that answers in one piece says so: beginning early would gain little and cost all of it."""
    options = OpenAIModel.Options(model="m", api_key=SecretStr("none"), stream=stream)
    assert OpenAIModel(options).streams is stream


async def test_tools(server: OpenAIServer):
    """Interleaved calls are put together by index, and their results go back in the next round."""
    asked = [("current_time", {"zone": "Asia/Tokyo"}), ("current_time", {"zone": "UTC"})]
    server.answer(Answer("Let me see.", calls=asked))
    first = await ask(model(server), Prompt(HELLO.messages, (CLOCK,)))
    calls = [piece for piece in first if isinstance(piece, ToolCall)]
    assert [(call.name, json.loads(call.args)) for call in calls] == asked
    assert first[-1].finish == "tools" and text(first) == "Let me see."
    results = tuple(Message("tool", "noon", call_id=call.id) for call in calls)
    history = (*HELLO.messages, Message("assistant", "Let me see.", calls=tuple(calls)), *results)
    server.say("It is noon.")
    assert text(await ask(model(server), Prompt(history, (CLOCK,)))) == "It is noon."


@pytest.mark.parametrize(
    ("dialect", "sent"),
    [
        ("openai", ("none", True)),
        ("deepseek", ("none", True)),
        ("glm", (None, False)),
        ("generic", (None, False)),
    ],
)
async def test_tools_that_may_not_be_called(
    server: OpenAIServer, dialect: str, sent: tuple[str | None, bool]
):
    """Where the server can be told so, they stay listed and the prompt begins alike; elsewhere they go."""
    async with model(server, dialect=dialect) as chosen:
        requests = [chosen.request(Prompt(HELLO.messages, (CLOCK,), may_call=may)) for may in (True, False)]
    first, last = requests
    assert (last.get("tool_choice"), "tools" in last) == sent
    assert "tool_choice" not in first and ("tools" not in last or last["tools"] == first["tools"])


async def test_a_server_that_knows_no_prohibition(server: OpenAIServer):
    """It is asked again without the tools, and not asked for that any more."""
    chosen = model(server, dialect="openai")
    server.fault("refuse", status=400, message="Unrecognized request argument supplied: tool_choice")
    prompt = Prompt(HELLO.messages, (CLOCK,), may_call=False)
    async with chosen:
        for _ in range(2):
            async with aclosing(chosen.think(prompt)) as pieces:  # type: ignore[type-var]
                assert text([piece async for piece in pieces])
    sent = [("tools" in request.json, "tool_choice" in request.json) for request in server.requests]
    assert sent == [(True, True), (False, False), (False, False)]


async def test_tools_of_careless_servers(server: OpenAIServer):
    """Whole calls without an index are told apart by their ids."""
    asked = [("current_time", {"zone": "Asia/Tokyo"}), ("current_time", {"zone": "UTC"})]
    server.answer(Answer("", calls=asked, finish="stop"))
    server.fault("no_index")
    pieces = await ask(model(server), Prompt(HELLO.messages, (CLOCK,)))
    calls = [piece for piece in pieces if isinstance(piece, ToolCall)]
    assert [(call.name, json.loads(call.args)) for call in calls] == asked
    assert pieces[-1].finish == "tools"


async def test_pictures(server: OpenAIServer):
    """A picture goes as a data URL to a model that sees; another model is told that there was one."""
    seen = Message("user", "What is this?", images=(Image("image/png", b"\x89PNG"),))
    await ask(model(server, sees=True), Prompt((seen,)))
    await ask(model(server), Prompt((seen,)))
    parts = server.requests[0].json["messages"][0]["content"]
    assert (
        parts[0]["text"] == "What is this?"
        and parts[1]["image_url"]["url"] == "data:image/png;base64,iVBORw=="
    )
    assert "1 picture(s)" in server.requests[1].json["messages"][0]["content"]


async def test_what_is_asked(server: OpenAIServer):
    """The options and the prompt's own wishes reach the server under its names."""
    server.also_knows = {"thinking", "top_k"}
    options = {
        "dialect": "glm",
        "temperature": 0.5,
        "top_p": 0.9,
        "extra_body": {"top_k": 5},
        "headers": {"X-A": "b"},
    }
    await ask(model(server, **options), Prompt(HELLO.messages, max_tokens=99, session="abc"))
    body = server.requests[0].json
    assert body | {"messages": 0} == {
        "model": "loopback",
        "messages": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
        "thinking": {"type": "disabled"},
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 99,
        "top_k": 5,
    }
    assert server.requests[0].headers["x-a"] == "b"
    await ask(model(server, dialect="openai"), Prompt(HELLO.messages, max_tokens=99, session="abc"))
    body = server.requests[1].json
    assert body["max_completion_tokens"] == 99 and body["prompt_cache_key"] == "abc"


async def test_a_refused_field_is_left_out(server: OpenAIServer):
    """A field of a dialect that the server does not know costs one request, once."""
    chosen = model(server, dialect="qwen", reasoning="low")
    async with chosen:
        for _ in range(2):
            async with aclosing(chosen.think(HELLO)) as pieces:  # type: ignore[type-var]
                assert text([piece async for piece in pieces])
    sent = [{"enable_thinking", "thinking_budget"} & set(request.json) for request in server.requests]
    assert sent[0] and not sent[-1] and not sent[-2]
    assert len(server.requests) == 4


async def test_a_refused_field_of_the_user_is_an_error(server: OpenAIServer):
    """A field that the user asked for is not dropped in silence."""
    with pytest.raises(Refused, match="enable_thinking"):
        await ask(model(server, extra_body={"enable_thinking": False}, dialect="qwen"))


@pytest.mark.parametrize(
    "fault, message, tries",
    [
        ({"kind": "refuse", "status": 401, "message": "bad key sk-loopback-0123456789"}, "OPENAI_API_KEY", 1),
        ({"kind": "refuse", "status": 403}, "refused the key", 1),
        ({"kind": "refuse", "status": 404}, "model 'loopback'", 1),
        ({"kind": "refuse", "status": 400, "message": "too long " * 99}, "did not accept", 1),
        ({"kind": "refuse", "status": 429, "retry_after": "30"}, "fewer requests", 1),
        ({"kind": "refuse", "status": 429, "code": "insufficient_quota"}, "used up", 1),
        ({"kind": "refuse", "status": 429, "retry_after": "0"}, "fewer requests", 3),
        ({"kind": "refuse", "status": 503}, "HTTP 503", 3),
        ({"kind": "close_head"}, "without an answer", 3),
        ({"kind": "close", "after": 0}, "broke off", 3),
        ({"kind": "end", "after": 1}, "ended its answer early", 3),
        ({"kind": "error", "after": 0, "message": "overloaded"}, "overloaded", 3),
        ({"kind": "garbage", "after": 0}, "no JSON", 3),
        ({"kind": "html"}, "web page", 1),
        ({"kind": "refuse", "status": 308}, "redirects elsewhere", 1),
    ],
)
async def test_failures_before_the_first_token(
    server: OpenAIServer, fault: dict[str, Any], message: str, tries: int
):
    """What may pass is tried again, what a person must mend is not; no message is long or holds the key."""
    server.fault(**fault, times=9)
    with pytest.raises(ProviderError, match=message) as caught:
        await ask(model(server))
    assert len(server.requests) == tries
    assert server.key not in str(caught.value) and len(str(caught.value)) < 500
    if tries == 3:
        assert caught.value.retryable


@pytest.mark.parametrize(
    "fault", [{"kind": "refuse", "status": 500}, {"kind": "close_head"}, {"kind": "end"}]
)
async def test_a_further_try_helps(server: OpenAIServer, fault: dict[str, Any]):
    """A fault that passes is not seen by the caller."""
    server.fault(**fault, times=2)
    assert text(await ask(model(server)))
    assert len(server.requests) == 3


@pytest.mark.parametrize("kind", ["close", "end", "error", "garbage"])
async def test_failures_after_the_first_token(server: OpenAIServer, kind: str):
    """After the first token nothing is tried again; what was said stays said."""
    server.fault(kind, after=4)
    pieces = []
    async with model(server) as chosen:
        with pytest.raises(ProviderError):
            async with aclosing(chosen.think(HELLO)) as stream:  # type: ignore[type-var]
                async for piece in stream:
                    pieces.append(piece)
    assert text(pieces) == "Hello from the"
    assert len(server.requests) == 1


async def test_closing_in_mid_stream(server: OpenAIServer):
    """Closing the generator closes the connection; the server sees it."""
    server.fault("stall", after=3)
    async with model(server) as chosen:
        async with aclosing(chosen.think(HELLO)) as pieces:  # type: ignore[type-var]
            assert await anext(pieces) == Token("Hello")
        await server.requests[0].disconnected.wait()


@pytest.mark.parametrize("fault", [{"kind": "stall_head"}, {"kind": "stall", "after": 1}])
async def test_cancelling_before_the_first_token(server: OpenAIServer, fault: dict[str, Any]):
    """A task that waits for the first token is cancelled, and its connection closed at once."""
    server.fault(**fault)
    chosen = model(server)
    async with chosen, asyncio.TaskGroup() as group:
        stream = chosen.think(HELLO)
        waiting = group.create_task(anext(stream))  # type: ignore[arg-type]
        request = await server.seen(1)
        await request.complete.wait()
        waiting.cancel()
        await request.disconnected.wait()
    assert waiting.cancelled()


async def test_the_hard_bound(server: OpenAIServer):
    """An answer that never comes ends at the time limit, and is not asked for again."""
    server.fault("stall_head")
    async with model(server, timeout=0.05) as chosen:
        with pytest.raises(StageTimeout):
            await anext(chosen.think(HELLO))  # type: ignore[arg-type]
        await server.requests[0].disconnected.wait()
    assert len(server.requests) == 1


async def test_connections_are_kept(server: OpenAIServer):
    """Turns one after another use one connection, also after warming up."""
    chosen = model(server)
    async with chosen:
        assert await chosen.warm()
        for _ in range(3):
            async with aclosing(chosen.think(HELLO)) as pieces:  # type: ignore[type-var]
                assert text([piece async for piece in pieces])
    assert server.connections == 1


async def test_a_kept_connection_that_died(server: OpenAIServer):
    """A connection that the server closed meanwhile is replaced without waiting."""
    chosen = model(server, retry_wait=5.0)
    async with chosen:
        assert await chosen.warm()
        server.fault("close_head")
        async with aclosing(chosen.think(HELLO)) as pieces:  # type: ignore[type-var]
            assert text([piece async for piece in pieces])


async def test_nobody_there(server: OpenAIServer):
    """A server that does not run is named, with what to look at."""
    chosen = model(server, base_url="http://127.0.0.1:1/v1", retries=0)
    with pytest.raises(
        Lost, match=r"cannot reach 127\.0\.0\.1:1 \(nobody listens there\).*llm\.openai\.base_url"
    ):
        await ask(chosen)
    async with chosen:
        assert not await chosen.warm()
    with pytest.raises(Lost, match="is it http rather than https"):
        await ask(model(server, base_url=server.base_url.replace("http", "https", 1), retries=0))


async def test_the_environment(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch):
    """Address and key come from the environment where the options leave them out."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url + "/chat/completions/")
    monkeypatch.setenv("OPENAI_API_KEY", f" {server.key}\n")
    chosen = OpenAIModel(OpenAIModel.Options.model_validate({"model": "loopback"}))
    assert text(await ask(chosen))
    assert server.key not in repr(chosen.options)


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "set OPENAI_API_KEY"),
        ({"base_url": "nowhere"}, "base_url is not an address"),
        ({"base_url": "ftp://host/v1"}, "base_url is not an address"),
        ({"base_url": "http://[::1/v1"}, "base_url is not an address"),
        ({"api_key": SecretStr("schlüssel")}, "copy it anew"),
        ({"api_key": "k", "headers": {"x y": "z"}}, "no name for a header"),
        ({"api_key": "k", "proxy": "nowhere"}, "proxy is not an address"),
    ],
)
async def test_what_a_person_must_mend(options: dict[str, Any], message: str):
    """A missing key, a bad address and a bad proxy are told before the first turn, without the key."""
    with pytest.raises(ConfigError, match=message) as caught:
        async with OpenAIModel(OpenAIModel.Options.model_validate(options)):
            pass
    assert "schlüssel" not in str(caught.value)


def test_unknown_options():
    """Unknown keys and dialects are refused."""
    for wrong in ({"modle": "x"}, {"dialect": "klingon"}):
        with pytest.raises(ValidationError):
            OpenAIModel.Options.model_validate(wrong)
