"""A thousand interrupts of calls at random moments, on virtual time: no sound of an earlier turn is sent.

Each sample of the voice bears its turn's number, so that what a frame holds tells where it comes from.
"""

import asyncio
import base64
import json
import random
from typing import Any

import pytest

from aizuchi.character import Character
from aizuchi.engine.rules import BargeIn, Hearing, Rules
from aizuchi.events import Entry, Interrupted
from aizuchi.ports import Final, Frame
from aizuchi.server.house import House
from aizuchi.server.link import Link
from aizuchi.server.store import MemoryStore
from aizuchi.wire.chatanon import ChatAnonWire, Manners
from tests import fakes
from tests.fakes import Script, silence, speech, tokens
from tests.server.fakes import FakePipe
from tests.virtual import run

COUNT = 500
"""In each family of names: a thousand together."""
MS = 120
"""Of a chunk from the microphone."""
STORY = "Once there was a crow on a wire. It knew all songs. Nobody came by. So it sang on and on for itself."


class Judge(FakePipe):
    """Reads every frame as it is handed over, and keeps none. `faults` says what should not have come."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.turns = 0
        self.sounding = 0
        """The turn whose sound is coming; 0 between turns."""
        self.newest = 0
        self._open = False
        self.listening = 0
        self.chunks = 0
        self.news = asyncio.Event()

    async def send(self, frame: Frame) -> None:
        message: dict[str, Any] = json.loads(frame)
        match message["type"]:
            case "thinking":
                if self._open:
                    self.faults.append(f"turn {self.turns + 1} begins in the middle of another")
                self._open, self.sounding = True, 0
                self.turns += 1
            case "audio_chunk":
                self._chunk(base64.b64decode(message["audio_base64"]))
            case "audio_end":
                self.sounding = 0
            case "turn_end":
                self._open = False
            case "agent_listening" | "voice_call_listening":
                if self._open:
                    self.faults.append("listening before the turn was closed")
                self.listening += 1
            case "error":
                self.faults.append(f"an error: {message['message']}")
            case _:
                pass
        self.news.set()

    def _chunk(self, pcm: bytes) -> None:
        self.chunks += 1
        numbers = set(memoryview(pcm).cast("h")) - {0}
        if not self._open:
            self.faults.append(f"sound of turn {numbers} between turns")
        if len(numbers) > 1:
            self.faults.append(f"sound of turns {numbers} in one chunk")
        for number in numbers:
            if number != self.sounding and number <= self.newest:
                self.faults.append(f"sound of turn {number} after that of turn {self.newest}")
            self.sounding = self.newest = number

    async def until(self, true: Any) -> None:
        async with asyncio.timeout(60):
            while not true():
                self.news.clear()
                await self.news.wait()


class Page:
    """A client that sends sound all the time: silence, unless it has something to say."""

    def __init__(self, pipe: Judge, family: str) -> None:
        self.pipe = pipe
        self.start = "agent_mode_start" if family == "agent" else "voice_call_start"
        self.stop = "agent_mode_stop" if family == "agent" else "voice_call_stop"
        self.chunk = "agent_audio_chunk" if family == "agent" else "voice_call_audio_chunk"
        self.words = 0
        """Milliseconds of speech still to be said."""

    async def microphone(self) -> None:
        loud, quiet = (base64.b64encode(make(MS)).decode() for make in (speech, silence))
        while True:
            self.pipe.put(type=self.chunk, audio_base64=loud if self.words > 0 else quiet)
            self.words -= MS
            await asyncio.sleep(MS / 1000)

    async def interrupt(self, dice: random.Random) -> None:
        """Break into the reply that sounds, in one of the ways that there are."""
        match dice.choices(("voice", "text", "hang up"), (6, 3, 1))[0]:
            case "voice":
                self.words = dice.randrange(400, 1_200, MS)
            case "text":
                self.pipe.put(type="message", content="wait, another story")
            case _:
                self.pipe.put(type=self.stop)
                await asyncio.sleep(dice.choice((0.0, 0.3)))
                self.pipe.put(type=self.start)
                self.words = 600


async def storm(family: str, page: bool, seed: int) -> tuple[Judge, int]:
    """A call that is interrupted so many times while a reply sounds; the judge, and how many times it was."""
    dice = random.Random(seed)
    interrupts = 0
    ear = fakes.FakeRecognizer(lambda ms: Script([(0.05, Final("tell me a story" if ms >= 200 else ""))]))
    model = fakes.FakeModel(lambda prompt: tokens(STORY, first=dice.random() * 0.3, gap=0.001))
    house = House(
        parts=fakes.parts(asr=[ear], llm=[model], tts=[fakes.FakeVoice(ms_per_char=40)]),
        characters={"anon": Character("anon", "Anon", "You are in a test.")},
        default_character="anon",
        rules=Rules(hearing=Hearing(silence_ms=300), barge_in=BargeIn("pause", 200)),
        store=MemoryStore(),
    )

    def count(entry: Entry) -> None:
        nonlocal interrupts
        interrupts += isinstance(entry.event, Interrupted) and entry.event.turn is not None

    pipe = Judge()
    client = Page(pipe, family)
    async with house, asyncio.TaskGroup() as group:
        wire = ChatAnonWire(house.display_names, Manners(sentence_gap_ms=200))
        wire.opened({"origin": "http://localhost"} if page else {})
        link = group.create_task(Link(house, wire, pipe).run())
        pipe.put(type="connect", api_token="t")
        pipe.put(type=client.start)
        await pipe.until(lambda: pipe.listening)
        (live,) = house.sessions
        live.session.timeline.follow(count)
        speaking = group.create_task(client.microphone())
        client.words = 600
        while interrupts < COUNT and not pipe.faults:
            turns = pipe.turns
            try:
                async with asyncio.timeout(5):
                    await pipe.until(lambda turns=turns: pipe.sounding or pipe.turns > turns)
            except TimeoutError:
                client.words = 600  # nobody was interrupted, or what was said was too short: ask again
                continue
            await asyncio.sleep(dice.random() * 2)
            await client.interrupt(dice)
            await asyncio.sleep(dice.random())
        speaking.cancel()
        pipe.hang_up()
        await link
    return pipe, interrupts


async def test_the_judge():
    """It sees sound of a turn that was over, sound between turns, and turns that are not closed."""
    pipe = Judge()

    async def comes(*types: str, number: int = 1) -> list[str]:
        for each in types:
            pcm = base64.b64encode(number.to_bytes(2, "little") * 10).decode()
            await pipe.send(json.dumps({"type": each, "audio_base64": pcm}))
        faults, pipe.faults = pipe.faults, []
        return faults

    assert await comes("thinking", "audio_chunk", "audio_end", "turn_end", "agent_listening") == []
    assert await comes("audio_chunk")
    assert await comes("thinking", "audio_chunk")
    assert await comes("audio_chunk", number=2) == [] and await comes("audio_chunk", number=1)
    assert await comes("thinking") and await comes("agent_listening")


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("family", "page"), [("voice_call", True), ("agent", False)])
def test_no_stale_sound(family: str, page: bool):
    """By voice, by text, by hanging up and calling again: at whatever moment, a turn's sound is its own."""
    seed = random.randrange(1 << 32)
    pipe, interrupts = run(storm(family, page, seed))
    assert not pipe.faults, f"seed {seed}: {pipe.faults[:3]}"
    assert interrupts >= COUNT and pipe.chunks > COUNT
