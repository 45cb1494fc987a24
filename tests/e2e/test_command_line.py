"""The command line as a user has it: each command a process of its own."""

import asyncio
import re
import socket
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from aizuchi.audio import read_wav
from tests.e2e import ears
from tests.e2e.server import TONES, Server, run
from tests.e2e.talking import sound_of, talk, texts_of
from tests.speech import recording

pytestmark = pytest.mark.network

ROWS = ("final text", "first token", "first sentence", "first audio", "done")


def times(table: str) -> dict[str, tuple[str, str]]:
    """The rows of `talk --wav`'s table: what -> ms after the end of the voice, here and at the server."""
    found = {row: re.search(rf"^\s+{row}\s+(\d+|-)\s+(\d+|-)\s*$", table, re.MULTILINE) for row in ROWS}
    assert all(found.values()), f"a row is missing:\n{table}"
    return {row: (match[1], match[2]) for row, match in found.items() if match is not None}


@pytest.mark.slow
async def test_talk_with_a_recording(embedded: Server, tmp_path: Path):
    """`talk --wav` prints the words, the reply and the table, and saves a WAV that holds the reply."""
    out = tmp_path / "reply.wav"
    wav = str(recording("go_forward_ten_meters.wav"))
    done = await asyncio.to_thread(
        run, "talk", "--wav", wav, "--save", str(out), embedded.url, folder=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "you > go forward ten meters" in done.stdout
    assert "Going forward ten meters." in done.stdout
    table = times(done.stdout)
    # Only the client knows when all was done.
    for side, rows in ((0, 5), (1, 4)):
        column = [int(table[row][side]) for row in ROWS if table[row][side] != "-"]
        assert len(column) == rows and column == sorted(column) and column[0] > 0, done.stdout
    assert "Traceback" not in done.stderr
    pcm, rate = read_wav(out)
    assert await ears.sentence(pcm, rate) == ears.GOING


@pytest.mark.slow
async def test_talk_without_a_server(tmp_path: Path):
    """Where no server runs, `talk` starts one for itself and ends it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    out = tmp_path / "reply.wav"
    config = tmp_path / "aizuchi.yaml"
    config.write_text("llm: {use: script, introduce: false}\n", encoding="utf-8")
    wav = str(recording("go_forward_ten_meters.wav"))
    done = await asyncio.to_thread(
        run, "talk", "--wav", wav, "--save", str(out), f"http://127.0.0.1:{port}", folder=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No server runs at" in done.stdout
    assert "you > go forward ten meters" in done.stdout
    pcm, rate = read_wav(out)
    assert await ears.sentence(pcm, rate) == ears.GOING


@pytest.mark.slow
async def test_check_on_defaults(tmp_path: Path):
    """`check` tries the embedded parts for real and ends with 0."""
    done = await asyncio.to_thread(run, "check", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("silero", "pocketsphinx", "script", "espeak"):
        assert name in done.stdout


async def test_check_finds_a_dead_vendor(tmp_path: Path):
    """`check` ends with 1 when a chosen provider does not work, and says which; the key is not printed."""
    (tmp_path / "aizuchi.yaml").write_text(
        "llm: {use: openai, base_url: 'http://127.0.0.1:9/v1', api_key: sk-very-secret, retries: 0}\n",
        encoding="utf-8",
    )
    done = await asyncio.to_thread(run, "check", folder=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "127.0.0.1:9" in done.stdout and "sk-very-secret" not in done.stdout + done.stderr


def one_sentence(printed: str) -> str:
    """What stands on stderr when a command can't begin: one line, no traceback."""
    lines = [line for line in printed.splitlines() if line.strip()]
    assert len(lines) == 1 and "Traceback" not in printed, printed
    return lines[0]


async def test_a_port_in_use(tmp_path: Path):
    """`serve` on a port that is taken ends with 2 and one sentence that names it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = await asyncio.to_thread(run, "serve", "--port", str(port), folder=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert str(port) in one_sentence(done.stderr)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("llm: [openai\n", "aizuchi.yaml"),
        ("\tllm: script\n", "aizuchi.yaml"),
        ("servre: {port: 1}\n", "server"),
        ("tts: {use: espeek}\n", "espeak"),
        ("server: {port: many}\n", "port"),
        ("llm: ${NO_SUCH_NAME}\n", "NO_SUCH_NAME"),
    ],
    ids=["open bracket", "tab", "unknown key", "unknown provider", "no number", "no variable"],
)
async def test_a_broken_configuration(tmp_path: Path, text: str, named: str):
    """`serve` with a configuration that can't be used ends with 2 and says what to mend."""
    (tmp_path / "aizuchi.yaml").write_text(text, encoding="utf-8")
    done = await asyncio.to_thread(run, "serve", "--port", "0", folder=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert named in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3, done.stderr


async def test_open_to_the_network_without_a_token(tmp_path: Path):
    """Bound beyond loopback without any token the server refuses to start."""
    done = await asyncio.to_thread(run, "serve", "--host", "0.0.0.0", "--port", "0", folder=tmp_path)
    assert done.returncode == 2 and "--open" in one_sentence(done.stderr)


async def test_a_signal_during_a_reply(tmp_path: Path):
    """SIGTERM while it speaks: the reply is heard to its end, the client is told, exit code 0."""
    with Server(tmp_path, {**TONES, "server": {"drain": 60}}) as server:
        async with asyncio.timeout(90), talk(server.socket) as client:
            await client.send(
                "text_input", text="say: this reply takes its time and is heard to the very end"
            )
            await client.until("state_update", state="speaking")
            server.signal()
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await client.receive()
        code = await asyncio.to_thread(server.stop)
    assert code == 0, server.output()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
    kinds = [m["type"] for m in client.log]
    text = "this reply takes its time and is heard to the very end."
    assert texts_of(client.log) == text
    (end,) = [m for m in client.log if m["type"] == "tts_audio_end"]
    assert end["duration_ms"] > 50 * 30
    assert len(sound_of(client.log)[0]) == end["duration_ms"] * 48, "all of its sound came"
    assert kinds.index("tts_audio_end") < kinds.index("error") == len(kinds) - 1
    assert client.log[-1]["code"] == "server_shutdown" and not client.log[-1]["recoverable"]
    (metrics,) = [m for m in client.log if m["type"] == "metrics"]
    assert metrics["outcome"] == "finished"


async def test_what_serve_says(embedded: Server):
    """The lines printed at the start: what hears, thinks and speaks, that it is embedded, where to go."""
    said = embedded.output()
    for word in ("pocketsphinx", "script", "espeak", "embedded", embedded.url):
        assert word in said
    health = embedded.get("/health")
    assert health["status"] == "healthy"
    assert health["languages"]["hears"] == ["en"] and {"en", "zh"} <= set(health["languages"]["speaks"])
