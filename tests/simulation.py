"""One random conversation on virtual time, and the promises it must keep.

`conversation(seed)` makes providers with random latencies and faults, clients with random manners, lets
them at each other for a while, then lets everybody calm down and asks for one ordinary turn. What it
saw is checked against the promises P1 to P8 of the design; every violation is a line of text.
"""

from __future__ import annotations

import asyncio
import random
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from aizuchi.engine.outbox import REPLY, Outbox
from aizuchi.engine.rules import BargeIn, Hearing, Rules, StageLimits
from aizuchi.engine.session import Session
from aizuchi.engine.states import may_follow
from aizuchi.errors import ProviderError, ToolError
from aizuchi.events import (
    Attach,
    Context,
    Dropped,
    Entry,
    Fault,
    Happened,
    Heard,
    Image,
    Interrupt,
    Interrupted,
    Listen,
    MicAudio,
    Noted,
    Packet,
    Played,
    Sentence,
    Speech,
    SpeechStarted,
    StateChanged,
    ToolCall,
    ToolDone,
    ToolResult,
    TurnBegun,
    TurnEnded,
    TurnHeld,
    Typed,
)
from aizuchi.ports import (
    Audio,
    Delivery,
    Final,
    Partial,
    Prompt,
    Reasoning,
    Retriever,
    Token,
    Toolbox,
    ToolContext,
    ToolSpec,
    Usage,
    Word,
)
from tests import fakes
from tests.fakes import Script
from tests.virtual import run

TEXTS = (
    "Sure. Let me tell you about that, it is a long story. Once upon a time there was a fox.",
    "你好！今天天气很好，我们去散步吧。然后再喝一杯茶。",
    "[happy] Hello there! <think>they sound sad</think> How are you?",
    "こんにちは。元気ですか？今日はいい天気ですね。",
    "One, two, three, four, five, six, seven, eight, nine, ten.",
    "```\ncode\n```\nThat was code. [sad] Sorry.",
    "Ok.",
    "",
    "…",
)


@dataclass
class Report:
    """What a conversation contained, and what was wrong with it."""

    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    log: list[Entry] = field(default_factory=list)
    seconds: float = 0.0


class Tools(Toolbox):
    """One quick tool, one slow, one broken, one that outlives its turn."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice

    def specs(self, context: ToolContext) -> list[ToolSpec]:
        schema = {"type": "object", "properties": {}}
        return [
            ToolSpec("quick", "", schema),
            ToolSpec("slow", "", schema, timeout=2.0),
            ToolSpec("broken", "", schema),
            ToolSpec("later", "", schema, detached=True),
        ]

    async def call(self, call: ToolCall, context: ToolContext) -> str:
        await asyncio.sleep({"slow": self._dice.uniform(0, 5), "later": 1.0}.get(call.name, 0.01))
        if call.name == "broken":
            raise ToolError("it broke")
        return f"{call.name} says hello"


class Passages(Retriever):
    def __init__(self, dice: random.Random) -> None:
        self._dice = dice

    async def passages(self, query: str, *, session: str, person: str) -> list[Any]:
        await asyncio.sleep(self._dice.uniform(0, 0.6))
        if self._dice.random() < 0.2:
            raise ProviderError("the index is gone")
        return []


class World:
    """Random providers. Faults stop when `calm` is set."""

    def __init__(self, dice: random.Random, fault_rate: float) -> None:
        self._dice = dice
        self._rate = fault_rate
        self.calm = False
        self.vad = fakes.FakeVad(self._vad_fault)
        self.asr = [fakes.FakeRecognizer(self._hear, "ear1"), fakes.FakeRecognizer(self._hear, "ear2")]
        self.llm = [fakes.FakeModel(self._think), fakes.FakeModel(self._think)]
        self.tts = [
            fakes.FakeVoice(self._say, first=dice.uniform(0, 0.5), words=dice.random() < 0.5),
            fakes.FakeVoice(self._say, first=dice.uniform(0, 0.5)),
        ]

    @property
    def open(self) -> int:
        return sum(each.open for each in (self.vad, *self.asr, *self.llm, *self.tts))

    def _faulty(self) -> bool:
        return not self.calm and self._dice.random() < self._rate

    def _vad_fault(self) -> ProviderError | None:
        if not self.calm and self._dice.random() < self._rate / 500:
            return ProviderError("the VAD lost its mind")
        return None

    def _fault(self, steps: list[tuple[float, Any]]) -> Script:
        """Break a healthy script in some way."""
        cut = self._dice.randrange(len(steps) + 1)
        return self._dice.choice(
            [
                Script([*steps[:cut], (self._dice.uniform(0, 3), ProviderError("it failed"))]),
                Script([*steps[:cut], (0, ProviderError("it will never work", retryable=False))]),
                Script([*steps[:cut], (0, ValueError("a bug in a plugin"))]),
                Script(steps[:cut], hang=True),
                Script(steps[:cut]),
                Script([(30.0, None) if i == cut else step for i, step in enumerate(steps)]),
                Script([*steps[:cut], (0, "garbage")]),
            ]
        )

    def _hear(self, ms: int) -> Script:
        text = self._dice.choice(["hello there", "what time is it", "stop", "你好", ""])
        steps: list[tuple[float, Any]] = [(0.02, Partial(text)), (self._dice.uniform(0, 1), Final(text))]
        return self._fault(steps) if self._faulty() else Script(steps)

    def _think(self, prompt: Prompt) -> Script:
        dice = self._dice
        steps: list[tuple[float, Any]] = []
        if dice.random() < 0.2:
            steps.append((0.1, Reasoning("hm")))
        text = "I am fine." if self.calm else dice.choice(TEXTS)
        at = 0
        while at < len(text):
            size = dice.randint(1, 9)
            steps.append((dice.uniform(0, 0.1), Token(text[at : at + size])))
            at += size
        if prompt.tools and not self.calm and dice.random() < 0.3:
            for number in range(dice.randint(1, 3)):
                name = dice.choice(["quick", "slow", "broken", "later", "wave", "no_such_tool"])
                args = dice.choice(["{}", "", '{"a": 1}', "[1]", "{broken"])
                steps.append((0.01, ToolCall(f"c{dice.random()}{number}", name, args)))
        steps.append((0, Usage("stop", 5, len(steps))))
        return self._fault(steps) if self._faulty() else Script(steps)

    def _say(self, sentence: Sentence) -> Script | None:
        if not self._faulty():
            return None
        pcm = struct.pack("<h", sentence.turn) * 1600
        return self._fault([(0.1, Audio(pcm, 16_000)), (0.01, Word(0, 50, "x")), (0.1, Audio(pcm, 16_000))])


class Client:
    """One connection: an outbox, a pump that sends one entry at a time, an ear that may report."""

    def __init__(self, name: str, session: Session, dice: random.Random, report: Report) -> None:
        self.name = name
        self.here = True
        self.states: list[tuple[int, str]] = []
        self.joined = session.timeline.next_seq
        self._session = session
        self._dice = dice
        self._report = report
        self._delivery = dice.choice(
            [
                Delivery(),
                Delivery(lead_ms=800, can_hold=True, frame_ms=40),
                Delivery(codec="none"),
                Delivery(paced=False),
                Delivery(sentence_gap_ms=100, start_gap_ms=60, tail_ms=50, lead_ms=60, frame_ms=60),
            ]
        )
        self._manners = dice.choice(["silent", "honest", "late", "liar"])
        self._slow = dice.choice([0.0, 0.0, 0.002, 0.3])
        self._outbox = Outbox(self._delivery)
        self._wake = asyncio.Event()
        self._dead = 0
        self._dead_turns: set[int | None] = set()
        self._done_turns: set[int | None] = set()
        self._stop = session.timeline.follow(self._put)
        roles: Any = dice.choice([("mouth", "ear"), ("mouth", "ear"), ("witness",), ("ear",)])
        if self._delivery.codec == "none":
            roles = tuple(role for role in roles if role != "ear") or ("witness",)
        mode: Any = dice.choice(["push", "auto", "continuous", None])
        wave = ToolSpec("wave", "", {"type": "object"}, timeout=3.0)
        tools = [wave] if dice.random() < 0.5 else []
        session.join(name, roles, mode=mode, protocol="sim", tools=tools, paced=self._delivery.paced)

    def _put(self, entry: Entry) -> None:
        self._outbox.put(entry, _now())
        self._wake.set()

    async def pump(self) -> None:
        while self.here:
            entry = self._outbox.take(_now())
            if entry is not None:
                self._sent(entry)
                if self._slow:
                    await asyncio.sleep(self._slow * self._dice.random())
                continue
            self._wake.clear()
            due = self._outbox.deadline(_now())
            try:
                async with asyncio.timeout_at(due):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _sent(self, entry: Entry) -> None:
        """The bytes are handed to the transport: P1 and P4 are judged here."""
        event = entry.event
        if isinstance(event, Interrupted):
            self._dead = max(self._dead, entry.generation)
            if event.turn is not None:
                self._dead_turns.add(event.turn)
        elif isinstance(event, REPLY) and (entry.generation < self._dead or entry.turn in self._dead_turns):
            self._report.violations.append(f"P1 {self.name}: {type(event).__name__} of a dead turn left")
        elif isinstance(event, REPLY) and entry.turn in self._done_turns:
            self._report.violations.append(f"P6 {self.name}: {type(event).__name__} after the turn's end")
        if isinstance(event, StateChanged):
            self.states.append((entry.seq, event.state))
            if event.reason == "done":
                self._done_turns.add(entry.turn)
        if isinstance(event, Packet):
            self._report.counts["packets"] += 1
            if event.data and struct.unpack_from("<h", event.data)[0] != event.turn:
                self._report.violations.append(f"P1 {self.name}: sound of another turn in a packet")
            self._ear(event)
        if isinstance(event, ToolCall) and event.place == "client" and self._dice.random() < 0.7:
            self._session.feed(ToolResult(event.id, "done", link=self.name))

    def _ear(self, packet: Packet) -> None:
        match self._manners:
            case "honest":
                self._session.feed(
                    Played(packet.turn, packet.at_ms + packet.ms, whole=packet.last, link=self.name)
                )
            case "late" if self._dice.random() < 0.1:
                self._session.feed(Played(packet.turn, max(0, packet.at_ms - 500), link=self.name))
            case "liar" if self._dice.random() < 0.1:
                lie = self._dice.choice([-5, 0, 10**9])
                self._session.feed(
                    Played(
                        packet.turn, lie, self._dice.randrange(5), self._dice.random() < 0.5, link=self.name
                    )
                )
            case _:
                pass

    def leave(self) -> None:
        self.here = False
        self._stop()
        self._session.leave(self.name, "lost")
        self._wake.set()


class Conversation:
    """Everything of one seed."""

    def __init__(self, seed: int, fault_rate: float, seconds: float) -> None:
        self.dice = random.Random(seed)
        self.report = Report(seed)
        self._seconds = seconds
        self.world = World(self.dice, fault_rate)
        self.clients: list[Client] = []
        dice = self.dice
        self.rules = Rules(
            hearing=Hearing(
                mode=dice.choice(["push", "auto", "continuous"]),
                silence_ms=dice.choice([200, 600]),
                max_utterance_ms=dice.choice([1500, 30_000]),
            ),
            barge_in=BargeIn(dice.choice(["immediate", "after_ms", "after_word", "never"]), 200),
            limits=StageLimits(breaker_pause=dice.choice([1.0, 30.0])),
            ahead=dice.choice([0.5, 6.0]),
            tool_rounds=2,
            waiting_turns=2,
        )

    async def run(self) -> Report:
        report, dice = self.report, self.dice
        parts = fakes.parts(
            vad=self.world.vad,
            asr=list(self.world.asr),
            llm=list(self.world.llm),
            tts=list(self.world.tts),
            toolbox=Tools(dice),
            retriever=Passages(dice) if dice.random() < 0.3 else None,
        )
        session = Session(id="s", person="p", character=fakes.HERO, parts=parts, rules=self.rules)
        session.timeline.follow(report.log.append)
        began = _now()
        async with asyncio.TaskGroup() as group:
            life = group.create_task(session.run())

            def join() -> None:
                client = Client(f"link{len(self.clients)}", session, dice, report)
                self.clients.append(client)
                group.create_task(client.pump())

            join()
            await asyncio.sleep(0)
            while _now() - began < self._seconds:
                await asyncio.sleep(dice.choice([0.0, 0.001, 0.1, dice.uniform(0, 2)]))
                await self._act(session, join)
            await self._calm(session, join)
            session.close("over")
            await asyncio.wait_for(life, 30)
            for client in self.clients:
                if client.here:
                    client.leave()
        report.seconds = _now() - began
        if self.world.open:
            report.violations.append(f"P3: {self.world.open} provider streams are open after the end")
        judge(report, self.clients)
        return report

    async def _act(self, session: Session, join: Callable[[], None]) -> None:
        """One thing that a client, or the world, may do."""
        dice = self.dice
        here = [client for client in self.clients if client.here]
        link = dice.choice(here).name if here else ""
        action = dice.choices(
            ["type", "talk", "listen", "interrupt", "join", "leave", "claim", "note", "odd", "wait"],
            [5, 6, 3, 4, 1, 1, 2, 1, 1, 3],
        )[0]
        match action:
            case "type":
                text = dice.choice(["hello", "tell me a story", "再见", "  ", "x" * 9000])
                for _ in range(dice.choice([1, 1, 2])):
                    session.feed(Typed(text, link=link))
            case "talk":
                if dice.random() < 0.8:
                    session.feed(Listen(True, link=link))
                await self._talk(session, link)
                if dice.random() < 0.4:
                    session.feed(Listen(False, link=link))
            case "listen":
                mode: Any = dice.choice([None, "push", "auto", "continuous"])
                session.feed(Listen(dice.random() < 0.6, mode, link=link))
            case "interrupt":
                for _ in range(dice.choice([1, 1, 3])):
                    session.feed(Interrupt("click", link=link))
            case "join" if len(here) < 4:
                join()
            case "leave" if here:
                next(client for client in here if client.name == link).leave()
            case "claim":
                session.begin(
                    dice.choice(["lecture", "music", "reminder", "proactive", "viewer", "greeting"])
                )
            case "note":
                session.feed(Noted(Context("c", "page", "text " * dice.choice([1, 2000])), link=link))
            case "odd":
                session.feed(
                    dice.choice(
                        [
                            ToolResult("nobody", "x", link=link),
                            Played(99, 5, link=link),
                            Attach(Image("image/png", b"x" * dice.choice([10, 9 << 20])), link=link),
                            Happened("click", {"x": 1}, link=link),
                            MicAudio(fakes.speech(100), link="stranger"),
                        ]
                    )
                )
            case _:
                pass

    async def _talk(self, session: Session, link: str) -> None:
        dice = self.dice
        for sound in (
            fakes.silence(60),
            fakes.speech(dice.randint(20, 1500)),
            fakes.silence(dice.randint(0, 900)),
        ):
            for at in range(0, len(sound), 640):
                session.feed(MicAudio(sound[at : at + 640], link=link))
                if dice.random() < 0.5:
                    await asyncio.sleep(0.02)

    async def _calm(self, session: Session, join: Callable[[], None]) -> None:
        """P8: whatever happened, an ordinary turn works afterwards."""
        self.world.calm = True
        session.feed(Interrupt("calm"))
        await asyncio.sleep(60)
        for client in self.clients:
            if client.here:
                client.leave()
        before = session.timeline.next_seq
        join()
        session.feed(Typed("are you there?", link=self.clients[-1].name))
        await asyncio.sleep(60)
        ended = [
            entry.event
            for entry in self.report.log
            if entry.seq >= before
            and isinstance(entry.event, TurnEnded)
            and entry.event.outcome == "finished"
        ]
        if not ended or "I am fine." not in ended[-1].text:
            self.report.violations.append("P8: an ordinary turn no longer works")
        if session.state not in ("idle", "listening"):
            self.report.violations.append(f"P4: the session rests in {session.state}")
        if session._active is not None or session._held or session._waiting:  # pyright: ignore
            self.report.violations.append("P3: a turn is left over")


def judge(report: Report, clients: list[Client]) -> None:
    """P2 to P6 from the timeline alone."""
    log, wrong = report.log, report.violations
    if [entry.seq for entry in log] != list(range(log[0].seq, log[0].seq + len(log))):
        wrong.append("P6: the sequence has gaps")
    state = "idle"
    begun: dict[int, TurnBegun] = {}
    ended: Counter[int] = Counter()
    sentences: dict[int, list[Sentence]] = {}
    sounded: dict[int, list[int]] = {}
    dead: set[int] = set()
    utterances: dict[int, bool] = {}
    mute: set[int | None] = set()
    called: dict[str, float] = {}
    generation = 0
    for entry in log:
        event = entry.event
        report.counts[type(event).__name__] += 1
        if entry.generation < generation:
            wrong.append("P6: the generation fell")
        if isinstance(event, Interrupted) and entry.generation != generation + 1:
            wrong.append("P1: an interrupt did not raise the generation by one")
        generation = entry.generation
        if isinstance(event, REPLY) and entry.turn in dead:
            wrong.append(f"P1: {type(event).__name__} of dead turn {entry.turn} on the timeline")
        match event:
            case StateChanged():
                if event.previous != state or not may_follow(event.previous, event.state):
                    wrong.append(f"P4: {event.previous} -> {event.state}, but the state was {state}")
                state = event.state
            case TurnBegun():
                if event.turn in begun:
                    wrong.append(f"P3: turn {event.turn} began twice")
                begun[event.turn] = event
            case TurnEnded():
                ended[event.turn] += 1
                _heard(
                    wrong,
                    event.turn,
                    event.heard,
                    event.text,
                    sentences,
                    {} if event.turn in mute else sounded,
                )
            case Interrupted(turn=turn) if turn is not None:
                dead.add(turn)
                _heard(wrong, turn, event.heard, event.text, sentences, {} if turn in mute else sounded)
            case Sentence():
                mine = sentences.setdefault(event.turn, [])
                if event.index != len(mine):
                    wrong.append(f"P6: sentence {event.index} of turn {event.turn} came out of order")
                mine.append(event)
            case Speech():
                order = sounded.setdefault(event.turn, [])
                if event.sentence >= len(sentences.get(event.turn, ())):
                    wrong.append("P6: sound before its sentence")
                if order and order[-1] > event.sentence:
                    wrong.append("P6: sentences spoken out of order")
                if not order or order[-1] != event.sentence:
                    order.append(event.sentence)
            case Fault(stage="tts"):
                mute.add(entry.turn)
            case ToolCall():
                called[event.id] = entry.at
            case ToolDone():
                limit = {"slow": 2.0, "wave": 3.0}.get(event.name, 10.0)
                if entry.at - (since := called.get(event.id, entry.at)) > limit + 0.1:
                    wrong.append(f"P5: tool {event.name} took {entry.at - since:.1f} s")
            case TurnHeld():
                called.clear()  # results of a held turn wait with it
            case SpeechStarted():
                utterances[event.utterance] = False
            case Heard():
                utterances[event.utterance] = True
            case _:
                pass
    for turn in begun:
        if ended[turn] != 1:
            wrong.append(f"P3: turn {turn} ended {ended[turn]} times")
    typed = [e.event.text.strip() for e in log if isinstance(e.event, Typed)]
    answered = sum(1 for turn in begun.values() if turn.user_end is not None and turn.voice_end is None)
    said_no = sum(1 for e in log if isinstance(e.event, Fault) and "characters" in e.event.message)
    said_no += sum(1 for e in log if isinstance(e.event, Dropped) and e.event.what in ("text", "user"))
    if len(typed) > answered + said_no:
        wrong.append(f"P5: {len(typed)} texts, {answered} turns and {said_no} reasons")
    lost = [number for number, done in utterances.items() if not done]
    dropped = sum(1 for e in log if isinstance(e.event, Dropped) and e.event.what == "utterance")
    if len(lost) > dropped + 1:
        wrong.append(f"P5: utterances {lost} have neither text nor a reason")
    order = [(e.seq, e.event.state) for e in log if isinstance(e.event, StateChanged)]
    for client in clients:
        mine = [each for each in order if each[0] >= client.joined]
        if client.states != mine[: len(client.states)]:
            wrong.append(f"P4: {client.name} saw the states in another order")


def _heard(
    wrong: list[str],
    turn: int,
    heard: str,
    text: str,
    sentences: dict[int, list[Sentence]],
    sounded: dict[int, list[int]],
) -> None:
    if not text.startswith(heard):
        wrong.append(f"P2: turn {turn}: heard {heard!r} is no beginning of {text!r}")
    order = sounded.get(turn)
    if order and heard != text:
        could = "".join(each.shown for each in sentences[turn] if each.index <= order[-1] or not each.spoken)
        if len(heard) > len(could):
            wrong.append(f"P2: turn {turn}: heard {heard!r}, but only {could!r} had sound")


def conversation(seed: int, *, fault_rate: float | None = None, seconds: float = 20.0) -> Report:
    """Run the conversation of one seed; `fault_rate` None lets the seed choose it."""
    rate = random.Random(seed ^ 0x5EED).choice([0.0, 0.1, 0.4]) if fault_rate is None else fault_rate
    return run(Conversation(seed, rate, seconds).run())


def shortened(report: Report) -> Report:
    """Without the log, for sending between processes."""
    return replace(report, log=[])


def _now() -> float:
    return asyncio.get_running_loop().time()
