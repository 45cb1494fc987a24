"""Qwen-TTS against a loopback server that speaks its realtime protocol, faults included."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
import pytest_asyncio

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.events import Sentence
from aizuchi.ports import Audio, Spoken, Style, Word
from aizuchi.providers.tts import qwen_tts, socket_voice
from aizuchi.providers.tts.qwen_tts import QwenTts
from aizuchi.providers.tts.qwen_tts_request import Sentences
from tests.loopback.qwen_tts_server import KEY, MS, QwenTtsServer
from tests.loopback.sound import frequency_of, pitch, tone
from tests.providers.tts.writing import pcm, written

RATE = 24_000
HELLO = "Hello there."
MODES = pytest.mark.parametrize("mode", ["server_commit", "commit"])

network = pytest.mark.network


@pytest_asyncio.fixture
async def server() -> AsyncIterator[QwenTtsServer]:
    async with QwenTtsServer() as server:
        yield server


def voice(server: QwenTtsServer, **options: Any) -> QwenTts:
    given = {"base_url": server.host, "api_key": KEY, "connect_timeout": 2.0, **options}
    return QwenTts(QwenTts.Options.model_validate(given))


async def spoken(chosen: QwenTts, *pieces: str, style: Style | None = None) -> list[Audio | Word | Spoken]:
    async with asyncio.timeout(20), aclosing(chosen.speak(written(*pieces), style or Style(), "en")) as items:
        return [item async for item in items]


async def said(
    chosen: QwenTts, text: str, style: Style | None = None, got: list[Any] | None = None, **more: Any
) -> list[Any]:
    """One sentence; `got` has the slices also when it fails."""
    got = [] if got is None else got
    sentence = Sentence(1, 0, text, text, **more)
    async with asyncio.timeout(20), aclosing(chosen.say(sentence, style or Style())) as items:
        async for item in items:
            got.append(item)
    return got


async def kept(chosen: QwenTts) -> None:
    """Until a connection has come back."""
    for _ in range(1000):
        if chosen._line.sockets._kept:
            return
        await asyncio.sleep(0.01)


def ms(items: list[Any]) -> float:
    return len(pcm(items)) / 2 / RATE * 1000


@network
async def test_text_in_pieces_becomes_sound(server: QwenTtsServer):
    """The server makes the sentences: each piece is passed on as it is, the session ends with the text."""
    async with voice(server) as chosen:
        assert chosen.streams
        items = await spoken(chosen, "Hello", " there.", " How are", " you?", " Fine")
    (session,) = server.sessions
    assert session.pieces == ["Hello", " there.", " How are", " you?", " Fine"]
    assert session.finished and session.settings["mode"] == "server_commit" and not session.commits
    assert pcm(items) == b"".join(tone(each, MS) for each in (HELLO, "How are you?", "Fine"))
    assert [item.upto for item in items if isinstance(item, Spoken)] == [30]


@network
async def test_committed_text_keeps_its_connection(server: QwenTtsServer):
    """Each sentence is committed and is one response, whose end says how far the sound is."""
    async with voice(server, mode="commit") as chosen:
        for _ in range(3):
            items = await spoken(chosen, "Hello", " there.", " How are", " you? ...", "Fi", "ne")
            assert pcm(items) == b"".join(tone(each, MS) for each in (HELLO, "How are you?", "...Fine"))
            assert [item.upto for item in items if isinstance(item, Spoken)] == [13, 26, 33]
            assert items.index(Spoken(13)) < len(items) - 3
        assert await spoken(chosen, "?!", " ...") == []
    (session,) = server.sessions
    assert server.handshakes == 1 and session.updates == 1 and session.commits == 9


@network
@MODES
async def test_sound_comes_before_the_text_is_written(server: QwenTtsServer, mode: str):
    """The first sentence sounds while the second has not been thought of; the end may come late."""
    gate = asyncio.Event()
    text = written("One. ", "Two.", " ", gate=gate)
    async with (
        voice(server, mode=mode) as chosen,
        asyncio.timeout(20),
        aclosing(chosen.speak(text, Style(), "")) as items,
    ):
        first = await anext(items)
        assert isinstance(first, Audio) and server.sessions[0].text == "One. "
        gate.set()
        assert ms([first, *[item async for item in items]]) == 8 * MS


@network
async def test_a_text_that_ends_after_its_sound(server: QwenTtsServer):
    """Nothing more is to come from the server then; the request is over at once, and keeps its connection."""
    gate = asyncio.Event()
    async with voice(server, mode="commit") as chosen, asyncio.timeout(10):
        async with aclosing(chosen.speak(written("One. ", "", gate=gate), Style(), "en")) as items:
            async for item in items:
                if isinstance(item, Spoken):
                    gate.set()
        await spoken(chosen, "Two.")
    assert server.handshakes == 1


@network
async def test_a_sentence_in_the_characters_way(server: QwenTtsServer):
    """Voice, pace, pitch, language and instructions reach the vendor in its own terms, within its bounds."""
    style = Style(voices={"qwen_tts": "Ethan"}, speed=3.0, pitch=1.5)
    options: dict[str, Any] = {"volume": 80, "instructions": "Softly.", "emotions": True, "workspace": "w-1"}
    async with voice(server, parameters={"enable_tn": True}, **options) as chosen:
        items = await said(chosen, HELLO, style, language="ja", emotion="happy")
        assert await said(chosen, " ... !", style) == []
    assert pcm(items) == tone(HELLO, MS)
    (session,) = server.sessions
    assert session.text == HELLO and session.model == "qwen3-tts-flash-realtime"
    assert session.headers["x-dashscope-workspace"] == "w-1"
    assert session.settings == {
        "voice": "Ethan",
        "mode": "commit",
        "response_format": "pcm",
        "sample_rate": RATE,
        "language_type": "Japanese",
        "speech_rate": 2.0,
        "pitch_rate": 1.5,
        "volume": 80,
        "instructions": "Softly. Feel happy while you say it.",
        "enable_tn": True,
    }


@network
async def test_a_cloned_voice(server: QwenTtsServer):
    """It speaks with its own model and no other; usual voices are refused there, with the vendor's words."""
    style = Style(voices={"qwen_tts": "qwen-tts-vc-anon-voice-1"})
    async with voice(server, model="qwen3-tts-vc-realtime-2026-01-15") as chosen:
        assert pcm(await said(chosen, HELLO, style)) == tone(HELLO, MS)
        assert server.sessions[0].settings.keys() == {
            "voice", "mode", "response_format", "sample_rate", "language_type"
        }  # fmt: skip
        with pytest.raises(ProviderError, match="Voice 'Cherry' is not supported") as caught:
            await said(chosen, HELLO)
    assert not caught.value.retryable


@network
async def test_a_connection_serves_many_requests(server: QwenTtsServer):
    """Ten sentences need one handshake, the one of the warm start; other settings have one of their own."""
    async with voice(server) as chosen:
        assert await chosen.warm() and await chosen.warm()
        for _ in range(10):
            assert ms(await said(chosen, "Hello.", language="en")) == 6 * MS
        assert server.handshakes == 1 and server.sessions[0].updates == 1
        await said(chosen, "Hello.", language="zh")
        await said(chosen, "Hello.", language="en")
        assert server.handshakes == 2
        assert await chosen.warm()
        assert server.handshakes == 3, "a spare, for other settings"


@network
async def test_two_at_once_have_a_connection_each(server: QwenTtsServer):
    """Requests never share a connection at the same time."""
    async with voice(server) as chosen, asyncio.TaskGroup() as group:
        for text in ("One.", "Two."):
            group.create_task(said(chosen, text))
    assert server.handshakes == 2
    assert sorted(session.text for session in server.sessions) == ["One.", "Two."]


@network
async def test_an_interrupted_sentence_keeps_its_connection(server: QwenTtsServer):
    """It is cancelled at once, and what still comes of it is not taken for the next one's."""
    server.trouble = ["slow"]
    async with voice(server) as chosen, asyncio.timeout(10):
        async with aclosing(chosen.say(Sentence(1, 0, HELLO, HELLO), Style())) as items:
            await anext(items)
        await kept(chosen)
        assert pcm(await said(chosen, "And now?")) == tone("And now?", MS)
    (session,) = server.sessions
    assert server.handshakes == session.cancels == session.clears == 1


@network
async def test_a_cancel_that_is_not_heard(server: QwenTtsServer, monkeypatch: pytest.MonkeyPatch):
    """The connection is cut; the next request has another one, and did not wait for that."""
    monkeypatch.setattr(QwenTts, "cancelling", 0.1)
    server.trouble, server.deaf = ["slow"], True
    async with voice(server) as chosen, asyncio.timeout(10):
        async with aclosing(chosen.say(Sentence(1, 0, HELLO * 4, HELLO * 4), Style())) as items:
            await anext(items)
        assert pcm(await said(chosen, "And now?")) == tone("And now?", MS)
        await server.sessions[0].closed.wait()
    assert server.handshakes == 2 and server.sessions[0].cancels == 1


@network
@MODES
async def test_interrupted_text_is_read_no_further(server: QwenTtsServer, mode: str):
    """Where nobody knows how much a cancel would end, the connection is cut at once."""
    server.trouble = ["slow"]
    read: list[str] = []

    async def text() -> AsyncIterator[str]:
        yield f"{HELLO} How are you? And so on. "
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            read.append("closed")

    async with voice(server, mode=mode) as chosen, asyncio.timeout(10):
        async with aclosing(chosen.speak(text(), Style(), "en")) as items:
            await anext(items)
        assert read == ["closed"]
        await server.sessions[0].closed.wait()
        assert pcm(await spoken(chosen, "And now?")) == tone("And now?", MS)
    assert server.handshakes == 2 and not server.sessions[0].cancels


@network
@MODES
async def test_closing_before_there_was_text(server: QwenTtsServer, mode: str):
    """Nothing was said on that connection yet, so it serves the next request."""
    asked, never = asyncio.Event(), asyncio.Event()

    async def text() -> AsyncIterator[str]:
        asked.set()
        await never.wait()
        yield ""

    async with voice(server, mode=mode) as chosen, asyncio.timeout(10):
        async with asyncio.TaskGroup() as group:

            async def listen() -> None:
                async with aclosing(chosen.speak(text(), Style(), "en")) as items:
                    await anext(items)

            waiting = group.create_task(listen())
            await asked.wait()
            waiting.cancel()
        await kept(chosen)
        assert pcm(await spoken(chosen, "And now?")) == tone("And now?", MS)
    assert server.handshakes == 1


@network
async def test_closing_before_anything_came(server: QwenTtsServer):
    """Also while the session has not even been configured."""
    server.faults = ["stall_start"]
    async with voice(server, connect_timeout=30) as chosen, asyncio.timeout(10):
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(spoken(chosen, HELLO))
            session = await server.nth(1)
            waiting.cancel()
        await session.closed.wait()


@network
@pytest.mark.parametrize("way", ["say", "server_commit", "commit"])
@pytest.mark.parametrize(
    ("fault", "message", "retryable"),
    [
        ("error", r"InternalError\): it broke, \*\*\*", True),
        ("failed", "InternalError", True),
        ("close", "closed the connection", True),
        ("garbage", "no event", True),
        ("binary", "no event", True),
        ("odd", "no event", True),
        ("flood", "does not stop", False),
    ],
)
async def test_what_goes_wrong_is_said(
    server: QwenTtsServer,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    fault: str,
    message: str,
    retryable: bool,
):
    """In mid-sentence: a ProviderError without a key in it, and the next request has a fresh connection."""
    monkeypatch.setattr(socket_voice, "LARGEST", 200_000)
    server.trouble = [fault]
    got: list[Any] = []
    async with voice(server, **({} if way == "say" else {"mode": way})) as chosen:
        with pytest.raises(ProviderError, match=message) as caught:
            if way == "say":
                await said(chosen, HELLO, got=got)
            else:
                async with aclosing(chosen.speak(written(HELLO), Style(), "")) as items:
                    async for item in items:
                        got.append(item)
        assert caught.value.retryable == retryable and KEY not in str(caught.value)
        assert ms(got) >= 100
        assert pcm(await said(chosen, "And now?")) == tone("And now?", MS)
    assert server.handshakes == 2


@network
@pytest.mark.parametrize(
    ("fault", "message", "retryable"),
    [
        ("no_hello", "did not begin", True),
        ("stall_start", "did not begin", True),
        ("garbage", "no event", True),
        ("no_object", "no event", True),
        ("refuse", r"Throttling.RateQuota\): slow down, \*\*\*; too many requests", True),
    ],
)
async def test_a_session_that_does_not_begin(
    server: QwenTtsServer, fault: str, message: str, retryable: bool
):
    """Refused, silent or babbling before the first sound; the beginning has a time limit of its own."""
    server.faults = [fault]
    async with voice(server, connect_timeout=0.3) as chosen:
        with pytest.raises(ProviderError, match=message) as caught:
            await spoken(chosen, HELLO)
        assert caught.value.retryable == retryable and KEY not in str(caught.value)
        assert ms(await spoken(chosen, "And now?")) == 8 * MS


@network
async def test_a_server_that_falls_silent(server: QwenTtsServer, monkeypatch: pytest.MonkeyPatch):
    """The request is given up after a while, and its connection with it."""
    monkeypatch.setattr(socket_voice, "SILENCE", 0.2)
    server.trouble = ["stall"]
    got: list[Any] = []
    async with voice(server) as chosen, asyncio.timeout(10):
        with pytest.raises(ProviderError, match="said nothing for"):
            await said(chosen, HELLO, got=got)
        assert ms(got) == 100
        await server.sessions[0].closed.wait()


@network
@MODES
@pytest.mark.parametrize("fault", ["drip", "bare", "twice", "unknown", "late"])
async def test_what_is_odd_is_borne(server: QwenTtsServer, mode: str, fault: str):
    """Odd lengths, no ids, doubled ends, unknown events, sound after the end: nothing is added or lost."""
    server.trouble = [fault]
    async with voice(server, mode=mode) as chosen:
        for text in ("One, two. Three.", "Four."):
            items = await spoken(chosen, text)
            assert all(len(item.pcm) % 2 == 0 for item in items if isinstance(item, Audio))
            assert pcm(items) == b"".join(
                tone(each.strip(), MS) for each in text.replace(". ", ".|").split("|")
            )
    assert server.handshakes == (1 if mode == "commit" else 2)


@network
async def test_a_long_text_goes_in_pieces(server: QwenTtsServer, monkeypatch: pytest.MonkeyPatch):
    """However many of them, they are one response."""
    monkeypatch.setattr(qwen_tts, "PIECE", 5)
    async with voice(server) as chosen:
        assert ms(await said(chosen, "abcdefghijklm")) == 13 * MS
    assert server.sessions[0].pieces == ["abcde", "fghij", "klm"] and server.sessions[0].commits == 1


@network
@pytest.mark.parametrize("format", ["wav", "mp3", "opus"])
async def test_containers_are_decoded_while_they_come(server: QwenTtsServer, format: str):
    """The sound begins before it has all arrived, and is what was said; streamed text stays pcm."""
    server.trouble = ["drip"]
    text = "A sentence which is longer than most, so that its sound takes a while"
    async with voice(server, format=format, sample_rate=RATE) as chosen:
        items = await said(chosen, text)
        assert len(items) > 2
        rate = items[0].rate
        assert abs(len(pcm(items)) / 2 / rate * 1000 - len(text) * MS) < 120
        assert abs(pitch(pcm(items), rate) - frequency_of(text)) < 10
        await spoken(chosen, HELLO)
    assert [session.settings["response_format"] for session in server.sessions] == [format, "pcm"]


@network
async def test_a_fault_of_the_text_ends_its_request_and_nothing_else(server: QwenTtsServer):
    """Whoever writes the text may break in any way: that request fails, the house and others live."""

    async def broken() -> AsyncIterator[str]:
        yield HELLO
        raise ValueError("a bug")

    async with voice(server) as chosen, asyncio.timeout(10):
        with pytest.raises(ProviderError, match="ValueError"):
            async with aclosing(chosen.speak(broken(), Style(), "")) as items:
                async for _ in items:
                    pass
        await server.sessions[0].closed.wait()
        assert ms(await spoken(chosen, "And now?")) == 8 * MS


@network
async def test_a_kept_connection_that_died_costs_nothing(server: QwenTtsServer):
    """What was lost in the meantime is replaced without an error: configured ones, and spares."""
    async with voice(server) as chosen:
        await said(chosen, "One.")
        chosen._line.sockets._kept[0]._connection.transport.close()
        assert ms(await said(chosen, "Two.")) == 4 * MS
        await server.drop()
        assert ms(await said(chosen, "Three.")) == 6 * MS
        chosen._line.sockets.close()
        assert await chosen.warm()
        chosen._line.sockets._kept[0]._connection.transport.close()
        assert ms(await said(chosen, "Four.")) == 5 * MS
    assert server.handshakes == 5


@network
async def test_a_wrong_key(server: QwenTtsServer):
    """It is refused at the door, for good; warming up does not raise."""
    async with voice(server, api_key="sk-wrong") as chosen:
        assert not await chosen.warm()
        with pytest.raises(ProviderError, match="DASHSCOPE_API_KEY") as caught:
            await spoken(chosen, HELLO)
    assert not caught.value.retryable and "sk-wrong" not in str(caught.value)


async def test_a_key_is_needed(monkeypatch: pytest.MonkeyPatch):
    """Without one the vendor's own servers are not even tried; no voice is made either."""
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    for base_url in ("wss://dashscope.aliyuncs.com", "wss://dashscope-intl.aliyuncs.com/api-ws/v1/realtime"):
        chosen = QwenTts(QwenTts.Options(base_url=base_url))
        with pytest.raises(ConfigError, match="DASHSCOPE_API_KEY"):
            async with chosen:
                pass
        with pytest.raises(ConfigError, match="DASHSCOPE_API_KEY"):
            chosen.cloner()
    for wrong in ("https://example.com", "wss://[x", "nonsense"):
        with pytest.raises(ConfigError, match="base_url"):
            QwenTts(QwenTts.Options(base_url=wrong))


@pytest.mark.parametrize(
    ("pieces", "given", "rest"),
    [
        (["Hello. ", "How are you?"], ["Hello. ", "How are you?"], ""),
        (["It is 3", ".", "5 m."], [], "It is 3.5 m."),
        (["好的", "。我知道了！", "那"], ["好的。", "我知道了！"], "那"),
        (["Wait", "...", " what? ", "No"], ["Wait... ", "what? "], "No"),
        (["... ", "!? ", "Well. ", "x"], ["... !? Well. "], "x"),
        (["。。。"], [], ""),
    ],
)
def test_sentences(pieces: list[str], given: list[str], rest: str):
    """Text is cut behind its marks, never within a number, and marks alone go with what follows."""
    sentences = Sentences()
    assert [each for piece in pieces for each in sentences.add(piece)] == given
    assert sentences.rest() == rest
