"""`aizuchi talk` and `aizuchi serve`: real sockets on loopback, quick parts, devices made of paper."""

import asyncio
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aizuchi.audio import read_wav, silence, write_wav
from aizuchi.cli import main
from aizuchi.cli.screen import Keyboard, Screen, columns, width_of
from aizuchi.cli.talk import Talk, own_url
from aizuchi.cli.talk_mic import HandsFree, Speaker, sound_library
from aizuchi.cli.talk_typed import Typed
from aizuchi.cli.talk_wav import Turn, table, voiced_until
from aizuchi.client import Sound
from aizuchi.config import load
from aizuchi.errors import ConfigError
from aizuchi.wire.native import down
from tests.sound_card import Card
from tests.speech import recording

QUICK = """\
llm: {use: script, first_token_ms: 0, tokens_per_second: 0, introduce: false}
tts: {use: tone, ms_per_character: 5}
data: home
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with a quick configuration, and an environment that adds nothing."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AIZUCHI_HOME", "AIZUCHI_TOKEN", "AIZUCHI_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "aizuchi.yaml").write_text(QUICK, encoding="utf-8")
    return tmp_path


# ------------------------------------------------------------------ for real


@pytest.mark.network
@pytest.mark.slow
def test_a_recording_is_understood_and_answered(place: Path, capsys: pytest.CaptureFixture[str]):
    """A real recording is streamed, recognised word for word, answered, saved and timed."""
    wav = recording("go_forward_ten_meters.wav")
    assert main(["talk", "--wav", str(wav), "--save", "reply.wav", "http://127.0.0.1:1"]) == 0
    out = capsys.readouterr().out
    assert "you > go forward ten meters\n" in out
    assert "aizuchi > Going forward ten meters." in out
    assert re.findall(r"(?m)s  (\w+)$", out)[:2] == ["listening", "thinking"]
    assert "speaking]" in out or "s  speaking" in out
    for row in ("final text", "first token", "first audio", "done"):
        assert re.search(rf"(?m)^  {row} +-?\d+ ", out), row
    pcm, rate = read_wav(place / "reply.wav")
    assert rate == 24_000 and any(pcm)


@pytest.mark.network
@pytest.mark.slow
def test_a_recording_speaks_over_the_reply(place: Path, capsys: pytest.CaptureFixture[str]):
    """In a continuous talk all is spoken: what is said over a reply ends it and is answered."""
    said, rate = read_wav(recording("go_forward_ten_meters.wav"))
    (place / "aizuchi.yaml").write_text(QUICK.replace("5}", "300}"), encoding="utf-8")
    write_wav(place / "twice.wav", said + silence(2_500, rate) + said, rate)
    assert main(["talk", "--wav", "twice.wav", "--mode", "continuous", "http://127.0.0.1:1"]) == 0
    out = capsys.readouterr().out
    assert out.count("you > go forward ten meters\n") == 2
    assert out.count(", the reply is interrupted\n") == 1
    assert re.search(r"aizuchi > Going forward .* \[\d+\.\d\d s held\]\n", out)
    assert re.search(r"(?m)^  first audio +- +\d+$", out)


@pytest.mark.network
@pytest.mark.slow
def test_silence_is_no_utterance(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """A recording of nothing ends by itself, says so, and fails."""
    monkeypatch.setattr("aizuchi.cli.talk_wav.QUIET", 1.0)
    write_wav(place / "nothing.wav", silence(300, 16_000), 16_000)
    assert main(["talk", "--wav", "nothing.wav", "--mode", "push", "http://127.0.0.1:1"]) == 1
    out = capsys.readouterr().out
    assert "Nothing was recognised." in out or "said nothing for 1 s" in out
    assert "first token" not in out


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
def test_serve_announces_serves_and_leaves(place: Path):
    """The server says where it is and what it is made of, answers a talk, and goes with 0 when told to."""
    with subprocess.Popen(
        [sys.executable, "-m", "aizuchi", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    ) as server:
        try:
            assert server.stdout is not None
            lines: list[str] = []
            for line in server.stdout:
                lines.append(line.rstrip())
                if line.startswith("  open"):
                    break
            said = "\n".join(lines)
            assert re.search(r"(?m)^  hears +pocketsphinx, .*\(embedded; English\)$", said)
            assert re.search(r"(?m)^  thinks +.*script.* \(embedded\)$", said)
            (url,) = re.findall(r"(?m)^  open +(http://127\.0\.0\.1:\d+/)$", said)
            talk = subprocess.run(
                [sys.executable, "-m", "aizuchi", "talk", "--text", url],
                input="hello\n",
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=60,
                check=False,
            )
            assert talk.returncode == 0 and "aizuchi > Hello" in talk.stdout
            assert "No server runs" not in talk.stdout
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=30) == 0


# ------------------------------------------------------------------ typed, against a client that is a script


class Fake:
    """A client that gives prepared events and notes what is asked of it."""

    def __init__(self, *events: Any) -> None:
        self.events: asyncio.Queue[Any] = asyncio.Queue()
        for event in events:
            self.events.put_nowait(event)
        self.asked: list[Any] = []
        self._asked = asyncio.Event()
        self.hello = down.HelloAck(
            protocol="dh.v1", server="x", character="ann", resumed=False, limits={}, features=[]
        )
        self.on_say: list[list[Any]] = []

    def _note(self, what: Any) -> None:
        self.asked.append(what)
        self._asked.set()

    async def until(self, what: Any) -> None:
        """Wait until something was asked."""
        while what not in self.asked:
            self._asked.clear()
            await self._asked.wait()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        event = await self.events.get()
        if event is None:
            raise StopAsyncIteration
        return event

    async def say(self, text: str) -> None:
        self._note(("say", text))
        for event in self.on_say.pop(0) if self.on_say else []:
            self.events.put_nowait(event)

    async def interrupt(self) -> None:
        self._note("interrupt")
        self.events.put_nowait(state("idle", "speaking", "interrupt"))

    async def listen(self, **_: Any) -> None:
        self._note("listen")

    async def audio(self, pcm: bytes) -> None:
        self._note(("audio", len(pcm)))

    async def playing(self, sound: Sound) -> None:
        self._note(("playing", sound.sentence))

    async def played(self, sound: Sound) -> None:
        self._note(("played", sound.seq))


def state(new: Any, old: Any, reason: str | None = None) -> down.StateUpdate:
    return down.StateUpdate(state=new, previous=old, reason=reason)


def delta(text: str) -> down.AssistantTextDelta:
    return down.AssistantTextDelta(delta=text, index=0)


def talk_on(out: io.StringIO) -> Talk:
    return Talk("http://x", "en", Screen(out), "", "", True)


async def test_typed_lines_wait_for_their_replies():
    """Lines from a pipe are said one by one, each after the reply before it; faults are shown."""
    client, out = Fake(), io.StringIO()
    client.on_say = [
        [state("thinking", "idle"), delta("Hi "), delta("there."), state("idle", "thinking", "done")],
        [
            state("thinking", "idle"),
            down.ToolStatus(call_id="1", name="clock", state="running"),
            down.ToolStatus(call_id="1", name="clock", state="failed", result="broken"),
            down.Error(code="llm_failed", message="no model", recoverable=True),
            state("idle", "thinking", "done"),
        ],
    ]
    keyboard = Keyboard(io.StringIO("one\n\ntwo\n"))
    keyboard.start()
    assert await Typed(talk_on(out), client, keyboard).run() == 0  # type: ignore[arg-type]
    assert client.asked == [("say", "one"), ("say", "two")]
    assert out.getvalue() == (
        "you > one\nann > Hi there.\nyou > two\n[clock …]\n[clock: broken]\nno model\nGoodbye.\n"
    )


class Silent(Keyboard):
    """A keyboard at which somebody sits and types nothing after the first line."""

    def __init__(self, first: str) -> None:
        super().__init__(io.StringIO())
        self.live = True
        self._first: str | None = first

    async def line(self) -> str | None:
        first, self._first = self._first, None
        if first is None:
            await asyncio.Event().wait()
        return first


async def test_ctrl_c_interrupts_then_warns_then_leaves():
    """The first Ctrl-C silences the reply; with nothing to silence one warns and the next leaves."""
    client, out = Fake(), io.StringIO()
    client.on_say = [[state("thinking", "idle"), delta("A long st")]]
    talk = Typed(talk_on(out), client, Silent("story"))  # type: ignore[arg-type]
    shown = asyncio.Event()
    show = talk._show

    def watched(event: Any) -> None:
        show(event)
        shown.set()

    talk._show = watched  # type: ignore[method-assign]
    async with asyncio.TaskGroup() as group:
        running = group.create_task(talk.run())
        while "A long st" not in out.getvalue():
            shown.clear()
            await shown.wait()
        talk._press()
        while "[interrupted]" not in out.getvalue():
            shown.clear()
            await shown.wait()
        talk._press()
        talk._press()
    assert running.result() == 0
    assert client.asked == [("say", "story"), "interrupt"]
    assert "A long st [interrupted]\n" in out.getvalue()
    assert "Ctrl-C once more leaves." in out.getvalue()


async def test_the_server_may_end_it():
    """When the connection is closed in order the talk is over, and the exit code is 0."""
    client, out = Fake(None), io.StringIO()
    assert await Typed(talk_on(out), client, Silent("hello")).run() == 0  # type: ignore[arg-type]


def test_the_place_in_the_queue_is_shown(monkeypatch: pytest.MonkeyPatch):
    """Who waits for a provider reads its place; the end of the wait leaves nothing on the screen."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("aizuchi.cli.screen.os.get_terminal_size", lambda *_: os.terminal_size((60, 20)))
    out = Terminal()
    monkeypatch.setattr(out, "fileno", lambda: 1)
    talk = talk_on(out)
    talk.queued(down.QueueUpdate(position=2, ahead=3, eta_ms=4_200))
    assert out.getvalue().endswith("[waiting, place 2 in the queue, about 4 s]")
    talk.queued(down.QueueUpdate(position=1, ahead=1))
    assert out.getvalue().endswith("\r\x1b[K[waiting, place 1 in the queue]")
    talk.queued(down.QueueUpdate(position=0, ahead=0))
    talk.screen.line("ann > Hello.")
    assert out.getvalue().endswith("[waiting, place 1 in the queue]\r\x1b[Kann > Hello.\n")


# ------------------------------------------------------------------ by voice, with a sound card of paper


def sound(pcm: bytes, seq: int, *, last: bool = False, text: str = "") -> Sound:
    return Sound(pcm, 16_000, 1, seq, 0, text, last)


def test_the_speaker_plays_in_order_and_tells_what_is_done():
    """Pieces are cut to what the card asks for, silence fills the rest, finished sentences are told once."""
    speaker = Speaker()
    speaker.put(sound(b"aabb", 1))
    speaker.put(sound(b"cc", 2, last=True))
    assert speaker.fill(2) == b"aa" and speaker.finished() == []
    assert speaker.fill(6) == b"bbcc\0\0"
    assert [each.seq for each in speaker.finished()] == [2] and speaker.finished() == []


def test_an_empty_last_piece_is_finished_too():
    """A sentence may end with a piece that holds no sound."""
    speaker = Speaker()
    speaker.put(sound(b"aa", 1))
    speaker.put(sound(b"", 2, last=True))
    assert speaker.fill(2) == b"aa"
    speaker.fill(2)
    assert [each.seq for each in speaker.finished()] == [2]


def test_the_speaker_is_silent_at_once():
    """After an interrupt nothing of the old reply is played or told as heard."""
    speaker = Speaker()
    speaker.put(sound(b"aabb", 1, last=True))
    speaker.clear()
    assert speaker.fill(4) == bytes(4) and speaker.finished() == []


def test_the_speaker_pauses_and_plays_on():
    """While a voice over the reply is judged it is silent, and keeps its place."""
    speaker = Speaker()
    speaker.put(sound(b"aabbcc", 1))
    assert speaker.fill(2) == b"aa"
    speaker.pause(1)
    speaker.put(sound(b"dd", 2))
    assert speaker.fill(4) == bytes(4)
    speaker.resume()
    assert speaker.fill(6) == b"bbccdd"


def test_something_newer_takes_the_place_of_what_is_paused():
    """The paused reply waits elsewhere; its rest comes again when it is its turn."""
    speaker = Speaker()
    speaker.put(sound(b"aabb", 1))
    speaker.pause(1)
    speaker.put(replace(sound(b"cc", 2), generation=2))
    assert speaker.fill(4) == b"cc\0\0"


async def test_hands_free():
    """The microphone is sent, the reply is played at its rate, and a barge-in empties the loudspeaker."""
    client, card, out = Fake(), Card(), io.StringIO()
    talk = HandsFree(talk_on(out), client, card)  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as group:
        running = group.create_task(talk.run())
        client.events.put_nowait(down.AsrFinal(text="hello", utterance_id="u1"))
        client.events.put_nowait(delta("Hi"))
        client.events.put_nowait(sound(b"\1\0" * 4, 5, text="Hi"))
        await client.until(("playing", 0))
        card.microphone["callback"](b"\0" * 640, 320, None, None)
        await client.until(("audio", 640))
        data = bytearray(4)
        card.outputs[0]["callback"](data, 2, None, None)
        assert bytes(data) == b"\1\0\1\0"
        client.events.put_nowait(state("idle", "speaking", "barge_in"))
        client.events.put_nowait(None)
    assert running.result() == 0
    assert card.microphone["samplerate"] == card.outputs[0]["samplerate"] == 16_000
    card.outputs[0]["callback"](data, 2, None, None)
    assert bytes(data) == bytes(4)
    assert out.getvalue() == "you > hello\nann > Hi [interrupted]\nGoodbye.\n"


async def test_no_device():
    """A machine without a microphone is told so, with what works instead."""
    with pytest.raises(ConfigError, match="no microphone or loudspeaker to use: no default device"):
        await HandsFree(talk_on(io.StringIO()), Fake(), Card(broken=True)).run()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("sounddevice"), r"needs the extra `mic`.*--text, or --wav FILE"),
        (OSError("PortAudio library not found"), "apt install libportaudio2"),
    ],
)
def test_no_sound_library(monkeypatch: pytest.MonkeyPatch, error: Exception, said: str):
    """A missing package and a missing system library are told apart."""

    def missing(_name: str) -> Any:
        raise error

    monkeypatch.setattr("aizuchi.cli.talk_mic.importlib.import_module", missing)
    with pytest.raises(ConfigError, match=said):
        sound_library("en")


# ------------------------------------------------------------------ small parts


def test_voice_end_of_a_made_recording():
    """The end of the voice is found to 30 ms, whatever quiet noise follows."""
    import numpy as np

    rng = np.random.default_rng(7)
    tone = np.sin(np.arange(8_000) * 0.2) * 8_000
    noise = rng.normal(0, 20, 8_000)
    pcm = np.concatenate([noise, tone, noise]).astype("<i2").tobytes()
    assert voiced_until(pcm) == pytest.approx(1.0, abs=0.03)
    assert voiced_until(b"") == 0.0


def test_table_of_times():
    """Times count from the end of the voice; what did not happen is a dash; without a turn no table."""
    turn = Turn(voice_end=10.0, heard="hello")
    turn.marks = {"final": 10.25, "audio": 10.5}
    turn.figures = {"first_token_from_voice_ms": 300.4}
    lines = table(turn, talk_on(io.StringIO()))
    assert [line.split()[-2:] for line in lines[2:7]] == [
        ["250", "-"],
        ["-", "300"],
        ["-", "-"],
        ["500", "-"],
        ["-", "-"],
    ]
    assert table(Turn(voice_end=1.0, heard=""), talk_on(io.StringIO())) == []


def test_columns_count_wide_characters():
    """A table keeps its columns whatever the script."""
    lines = columns([["名称", "1"], ["abc", "22"]], "<>")
    assert lines == ["名称   1", "abc   22"]
    assert len({width_of(line) for line in lines}) == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_screen_without_a_terminal_is_plain_text():
    """In a pipe there are no colours and no lines that replace each other."""
    out = io.StringIO()
    screen = Screen(out)
    screen.partial("you > hel")
    screen.line("you > hello", "you")
    screen.write("ann > ", "they")
    screen.write("Hi")
    screen.fresh()
    screen.fresh()
    screen.line("end", "dim")
    assert out.getvalue() == "you > hello\nann > Hi\nend\n"


def test_screen_in_a_terminal(monkeypatch: pytest.MonkeyPatch):
    """In a terminal a partial text is replaced by what comes next, and NO_COLOR is heeded."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("aizuchi.cli.screen.os.get_terminal_size", lambda *_: os.terminal_size((10, 5)))
    out = Terminal()
    monkeypatch.setattr(out, "fileno", lambda: 1)
    screen = Screen(out)
    screen.partial("you > one two three")
    screen.line("done")
    assert out.getvalue() == "\r\x1b[K" + " two three"[-9:] + "\r\x1b[K" + "done\n"


async def test_keyboard_reads_bytes_of_any_cut(tmp_path: Path):
    """Lines are put together from whatever the terminal hands over, also Chinese cut in mid-character."""
    path = tmp_path / "typed"
    path.write_bytes("你好\nsecond\r\nlast".encode())
    with path.open(encoding="utf-8") as source:
        keyboard = Keyboard(source)
        keyboard.start()
        assert [await keyboard.line() for _ in range(4)] == ["你好", "second", "last", None]


def test_a_terminal_breaks_lines_between_words(monkeypatch: pytest.MonkeyPatch):
    """Text that comes in pieces is not torn within a word; a word wider than the line is left as it is."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("aizuchi.cli.screen.os.get_terminal_size", lambda *_: os.terminal_size((12, 5)))
    out = Terminal()
    monkeypatch.setattr(out, "fileno", lambda: 1)
    screen = Screen(out)
    screen.write("ann > ", "they")
    for piece in ("Hello", " there", ", you", " two.\nSo it", " unbelievablenesses goes", " 你好吗 你好吗"):
        screen.write(piece)
    said = out.getvalue()
    assert said == "ann > Hello\nthere, you\ntwo.\nSo it unbelievablenesses goes\n你好吗\n你好吗"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", "http://127.0.0.1:12393"),
        ("server: {port: 8001}", "http://127.0.0.1:8001"),
        ("server: {tls: {on: true}}", "https://127.0.0.1:12393"),
        ("server: {port: 0}", "http://127.0.0.1:12393"),
    ],
)
def test_talk_looks_where_serve_would_be(tmp_path: Path, text: str, url: str):
    """Beside a configuration, `aizuchi talk` needs no address: it is the one `aizuchi serve` takes."""
    file = tmp_path / "aizuchi.yaml"
    file.write_text(text, encoding="utf-8")
    assert own_url(load(file)) == url
