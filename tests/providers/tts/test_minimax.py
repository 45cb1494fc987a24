"""MiniMax's voices against a loopback server that speaks both of its protocols, faults included."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from aizuchi.emotions import EMOTIONS
from aizuchi.errors import ConfigError, ProviderError
from aizuchi.events import Sentence
from aizuchi.ports import Audio, Spoken, Style, Word
from aizuchi.providers.tts import minimax_task, minimax_words, socket_voice
from aizuchi.providers.tts.minimax import MiniMaxVoice
from aizuchi.server.tls import own_certificate
from tests.loopback.minimax_server import BIDIRECTIONAL, CLASSIC, KEY, MS, MiniMaxServer
from tests.loopback.sound import frequency_of, pitch, tone
from tests.providers.tts.writing import pcm, written

pytestmark = pytest.mark.network

RATE = 24_000
HELLO = "Hello there."
PROTOCOLS = pytest.mark.parametrize("protocol", ["bidirectional", "classic"])


@pytest_asyncio.fixture
async def server() -> AsyncIterator[MiniMaxServer]:
    async with MiniMaxServer() as server:
        yield server


def voice(server: MiniMaxServer, **options: Any) -> MiniMaxVoice:
    given = {"base_url": server.host, "api_key": KEY, "connect_timeout": 2.0, **options}
    return MiniMaxVoice(MiniMaxVoice.Options.model_validate(given))


async def spoken(
    chosen: MiniMaxVoice, *pieces: str, style: Style | None = None
) -> list[Audio | Word | Spoken]:
    async with asyncio.timeout(20), aclosing(chosen.speak(written(*pieces), style or Style(), "en")) as items:
        return [item async for item in items]


async def said(
    chosen: MiniMaxVoice, text: str, style: Style | None = None, got: list[Audio] | None = None, **more: Any
) -> list[Audio]:
    """One sentence; `got` has the slices also when it fails."""
    got = [] if got is None else got
    sentence = Sentence(1, 0, text, text, **more)
    async with asyncio.timeout(20), aclosing(chosen.say(sentence, style or Style())) as items:
        async for item in items:
            assert isinstance(item, Audio)
            got.append(item)
    return got


async def kept(chosen: MiniMaxVoice) -> None:
    """Until a connection has come back."""
    for _ in range(500):
        if chosen._line.sockets._kept:
            return
        await asyncio.sleep(0.01)


def ms(items: list[Any]) -> float:
    return len(pcm(items)) / 2 / RATE * 1000


async def test_text_in_pieces_becomes_sound(server: MiniMaxServer):
    """Every piece is passed on as it is, the rest is flushed; the sound is the server's, byte for byte."""
    async with voice(server) as chosen:
        assert chosen.streams
        items = await spoken(chosen, "Hello", " there.", " How are", " you?", " Fine")
    (task,) = server.tasks
    assert task.path == BIDIRECTIONAL and task.flushes == 1
    assert task.pieces == ["Hello", " there.", " How are", " you?", " Fine"]
    assert pcm(items) == b"".join(tone(each, MS) for each in (HELLO, "How are you?", "Fine"))
    assert [item.upto for item in items if isinstance(item, Spoken)] == [len(task.text)]


async def test_progress_is_told_where_the_server_tells_it(server: MiniMaxServer):
    """Events that hold the sentence's words are counted in our own text; those without only at the end."""
    server.tells = True
    async with voice(server) as chosen:
        items = await spoken(chosen, "One.  One. Two", "?")
    assert [item.upto for item in items if isinstance(item, Spoken)] == [4, 6, 10, 11, 15]
    at = items.index(Spoken(6))
    assert pcm(items[:at]) == tone("One.", MS)


async def test_sound_comes_before_the_text_is_written(server: MiniMaxServer):
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


@PROTOCOLS
async def test_a_sentence_in_the_characters_way(server: MiniMaxServer, protocol: str):
    """Voice, pace, pitch, emotion and language reach the vendor in its own terms and within its bounds."""
    style = Style(voices={"minimax": "male-qn-qingse"}, speed=3.0, pitch=1.5)
    options: dict[str, Any] = {"protocol": protocol, "volume": 2.0, "group_id": "g 1", "pitch": -2}
    parameters = {"voice_setting": {"english_normalization": True}, "subtitle_enable": False}
    async with voice(server, **options, parameters=parameters) as chosen:
        items = await said(chosen, HELLO, style, language="ja", emotion="laughing")
        assert await said(chosen, " ", style) == []
    assert pcm(items) == tone(HELLO, MS)
    (task,) = server.tasks
    assert task.path == (BIDIRECTIONAL if protocol == "bidirectional" else CLASSIC)
    assert task.text == HELLO and server.queries == ["GroupId=g%201"]
    assert task.start["voice_setting"] == {
        "voice_id": "male-qn-qingse",
        "speed": 2.0,
        "vol": 2.0,
        "pitch": 5,
        "emotion": "happy",
        "english_normalization": True,
    }
    assert task.start["audio_setting"] == {"sample_rate": RATE, "format": "pcm", "channel": 1}
    assert task.start["language_boost"] == "Japanese" and task.start["subtitle_enable"] is False


def test_emotions_are_canonical():
    """Every name we translate is one the engine uses, and each answer is one the vendor knows."""
    assert set(minimax_words.EMOTIONS) <= set(EMOTIONS)
    words = minimax_words.WORDS
    assert MiniMaxVoice.words == words and set(minimax_words.EMOTIONS.values()) < words
    assert set(minimax_words.EMOTIONS.values()) == {
        "happy",
        "sad",
        "angry",
        "surprised",
        "fearful",
        "disgusted",
        "calm",
    }


@pytest.mark.parametrize(
    ("options", "emotion", "sent"),
    [
        ({}, "crying", "sad"),
        ({}, "neutral", None),
        ({}, "", None),
        ({"emotions": False}, "happy", None),
        ({"emotion_map": {"neutral": "fluent"}}, "neutral", "fluent"),
        ({"emotion_map": {"happy": ""}}, "happy", None),
        ({"emotion_map": {"winking": "sad"}}, "winking", "fluent"),
        ({}, "loving", None),
        ({"emotions": False}, "winking", None),
    ],
)
async def test_emotions(server: MiniMaxServer, options: dict[str, Any], emotion: str, sent: str | None):
    """What the model has no word for is left to it; the map can be mended, by the character too, or off."""
    style = Style(emotions={"minimax": {"winking": "fluent", "loving": ""}, "espeak": {"crying": "soft"}})
    async with voice(server, **options) as chosen:
        await said(chosen, "Yes.", style, emotion=emotion)
    assert server.tasks[0].start["voice_setting"].get("emotion") == sent


@PROTOCOLS
async def test_a_connection_serves_many_requests(server: MiniMaxServer, protocol: str):
    """Ten sentences need one handshake, the one of the warm start, and one task."""
    async with voice(server, protocol=protocol) as chosen:
        assert await chosen.warm() and await chosen.warm()
        assert server.handshakes == 1
        for _ in range(10):
            assert ms(await said(chosen, "Hello.")) == 6 * MS
        assert server.handshakes == 1 and len(server.tasks) == 1
        assert await chosen.warm()
        assert server.handshakes == 2, "a spare, for other settings"


async def test_other_settings_have_a_task_of_their_own(
    server: MiniMaxServer, monkeypatch: pytest.MonkeyPatch
):
    """A connection is bound to its emotion; going back to one finds it again. Not too many are kept."""
    async with voice(server) as chosen:
        for emotion in ("happy", "sad", "happy", "sad"):
            await said(chosen, "Hello.", emotion=emotion)
        assert server.handshakes == len(server.tasks) == 2
        monkeypatch.setattr(chosen._line.sockets, "_most", 2)
        await said(chosen, "Hello.", emotion="angry")
        async with asyncio.timeout(5):
            await server.tasks[0].closed.wait()
        assert not server.tasks[1].closed.is_set() and not server.tasks[2].closed.is_set()


async def test_two_at_once_have_a_connection_each(server: MiniMaxServer):
    """Requests never share a connection at the same time."""
    async with voice(server) as chosen, asyncio.TaskGroup() as group:
        for text in ("One.", "Two."):
            group.create_task(spoken(chosen, text))
    assert server.handshakes == 2
    assert sorted(task.text for task in server.tasks) == ["One.", "Two."]


async def test_an_interrupt_keeps_the_connection(server: MiniMaxServer):
    """It is cancelled at once, the text is read no further, and nothing stale comes into the next request."""
    server.trouble = ["slow"]
    read: list[str] = []

    async def text() -> AsyncIterator[str]:
        yield f"{HELLO} How are you? And so on."
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            read.append("closed")

    async with voice(server) as chosen, asyncio.timeout(10):
        async with aclosing(chosen.speak(text(), Style(), "en")) as items:
            await anext(items)
        assert read == ["closed"]
        await kept(chosen)
        assert pcm(await spoken(chosen, "And now?")) == tone("And now?", MS)
    (task,) = server.tasks
    assert server.handshakes == task.cancels == 1


async def test_a_cancel_that_is_not_confirmed(server: MiniMaxServer, monkeypatch: pytest.MonkeyPatch):
    """The connection is cut; the next request has another one, and did not wait for that."""
    monkeypatch.setattr(MiniMaxVoice, "cancelling", 0.1)
    server.trouble, server.deaf = ["slow"], True
    async with voice(server) as chosen, asyncio.timeout(10):
        async with aclosing(chosen.speak(written(HELLO), Style(), "")) as items:
            await anext(items)
        assert pcm(await spoken(chosen, "And now?")) == tone("And now?", MS)
        await server.tasks[0].closed.wait()
        assert server.tasks[0].cancels == 1 and not server.tasks[1].closed.is_set()


async def test_the_classic_one_is_cut(server: MiniMaxServer):
    """It can't be cancelled, so its connection goes at once."""
    server.trouble = ["slow"]
    async with voice(server, protocol="classic") as chosen, asyncio.timeout(10):
        assert not chosen.streams
        async with aclosing(chosen.say(Sentence(1, 0, HELLO, HELLO), Style())) as items:
            await anext(items)
        await server.tasks[0].closed.wait()
        assert pcm(await said(chosen, "And now?")) == tone("And now?", MS)
    assert server.handshakes == 2


async def test_closing_before_anything_came(server: MiniMaxServer):
    """Also while the task has not even begun."""
    server.faults = ["stall_start"]
    async with voice(server, connect_timeout=30) as chosen, asyncio.timeout(10):
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(spoken(chosen, HELLO))
            task = await server.nth(1)
            waiting.cancel()
        await task.closed.wait()


@PROTOCOLS
@pytest.mark.parametrize(
    ("fault", "message", "retryable"),
    [
        ("fail", "1002.*wait a little", True),
        ("soft", "2205.*too much text", True),
        ("close", "closed the connection", True),
        ("garbage", "no event", True),
        ("odd", "no sound", True),
        ("binary", "no event", True),
        ("flood", "does not stop", False),
    ],
)
async def test_what_goes_wrong_is_said(
    server: MiniMaxServer,
    monkeypatch: pytest.MonkeyPatch,
    protocol: str,
    fault: str,
    message: str,
    retryable: bool,
):
    """In mid-sentence: a ProviderError without a key in it, and the next request has a fresh connection."""
    monkeypatch.setattr(socket_voice, "LARGEST", 200_000)
    server.trouble = [fault]
    got: list[Audio] = []
    async with voice(server, protocol=protocol) as chosen:
        with pytest.raises(ProviderError, match=message) as caught:
            await said(chosen, HELLO, got=got)
        assert caught.value.retryable == retryable and KEY not in str(caught.value)
        assert ms(got) >= 100
        assert pcm(await said(chosen, "And now?")) == tone("And now?", MS)
    assert server.handshakes == 2


@pytest.mark.parametrize(
    ("fault", "message", "retryable"),
    [
        ("bad_key", "1004.*MINIMAX_API_KEY", False),
        ("no_hello", "did not begin", True),
        ("stall_start", "did not begin", True),
        ("garbage", "no event", True),
        ("no_object", "no event", True),
    ],
)
async def test_a_task_that_does_not_begin(server: MiniMaxServer, fault: str, message: str, retryable: bool):
    """Refused, silent or babbling before the first sound; the beginning has a time limit of its own."""
    server.faults = [fault]
    async with voice(server, connect_timeout=0.3) as chosen:
        with pytest.raises(ProviderError, match=message) as caught:
            await spoken(chosen, HELLO)
        assert caught.value.retryable == retryable and KEY not in str(caught.value)
        assert ms(await spoken(chosen, "And now?")) == 8 * MS


async def test_a_voice_that_does_not_exist(server: MiniMaxServer):
    """A person must mend that, and is told where."""
    async with voice(server, voice="nobody") as chosen:
        with pytest.raises(ProviderError, match=r"no such voice.*tts\.minimax\.voice") as caught:
            await said(chosen, HELLO)
    assert not caught.value.retryable


@PROTOCOLS
async def test_a_server_that_falls_silent(
    server: MiniMaxServer, monkeypatch: pytest.MonkeyPatch, protocol: str
):
    """The request is given up after a while, and its connection with it."""
    monkeypatch.setattr(socket_voice, "SILENCE", 0.2)
    server.trouble = ["stall"]
    got: list[Audio] = []
    async with voice(server, protocol=protocol) as chosen, asyncio.timeout(10):
        with pytest.raises(ProviderError, match="said nothing for"):
            await said(chosen, HELLO, got=got)
        assert ms(got) == 100
        await server.tasks[0].closed.wait()


@PROTOCOLS
@pytest.mark.parametrize("fault", ["drip", "bare", "twice", "unknown"])
async def test_what_is_odd_is_borne(server: MiniMaxServer, protocol: str, fault: str):
    """Odd lengths, no event, a doubled end, an unknown kind of message: the sound is whole."""
    server.trouble = [fault]
    async with voice(server, protocol=protocol) as chosen:
        for text in ("One, two.", "Three."):
            items = await said(chosen, text)
            assert all(len(item.pcm) % 2 == 0 for item in items)
            assert pcm(items) == tone(text, MS)
    assert server.handshakes == 1


@PROTOCOLS
async def test_a_long_text_goes_in_pieces(
    server: MiniMaxServer, monkeypatch: pytest.MonkeyPatch, protocol: str
):
    """The server takes so many characters at a time."""
    monkeypatch.setattr(minimax_task, "PIECE", 5)
    async with voice(server, protocol=protocol) as chosen:
        assert ms(await said(chosen, "abcdefghijklm")) == 13 * MS
    assert server.tasks[0].pieces == ["abcde", "fghij", "klm"]


@PROTOCOLS
async def test_mp3_is_decoded_while_it_comes(server: MiniMaxServer, protocol: str):
    """The sound begins before it has all arrived, and is what was said."""
    server.trouble = ["drip"]
    text = "A sentence which is longer than most, so that its sound takes a while"
    async with voice(server, protocol=protocol, format="mp3", sample_rate=RATE) as chosen:
        items = await said(chosen, text)
    assert len(items) > 2 and abs(ms(items) - len(text) * MS) < 120
    assert abs(pitch(pcm(items), RATE) - frequency_of(text)) < 10
    assert server.tasks[0].start["audio_setting"]["format"] == "mp3"


async def test_a_fault_of_the_text_ends_its_request_and_nothing_else(server: MiniMaxServer):
    """Whoever writes the text may break in any way: that request fails, the house and others live."""

    async def broken() -> AsyncIterator[str]:
        yield HELLO
        raise ValueError("a bug")

    async with voice(server) as chosen, asyncio.timeout(10):
        with pytest.raises(ProviderError, match="ValueError"):
            async with aclosing(chosen.speak(broken(), Style(), "")) as items:
                async for _ in items:
                    pass
        await server.tasks[0].closed.wait()
        assert ms(await spoken(chosen, "And now?")) == 8 * MS


async def test_a_kept_connection_that_died_costs_nothing(server: MiniMaxServer):
    """What was lost in the meantime is replaced without an error: started ones, and spares."""
    async with voice(server) as chosen:
        await said(chosen, "One.")
        chosen._line.sockets._kept[0]._connection.transport.close()
        assert ms(await said(chosen, "Two.")) == 4 * MS
        chosen._line.sockets.close()
        assert await chosen.warm()
        chosen._line.sockets._kept[0]._connection.transport.close()
        assert ms(await said(chosen, "Three.")) == 6 * MS
    assert server.handshakes == 4


async def test_a_wrong_key(server: MiniMaxServer):
    """It is refused at the door, for good; warming up does not raise."""
    async with voice(server, api_key="mm-wrong") as chosen:
        assert not await chosen.warm()
        with pytest.raises(ProviderError, match="MINIMAX_API_KEY") as caught:
            await spoken(chosen, HELLO)
    assert not caught.value.retryable and "mm-wrong" not in str(caught.value)


async def test_the_certificate_is_checked(tmp_path: Path):
    """A server that can't prove who it is gets nothing, unless that was switched off."""
    made = own_certificate(tmp_path, [])
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(made.cert, made.key)
    async with MiniMaxServer(tls=tls) as server:
        async with voice(server) as chosen:
            with pytest.raises(ProviderError, match="certificate is not trusted"):
                await spoken(chosen, HELLO)
        assert server.handshakes == 0
        async with voice(server, verify_tls=False) as chosen:
            assert ms(await spoken(chosen, HELLO)) == 12 * MS


async def test_nobody_there():
    """No server is a ProviderError."""
    nobody = MiniMaxVoice(
        MiniMaxVoice.Options.model_validate({"base_url": "ws://127.0.0.1:9/x", "api_key": "k"})
    )
    async with nobody:
        with pytest.raises(ProviderError, match="cannot reach"):
            await spoken(nobody, HELLO)


async def test_a_key_is_needed(monkeypatch: pytest.MonkeyPatch):
    """Without one the vendor's own server is not even tried."""
    monkeypatch.delenv("MINIMAX_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="MINIMAX_API_KEY"):
        async with MiniMaxVoice(MiniMaxVoice.Options()):
            pass
    with pytest.raises(ConfigError, match="base_url"):
        MiniMaxVoice(MiniMaxVoice.Options(base_url="https://example.com"))


# -- the loopback server, by a second client written from the vendor's document


class Client:
    """No line of the provider's: it sends and reads JSON, and knows the sequence of the document."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, event: str, **fields: Any) -> None:
        await self._connection.send(json.dumps({"event": event, **fields}))

    async def read(self) -> dict[str, Any]:
        async with asyncio.timeout(5):
            return json.loads(await self._connection.recv())

    async def until(self, event: str) -> tuple[list[str], bytes]:
        """All events up to this one, and their sound."""
        events, sound = [""], b""
        while events[-1] != event:
            message = await self.read()
            assert message["base_resp"]["status_code"] == 0
            events.append(message.get("event", ""))
            sound += bytes.fromhex((message.get("data") or {}).get("audio") or "")
        return events[1:], sound

    async def start(self, **voice_setting: Any) -> dict[str, Any]:
        audio = {"sample_rate": 16_000, "format": "pcm", "channel": 1}
        await self.send(
            "task_start",
            model="speech-2.6-hd",
            voice_setting={"voice_id": "v", **voice_setting},
            audio_setting=audio,
        )
        return await self.read()


def dial(server: MiniMaxServer, path: str, key: str = KEY) -> connect:
    headers = {"Authorization": f"Bearer {key}"}
    return connect(server.host + path, additional_headers=headers, compression=None)


async def test_the_classic_sequence(server: MiniMaxServer):
    """connected_success, task_started, sound up to is_final for each piece, task_finished, closed."""
    async with dial(server, CLASSIC) as connection:
        client = Client(connection)
        assert (await client.read())["event"] == "connected_success"
        assert (await client.start())["event"] == "task_started"
        for text in ("One.", "And two."):
            await client.send("task_continue", text=text)
            sound, final = b"", False
            while not final:
                message = await client.read()
                sound += bytes.fromhex(message["data"]["audio"])
                final = message["is_final"]
            assert sound == tone(text, MS, 16_000)
        await client.send("task_finish")
        assert (await client.read())["event"] == "task_finished"
        with pytest.raises(ConnectionClosed):
            await client.read()


async def test_the_bidirectional_sequence(server: MiniMaxServer):
    """Sentences are built by the server, flushed, cancelled and finished, each with its acknowledgement."""
    async with dial(server, BIDIRECTIONAL) as connection:
        client = Client(connection)
        await client.until("connected_success")
        assert (await client.start())["event"] == "task_started"
        for text in ("On", "e. Tw"):
            await client.send("task_continue", text=text)
        events, sound = await client.until("sentence_end")
        assert events[0] == "sentence_start" and sound == tone("One.", MS, 16_000)
        await client.send("task_flush")
        assert (await client.until("task_flushed"))[1] == tone("Tw", MS, 16_000)
        server.trouble = ["slow"]
        await client.send("task_continue", text="Something long and unwanted.")
        await client.until("sentence_start")
        await client.send("task_cancel")
        _, sound = await client.until("task_canceled")
        assert len(sound) < len(tone("Something long and unwanted.", MS, 16_000))
        await client.send("task_continue", text="Last")
        await client.send("task_finish")
        events, sound = await client.until("task_finished")
        assert sound == tone("Last", MS, 16_000)
        with pytest.raises(ConnectionClosed):
            await client.read()


@pytest.mark.parametrize("path", [CLASSIC, BIDIRECTIONAL])
async def test_the_server_is_strict(server: MiniMaxServer, path: str):
    """Text before the start, wrong settings, an event of no kind: each is an error, then the end."""
    for wrong, code in (("order", 2013), ("speed", 2013), ("voice", 20132), ("event", 2013), ("long", 2204)):
        async with dial(server, path) as connection:
            client = Client(connection)
            await client.until("connected_success")
            match wrong:
                case "order":
                    await client.send("task_continue", text="x")
                    answer = await client.read()
                case "speed":
                    answer = await client.start(speed=3)
                case "voice":
                    answer = await client.start(voice_id="nobody")
                case _:
                    await client.start()
                    await (
                        client.send("nod")
                        if wrong == "event"
                        else client.send("task_continue", text="x" * 10_000)
                    )
                    answer = await client.read()
            assert (answer["event"], answer["base_resp"]["status_code"]) == ("task_failed", code)
            with pytest.raises(ConnectionClosed):
                await client.read()
    with pytest.raises(InvalidStatus):
        async with dial(server, path, key="other"):
            pass
