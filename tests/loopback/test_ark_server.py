"""The official SDK talks to Ark's loopback server as the vendor documents it for the vendor's own."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

from tests.loopback.ark_server import CODES, ArkServer
from tests.loopback.openai_server import Answer

pytestmark = pytest.mark.network
MODEL = "doubao-seed-1-6-lite-251015"
MESSAGES: Any = [{"role": "user", "content": "Hello?"}]
OFF = {"thinking": {"type": "disabled"}}
TOOL: Any = {"type": "function", "function": {"name": "time", "parameters": {"type": "object"}}}


@pytest.fixture
async def server():
    async with asyncio.timeout(30), ArkServer() as server:
        yield server


@pytest.fixture
async def sdk(server: ArkServer):
    async with openai.AsyncOpenAI(base_url=server.base_url, api_key=server.key, max_retries=0) as client:
        yield client


@pytest.mark.parametrize(
    ("body", "thought"),
    [
        ({}, "They want a yes."),
        (OFF, ""),
        ({"reasoning_effort": "minimal"}, ""),
        (OFF | {"reasoning_effort": "minimal"}, ""),
        ({"thinking": {"type": "enabled"}, "reasoning_effort": "low"}, "They want a yes."),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_thinking(
    server: ArkServer, sdk: openai.AsyncOpenAI, body: dict[str, Any], thought: str, stream: bool
):
    """It thinks unless told not to, in a field of its own, and counts what it thought."""
    server.answer(Answer("Yes.", reasoning="They want a yes."))
    if not stream:
        whole = await sdk.chat.completions.create(model=MODEL, messages=MESSAGES, extra_body=body)
        message, usage = whole.choices[0].message, whole.usage
        said, thoughts = message.content, getattr(message, "reasoning_content", "")
    else:
        chunks = [
            chunk
            async for chunk in await sdk.chat.completions.create(
                model=MODEL,
                messages=MESSAGES,
                stream=True,
                stream_options={"include_usage": True},
                extra_body=body,
            )
        ]
        deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
        said = "".join(delta.content or "" for delta in deltas)
        thoughts = "".join(getattr(delta, "reasoning_content", "") or "" for delta in deltas)
        usage = chunks[-1].usage
        assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert (said, thoughts) == ("Yes.", thought)
    assert usage is not None and usage.completion_tokens_details is not None
    assert bool(usage.completion_tokens_details.reasoning_tokens) is bool(thought)


async def test_tools(server: ArkServer, sdk: openai.AsyncOpenAI):
    """A call's arguments come in pieces and join to the whole."""
    server.answer(Answer("", calls=[("time", {"zone": "Asia/Shanghai"})]))
    stream = await sdk.chat.completions.create(model=MODEL, messages=MESSAGES, tools=[TOOL], stream=True)
    parts = [
        part
        async for chunk in stream
        if chunk.choices
        for part in chunk.choices[0].delta.tool_calls or []
        if part.function
    ]
    assert "".join(part.function.arguments or "" for part in parts if part.function) == (
        '{"zone": "Asia/Shanghai"}'
    )
    assert len(parts) > 2


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        ({"model": "nobody"}, openai.NotFoundError, "InvalidEndpointOrModel.NotFound"),
        ({"messages": []}, openai.BadRequestError, "InvalidParameter"),
        ({"extra_body": OFF | {"reasoning_effort": "high"}}, openai.BadRequestError, "InvalidParameter"),
        ({"extra_body": {"reasoning_effort": "none"}}, openai.BadRequestError, "InvalidParameter"),
        ({"extra_body": {"thinking": {"type": "off"}}}, openai.BadRequestError, "InvalidParameter"),
        (
            {"extra_headers": {"authorization": "Bearer x"}},
            openai.AuthenticationError,
            "AuthenticationError",
        ),
    ],
)
async def test_it_is_strict(
    sdk: openai.AsyncOpenAI, change: dict[str, Any], error: type[openai.APIStatusError], code: str
):
    """What the vendor refuses is refused here, in its own envelope."""
    with pytest.raises(error) as caught:
        await sdk.chat.completions.create(**({"model": MODEL, "messages": MESSAGES} | change))
    assert caught.value.code == code and "Request id:" in caught.value.message


@pytest.mark.parametrize("code", CODES)
async def test_troubles(server: ArkServer, sdk: openai.AsyncOpenAI, code: str):
    """Every code has its status, and the SDK finds it where it looks."""
    server.trouble(code)
    with pytest.raises(openai.APIStatusError) as caught:
        await sdk.chat.completions.create(model=MODEL, messages=MESSAGES)
    assert (caught.value.status_code, caught.value.code) == (CODES[code][0], code)
    assert caught.value.type == CODES[code][1]


async def test_trouble_in_mid_stream(server: ArkServer, sdk: openai.AsyncOpenAI):
    """An error object in place of a chunk ends the stream."""
    server.fault("error", after=3, code="OutputTextSensitiveContentDetected")
    stream = await sdk.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True, extra_body=OFF)
    with pytest.raises(openai.APIError) as caught:
        async for _ in stream:
            pass
    assert caught.value.code == "OutputTextSensitiveContentDetected"
