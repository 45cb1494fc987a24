"""The official SDK talks to the loopback server and notices nothing."""

from __future__ import annotations

import asyncio
import io
import wave
from typing import Any

import openai
import pytest

from tests.loopback import sound
from tests.loopback.openai_server import Answer, OpenAIServer

pytestmark = pytest.mark.network
MESSAGES: Any = [{"role": "user", "content": "Hello?"}]
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "current_time",
        "description": "Tells the time.",
        "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}},
    },
}


@pytest.fixture
async def server():
    async with asyncio.timeout(30), OpenAIServer() as server:
        yield server


@pytest.fixture
async def sdk(server: OpenAIServer):
    async with openai.AsyncOpenAI(base_url=server.base_url, api_key=server.key, max_retries=0) as client:
        yield client


def recording(ms: int = 500) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(b"\x10\x00" * (16 * ms))
    return file.getvalue()


async def test_chat_whole(server: OpenAIServer, sdk: openai.AsyncOpenAI):
    """A completion without streaming has text, reason and usage."""
    server.say("Good morning.")
    answer = await sdk.chat.completions.create(model="loopback", messages=MESSAGES)
    assert answer.choices[0].message.content == "Good morning."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None and answer.usage.completion_tokens == 2


@pytest.mark.parametrize("fault", ["", "drip", "split", "joined", "twice"])
async def test_chat_stream(server: OpenAIServer, sdk: openai.AsyncOpenAI, fault: str):
    """A streamed completion arrives whole, however its events and network pieces fall."""
    server.say("Good morning, 早上好。 It is a fine day.")
    if fault:
        server.fault(fault)
    stream = await sdk.chat.completions.create(
        model="loopback", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "Good morning, 早上好。 It is a fine day."
    assert chunks[-1].usage is not None
    assert any(chunk.choices[0].finish_reason == "stop" for chunk in chunks if chunk.choices)


async def test_chat_tools(server: OpenAIServer, sdk: openai.AsyncOpenAI):
    """Two tool calls come interleaved by index, and their results are accepted in the next round."""
    server.answer(
        Answer("", calls=[("current_time", {"zone": "Asia/Tokyo"}), ("current_time", {"zone": "UTC"})])
    )
    stream = await sdk.chat.completions.create(model="loopback", messages=MESSAGES, tools=[TOOL], stream=True)
    calls: dict[int, dict[str, str]] = {}
    async for chunk in stream:
        for part in chunk.choices[0].delta.tool_calls or []:
            call = calls.setdefault(part.index, {"id": part.id or "", "args": ""})
            call["args"] += (part.function and part.function.arguments) or ""
    assert [call["args"] for call in calls.values()] == ['{"zone": "Asia/Tokyo"}', '{"zone": "UTC"}']
    asked: Any = [
        {
            "id": call["id"],
            "type": "function",
            "function": {"name": "current_time", "arguments": call["args"]},
        }
        for call in calls.values()
    ]
    results: Any = [
        {"role": "tool", "tool_call_id": call["id"], "content": "noon"} for call in calls.values()
    ]
    history = [*MESSAGES, {"role": "assistant", "content": None, "tool_calls": asked}, *results]
    await sdk.chat.completions.create(model="loopback", messages=history, tools=[TOOL])
    with pytest.raises(openai.BadRequestError):
        await sdk.chat.completions.create(model="loopback", messages=history[:-1], tools=[TOOL])


async def test_chat_reasoning(server: OpenAIServer, sdk: openai.AsyncOpenAI):
    """Thinking comes in a field of its own, which the SDK keeps as an extra."""
    server.answer(Answer("Yes.", reasoning="They want a yes."))
    stream = await sdk.chat.completions.create(model="loopback", messages=MESSAGES, stream=True)
    thoughts = [getattr(chunk.choices[0].delta, "reasoning_content", "") or "" async for chunk in stream]
    assert "".join(thoughts) == "They want a yes."


@pytest.mark.parametrize(
    "change, error",
    [
        ({"model": "nobody"}, openai.NotFoundError),
        ({"messages": []}, openai.BadRequestError),
        ({"messages": [{"role": "user", "content": None}]}, openai.BadRequestError),
        ({"extra_body": {"thinking": {"type": "disabled"}}}, openai.BadRequestError),
        ({"stream_options": {"include_usage": True}}, openai.BadRequestError),
        ({"extra_headers": {"authorization": "Bearer wrong"}}, openai.AuthenticationError),
    ],
)
async def test_chat_is_strict(sdk: openai.AsyncOpenAI, change: dict[str, Any], error: type[Exception]):
    """What the real server refuses is refused here, and the SDK knows the error."""
    with pytest.raises(error):
        await sdk.chat.completions.create(**({"model": "loopback", "messages": MESSAGES} | change))


@pytest.mark.parametrize(
    "fault, error",
    [("error", openai.APIError), ("close", openai.APIConnectionError), ("garbage", ValueError)],
)
async def test_chat_errors_in_the_stream(
    server: OpenAIServer, sdk: openai.AsyncOpenAI, fault: str, error: type[Exception]
):
    """An error frame, a broken connection and nonsense in mid-stream are errors to the SDK."""
    server.fault(fault, after=3)
    stream = await sdk.chat.completions.create(model="loopback", messages=MESSAGES, stream=True)
    with pytest.raises(error):
        async for _ in stream:
            pass


@pytest.mark.parametrize("status, error", [(403, openai.PermissionDeniedError), (429, openai.RateLimitError)])
async def test_refusals(server: OpenAIServer, sdk: openai.AsyncOpenAI, status: int, error: type[Exception]):
    """A refusal has the shape of OpenAI's."""
    server.fault("refuse", status=status, message="not now", retry_after="7")
    with pytest.raises(error, match="not now") as caught:
        await sdk.chat.completions.create(model="loopback", messages=MESSAGES)
    assert isinstance(caught.value, openai.APIStatusError)
    assert caught.value.response.headers["retry-after"] == "7"


async def test_leaving_is_seen(server: OpenAIServer, sdk: openai.AsyncOpenAI):
    """The server notices that a client leaves in mid-stream."""
    server.fault("stall", after=2)
    stream = await sdk.chat.completions.create(model="loopback", messages=MESSAGES, stream=True)
    await anext(aiter(stream))
    await stream.close()
    await server.requests[0].disconnected.wait()


async def test_transcription(server: OpenAIServer, sdk: openai.AsyncOpenAI):
    """A WAV file is transcribed, as JSON, as plain text and as a stream."""
    server.transcripts.extend(["one", "two", "three four"])
    heard = await sdk.audio.transcriptions.create(model="gpt-transcribe", file=("a.wav", recording()))
    assert heard.text == "one"
    plain = await sdk.audio.transcriptions.create(
        model="gpt-transcribe", file=("a.wav", recording()), response_format="text"
    )
    assert str(plain).strip() == "two"
    stream = await sdk.audio.transcriptions.create(
        model="gpt-transcribe", file=("a.wav", recording()), stream=True
    )
    events = [event async for event in stream]
    assert [event.type for event in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
    assert events[-1].type == "transcript.text.done" and events[-1].text == "three four"


@pytest.mark.parametrize("file", [b"", b"\x00\x01" * 9_000, recording(20), recording()[:-100]])
async def test_transcription_is_strict(sdk: openai.AsyncOpenAI, file: bytes):
    """Bare samples, too little sound and a file of the wrong length are refused."""
    with pytest.raises(openai.BadRequestError):
        await sdk.audio.transcriptions.create(model="gpt-transcribe", file=("a.wav", file))


@pytest.mark.parametrize("kind", list(sound.MIME))
async def test_speech(sdk: openai.AsyncOpenAI, kind: Any):
    """Speech streams in each format, with its Content-Type and the first bytes of that format."""
    create = sdk.audio.speech.with_streaming_response.create
    async with create(
        model="gpt-4o-mini-tts", voice="alloy", input="Hi there.", response_format=kind
    ) as response:
        assert response.headers["content-type"] == sound.MIME[kind]
        data = b"".join([chunk async for chunk in response.iter_bytes(501)])
    # an Ogg stream has a random number of its own
    assert kind == "opus" or data == sound.encode(sound.tone("Hi there."), kind)
    magic = {"wav": b"RIFF", "opus": b"OggS", "flac": b"fLaC", "mp3": b"ID3", "aac": b"\xff\xf1"}
    assert data.startswith(magic.get(kind, b""))


async def test_models(server: OpenAIServer, sdk: openai.AsyncOpenAI):
    """The list of models can be had."""
    assert {model.id async for model in sdk.models.list()} == server.models
