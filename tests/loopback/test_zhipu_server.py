"""The protocol's official SDK talks to Zhipu's loopback server as the vendor documents it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from typing import Any

import openai
import pytest

from tests.loopback.openai_server import Answer
from tests.loopback.zhipu_server import CODES, ZhipuServer

pytestmark = pytest.mark.network
MODEL = "glm-4.7-flash"
MESSAGES: Any = [{"role": "user", "content": "Hello?"}]
OFF = {"thinking": {"type": "disabled"}}
TOOL: Any = {"type": "function", "function": {"name": "time", "parameters": {"type": "object"}}}


@pytest.fixture
async def server():
    async with asyncio.timeout(30), ZhipuServer() as server:
        yield server


@pytest.fixture
async def sdk(server: ZhipuServer):
    async with openai.AsyncOpenAI(base_url=server.base_url, api_key=server.key, max_retries=0) as client:
        yield client


@pytest.mark.parametrize(
    ("body", "thought"),
    [
        ({}, "They want a yes."),
        (OFF, ""),
        ({"reasoning_effort": "none"}, ""),
        ({"thinking": {"type": "enabled"}, "reasoning_effort": "max"}, "They want a yes."),
    ],
)
@pytest.mark.parametrize("search", [False, True])
async def test_thinking_and_searching(
    server: ZhipuServer, sdk: openai.AsyncOpenAI, body: dict[str, Any], thought: str, search: bool
):
    """It thinks unless told not to; what it found stands beside; usage comes unasked, last."""
    server.search = search
    server.answer(Answer("Yes.", reasoning="They want a yes."))
    stream = await sdk.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True, extra_body=body)
    chunks = [chunk async for chunk in stream]
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == "Yes."
    assert "".join(getattr(delta, "reasoning_content", "") or "" for delta in deltas) == thought
    assert any(getattr(chunk, "web_search", None) for chunk in chunks) is search
    assert chunks[-1].choices[0].finish_reason == "stop" and chunks[-1].usage is not None


@pytest.mark.parametrize("whole", [True, False])
async def test_tools(server: ZhipuServer, sdk: openai.AsyncOpenAI, whole: bool):
    """A call comes in one chunk, or with tool_stream in pieces."""
    server.answer(Answer("", calls=[("time", {"zone": "Asia/Shanghai"})]))
    more = {} if whole else {"tool_stream": True}
    stream = await sdk.chat.completions.create(
        model=MODEL, messages=MESSAGES, tools=[TOOL], stream=True, extra_body=more
    )
    parts = [
        part async for chunk in stream for part in chunk.choices[0].delta.tool_calls or [] if part.function
    ]
    arguments = [part.function.arguments or "" for part in parts if part.function]
    assert "".join(arguments) == '{"zone": "Asia/Shanghai"}'
    assert (len(arguments) == 1) is whole


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        ({"model": "nobody"}, openai.BadRequestError, "1211"),
        ({"messages": []}, openai.BadRequestError, "1210"),
        ({"extra_body": {"thinking": {"type": "auto"}}}, openai.BadRequestError, "1214"),
        ({"extra_body": {"reasoning_effort": "huge"}}, openai.BadRequestError, "1214"),
        ({"extra_body": {"surprise": 1}}, openai.BadRequestError, "1210"),
        ({"temperature": 1.5}, openai.BadRequestError, "1214"),
        ({"extra_headers": {"authorization": "Bearer wrong.key"}}, openai.AuthenticationError, "1002"),
    ],
)
async def test_it_is_strict(
    sdk: openai.AsyncOpenAI, change: dict[str, Any], error: type[openai.APIStatusError], code: str
):
    """What the vendor refuses is refused here, in its own envelope; the code is a text of digits."""
    with pytest.raises(error) as caught:
        await sdk.chat.completions.create(**({"model": MODEL, "messages": MESSAGES} | change))
    assert caught.value.code == code


@pytest.mark.parametrize("code", CODES)
async def test_troubles(server: ZhipuServer, sdk: openai.AsyncOpenAI, code: str):
    """Every code has its status; a filtered sentence says on which side it was."""
    server.trouble(code)
    with pytest.raises(openai.APIStatusError) as caught:
        await sdk.chat.completions.create(model=MODEL, messages=MESSAGES)
    assert (caught.value.status_code, caught.value.code) == (CODES[code][0], code)
    assert ("contentFilter" in caught.value.response.json()) is (code == "1301")


def signed(key: str, claims: dict[str, Any]) -> str:
    """A token as the vendor's older package makes it of a key."""
    ident, secret = key.split(".")

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    said = f"{part({'alg': 'HS256', 'sign_type': 'SIGN'})}.{part(claims | {'api_key': ident})}"
    made = hmac.new(secret.encode(), said.encode(), hashlib.sha256).digest()
    return f"{said}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"


async def test_signed_tokens(server: ZhipuServer):
    """A token signed with the key's second half is taken, another one is not."""
    token = signed(server.key, {"exp": 4_000_000_000_000, "timestamp": 1})
    async with openai.AsyncOpenAI(base_url=server.base_url, api_key=token, max_retries=0) as client:
        await client.chat.completions.create(model=MODEL, messages=MESSAGES)
    async with openai.AsyncOpenAI(base_url=server.base_url, api_key=token[:-4], max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError):
            await client.chat.completions.create(model=MODEL, messages=MESSAGES)
