"""The OpenAI-compatible recogniser against the loopback server, its faults included."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from aizuchi.errors import ProviderError, StageTimeout
from aizuchi.ports import Final, Hints, Partial
from aizuchi.providers.asr.openai import PIECE, OpenAIRecognizer, Utterance
from aizuchi.providers.openai import Refused
from tests.loopback.openai_server import OpenAIServer, multipart, wav_sound

pytestmark = pytest.mark.network
SOUND = bytes(range(256)) * 50  # 400 ms
PLAIN = Hints()


@pytest.fixture
async def server():
    async with asyncio.timeout(30), OpenAIServer() as server:
        yield server


def recogniser(server: OpenAIServer, **options: Any) -> OpenAIRecognizer:
    given = {"base_url": server.base_url, "api_key": server.key, "retry_wait": 0.001}
    return OpenAIRecognizer(OpenAIRecognizer.Options.model_validate(given | options))


async def pieces(sound: bytes = SOUND, size: int = 3_201) -> AsyncIterator[bytes]:
    """Slices of an odd size, all at once."""
    for at in range(0, len(sound), size):
        yield sound[at : at + size]


async def hear(chosen: OpenAIRecognizer, hints: Hints = PLAIN, sound: bytes = SOUND) -> list[Partial | Final]:
    async with aclosing(pieces(sound)) as audio, aclosing(chosen.transcribe(audio, hints)) as results:  # type: ignore[type-var]
        return [result async for result in results]


async def test_while_the_user_speaks(server: OpenAIServer):
    """The sound is at the server before the utterance is over, and arrives there whole."""
    turn = asyncio.Event()

    async def speaking() -> AsyncIterator[bytes]:
        yield SOUND[:5_000]
        await turn.wait()
        yield SOUND[5_000:]

    async with recogniser(server) as chosen, asyncio.TaskGroup() as group:
        stream = chosen.transcribe(speaking(), Hints())
        result = group.create_task(anext(stream))  # type: ignore[arg-type]
        request = await server.seen(1)
        await request.got(5_000)
        assert not request.complete.is_set()
        turn.set()
        assert await result == Final("hello world")
    assert request.chunked
    assert wav_sound(multipart(request)["file"][0]) == SOUND


async def test_an_upload_goes_in_pieces_of_a_tenth_of_a_second():
    """Stretches of 10 ms are gathered; the end of the utterance keeps none waiting."""
    taken = Utterance(pieces(size=320))
    assert await taken.begin()
    sent = [piece async for piece in taken.pieces()]
    assert [len(piece) for piece in sent] == [PIECE] * 4
    assert b"".join(sent) == SOUND
    sent = [piece async for piece in Utterance(pieces(SOUND[:5_000], size=320)).pieces()]
    assert [len(piece) for piece in sent] == [PIECE, 5_000 - PIECE]


async def test_nothing_said(server: OpenAIServer):
    """No sound is no request."""
    async with recogniser(server) as chosen:
        assert await hear(chosen, sound=b"") == [Final("")]
    assert server.requests == []


async def test_whole_files(server: OpenAIServer):
    """With `upload: whole` the file goes at the end and tells its length."""
    async with recogniser(server, upload="whole") as chosen:
        assert await hear(chosen) == [Final("hello world")]
    request = server.requests[0]
    assert not request.chunked and wav_sound(multipart(request)["file"][0]) == SOUND


async def test_a_server_that_wants_whole_files(server: OpenAIServer):
    """A refused upload in pieces is sent again whole, nothing is lost, and the next one is whole at once."""
    server.takes_chunks = False
    server.transcripts.extend(["first", "second"])
    async with recogniser(server, retries=0) as chosen:
        assert await hear(chosen) == [Final("first")]
        assert await hear(chosen) == [Final("second")]
    assert [request.chunked for request in server.requests] == [True, False, False]
    assert all(wav_sound(multipart(request)["file"][0]) == SOUND for request in server.requests[1:])


async def test_a_refusal_of_the_sound_changes_nothing(server: OpenAIServer):
    """If the whole file is refused too, the manner of the upload was not the reason."""
    async with recogniser(server) as chosen:
        server.fault("refuse", status=400, message="too short", times=2)
        with pytest.raises(Refused, match="too short"):
            await hear(chosen)
        assert await hear(chosen) == [Final("hello world")]
    assert [request.chunked for request in server.requests] == [True, False, True]


async def test_uploads_that_keep_breaking(server: OpenAIServer):
    """A connection that breaks is retried whole; the second time in a row the lesson is learnt."""
    async with recogniser(server) as chosen:
        for _ in range(2):
            server.fault("close_head")
            assert await hear(chosen) == [Final("hello world")]
        assert await hear(chosen) == [Final("hello world")]
    assert [request.chunked for request in server.requests] == [True, False, True, False, False]


@pytest.mark.parametrize("fault", ["", "drip", "split", "joined", "twice", "unknown"])
async def test_partials(server: OpenAIServer, fault: str):
    """With `stream` the text grows in partials and ends in one final."""
    server.transcripts.append("go forward ten meters")
    if fault:
        server.fault(fault)
    async with recogniser(server, stream=True) as chosen:
        results = await hear(chosen)
    assert results == [
        Partial("go"),
        Partial("go forward"),
        Partial("go forward ten"),
        Partial("go forward ten meters"),
        Final("go forward ten meters"),
    ]


async def test_what_is_asked(server: OpenAIServer):
    """Language and names reach the server, in the fields of the model."""
    hints = Hints("en", ("Aizuchi", "Dashwood"))
    async with recogniser(server) as newer, recogniser(server, model="whisper-1", prompt="Hm.") as older:
        await hear(newer, hints)
        await hear(older, hints)
    form = multipart(server.requests[0])
    assert form["languages[]"] == [b"en"] and form["keywords[]"] == [b"Aizuchi", b"Dashwood"]
    form = multipart(server.requests[1])
    assert form["language"] == [b"en"] and form["prompt"] == [b"Hm. Aizuchi, Dashwood"]


@pytest.mark.parametrize(
    "fault, options, message",
    [
        ({"kind": "refuse", "status": 401}, {}, "asr.openai.api_key"),
        ({"kind": "refuse", "status": 500}, {}, "HTTP 500"),
        ({"kind": "garbage"}, {}, "no JSON"),
        ({"kind": "html"}, {}, "web page"),
        ({"kind": "close_head"}, {}, "without an answer"),
        ({"kind": "end", "after": 2}, {"stream": True}, "ended its answer early"),
        ({"kind": "close", "after": 2}, {"stream": True}, "broke off"),
        ({"kind": "error", "after": 0}, {"stream": True}, "ordered"),
    ],
)
async def test_failures(server: OpenAIServer, fault: dict[str, Any], options: dict[str, Any], message: str):
    """What goes wrong is a ProviderError that says what."""
    server.fault(**fault, times=9)
    async with recogniser(server, **options) as chosen:
        with pytest.raises(ProviderError, match=message):
            await hear(chosen)


async def test_a_further_try_helps(server: OpenAIServer):
    """A server that is overloaded for a moment gets the same sound again."""
    server.fault("refuse", status=503)
    async with recogniser(server) as chosen:
        assert await hear(chosen) == [Final("hello world")]
    assert wav_sound(multipart(server.requests[1])["file"][0]) == SOUND


async def test_the_time_limit_begins_with_the_end(server: OpenAIServer):
    """The limit counts from the end of the utterance, and closes the connection."""
    server.fault("stall_head")
    async with recogniser(server, timeout=0.05) as chosen:
        with pytest.raises(StageTimeout):
            await hear(chosen)
        await server.requests[0].disconnected.wait()


@pytest.mark.parametrize("finished", [False, True])
async def test_cancelling(server: OpenAIServer, finished: bool):
    """Cancelled while the user speaks or while the answer is awaited, the connection closes at once."""
    if finished:
        server.fault("stall_head")

    async def speaking() -> AsyncIterator[bytes]:
        yield SOUND
        if not finished:
            await asyncio.Event().wait()

    async with recogniser(server) as chosen, asyncio.TaskGroup() as group:
        stream = chosen.transcribe(speaking(), Hints())
        waiting = group.create_task(anext(stream))  # type: ignore[arg-type]
        request = await server.seen(1)
        await (request.complete.wait() if finished else request.got(len(SOUND)))
        waiting.cancel()
        await request.disconnected.wait()
    assert waiting.cancelled()
