"""One random conversation on virtual time, and the promises it must keep.

`conversation(seed)` makes providers with random latencies and faults, clients with random manners, lets
them at each other for a while, then lets everybody calm down and asks for one ordinary turn in text and
one by voice. What it saw is checked against the promises P1 to P8 of the design: by `judge.py` from the
timeline, here from what clients got and what is left over. Every violation is a line of text.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from aizuchi.character import Character
from aizuchi.engine.chain import Chain
from aizuchi.engine.outbox import REPLY, Outbox
from aizuchi.engine.permits import Call, Permits
from aizuchi.engine.priority import ORDERS, Priority
from aizuchi.engine.rules import BargeIn, Hearing, Rules, Speculation, StageLimits
from aizuchi.engine.session import Session
from aizuchi.errors import Busy, ProviderError, ToolError
from aizuchi.events import (
    Attach,
    Context,
    Entry,
    Event,
    Happened,
    Image,
    Interrupt,
    Interrupted,
    Listen,
    MicAudio,
    Noted,
    Packet,
    Played,
    Sentence,
    Stage,
    StateChanged,
    ToolCall,
    ToolResult,
    TurnBegun,
    TurnEnded,
    TurnHeld,
    TurnResumed,
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
    Role,
    Token,
    Toolbox,
    ToolContext,
    ToolSpec,
    Usage,
    Word,
)
from tests import fakes
from tests.fakes import Script
from tests.judge import Judge, Report
from tests.lecturer import Lecturer
from tests.virtual import run

TEXTS = (
    "Sure. Let me tell you about that, it is a long story. Once upon a time there was a fox.",
    "你好！今天天气很好，我们去散步吧。然后再喝一杯茶。",
    "[happy] Hello there! <think>they sound sad</think> How are you?",
    "こんにちは。元気ですか？今日はいい天気ですね。",
    "This is a long reply. It has many sentences. Each of them takes some time. So one may hum, or cough.",
    "One, two, three, four, five, six, seven, eight, nine, ten.",
    "```\ncode\n```\nThat was code. [sad] Sorry.",
    "Ok.",
    "",
    "…",
)
PHRASES = ("hello there", "what time is it", "stop", "你好", "", "", "mm-hm", "嗯。", "[cough]", "はい")


def in_two_languages(text: str, dice: random.Random) -> str:
    """What a model of a bilingual character makes of a text: mostly JSON, in some form, mostly whole."""
    sentences = [
        each for each in re.findall(r"[^.!?。！？…]+[.!?。！？…]*\s*|.+", text, re.DOTALL) if each.strip()
    ]
    rows = [(f"Say {number}, {each[::-1].strip()}", each.strip()) for number, each in enumerate(sentences)]
    feelings = [dice.choice(["happy", "auto", "sad", "odd"]) for _ in rows]
    lists = {
        "responses_jp": [said for said, _ in rows],
        "responses_cn": [read for _, read in rows][: len(rows) - dice.choice([0, 0, 0, 1])],
        "labels_emotion": feelings,
    }
    keys = dice.choice(
        [["emotion", "subtitle", "speak"], ["speak", "subtitle", "emotion"], ["speak", "subtitle"]]
    )
    lines = [
        json.dumps({key: {"speak": said, "subtitle": read, "emotion": feeling}[key] for key in keys})
        for (said, read), feeling in zip(rows, feelings, strict=True)
    ]
    shape = dice.choice(["lines", "lines", "list", "lists", "fenced", "plain", "half"])
    order = dice.sample(list(lists), len(lists))
    match shape:
        case "list":
            return f"[{', '.join(lines)}]"
        case "lists" | "fenced":
            whole = json.dumps({key: lists[key] for key in order}, ensure_ascii=False)
            return whole if shape == "lists" else f"```json\n{whole}\n```"
        case "half":
            whole = "\n".join(lines)
            return whole[: dice.randrange(len(whole) + 1)]
        case "plain":
            return text
        case _:
            return "\n".join(lines)


class Tools(Toolbox):
    """One quick tool, one slow, one broken, one that outlives its turn."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.called: Callable[[str], None] = lambda id_: None
        """Is told of each call that runs."""

    def specs(self, context: ToolContext) -> list[ToolSpec]:
        schema = {"type": "object", "properties": {}}
        return [
            ToolSpec("quick", "", schema),
            ToolSpec("slow", "", schema, timeout=2.0),
            ToolSpec("broken", "", schema),
            ToolSpec("later", "", schema, detached=True),
        ]

    async def call(self, call: ToolCall, context: ToolContext) -> str:
        self.called(call.id)
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

    def __init__(
        self, dice: random.Random, fault_rate: float, streams: Sequence[bool] = (False, False)
    ) -> None:
        """`streams`: which of the two recognisers give partials at pauses."""
        self._dice = dice
        self._rate = fault_rate
        self.calm = False
        self.tongues: random.Random | None = None
        """Dice for what a bilingual model writes; None: the character has one language."""
        self.vad = fakes.FakeVad(self._vad_fault)
        self.turn = fakes.FakeTurnModel(self._finished)
        self._phrase = "hello there"
        self.asr = [
            fakes.FakeRecognizer(self._hear, f"ear{n}", at_pause=self._at_pause if each else None)
            for n, each in enumerate(streams, 1)
        ]
        self.llm = [fakes.FakeModel(self._think), fakes.FakeModel(self._think)]
        self.tts = [
            fakes.FakeVoice(self._say, first=dice.uniform(0, 0.5), words=dice.random() < 0.5),
            fakes.FakeVoice(self._say, first=dice.uniform(0, 0.5)),
        ]
        if dice.random() < 0.5:
            self.tts[dice.randrange(2)] = fakes.FakeStreamingVoice(
                self._say,
                stream=self._stream,
                breaks=self._break,
                tells=dice.choice(["", "spoken", "words"]),
                whole=dice.random() < 0.5,
                first=dice.uniform(0, 0.5),
            )

    @property
    def open(self) -> int:
        return sum(each.open for each in (self.vad, self.turn, *self.asr, *self.llm, *self.tts))

    def open_for(self, turn: int) -> int:
        return sum(each.open_for[turn] for each in self.tts)

    def open_thoughts(self) -> int:
        return sum(each.open for each in self.llm)

    def _faulty(self) -> bool:
        return not self.calm and self._dice.random() < self._rate

    def _vad_fault(self) -> object:
        if not self.calm and self._dice.random() < self._rate / 500:
            return self._dice.choice([ProviderError("the VAD lost its mind"), fakes.HANG])
        return None

    def _finished(self, number: int) -> tuple[float, Any]:
        dice = self._dice
        if self._faulty():
            return dice.uniform(0, 2), dice.choice(
                [fakes.HANG, ProviderError("no"), ValueError("a bug"), "?"]
            )
        return dice.uniform(0, 0.5), dice.random()

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
        text = self._said()
        wait = self._dice.uniform(0, self._dice.choice([0.3, 1.0, 4.0]))
        steps: list[tuple[float, Any]] = [(0.02, Partial(text)), (wait, Final(self._said()))]
        return self._fault(steps) if self._faulty() else Script(steps)

    def _at_pause(self, ms: int) -> str:
        return self._said()

    def _said(self) -> str:
        """What is being said: mostly what it was a moment ago, perhaps with other marks."""
        if self.calm:
            return "hello there"
        if self._dice.random() < 0.1:
            self._phrase = self._dice.choice(PHRASES)
        return self._phrase + self._dice.choice(["", "", ".", "?"] if self._phrase else [""])

    def _think(self, prompt: Prompt) -> Script:
        dice = self._dice
        steps: list[tuple[float, Any]] = []
        if dice.random() < 0.2:
            steps.append((0.1, Reasoning("hm")))
        text = "I am fine." if self.calm else dice.choice(TEXTS)
        if self.tongues is not None:
            calm = '{"emotion": "happy", "subtitle": "I am fine.", "speak": "I feel well."}'
            text = calm if self.calm else in_two_languages(text, self.tongues)
        at = 0
        while at < len(text):
            size = dice.randint(1, 9)
            steps.append((dice.uniform(0, 0.1), Token(text[at : at + size])))
            at += size
        if prompt.tools and not self.calm and dice.random() < 0.3:
            for number in range(dice.randint(1, 3)):
                name = dice.choice(["quick", "slow", "broken", "later", "wave", "no_such_tool"])
                args = dice.choice(["{}", "", '{"a": 1}', "[1]", "{broken"])
                id_ = dice.choice(["", f"call_{number}", f"c{dice.random()}"])
                steps.append((0.01, ToolCall(id_, name, args)))
        steps.append((0, Usage("stop", 5, len(steps))))
        return self._fault(steps) if self._faulty() else Script(steps)

    def _stream(self) -> Script | None:
        # Its turn's number is not known here; streams with sound are broken by `_break`.
        return self._fault([]) if self._faulty() else None

    def _break(self) -> object:
        if not self.calm and self._dice.random() < self._rate / 20:
            return self._dice.choice([ProviderError("the stream broke"), fakes.HANG])
        return None

    def _say(self, sentence: Sentence) -> Script | None:
        if not self._faulty():
            return None
        pcm = struct.pack("<h", sentence.turn) * 1600
        return self._fault([(0.1, Audio(pcm, 16_000)), (0.01, Word(0, 50, "x")), (0.1, Audio(pcm, 16_000))])


RESTLESS = [5, 6, 3, 4, 1, 1, 2, 1, 1, 3]
MANNERED = [2, 12, 0.3, 0.3, 0.5, 0.3, 1, 0.5, 0.5, 2]
"""How often they type, talk, open or close the microphone, click, join, leave, ...; the second kind takes its
time, lets replies come to their end, and coughs and hums over them."""


class Crowd:
    """Other sessions of the same process, as far as this one notices: they take its providers' places.

    In most conversations nothing is limited and nobody else is there. Its dice are its own, so that the seeds
    of before mean the same conversations.
    """

    def __init__(self, seed: int) -> None:
        self._dice = dice = random.Random(seed ^ 0xAD17)
        self.calm = False
        self.permits: dict[Stage, Permits] = {}
        stages: tuple[Stage, ...] = ("asr", "llm", "tts")
        if dice.random() < 0.4:
            for stage in stages:
                if dice.random() < 0.7:
                    self.permits[stage] = Permits(
                        stage,
                        dice.choice([1, 1, 2]),
                        waiting=dice.choice([0, 1, 5]),
                        patience=dice.choice([0.2, 3.0, 10.0]),
                        preset=dice.choice(list(ORDERS)),
                    )

    def chain(self, stage: Stage, providers: list[Any]) -> Chain[Any]:
        return Chain(stage, providers, permits=self.permits.get(stage))

    async def come(self, permits: Permits) -> None:
        """Calls of others, one after the other, until all is calm."""
        dice = self._dice
        while not self.calm:
            await asyncio.sleep(dice.choice([0.0, 0.05, dice.uniform(0, 2)]))
            of = dice.choice(list[Priority](["interactive", "lecture", "background"]))
            try:
                async with asyncio.timeout(None) as scope:

                    def revoke(scope: asyncio.Timeout = scope) -> None:
                        scope.reschedule(_now())

                    urgent = of != "background" and dice.random() < 0.3
                    call = Call(of, urgent, revoke if of == "background" else None)
                    async with permits.held(call, note=lambda _event: None):
                        await asyncio.sleep(dice.uniform(0, 3))
            except (Busy, TimeoutError):
                pass


class Client:
    """One connection: an outbox, a pump that sends one entry at a time, an ear that may report."""

    def __init__(
        self,
        name: str,
        session: Session,
        dice: random.Random,
        report: Report,
        judge: Judge,
        roles: tuple[Role, ...] = (),
        *,
        calmly: bool = False,
    ) -> None:
        self.name = name
        self.here = True
        self.states: list[tuple[int, str]] = []
        self.joined = session.timeline.next_seq
        self._session = session
        self._dice = dice
        self._report = report
        self._judge = judge
        self._delivery = dice.choice(
            [
                Delivery(),
                Delivery(lead_ms=800, can_hold=True, frame_ms=40),
                Delivery(codec="none"),
                Delivery(paced=False),
                Delivery(sentence_gap_ms=100, start_gap_ms=60, tail_ms=50, lead_ms=60, frame_ms=60),
            ]
        )
        if calmly and dice.random() < 0.8:
            self._delivery = dice.choice([Delivery(), Delivery(lead_ms=800, can_hold=True, frame_ms=40)])
        if random.Random(f"{report.seed} {name}").random() < 0.1:
            self._delivery = replace(self._delivery, discards=False)
        self._manners = dice.choice(["silent", "honest", "late", "liar"])
        self._slow = dice.choice([0.0, 0.0, 0.002, 0.3])
        self._outbox = Outbox(self._delivery)
        self._wake = asyncio.Event()
        self._dead = 0
        self._dead_turns: set[int | None] = set()
        self._done_turns: set[int | None] = set()
        self._stop = session.timeline.follow(self._put)
        self._got: dict[int, list[tuple[float, int, int]]] = {}
        """Turn -> when its packets will have begun to sound here, their place and length in ms."""
        self._sounds_until = 0.0
        self._ends: dict[int, tuple[int, int]] = {}
        """Turn -> how far its sound has come here, and in which generation."""
        self._paused: float | None = None
        """Since when this client's own speaker stands still."""
        wishes: Any = [("mouth", "ear"), ("mouth", "ear"), ("witness",), ("ear",)]
        roles = roles or dice.choice(wishes)
        if self._delivery.codec == "none":
            roles = tuple(role for role in roles if role != "ear") or ("witness",)
        mode: Any = None if calmly else dice.choice(["push", "auto", "continuous", None])
        wave = ToolSpec("wave", "", {"type": "object"}, timeout=3.0)
        tools = [wave] if dice.random() < 0.5 else []
        session.join(
            name,
            roles,
            mode=mode,
            protocol="sim",
            tools=tools,
            paced=self._delivery.paced,
            coast_ms=0 if self._delivery.can_hold else self._delivery.lead_ms,
        )

    def _put(self, entry: Entry) -> None:
        self._outbox.put(entry, _now())
        if self._outbox.waiting > 5_000:
            self._report.wrong("P5", f"{self._outbox.waiting} entries wait for {self.name}")
        if isinstance(entry.event, TurnEnded | Interrupted):
            self._judge_heard(entry.event)
        self._wake.set()

    @property
    def prompt(self) -> bool:
        """Takes sound as soon as it is there and plays it without pause, as the computed clock does."""
        delivery = self._delivery
        return not self._slow and delivery.paced and delivery.discards and not delivery.sentence_gap_ms

    def _judge_heard(self, event: TurnEnded | Interrupted) -> None:
        """P2 against this client's own ear, if it is the one that counts and does not pretend."""
        life = self._judge.turns.get(event.turn) if event.turn is not None else None
        ear = self._session.links.ear
        if life is None or life.ear != self.name or ear is None or ear.id != self.name:
            return
        if life.held or life.mute or not self.prompt or self._manners not in ("silent", "honest"):
            return
        if isinstance(event, TurnEnded) and event.outcome != "failed":
            return
        got, now = self._got.get(life.begun.turn, []), self._paused or _now()
        played = sum(min(max(0.0, (now - begun) * 1000), ms) for begun, _, ms in got)
        start, shown = 0.0, 0
        for sentence in life.sentences:
            shown += len(sentence.shown)
            ms = life.ms.get(sentence.index, 0.0)
            if not ms:
                if sentence.index in life.whole:
                    continue  # a stream's sound, which went by pace to the sentence before
                if sentence.spoken and len(event.heard) >= shown and sentence.shown.strip():
                    self._report.wrong("P2", f"{self.name} heard {sentence.shown!r}, which has no sound")
                break
            told = bool(sentence.shown) and len(event.heard) >= shown  # of a filler nothing can be told
            if told and played < start + ms / 2 - 200:
                self._report.wrong("P2", f"{self.name} played {played:.0f} ms and heard {event.heard!r}")
            whole = sentence.index in life.whole
            if whole and len(event.heard) < shown and played > start + ms + 200:
                self._report.wrong("P2", f"{self.name} played {played:.0f} ms and heard {event.heard!r} only")
            start += ms

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
        if isinstance(event, (*REPLY, ToolCall)) and entry.turn not in self._judge.turns:
            self._report.wrong("P1", f"{self.name}: {type(event).__name__} of a turn that has not begun")
        if isinstance(event, Interrupted):
            self._dead = max(self._dead, entry.generation)
            if self._delivery.discards:
                self._sounds_until = _now()
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
        if isinstance(event, TurnEnded) and event.outcome == "finished":
            self._judge_complete(event.turn)
        if self._delivery.can_hold:
            self._hold(event)
        if isinstance(event, Packet):
            self._report.counts["packets"] += 1
            self._judge_place(event, entry.generation)
            self._sounds_until = max(_now(), self._sounds_until) + event.ms / 1000
            heard = (self._sounds_until - event.ms / 1000, event.at_ms, event.ms)
            self._got.setdefault(event.turn, []).append(heard)
            # What a lecture says again was made for an earlier turn.
            recited = self._judge.turns[event.turn].begun.cause == "lecture"
            if event.data and not recited and struct.unpack_from("<h", event.data)[0] != event.turn:
                self._report.violations.append(f"P1 {self.name}: sound of another turn in a packet")
            self._ear(event)
        if isinstance(event, ToolCall) and event.place == "client" and self._dice.random() < 0.7:
            answer = ToolResult(event.id, f"done {event.id}", link=self.name)
            wait = self._dice.choice([0.0, 0.5, 5.0])
            asyncio.get_running_loop().call_later(wait, self._session.feed, answer)

    def _judge_place(self, packet: Packet, generation: int) -> None:
        """P6: a reply's sound comes whole and once, also to somebody slow. Resumed after another turn,
        in a new generation, it may come again from where the reference ear was."""
        known = self._ends.get(packet.turn)
        before, come = known or (generation, 0)
        if self._judge.turns[packet.turn].seq < self.joined:
            come = come if known else packet.at_ms
        if packet.at_ms < come - 2 and before == generation:
            self._report.wrong("P6", f"{self.name} gets {packet.at_ms} ms of turn {packet.turn} again")
        if packet.at_ms > come + 2:
            lost = packet.at_ms - come
            self._report.wrong("P6", f"{self.name} misses {lost} ms of turn {packet.turn} at {come} ms")
        self._ends[packet.turn] = generation, packet.at_ms + packet.ms

    def _hold(self, event: Event) -> None:
        """A speaker that can pause plays later by the pause what it has not played yet, or never."""
        match event:
            case TurnHeld():
                self._paused = self._paused or _now()
            case TurnResumed(turn=turn) if self._paused is not None:
                since, self._paused = self._paused, None
                wait = _now() - since
                self._sounds_until += wait if self._sounds_until > since else 0.0
                self._got[turn] = [
                    (begun + wait if begun + ms / 1000 > since else begun, place, ms)
                    for begun, place, ms in self._got.get(turn, [])
                ]
            case TurnBegun() if self._paused is not None:
                # Something else speaks first: what was kept is dropped, and comes again in its turn.
                since, self._paused = self._paused, None
                self._sounds_until = _now()
                for other, got in self._got.items():
                    self._got[other] = [
                        (begun if begun <= since else math.inf, place, ms) for begun, place, ms in got
                    ]
            case Interrupted():
                self._paused = None
            case _:
                pass

    def _judge_complete(self, turn: int) -> None:
        """P6: whoever was there from the beginning got every millisecond of a finished turn."""
        life = self._judge.turns[turn]
        if self._delivery.codec == "none" or not self.prompt or life.seq < self.joined:
            return
        at = 0
        for _, place, ms in sorted(self._got.get(turn, []), key=lambda each: each[1]):
            if place > at + 2:
                self._report.wrong("P6", f"{self.name} misses {place - at} ms of turn {turn} at {at} ms")
            at = max(at, place + ms)
        if at < life.total - 2:
            self._report.wrong("P6", f"{self.name} got {at} ms of {life.total:.0f} ms of turn {turn}")

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
        ears = random.Random(seed ^ 0xEA5)
        self.world = World(self.dice, fault_rate, [ears.random() < 0.5, ears.random() < 0.5])
        self.crowd = Crowd(seed)
        self.lecturer = Lecturer(seed)
        self.clients: list[Client] = []
        dice = self.dice
        self._weights = dice.choice([RESTLESS, MANNERED])
        self._calmly = self._weights is MANNERED
        policy: Any = dice.choice([*["pause"] * 4, "immediate", "after_ms", "after_word", "never"])
        mode: Any = dice.choice(["push", "auto", *["continuous"] * (1 + 5 * self._calmly)])
        self.rules = Rules(
            hearing=Hearing(
                mode=mode,
                silence_ms=dice.choice([200, 600]),
                max_utterance_ms=dice.choice([1500, 30_000]),
            ),
            barge_in=BargeIn(policy),
            speculation=Speculation(
                on=dice.random() < 0.85,
                tries=dice.choice([1, 4]),
                seconds=dice.choice([0.5, 10.0]),
                tokens=dice.choice([5, 120]),
                budget_tokens=dice.choice([500, 40_000]),
            ),
            limits=StageLimits(breaker_pause=dice.choice([1.0, 30.0]), vad_gap=3.0),
            ahead=dice.choice([0.5, 6.0]),
            tool_rounds=2,
            waiting_turns=2,
            tts_strategy=dice.choice(["sentence", "stream"]),
        )

    async def run(self) -> Report:
        report, dice = self.report, self.dice
        tools = Tools(dice)
        parts = fakes.parts(
            vad=self.world.vad,
            turn=self.world.turn,
            asr=self.crowd.chain("asr", list(self.world.asr)),
            llm=self.crowd.chain("llm", list(self.world.llm)),
            tts=self.crowd.chain("tts", list(self.world.tts)),
            toolbox=tools,
            retriever=Passages(dice) if dice.random() < 0.3 else None,
        )
        for fake in (*self.world.asr, *self.world.llm, *self.world.tts):
            fake.closing = dice.choice([0.0, 0.0, 0.5])
        hero = mannered(random.Random(self.report.seed ^ 0xA12))
        tongues = random.Random(self.report.seed ^ 0xB111)
        if tongues.random() < 0.3:
            self.world.tongues = tongues
            hero = replace(hero, language="ja", subtitles="zh")
        hero = self.lecturer.character(hero)
        session = Session(id="s", person="p", character=hero, parts=parts, rules=self.rules)
        judge = Judge(report, self.world, session)
        tools.called = judge.attempts.called
        session.timeline.follow(judge.read)
        began = _now()
        async with asyncio.TaskGroup() as group:
            life = group.create_task(session.run())
            for permits in self.crowd.permits.values():
                group.create_task(self.crowd.come(permits))
            heckling = random.Random(self.report.seed ^ 0x4EC)
            if heckling.random() < 0.3:
                group.create_task(self._heckle(session, heckling))
            if self.lecturer.lecture is not None:
                calm, link = lambda: self.world.calm, lambda: self.clients[-1].name if self.clients else ""
                group.create_task(self.lecturer.steered(session, link, calm))

            def join(*roles: Role) -> None:
                name, calmly = f"link{len(self.clients)}", self._calmly
                client = Client(name, session, dice, report, judge, roles, calmly=calmly)
                self.clients.append(client)
                group.create_task(client.pump())

            def talk(link: str) -> None:
                group.create_task(self._talk(session, link))

            join(*(("mouth", "ear") if self._calmly else ()))
            await asyncio.sleep(0)
            while _now() - began < self._seconds * (1 + self._calmly):
                pauses = [0.1, dice.uniform(0, 3)] if self._calmly else [0.0, 0.001, 0.1, dice.uniform(0, 2)]
                await asyncio.sleep(dice.choice(pauses))
                await self._act(session, join, talk)
                self._look(session)
            await self._calm(session, join)
            session.close("over")
            await asyncio.wait_for(life, 30)
            for client in self.clients:
                if client.here:
                    client.leave()
        report.seconds = _now() - began
        if self.world.open:
            report.violations.append(f"P3: {self.world.open} provider streams are open after the end")
        judge.verdict()
        for client in self.clients:
            seen = list(judge.states_since(client.joined))
            if client.states != seen[: len(client.states)]:
                report.wrong("P4", f"{client.name} saw the states in another order")
        return report

    def _look(self, session: Session) -> None:
        """What must hold whenever nothing is being done."""
        turns, listening, wrong = session.turns, session.listening, self.report.wrong
        turn = turns.stage.active
        due = "idle or listening" if turn is None else "speaking" if turn.sounding else "thinking"
        if session.state not in due:
            wrong("P4", f"the state is {session.state}, it should be {due}")
        # What was said over a reply that is gone meanwhile is answered first, if it was a word.
        understanding = any(each.ended for _, each in listening._said.live)  # pyright: ignore[reportPrivateUsage]
        spoken = listening.user_speaks or understanding
        if turn is None and not spoken and (turns.stage.resumable or turns.waiting):
            wrong("P5", "the floor is free, and somebody waits for it")
        if turn is None and session.state == "listening" and not listening.busy:
            wrong("P4", "listening with no microphone")
        if len(turns.waiting) > self.rules.waiting_turns:
            wrong("P5", "too many turns wait")

    async def _act(self, session: Session, join: Callable[[], None], talk: Callable[[str], None]) -> None:
        """One thing that a client, or the world, may do."""
        dice = self.dice
        here = [client for client in self.clients if client.here]
        link = dice.choice(here).name if here else ""
        if self._calmly and here and dice.random() < 0.8:
            link = here[0].name
        action = dice.choices(
            ["type", "talk", "listen", "interrupt", "join", "leave", "claim", "note", "odd", "wait"],
            self._weights,
        )[0]
        match action:
            case "type":
                text = dice.choice(["hello", "tell me a story", "再见", "  ", "x" * 9000])
                for _ in range(dice.choice([1, 1, 2])):
                    session.feed(Typed(text, link=link))
            case "talk":
                if dice.random() < 0.8:
                    session.feed(Listen(True, link=link))
                if dice.random() < (0.1 if self._calmly else 0.5):
                    talk(link)
                else:
                    await self._talk(session, link)
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
            fakes.speech(dice.randint(20, dice.choice([350, 1500]))),
            fakes.silence(dice.randint(0, 900)),
        ):
            for at in range(0, len(sound), 640):
                session.feed(MicAudio(sound[at : at + 640], link=link))
                if self._calmly or dice.random() < 0.5:
                    await asyncio.sleep(0.02)
        if dice.random() < (0.1 if self._calmly else 0.4):
            session.feed(Listen(False, link=link))
            if dice.random() < 0.3:
                session.feed(Listen(True, link=link))

    async def _heckle(self, session: Session, dice: random.Random) -> None:
        """Somebody who coughs, hums and starts to speak whenever the character does. Has dice of its own."""
        while not self.world.calm:
            await asyncio.sleep(dice.uniform(0.1, 1.5))
            mic = session.listening._mic  # pyright: ignore[reportPrivateUsage]
            if session.state != "speaking" or mic is None:
                continue
            for _ in range(dice.choice([1, 1, 2])):
                voice = fakes.speech(dice.choice([80, 160, 300, 700]))
                sound = voice + fakes.silence(dice.choice([100, 260, 800]))
                for at in range(0, len(sound), 640):
                    session.feed(MicAudio(sound[at : at + 640], link=mic.link))
                    await asyncio.sleep(0.02)

    async def _calm(self, session: Session, join: Callable[..., None]) -> None:
        """P8: whatever happened, ordinary turns work afterwards, and nothing is left of what was before."""
        self.world.calm = self.crowd.calm = True
        await asyncio.sleep(10)  # whoever talks comes to an end
        self.lecturer.stop(session)
        session.feed(Interrupt("calm"))
        session.feed(Listen(False))
        await asyncio.sleep(60)
        for client in self.clients:
            if client.here:
                client.leave()
        await asyncio.sleep(30)
        if self.world.open:
            self.report.wrong("P3", f"{self.world.open} provider streams are open though nothing runs")
        turns = session.turns
        if turns.stage.active is not None or turns.stage.held or turns.waiting:
            self.report.wrong("P3", "a turn is left over")
        if any(permits.running or permits.waiting for permits in self.crowd.permits.values()):
            self.report.wrong("P3", "a permit is held though nothing runs")
        self._restored(session)
        join("mouth", "ear")
        link = self.clients[-1].name
        session.feed(Typed("are you there?", link=link))
        await self._answered(session, "are you there?")
        session.feed(Listen(True, "push", link=link))
        for _ in range(40):
            session.feed(MicAudio(fakes.speech(20), link=link))
            await asyncio.sleep(0.02)
        session.feed(Listen(False, link=link))
        await self._answered(session, "hello there")
        if session.state not in ("idle", "listening"):
            self.report.wrong("P4", f"the session rests in {session.state}")

    async def _answered(self, session: Session, text: str) -> None:
        """The newest turn answers `text` and comes to its end."""
        await asyncio.sleep(60)
        turns = [entry.event for entry in self.report.log if isinstance(entry.event, TurnBegun | TurnEnded)]
        match turns[-2:]:
            case [TurnBegun(text=asked), TurnEnded(outcome="finished", text="I am fine.")] if asked == text:
                pass
            case last:
                self.report.wrong("P8", f"an ordinary turn no longer works: {last}")

    def _restored(self, session: Session) -> None:
        """What a snapshot keeps is what there was, and its numbers go on rising."""
        saved = json.loads(json.dumps(session.snapshot()))
        again = Session(
            id="s", person="p", character=fakes.HERO, parts=fakes.parts(), rules=self.rules, restored=saved
        )
        if again.generation <= session.generation or again.timeline.next_seq < session.timeline.next_seq:
            self.report.wrong("P6", "a restored session counts anew")
        if session.history.dump() != again.history.dump():
            self.report.wrong("P2", "a restored session remembers something else")


def mannered(dice: random.Random) -> Character:
    """A character who may hum and may fill a silence of the model's."""
    return replace(
        fakes.HERO,
        hum_every=dice.choice([0.0, 0.0, 0.5]),
        filler_after=dice.choice([0.0, 0.0, 0.3]),
        fillers={"en": ("Hmm.", "Let me see.")},
    )


def conversation(seed: int, *, fault_rate: float | None = None, seconds: float = 20.0) -> Report:
    """Run the conversation of one seed; `fault_rate` None lets the seed choose it."""
    rate = random.Random(seed ^ 0x5EED).choice([0.0, 0.1, 0.4]) if fault_rate is None else fault_rate
    return run(Conversation(seed, rate, seconds).run())


def shortened(report: Report) -> Report:
    """Without the log, for sending between processes."""
    return replace(report, log=[])


def _now() -> float:
    return asyncio.get_running_loop().time()
