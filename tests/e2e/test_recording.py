"""A conversation that was recorded tells afterwards what it told live."""

import asyncio
from pathlib import Path

import pytest

from aizuchi.audio import read_wav
from aizuchi.events import MicNoted, Speech, StateChanged
from aizuchi.views.saved import load
from tests.e2e import ears
from tests.e2e.server import QUICK_SCRIPT, UNHURRIED, Server, run
from tests.e2e.talking import spoken, talk
from tests.speech import speech

pytestmark = pytest.mark.network

ENVELOPE = {"type", "session_id", "seq", "generation_id", "turn_id", "ts", "received"}


@pytest.mark.slow
@pytest.mark.parametrize("record", ["events", "audio"])
async def test_a_recorded_turn_replays(tmp_path: Path, record: str):
    """States and every figure of a spoken turn come out of its file as they went live (acceptance 6)."""
    config = {**UNHURRIED, "llm": QUICK_SCRIPT, "timeline": {"record": record}}
    with Server(tmp_path, config) as server:
        async with asyncio.timeout(100), talk(server.socket) as client:
            await client.send("start_listen")
            final = await spoken(client, speech("go_forward_ten_meters.wav"))
            live = await client.until("metrics", outcome="finished")
            await client.send("text_input", text="tell me a story")
            await client.until("state_update", state="speaking")
            await client.send("interrupt")
            cut = await client.until("metrics", outcome="interrupted")
            await client.send("bye")
    assert final["text"] == "go forward ten meters"

    (file,) = (server.home / "timelines").rglob("*.jsonl")
    saved = load(file)
    assert (saved.broken, saved.unknown, saved.dropped) == (0, 0, 0)
    seqs = [entry.seq for entry in saved.entries]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs))), "no entry is missing"
    states = [entry.event.state for entry in saved.entries if isinstance(entry.event, StateChanged)]
    # The close itself ends in idle once more; nobody is left to be told.
    assert states == [*(m["state"] for m in client.log if m["type"] == "state_update"), "idle"]
    for number, told in ((1, live), (2, cut)):
        measured = saved.metrics.measured(number)
        assert measured is not None
        figures = {name: value for name, value in told.items() if name not in ENVELOPE}
        assert figures.pop("outcome") == measured.outcome
        assert figures.pop("of_generation") == measured.of_generation
        replayed = {name: measured.figures[name] for name in figures}
        assert replayed == figures

    printed = await asyncio.to_thread(run, "replay", str(file), folder=tmp_path)
    assert printed.returncode == 0, printed.stderr
    assert 'user: "go forward ten meters"' in printed.stdout and "interrupt" in printed.stdout
    again = await asyncio.to_thread(run, "replay", "--play", "--speed", "1000", str(file), folder=tmp_path)
    assert again.returncode == 0 and len(again.stdout.splitlines()) == len(saved.entries)

    sounds = sorted(path.name.split(".", 1)[1] for path in file.parent.glob("*.wav"))
    if record == "events":
        assert not sounds
        return
    assert sounds == ["reply.wav", "user.wav"]
    (reply,) = file.parent.glob("*.reply.wav")
    pcm, rate = read_wav(reply)
    first = next(e.event for e in saved.entries if isinstance(e.event, Speech) and e.event.last)
    spoken_ms = sum(
        len(m["pcm"]) / 2 / rate * 1000
        for m in client.log
        if m.get("pcm") and m["generation_id"] == live["of_generation"]
    )
    assert first.turn == 1
    assert await ears.sentence(pcm[: round(spoken_ms * rate / 1000) * 2], rate) == ears.GOING
    (user,) = file.parent.glob("*.user.wav")
    heard = sum(e.event.ms for e in saved.entries if isinstance(e.event, MicNoted))
    assert abs(len(read_wav(user)[0]) / 32 - heard) < 100
    assert heard > 2_500


async def test_nothing_is_kept_unless_asked_for(embedded: Server):
    """By default no word and no sound of a conversation lands on the disk."""
    async with asyncio.timeout(60), talk(embedded.socket) as client:
        await client.send("text_input", text="say: zanzibar")
        await client.until("metrics", outcome="finished")
        await client.send("bye")
    for file in embedded.home.rglob("*"):
        if file.is_file():
            assert b"zanzibar" not in file.read_bytes(), f"{file.name} holds what was said"
    assert "zanzibar" not in embedded.output()
