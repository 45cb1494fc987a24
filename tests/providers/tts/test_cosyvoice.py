"""CosyVoice against a loopback server that speaks DashScope's protocol, faults included."""

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
from aizuchi.providers.tts.cosyvoice import CosyVoice
from tests.loopback.cosyvoice_server import KEY, MS, CosyVoiceServer
from tests.providers.tts.writing import pcm, written

pytestmark = pytest.mark.network

RATE = 24_000
PLAIN = Style()


@pytest_asyncio.fixture
async def server() -> AsyncIterator[CosyVoiceServer]:
    async with CosyVoiceServer() as server:
        yield server


def voice(server: CosyVoiceServer, **options: Any) -> CosyVoice:
    given = {"base_url": server.url, "api_key": KEY, "connect_timeout": 2.0, **options}
    return CosyVoice(CosyVoice.Options.model_validate(given))


async def spoken(chosen: CosyVoice, *pieces: str, style: Style | None = None) -> list[Audio | Word | Spoken]:
    async with asyncio.timeout(20), aclosing(chosen.speak(written(*pieces), style or Style(), "en")) as items:
        return [item async for item in items]


def ms(items: list[Any]) -> float:
    return len(pcm(items)) / 2 / RATE * 1000


async def test_text_in_pieces_becomes_sound(server: CosyVoiceServer):
    """Every piece is passed on as it is; the sound is whole, its progress told in characters."""
    async with voice(server) as chosen:
        items = await spoken(chosen, "Hello", " there.", " How are", " you?", " Fine")
    (task,) = server.tasks
    assert task.pieces == ["Hello", " there.", " How are", " you?", " Fine"]
    assert task.finished and not task.cancelled.is_set()
    assert ms(items) == (12 + 12 + 4) * MS
    told = [item.upto for item in items if isinstance(item, Spoken)]
    assert told == [12, 13, 25, 26, 30]


async def test_sound_comes_before_the_text_is_written(server: CosyVoiceServer):
    """The first sentence sounds while the second has not been thought of."""
    gate = asyncio.Event()
    text = written("One.", " Two.", gate=gate)
    async with (
        voice(server) as chosen,
        asyncio.timeout(20),
        aclosing(chosen.speak(text, Style(), "")) as items,
    ):
        first = await anext(items)
        assert isinstance(first, Audio)
        assert server.tasks[0].pieces == ["One."]
        gate.set()
        assert ms([first, *[item async for item in items]]) == 8 * MS


async def test_a_sentence_by_itself(server: CosyVoiceServer):
    """The same voice speaks whole sentences, in the character's voice and pace."""
    style = Style(voices={"cosyvoice": "longxiaochun"}, speed=1.5, pitch=9.0)
    async with voice(server, parameters={"instruction": "calm"}) as chosen:
        items = [item async for item in chosen.say(Sentence(1, 0, "Hello there.", "Hello there."), style)]
        assert [item async for item in chosen.say(Sentence(1, 1, " ", ""), style)] == []
    assert ms(items) == 12 * MS and all(isinstance(item, Audio | Word) for item in items)
    (task,) = server.tasks
    asked = {name: task.parameters[name] for name in ("voice", "rate", "pitch", "format", "sample_rate")}
    assert asked == {
        "voice": "longxiaochun",
        "rate": 1.5,
        "pitch": 2.0,
        "format": "pcm",
        "sample_rate": RATE,
    }
    assert task.parameters["instruction"] == "calm"


async def test_a_connection_serves_many_tasks(server: CosyVoiceServer):
    """Ten turns one after the other need one handshake; so does a warm start."""
    async with voice(server) as chosen:
        assert await chosen.warm() and await chosen.warm()
        assert server.handshakes == 1
        for _ in range(10):
            await spoken(chosen, "Hello.")
        assert await chosen.warm()
    assert server.handshakes == 1 and len(server.tasks) == 10


async def test_two_at_once_have_a_connection_each(server: CosyVoiceServer):
    """Tasks never share a connection at the same time; afterwards both are kept."""
    async with voice(server) as chosen, asyncio.TaskGroup() as group:
        for text in ("One.", "Two."):
            group.create_task(spoken(chosen, text))
    assert server.handshakes == 2
    assert sorted(task.text for task in server.tasks) == ["One.", "Two."]


async def kept(chosen: CosyVoice) -> None:
    """Until a connection has come back."""
    for _ in range(1000):
        if chosen._line.sockets._kept:
            return
        await asyncio.sleep(0.01)


async def test_an_interrupt_keeps_the_connection(server: CosyVoiceServer):
    """The task is cancelled at once, the text is read no further, nothing stale comes into the next one."""
    server.faults = ["slow"]
    read: list[str] = []

    async def text() -> AsyncIterator[str]:
        yield "Hello there. How are you? And so on."
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            read.append("closed")

    async with voice(server) as chosen, asyncio.timeout(10):
        async with aclosing(chosen.speak(text(), Style(), "en")) as items:
            await anext(items)
        assert read == ["closed"]
        await kept(chosen)
        assert ms(await spoken(chosen, "And now?")) == 8 * MS
    assert server.handshakes == 1 and server.tasks[0].cancels == 1


async def test_a_cancel_that_is_not_confirmed(server: CosyVoiceServer, monkeypatch: pytest.MonkeyPatch):
    """The connection is cut; the next request has another one, and did not wait for that."""
    monkeypatch.setattr(CosyVoice, "cancelling", 0.1)
    server.faults, server.deaf = ["slow"], True
    async with voice(server) as chosen, asyncio.timeout(10):
        async with aclosing(chosen.speak(written("Hello there."), Style(), "")) as items:
            await anext(items)
        assert ms(await spoken(chosen, "And now?")) == 8 * MS
        await server.tasks[0].cancelled.wait()
    assert server.handshakes == 2


@pytest.mark.parametrize("fault", ["", "relative", "twice"])
async def test_when_each_word_is_said(server: CosyVoiceServer, fault: str):
    """Times count from the first sample of all, places from the text's first character, told once each."""
    server.faults = [fault]
    async with voice(server) as chosen:
        words = [
            item for item in await spoken(chosen, "Hello", " there.  How", " so?") if isinstance(item, Word)
        ]
    assert [(word.text, word.start) for word in words] == [
        ("Hello", 0),
        ("there", 6),
        ("How", 14),
        ("so", 18),
    ]
    begun = [0, 6 * MS, 12 * MS, 16 * MS]
    assert [(word.at_ms, word.ms) for word in words] == [
        (at, len(word.text) * MS) for at, word in zip(begun, words, strict=True)
    ]


async def test_words_of_a_sentence(server: CosyVoiceServer):
    """A sentence by itself has them, too; they can be left out, and a voice that has none is borne."""
    async with voice(server) as chosen:
        said = [item async for item in chosen.say(Sentence(1, 0, "One two.", "One two."), PLAIN)]
        assert [item.text for item in said if isinstance(item, Word)] == ["One", "two"]
        server.faults = ["no_words"]
        assert not any(isinstance(item, Word) for item in await spoken(chosen, "One two."))
    async with voice(server, word_times=False) as chosen:
        assert not any(isinstance(item, Word) for item in await spoken(chosen, "One two."))
    assert "word_timestamp_enabled" not in server.tasks[-1].parameters


async def test_closing_before_anything_came(server: CosyVoiceServer):
    """Also while the task has not even begun."""
    server.faults = ["stall_start"]
    async with voice(server, connect_timeout=30) as chosen, asyncio.timeout(10):
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(spoken(chosen, "Hello."))
            task = await server.nth(1)
            waiting.cancel()
        await task.cancelled.wait()


@pytest.mark.parametrize(
    ("fault", "message", "retryable", "sounded"),
    [
        ("refuse", r"Throttling.RateQuota.*of \*\*\*; too many requests", True, False),
        ("garbage", "no event", True, False),
        ("fail", "InternalError", True, True),
        ("close", "closed the connection", True, True),
    ],
)
async def test_what_goes_wrong_is_said(
    server: CosyVoiceServer, fault: str, message: str, retryable: bool, sounded: bool
):
    """A vendor's failure is a ProviderError without a key in it, and the next task has a fresh connection."""
    server.faults = [fault]
    got: list[Any] = []
    async with voice(server) as chosen:
        with pytest.raises(ProviderError, match=message) as caught:
            async with (
                asyncio.timeout(10),
                aclosing(chosen.speak(written("Hello there."), Style(), "")) as items,
            ):
                async for item in items:
                    got.append(item)
        assert caught.value.retryable == retryable and KEY not in str(caught.value)
        assert bool(ms(got)) == sounded
        assert ms(await spoken(chosen, "And now?")) == 8 * MS
        assert server.handshakes == 2


async def test_a_server_that_never_begins(server: CosyVoiceServer):
    """The beginning of a task has a time limit of its own."""
    server.faults = ["stall_start"]
    async with voice(server, connect_timeout=0.2) as chosen:
        with pytest.raises(ProviderError, match="did not begin"):
            await spoken(chosen, "Hello.")


async def test_a_server_that_falls_silent(server: CosyVoiceServer, monkeypatch: pytest.MonkeyPatch):
    """In mid-sentence: the task is given up after a while, and its connection with it."""
    monkeypatch.setattr("aizuchi.providers.tts.socket_voice.SILENCE", 0.2)
    server.faults = ["stall"]
    got: list[Any] = []
    async with voice(server) as chosen, asyncio.timeout(10):
        with pytest.raises(ProviderError, match="said nothing for"):
            async with aclosing(chosen.speak(written("Hello there."), Style(), "")) as items:
                async for item in items:
                    got.append(item)
        assert ms(got) == 200
        await server.tasks[0].cancelled.wait()
        assert ms(await spoken(chosen, "And now?")) == 8 * MS
    assert server.handshakes == 2


async def test_a_fault_of_the_text_ends_its_task_and_nothing_else(server: CosyVoiceServer):
    """Whoever writes the text may break in any way: that request fails, the house and other tasks live."""

    async def broken() -> AsyncIterator[str]:
        yield "Hello there."
        raise ValueError("a bug")

    async with voice(server) as chosen, asyncio.timeout(10):
        with pytest.raises(ProviderError, match="ValueError"):
            async with aclosing(chosen.speak(broken(), Style(), "")) as items:
                async for _ in items:
                    pass
        await server.tasks[0].cancelled.wait()
        assert ms(await spoken(chosen, "And now?")) == 8 * MS


async def test_sound_in_drops(server: CosyVoiceServer):
    """Messages of odd length join to whole samples; messages of another task are passed over."""
    server.faults = ["drip", "other"]
    async with voice(server) as chosen:
        for _ in range(2):
            items = await spoken(chosen, "One. Two.")
            assert all(len(item.pcm) % 2 == 0 for item in items if isinstance(item, Audio))
            assert ms(items) == 8 * MS


async def test_a_kept_connection_that_died_costs_nothing(server: CosyVoiceServer):
    """What the server closed in the meantime is replaced without an error."""
    server.faults = ["drop_idle"]
    async with voice(server) as chosen:
        await spoken(chosen, "One.")
        assert ms(await spoken(chosen, "Two.")) == 4 * MS
    assert server.handshakes == 2


async def test_a_wrong_key(server: CosyVoiceServer):
    """It is refused at the door, for good; warming up does not raise."""
    async with voice(server, api_key="sk-wrong") as chosen:
        assert not await chosen.warm()
        with pytest.raises(ProviderError, match="DASHSCOPE_API_KEY") as caught:
            await spoken(chosen, "Hello.")
    assert not caught.value.retryable and "sk-wrong" not in str(caught.value)


async def test_nobody_there():
    """No server is a ProviderError; no key for the vendor's own one needs a person."""
    nobody = CosyVoice(CosyVoice.Options.model_validate({"base_url": "ws://127.0.0.1:9/x", "api_key": "k"}))
    async with nobody:
        with pytest.raises(ProviderError, match="cannot reach"):
            await spoken(nobody, "Hello.")


async def test_a_key_is_needed(monkeypatch: pytest.MonkeyPatch):
    """Without one the vendor's own server is not even tried."""
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="DASHSCOPE_API_KEY"):
        async with CosyVoice(CosyVoice.Options()):
            pass
    with pytest.raises(ConfigError, match="base_url"):
        CosyVoice(CosyVoice.Options(base_url="https://example.com"))
