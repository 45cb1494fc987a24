"""`aizuchi chat` with both generations of ChatAnon servers and with ours: ways of talking, commands."""

import asyncio
import functools
import os
from pathlib import Path
from typing import Any, get_args

import pytest
from websockets.asyncio.client import connect

from aizuchi.audio import read_wav
from aizuchi.cli.chat import token_of
from aizuchi.cli.chat_line import address
from aizuchi.errors import ConfigError
from tests.cli_chat import Keys, chat, recording
from tests.loopback.chatanon_server import HEARD, REPLY, VOICE, ChatAnonServer, Dialect
from tests.server.chatting import SAID, house_of_two
from tests.server.sockets import serving, ws
from tests.sound_card import Card
from tests.wire.independent_chatanon import Client, anon, quiet, tone

pytestmark = pytest.mark.network
DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
ANSWER = [
    f"anon > {REPLY[0][0]}  [happy]",
    f"anon > {REPLY[0][1]}",
    f"anon > {REPLY[1][0]}",
    f"anon > {REPLY[1][1]}",
]
"""Two sentences in two languages, as a pipe gets them."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Replies are saved in the present folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("AIZUCHI_CHAT_TOKEN", "AIZUCHI_TOKEN", "VALID_API_TOKENS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch):
    return functools.partial(chat, monkeypatch=monkeypatch)


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


# ------------------------------------------------------------------ other people's servers


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_script_of_lines(dialect: Dialect, talk: Any, capsys: pytest.CaptureFixture[str]):
    """Each line waits for all of the reply before it; what is shown is the same, whoever serves."""
    async with ChatAnonServer(dialect).serving() as server:
        keys = Keys(
            "hello", "/switch mutsumi", "/clear", "/switch tomori", "/dance", "again", "/quit", "never"
        )
        assert await talk(server.url, "--token", "dev_token_001", keys=keys) == 0
        assert [each["content"] for each in server.of("message")] == ["hello", "again"]
    assert printed(capsys) == [
        f"Chatting with Anon (test) at {server.url}",
        "you > hello",
        *ANSWER,
        "you > /switch mutsumi",
        "Now chatting with Mutsumi (test).",
        "you > /clear",
        "The conversation is forgotten.",
        "you > /switch tomori",
        "[Character 'tomori' not available]",
        "you > /dance",
        "Unknown command: /dance; /help lists them.",
        "you > again",
        *[each.replace("anon", "mutsumi") for each in ANSWER],
        "you > /quit",
        "Goodbye.",
    ]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_replies_are_saved(
    dialect: Dialect, talk: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """/save writes the last reply, under a name or the next number; /save on, and --save-audio, each one."""
    async with ChatAnonServer(dialect).serving() as server:
        keys = Keys("/save", "hello", "/save", "/save my.wav", "/save on", "again", "/save off", "more")
        assert await talk(server.url, keys=keys) == 0
        assert await talk(server.url, "--save-audio", keys=Keys("hello")) == 0
    seconds = len(REPLY) * VOICE + (0.1 if dialect == "head" else 0)
    names = ["my.wav", "response_001.wav", "response_002.wav", "response_003.wav"]
    assert sorted(each for each in os.listdir() if each.endswith(".wav")) == names
    for name in names:
        pcm, rate = read_wav(tmp_path / name)
        assert rate == 16_000 and len(pcm) / 2 / rate == pytest.approx(seconds)
        assert (tmp_path / name).read_bytes()[:4] == b"RIFF"
    lines = printed(capsys)
    assert (
        lines[2].startswith("There is no reply with sound") and f"my.wav: {seconds:.1f} s of reply" in lines
    )


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("mode", ["text", "voice", "voice_call", "agent"])
async def test_a_recording_is_said(
    dialect: Dialect, mode: str, talk: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Whole, streamed and in a call; the names of a call are those that the server knows."""
    wav = recording(tmp_path)
    async with ChatAnonServer(dialect).serving() as server:
        assert await talk(server.url, "-m", mode, "--wav", str(wav), "--save-audio") == 0
        sent = {each["type"] for each in server.received}
        if mode in ("voice_call", "agent"):
            known = "agent_mode_stop" if dialect == "seed" else "voice_call_stop"
            assert known in sent
            assert (len(server.of("agent_mode_start")), len(server.of("voice_call_start"))) == (
                1 if mode == "agent" or dialect == "seed" else 0,
                1 if mode == "voice_call" or dialect == "head" else 0,
            )
    lines = printed(capsys)
    assert lines[2:] == [f"you > {HEARD}", *ANSWER, lines[-1]] and "of reply" in lines[-1]


async def test_a_deaf_server_is_not_sent_what_it_would_answer_later(talk: Any, tmp_path: Path):
    """From the final transcription to the next `*_listening` no sound goes out; the recording waits."""
    wav = recording(tmp_path, quiet(200), tone(500), quiet(600), tone(500), quiet(200))
    async with ChatAnonServer("head").serving() as server:
        assert await talk(server.url, "-m", "voice_call", "--wav", str(wav)) == 0
        chunks = server.of("voice_call_audio_chunk")
    # Both utterances were understood, since none of the second was said over the first reply.
    assert len(chunks) * 20 >= 2_000


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_sound_is_played_and_cut(dialect: Dialect, talk: Any, capsys: pytest.CaptureFixture[str]):
    """A new message silences what is still played of the last reply; /stop does; /play turns it off."""
    card, keys = Card(), Keys(live=True)
    async with ChatAnonServer(dialect).serving() as server, asyncio.TaskGroup() as group:
        running = group.create_task(talk(server.url, keys=keys, library=card))
        keys.press("hello")
        await until(lambda: len(server.received) == 1 and card.outputs)
        assert card.outputs[0]["samplerate"] == 16_000
        await until(lambda: any(card.play(640)))
        keys.press("/stop")
        await until(lambda: not any(card.play(64_000)))
        keys.press("again")
        await until(lambda: any(card.play(640)))
        keys.press("/play")
        await until(lambda: not any(card.play(64_000)))
        keys.press("more")
        await until(lambda: len(server.received) == 3)
        keys.press("/quit")
    assert running.result() == 0
    assert not any(card.play(64_000))
    assert "Replies are not played." in capsys.readouterr().out


async def test_no_loudspeaker_is_no_reason_to_be_silent(talk: Any, capsys: pytest.CaptureFixture[str]):
    """It is said once, and the text goes on."""
    async with ChatAnonServer("head").serving() as server:
        assert await talk(server.url, keys=Keys("hello", "again"), library=Card(broken=True)) == 0
    lines = printed(capsys)
    assert sum("no loudspeaker" in each for each in lines) == 1 and lines[-2] == ANSWER[-1]


async def test_a_microphone(talk: Any, capsys: pytest.CaptureFixture[str]):
    """Enter begins and ends an utterance; a machine without a microphone is told so."""
    card, keys = Card(), Keys(live=True)
    async with ChatAnonServer("head").serving() as server, asyncio.TaskGroup() as group:
        running = group.create_task(talk(server.url, "-m", "voice", keys=keys, library=card))
        keys.press()
        await until(lambda: card.microphone)
        card.speak(tone(300))
        await until(lambda: len(server.of("audio_stream_chunk")) == 15)
        keys.press()
        await until(lambda: len(server.of("audio_stream_end")) == 1 and card.outputs)
        keys.press("/clear")
        await until(lambda: len(server.of("clear_history")) == 1)
        keys.press("/quit")
        assert await running == 0
        with pytest.raises(ConfigError, match="no microphone to use: no default device"):
            await talk(server.url, "-m", "voice_call", keys=keys, library=Card(broken=True))
    assert f"you > {HEARD}\n" in capsys.readouterr().out


async def until(what: Any) -> None:
    async with asyncio.timeout(30):
        while not what():  # noqa: ASYNC110 - what others do has no event for us
            await asyncio.sleep(0.01)


# ------------------------------------------------------------------ our server


@pytest.mark.parametrize("mode", ["text", "voice", "voice_call", "agent"])
async def test_with_our_server(mode: str, talk: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A recording in each mode, sentence by sentence, and its sound."""
    house = house_of_two(tmp_path)
    wav = recording(tmp_path, quiet(200), tone(500), quiet(700))
    async with serving(house, table=house.mounts) as base:
        assert await talk(ws(base, "/ws"), "-m", mode, "--wav", str(wav), "--save-audio") == 0
    assert printed(capsys)[2:] == [
        f"you > {SAID}",
        "anon > I heard it.  [happy]",
        "anon > Now I rest.  [sad]",
        "response_001.wav: 0.4 s of reply",
    ]


async def test_a_call_is_interrupted(talk: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Who speaks over a long reply is heard: what was still to be played is cut, the words are answered."""
    house = house_of_two(tmp_path, "a story please.")
    wav = recording(tmp_path, quiet(200), tone(500), quiet(900), tone(900), quiet(500))
    card = Card()
    async with serving(house, table=house.mounts) as base:
        assert await talk(ws(base, "/ws"), "-m", "voice_call", "--wav", str(wav), library=card) == 0
    lines = printed(capsys)
    assert lines.count("you > a story please.") == 2 and "[stopped]" in lines


async def test_an_end_of_a_reply_is_no_interruption(
    talk: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """A reply that was heard to its end leaves nothing to cut, and its last word is played."""
    house = house_of_two(tmp_path)
    wav = recording(tmp_path, quiet(200), tone(500), quiet(700))
    async with serving(house, table=house.mounts) as base:
        # The card plays nothing by itself, so that whatever is cut would still be there.
        running = asyncio.ensure_future(
            talk(ws(base, "/ws"), "-m", "voice_call", "--wav", str(wav), library=(card := Card()))
        )
        await until(lambda: card.outputs)
        while not running.done():
            await asyncio.sleep(0.02)
            card.play(640)
        assert await running == 0
    assert "[stopped]" not in printed(capsys)


async def test_taken_over(talk: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Another client with the same token ends ours, which says why; exit code 1."""
    house = house_of_two(tmp_path)
    keys = Keys(live=True)
    async with serving(house, table=house.mounts) as base:
        running = asyncio.ensure_future(talk(ws(base, "/ws"), keys=keys))
        await until(lambda: len(house.sessions))
        async with anon(ws(base, "/ws")) as other:
            assert await running == 1
            assert await other.command("ping") == {"type": "pong"}
    assert "The conversation broke off: Another client connected with the same token" in printed(capsys)


async def test_text_in_a_call(talk: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Our server takes it; commands work, too."""
    house = house_of_two(tmp_path)
    keys, card = Keys(live=True), Card()
    async with serving(house, table=house.mounts) as base, asyncio.TaskGroup() as group:
        running = group.create_task(talk(ws(base, "/ws"), "-m", "voice_call", keys=keys, library=card))
        await until(lambda: card.microphone)
        keys.press("how often?")
        await until(lambda: card.outputs)
        keys.press("/switch mutsumi")
        await until(lambda: [live.session.character.name for live in house.sessions] == ["mutsumi"])
        keys.press("/quit")
    assert running.result() == 0
    assert "anon > 1." in capsys.readouterr().out


# ------------------------------------------------------------------ getting in


async def test_not_let_in(talk: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A wrong token, an unknown character, and nobody there: one line on stderr, exit code 1."""
    house = house_of_two(tmp_path)
    async with serving(house, table=house.mounts) as base:
        url = ws(base, "/ws")
        assert await talk(url, "--token", "wrong") == 1
        assert "refused: Invalid API token\nGive its token with --token" in capsys.readouterr().err
        assert await talk(url, "-c", "tomori") == 1
        assert "Character 'tomori' not available" in capsys.readouterr().err
    assert await talk(url) == 1
    assert f"no connection to {url}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "environ", "token"),
    [
        ("a", {"AIZUCHI_CHAT_TOKEN": "b"}, "a"),
        ("", {"AIZUCHI_CHAT_TOKEN": "b", "AIZUCHI_TOKEN": "c"}, "b"),
        ("", {"AIZUCHI_TOKEN": "c", "VALID_API_TOKENS": "d"}, "c"),
        ("", {"VALID_API_TOKENS": " d , e"}, "d"),
        ("", {"VALID_API_TOKENS": ""}, "dev_token_001"),
    ],
)
def test_token(given: str, environ: dict[str, str], token: str):
    """What is given, else the environment's, else the one that development servers take."""
    assert token_of(given, environ) == token


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("localhost:8765", "ws://localhost:8765/ws"),
        ("http://127.0.0.1:12393", "ws://127.0.0.1:12393/ws"),
        ("https://example.test/", "wss://example.test/ws"),
        ("ws://h:1/anon/ws?x=1", "ws://h:1/anon/ws?x=1"),
    ],
)
def test_address(written: str, meant: str):
    """A host, an address of the web, or the whole."""
    assert address(written) == meant


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_loopback_server(dialect: Dialect):
    """A second client, written from the document as well, finds the order that the document gives."""
    async with ChatAnonServer(dialect).serving() as server:
        async with anon(server.url) as client:
            await client.send("message", content="hello")
            for _ in REPLY:
                await client.until("response")
            if dialect == "head":
                await client.until("turn_end")
            order = [each for each in client.order if each in ("response", "audio_chunk", "audio_end")]
            if dialect == "head":
                assert order == [*["response", "audio_chunk"] * 2, "audio_end"]
            else:
                assert order == ["audio_chunk", "audio_end", "response"] * 2
        async with connect(server.url) as socket:
            client = Client(socket)
            await client.send("connect", api_token="wrong")
            assert await client.receive() == {"type": "error", "message": "Invalid API token"}
            assert (await client.closed())[0] == 1008
