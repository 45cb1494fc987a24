"""The public client, over a real socket against the native wire with a toy behind it."""

import asyncio
import struct
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from aizuchi.client import (
    AuthFailed,
    Client,
    ClientError,
    Closed,
    Happening,
    Resumption,
    Sound,
    _address,
    socket_url,
)
from aizuchi.errors import ConfigError
from aizuchi.events import Attach, Context, Happened, Image, Interrupt, Listen, MicAudio, Noted, Played, Typed
from aizuchi.wire.native import down
from tests.wire.independent import Plain
from tests.wire.toy_server import RATE, TOKEN, ToyServer, toy_server

pytestmark = pytest.mark.network

PNG = Image("image/png", b"\x89PNG\r\n\x1a\n" + bytes(8))


@pytest.fixture
async def toy() -> AsyncIterator[ToyServer]:
    async with toy_server() as server:
        yield server


async def until(client: Client, kind: type[Happening], **fields: object) -> list[Happening]:
    """Events up to the first of a kind with these values."""
    got: list[Happening] = []
    async with asyncio.timeout(20):
        async for event in client:
            got.append(event)
            if isinstance(event, kind) and all(getattr(event, k) == v for k, v in fields.items()):
                return got
    raise AssertionError(f"the connection ended without {kind.__name__}")


def sounds(events: list[Happening]) -> list[Sound]:
    return [event for event in events if isinstance(event, Sound)]


@pytest.mark.parametrize("audio", ["binary", "base64"])
async def test_text_turn(toy: ToyServer, audio: str):
    """A text is answered by pieces of text and of sound, however the sound travels."""
    async with Client.connect(toy.url, audio=audio) as client:  # pyright: ignore[reportArgumentType]
        assert client.session_id == "parrot-0" and client.hello.character == "parrot"
        await client.say("hello")
        got = await until(client, down.StateUpdate, state="idle")
        assert "".join(e.delta for e in got if isinstance(e, down.AssistantTextDelta)) == "You said hello."
        first, *_, last = heard = sounds(got)
        assert b"".join(sound.pcm for sound in heard) == b"\2\0" * (RATE // 10)
        assert (first.rate, first.sentence, first.text, first.last) == (RATE, 0, "You said hello.", False)
        assert (last.text, last.last, last.generation) == ("", True, 1)
        assert [e.emotion for e in got if isinstance(e, down.EmotionTag)] == ["happy"]
        assert client.state == "idle" and client.generation == 1
    assert toy.parrot.inputs == [Typed("hello")]


async def test_one_shot(toy: ToyServer):
    """Without `stream` there is one text and one clip."""
    async with Client.connect(toy.url, want=()) as client:
        await client.say("hello")
        got = await until(client, down.StateUpdate, state="idle")
        (clip,) = sounds(got)
        assert clip.pcm == b"\2\0" * (RATE // 10) and clip.last and clip.sentence is None
        assert [e.text for e in got if isinstance(e, down.AssistantText)] == ["You said hello."]


async def test_text_only(toy: ToyServer):
    """A text-only client gets no sound."""
    async with Client.connect(toy.url, audio="none") as client:
        await client.say("hello")
        assert sounds(await until(client, down.StateUpdate, state="idle")) == []


async def test_everything_one_can_say(toy: ToyServer):
    """Each method is one message, and the server takes it for what it was."""
    async with Client.connect(toy.url) as client:
        await client.context("A cell", id="p3", page=3, version="7")
        await client.image(PNG)
        await client.ui_event("click", {"x": 1})
        await client.interrupt("user_click")
        await client.ping(5)
        got = await until(client, down.Pong)
        await client.say("look", images=[PNG])
        got += await until(client, down.StateUpdate, state="idle", reason="done")
        last = sounds(got)[-1]
        await client.playing(last)
        await client.played(last)
        await client.ping()
        await until(client, down.Pong)
        await client.bye()
        assert [event async for event in client] == []
    assert toy.parrot.inputs == [
        Noted(Context("p3", "page", "A cell", page=3, version="7")),
        Attach(PNG),
        Happened("click", {"x": 1}),
        Interrupt("user_click"),
        Typed("look", (PNG,)),
        Played(1, sentence=0),
        Played(1, whole=True),
    ]
    assert [e.chars for e in got if isinstance(e, down.ContextAck)] == [6]


@pytest.mark.parametrize("audio", ["binary", "base64"])
async def test_speaking(toy: ToyServer, audio: str, tmp_path: Path):
    """A recording goes out in frames of 20 ms, then silence, and what was heard is answered."""
    path = tmp_path / "hi.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(b"\7\0" * (RATE * 50 // 1000))
    async with Client.connect(toy.url, audio=audio, mode="push") as client:  # pyright: ignore[reportArgumentType]
        await client.listen()
        before = asyncio.get_running_loop().time()
        done = await client.stream_wav(path, tail_ms=20)
        assert done - before >= 0.05
        await client.stop()
        got = await until(client, down.StateUpdate, state="idle", reason="done")
        assert [e.text for e in got if isinstance(e, down.AsrFinal)] == ["70 ms"]
        assert [e.text for e in got if isinstance(e, down.AsrPartial)] == ["20 ms", "40 ms", "50 ms", "70 ms"]
        with pytest.raises(ConfigError):
            await client.stream_wav(tmp_path / "none.wav")
    sound = [event for event in toy.parrot.inputs if isinstance(event, MicAudio)]
    assert b"".join(each.pcm for each in sound) == b"\7\0" * 800 + bytes(640)
    assert toy.parrot.inputs[0] == Listen(True)


async def test_nothing_of_an_interrupted_reply(toy: ToyServer):
    """After `interrupt` no sound of the running reply is delivered, and the next reply is."""
    async with Client.connect(toy.url) as client:
        await client.say("sing")
        await until(client, Sound)
        await client.interrupt()
        got = await until(client, down.StateUpdate, state="idle")
        assert sounds(got) == []
        assert [e.finish_reason for e in got if isinstance(e, down.AssistantTextEnd)] == ["interrupted"]
        await client.say("hello")
        got = await until(client, down.StateUpdate, state="idle")
        assert {sound.pcm[:2] for sound in sounds(got)} == {b"\3\0"}


async def test_resume(toy: ToyServer):
    """A client that lost its connection goes on with its session and learns what was cut off."""
    async with Client.connect(toy.url) as client:
        await client.say("sing")
        await until(client, Sound)
    async with client.resume() as again:
        assert again.resumed and again.session_id == client.session_id
        assert again.history_len == 2 and again.generation > client.generation
        got = await until(again, down.AssistantTextEnd)
        assert isinstance(got[-1], down.AssistantTextEnd) and got[-1].of_generation == client.generation
        await again.say("hello")
        assert sounds(await until(again, down.StateUpdate, state="idle", reason="done"))


async def test_resume_too_late(toy: ToyServer):
    """A session that is gone is replaced; the client says so and lives."""
    async with Client.connect(toy.url) as client:
        pass
    toy.sessions.clear()
    async with client.resume() as again:
        assert not again.resumed
        (error,) = await until(again, down.Error)
        assert isinstance(error, down.Error) and error.code == "resume_expired"


async def test_own_tools(toy: ToyServer):
    """A tool of the client is asked for, and its result goes back."""
    async with Client.connect(toy.url, tools=[{"name": "lamp"}]) as client:
        await client.say("use the lamp")
        got = await until(client, down.ToolStatus)
        call = got[-1]
        assert isinstance(call, down.ToolStatus)
        assert (call.state, call.arguments, call.place) == ("requested", {"on": True}, "client")
        await client.tool_result(call.call_id, "on")
        await until(client, down.AssistantTextEnd, text="You said on.")


async def test_tokens():
    """Without the right token there is AuthFailed, which never repeats a secret."""
    async with toy_server(tokens=True) as toy:
        for token in (None, "guess"):
            with pytest.raises(AuthFailed) as caught:
                await Client.connect(toy.url, token=token).__aenter__()
            assert "guess" not in str(caught.value)
        async with Client.connect(toy.url, token=TOKEN) as client:
            assert client.session_id


async def test_nobody_there():
    """An address where nobody listens is said in one sentence."""
    async with toy_server() as toy:
        url = toy.url
    with pytest.raises(ClientError, match="cannot reach ws://127"):
        await Client.connect(url).__aenter__()


async def _strange(socket: ServerConnection) -> None:
    async for message in socket:
        if b"text_input" in (message if isinstance(message, bytes) else message.encode()):
            await socket.close(4409, "evicted")
        else:
            await socket.send('{"type": "from_the_future", "seq": 0, "generation_id": 0}')
            await socket.send(
                '{"type": "hello_ack", "seq": 1, "generation_id": 3, "session_id": "s", "protocol": "dh.v1",'
                ' "server": "x", "character": "y", "resumed": false, "limits": {}, "features": [], "new": 1}'
            )
            await socket.send(
                '{"type": "assistant_text_delta", "seq": 2, "generation_id": 2, "delta": "old", "index": 0}'
            )
            await socket.send(struct.pack(">BBHII", 2, 0, 0, 3, 3) + b"\1\1")
            await socket.send('{"type": "pong", "seq": 4, "generation_id": 3}')


async def test_stranger_things():
    """Unknown messages and fields, old generations and frames without a heading are passed over."""
    async with serve(_strange, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Client.connect(f"127.0.0.1:{port}") as client:
            assert [type(event) for event in await until(client, down.Pong)] == [down.Pong]
            await client.say("go")
            with pytest.raises(Closed) as caught:
                await until(client, down.Pong)
            assert (caught.value.code, caught.value.reason) == (4409, "evicted")
            with pytest.raises(Closed):
                await client.say("again")


async def test_use_without_connecting():
    """Sending or reading before `async with` is told plainly."""
    client = Client.connect("127.0.0.1")
    with pytest.raises(ClientError, match="async with"):
        await client.say("hello")
    with pytest.raises(ClientError, match="async with"):
        await anext(client)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("http://a:1", "ws://a:1/digital-human/ws"),
        ("https://a", "wss://a/digital-human/ws"),
        ("ws://a/", "ws://a/digital-human/ws"),
        ("wss://a:1/x?y=1", "wss://a:1/x?y=1"),
        ("a:12393", "ws://a:12393/digital-human/ws"),
        ("[::1]:1", "ws://[::1]:1/digital-human/ws"),
    ],
)
def test_addresses(written: str, meant: str):
    """What people write as an address becomes the socket's."""
    assert socket_url(written) == meant


@pytest.mark.parametrize("written", ["", "ftp://a", "http://", "http://a:99999", "http://[a"])
def test_no_addresses(written: str):
    """What is no address is refused with an example."""
    with pytest.raises(ClientError):
        socket_url(written)


# ------------------------------------------------------------------ a client of the document alone


@pytest.mark.parametrize("audio", ["binary", "base64"])
async def test_independent_client(toy: ToyServer, audio: str):
    """A client written from the document understands the wire: text, sound, states, numbers."""
    async with Plain(toy.url.replace("http", "ws"), want=["stream"], audio=audio) as client:
        await client.send("text_input", text="hello")
        turn = await client.turn()
        assert turn.text == turn.whole == "You said hello." and turn.finish == "stop"
        assert bytes(turn.sound) == b"\2\0" * (RATE // 10)
        assert turn.states == [("thinking", None), ("speaking", None), ("idle", "done")]
        await client.send("start_listen")
        await client.speak(bytes(3200), pace=False, binary=audio == "binary")
        await client.send("stop_listen")
        assert (await client.until("asr_final"))["text"] == "100 ms"


async def test_independent_one_shot_client(toy: ToyServer):
    """A v0.1 client needs no hello."""
    async with Plain(toy.url.replace("http", "ws"), hello=False) as client:
        await client.send("text_input", text="hello")
        turn = await client.turn()
        assert turn.whole == "You said hello." and bytes(turn.sound) == b"\2\0" * (RATE // 10)
        assert client.session == "parrot-0"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ws://h/ws", "ws://h/ws?session=s%2F1"),
        ("ws://h/ws?a=1", "ws://h/ws?a=1&session=s%2F1"),
        ("ws://h/ws?session=mine", "ws://h/ws?session=mine"),
    ],
)
def test_the_address_names_the_session(url: str, address: str):
    """Whoever goes on with a session asks for it in the address, unless the address does so already."""
    client = Client.connect(url, resume=Resumption("s/1", "secret", 3, 4))
    assert _address(client._options) == address
    assert _address(Client.connect(url)._options) == url
