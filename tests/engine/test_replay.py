"""P7: a timeline recorded with its provider results gives the same facts when its inputs are replayed."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aizuchi.engine.chain import Chain
from aizuchi.engine.permits import Call, Permits
from aizuchi.engine.repertoire import Parts
from aizuchi.engine.rules import Hearing, Rules
from aizuchi.engine.session import Session
from aizuchi.events import (
    AttemptEnded,
    Context,
    Entry,
    Event,
    Input,
    Interrupt,
    Listen,
    MicAudio,
    Noted,
    Played,
    Sentence,
    Speech,
    TurnBegun,
    Typed,
)
from aizuchi.ports import Hints, LanguageModel, Prompt, Recognizer, Style, TurnModel, Voice
from aizuchi.timeline_json import entry_from_json, entry_to_json
from tests import fakes
from tests.fakes import Script, play
from tests.simulation import World
from tests.virtual import run

Tape = list[list[tuple[float, Any]]]


@pytest.fixture(autouse=True)
def quiet():
    """Provoked faults would fill the log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


async def taped(stream: AsyncIterator[Any], tape: Tape) -> AsyncIterator[Any]:
    """Write down what a provider gives and when, while it is given."""
    mine: list[tuple[float, Any]] = []
    tape.append(mine)
    loop = asyncio.get_running_loop()
    before = loop.time()
    try:
        async for item in stream:
            mine.append((loop.time() - before, item))
            yield item
            before = loop.time()
        mine.append((loop.time() - before, fakes.END))
    except Exception as error:
        mine.append((loop.time() - before, error))
        raise


READ = object()
"""On a tape: here the voice asked for text."""


class Reading:
    """Text on its way to a voice that notes when it is asked for."""

    def __init__(self, text: Any, asked: Callable[[], None], got: Callable[[], None]) -> None:
        self._text = text
        self._asked = asked
        self._got = got
        self._room = text._room  # by which the fake knows whose sound it makes

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        self._asked()
        try:
            return await anext(self._text)
        finally:
            self._got()


async def taped_stream(voice: Voice, text: AsyncIterator[str], rest: tuple[Any, ...], tape: Tape):
    """Like `taped`, with a mark wherever text was asked for."""
    mine: list[tuple[float, Any]] = []
    tape.append(mine)
    loop = asyncio.get_running_loop()
    before = loop.time()

    def asked() -> None:
        mine.append((loop.time() - before, READ))

    def got() -> None:
        nonlocal before
        before = loop.time()

    try:
        async for item in voice.speak(Reading(text, asked, got), *rest):
            mine.append((loop.time() - before, item))
            yield item
            before = loop.time()
        mine.append((loop.time() - before, fakes.END))
    except Exception as error:
        mine.append((loop.time() - before, error))
        raise


async def played_stream(steps: list[tuple[float, Any]], text: AsyncIterator[str]) -> AsyncIterator[Any]:
    """The items of a tape; text is asked for where it was."""
    for wait, what in steps:
        if what is READ:
            if wait:
                await asyncio.sleep(wait)
            await anext(text, None)
            continue
        async for item in play(Script([(wait, what)])):
            yield item
        if what is fakes.END:
            return
    await asyncio.get_running_loop().create_future()


class Taping:
    """Stands before a provider: records it, or plays what was recorded."""

    def __init__(self, ask: Callable[..., AsyncIterator[Any]], tape: Tape, playing: bool) -> None:
        self._ask = ask
        self._tape = tape
        self.playing = iter(tape) if playing else None

    def __call__(self, *request: Any) -> AsyncIterator[Any]:
        if self.playing is None:
            return taped(self._ask(*request), self._tape)
        return play(Script(next(self.playing), hang=True))


class TapedModel(LanguageModel):
    name = "fake"

    def __init__(self, inner: LanguageModel, tape: Tape, playing: bool) -> None:
        self._taping = Taping(inner.think, tape, playing)

    def think(self, prompt: Prompt) -> AsyncIterator[Any]:
        return self._taping(prompt)


class TapedVoice(Voice):
    name = "fake"

    def __init__(self, inner: Voice, tape: Tape, playing: bool) -> None:
        self._taping = Taping(inner.say, tape, playing)
        self._inner = inner
        self._streams = self._taping.playing
        self._tape = tape

    @property
    def streams(self) -> bool:
        return self._inner.streams

    def say(self, sentence: Sentence, style: Style) -> AsyncIterator[Any]:
        return self._taping(sentence, style)

    def speak(self, text: AsyncIterator[str], style: Style, language: str) -> AsyncIterator[Any]:
        if self._streams is None:
            return taped_stream(self._inner, text, (style, language), self._tape)
        return played_stream(next(self._streams), text)


def parts(world: World, tapes: list[Tape], playing: bool) -> Parts:
    return fakes.parts(
        llm=[TapedModel(each, tapes[n], playing) for n, each in enumerate(world.llm)],
        tts=[TapedVoice(each, tapes[2 + n], playing) for n, each in enumerate(world.tts)],
    )


async def live(seed: int, tapes: list[Tape]) -> list[Entry]:
    """A random conversation in text, with faults."""
    dice = random.Random(seed)
    world = World(dice, 0.3)
    streaming(world, seed)
    session, log = opened(parts(world, tapes, playing=False), seed)
    async with asyncio.TaskGroup() as group:
        group.create_task(session.run())
        await asyncio.sleep(0)
        session.join("me", ("mouth", "ear"))
        for _ in range(12):
            # Never a round number: two things at one instant have no order that could be kept.
            await asyncio.sleep(dice.choice([dice.uniform(0.01, 0.09), dice.uniform(0, 4)]))
            session.feed(
                dice.choice(
                    [
                        Typed(f"text {dice.random()}", link="me"),
                        Interrupt("click", link="me"),
                        Noted(Context("c", "page", "a page"), link="me"),
                        Played(dice.randrange(1, 8), dice.randrange(5000), link="me"),
                    ]
                )
            )
        await asyncio.sleep(100)
        session.close("over")
    return log


async def replayed(saved: list[str], tapes: list[Tape], seed: int) -> list[Entry]:
    """The inputs of a saved timeline, at their times, to a session on recorded providers."""
    world = World(random.Random(0), 0.0)
    streaming(world, seed)
    session, log = opened(parts(world, tapes, playing=True), seed)
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        group.create_task(session.run())
        await asyncio.sleep(0)
        session.join("me", ("mouth", "ear"))
        began = loop.time()
        entries = [entry_from_json(json.loads(line)) for line in saved]
        for entry in entries:
            if entry is not None and isinstance(entry.event, Input):
                await asyncio.sleep(began + entry.at - loop.time())
                session.feed(entry.event)
        await asyncio.sleep(100)
        session.close("over")
    return log


def streaming(world: World, seed: int) -> None:
    """With an odd seed the first voice takes text while it is written, and is given it."""
    first = fakes.FakeStreamingVoice(stream=world._stream, breaks=world._break)  # pyright: ignore
    plain = [fakes.FakeVoice(world._say), fakes.FakeVoice(world._say)]  # pyright: ignore
    world.tts = [first, plain[1]] if seed % 2 else plain


def opened(parts: Parts, seed: int) -> tuple[Session, list[Entry]]:
    rules = Rules(tts_strategy="stream" if seed % 2 else "sentence")
    session = Session(id="s", person="p", character=fakes.HERO, parts=parts, rules=rules)
    log: list[Entry] = []
    session.timeline.follow(log.append)
    return session, log


def facts(log: list[Entry]) -> list[tuple[float, int | None, int, Event]]:
    return [(round(entry.at, 3), entry.turn, entry.generation, entry.event) for entry in log]


@settings(max_examples=60, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_a_recorded_conversation_happens_again(seed: int):
    """Every fact, its time, its turn and its generation."""
    tapes: list[Tape] = [[], [], [], []]
    log = run(live(seed, tapes))
    saved = [json.dumps(entry_to_json(entry)) for entry in log]
    again = run(replayed(saved, tapes, seed))
    one, other = facts(log)[:-3], facts(again)
    assert other[: len(one)] == one


@pytest.mark.parametrize("seed", [6, 7])
def test_the_recorded_conversations_are_worth_it(seed: int):
    """They contain sound, and interrupts that hit something."""
    log = run(live(seed, [[], [], [], []]))
    kinds = {type(entry.event).__name__ for entry in log}
    assert {"Speech", "Interrupted", "TurnEnded"} <= kinds
    assert any(isinstance(entry.event, Speech) and entry.event.pcm for entry in log)


# ------------------------------------------------------------------ by voice


async def later(audio: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """An answer in the very instant of its cause could come before it when it is played."""
    async for pcm in audio:
        await asyncio.sleep(0.0013)
        yield pcm


class TapedRecognizer(Recognizer):
    def __init__(self, inner: Recognizer, tape: Tape, playing: bool) -> None:
        self.name = inner.name  # type: ignore[misc]
        self._taping = Taping(lambda audio, hints: inner.transcribe(later(audio), hints), tape, playing)
        self._streams = inner.streams

    @property
    def streams(self) -> bool:
        return self._streams

    def transcribe(self, audio: AsyncIterator[bytes], hints: Hints) -> AsyncIterator[Any]:
        return self._taping(audio, hints)


class TapedTurnModel(TurnModel):
    name = "fake"

    def __init__(self, inner: TurnModel, tape: Tape, playing: bool) -> None:
        async def ask(pcm: bytes) -> AsyncIterator[Any]:
            yield await inner.finished(pcm)

        self._taping = Taping(ask, tape, playing)

    async def finished(self, pcm: bytes) -> float:
        async with aclosing(self._taping(pcm)) as answers:  # type: ignore[type-var]
            return await anext(answers)


Fed = list[tuple[float, Input]]
HUMMER = replace(fakes.HERO, hum_every=0.4, filler_after=0.3, fillers={"en": ("Hmm.",)})


async def others(permits: Permits) -> None:
    """Somebody else wants the model, too, now and then."""
    for _ in range(40):
        await asyncio.sleep(0.3137)
        async with permits.held(Call(), note=lambda event: None):
            await asyncio.sleep(0.2719)


def by_voice(seed: int, tapes: list[Tape], playing: bool) -> tuple[Session, list[Entry], Permits]:
    """Everything at once: prepared answers, pauses, hums, a queue before the model, text into the voice."""
    world = World(random.Random(seed), 0.0 if playing else 0.15, (True, False))
    streaming(world, seed)
    permits = Permits("llm", 1)
    models = [TapedModel(each, tapes[n], playing) for n, each in enumerate(world.llm)]
    parts = fakes.parts(
        llm=Chain("llm", models, permits=permits),
        tts=[TapedVoice(each, tapes[2 + n], playing) for n, each in enumerate(world.tts)],
        asr=[TapedRecognizer(each, tapes[4 + n], playing) for n, each in enumerate(world.asr)],
        turn=TapedTurnModel(world.turn, tapes[6], playing),
    )
    rules = Rules(
        hearing=Hearing(mode="continuous", silence_ms=600),
        tts_strategy="stream" if seed % 2 else "sentence",
    )
    session = Session(id="s", person="p", character=HUMMER, parts=parts, rules=rules)
    log: list[Entry] = []
    session.timeline.follow(log.append)
    return session, log, permits


async def spoken(seed: int, tapes: list[Tape]) -> tuple[list[Entry], Fed]:
    """Somebody talks, coughs, hums and clicks."""
    dice, fed = random.Random(seed), Fed()
    session, log, permits = by_voice(seed, tapes, playing=False)

    def feed(input: Input) -> None:
        fed.append((session.timeline.now, input))
        session.feed(input)

    async with asyncio.TaskGroup() as group:
        group.create_task(session.run())
        group.create_task(others(permits))
        await asyncio.sleep(0)
        session.join("me", ("mouth", "ear"))
        await asyncio.sleep(0.0101)
        feed(Listen(True, "continuous", link="me"))
        for _ in range(12):
            voice = fakes.speech(dice.choice([100, 300, 900])) + fakes.silence(dice.choice([140, 300, 900]))
            for at in range(0, len(voice), 640):
                await asyncio.sleep(dice.uniform(0.019, 0.021))  # never a round number, see above
                feed(MicAudio(voice[at : at + 640], link="me"))
            await asyncio.sleep(dice.uniform(0.01, 1.5))
            if dice.random() < 0.2:
                feed(dice.choice([Typed("text", link="me"), Interrupt("click", link="me")]))
                await asyncio.sleep(0.0071)
                feed(Listen(True, link="me"))
        await asyncio.sleep(100)
        session.close("over")
    return log, fed


async def spoken_again(seed: int, tapes: list[Tape], fed: Fed) -> list[Entry]:
    session, log, permits = by_voice(seed, tapes, playing=True)
    async with asyncio.TaskGroup() as group:
        group.create_task(session.run())
        group.create_task(others(permits))
        await asyncio.sleep(0)
        session.join("me", ("mouth", "ear"))
        for at, each in fed:
            await asyncio.sleep(at - session.timeline.now)
            session.feed(each)
        await asyncio.sleep(100)
        session.close("over")
    return log


def told(log: list[Entry]) -> list[str]:
    """Facts in words; clocks that were added up in another order may differ by their last digit."""
    lines = [f"{each.at} {each.turn} {each.generation} {each.event}" for each in log]
    lines = [re.sub(r"\d+\.\d+", lambda figure: f"{float(figure[0]) + 1e-7:.3f}", line) for line in lines]
    # Of two requests that are closed in one instant none is first.
    groups = groupby(lines, lambda line: line.split()[0] if "outcome='cancelled'" in line else id(line))
    return [line for _, group in groups for line in sorted(group)]


@pytest.mark.parametrize("seed", range(16))
def test_a_conversation_by_voice_happens_again(seed: int):
    """With all that shortens and softens it: nothing in it hangs on chance or on the machine."""
    tapes: list[Tape] = [[] for _ in range(7)]
    log, fed = run(spoken(seed, tapes))
    again = run(spoken_again(seed, tapes, fed))
    end = fed[-1][0] + 90  # soon afterwards it is closed, not in the same instant
    one, other = (told([entry for entry in each if entry.at < end]) for each in (log, again))
    assert other == one


def test_the_conversations_by_voice_are_worth_it():
    """Answers are prepared, spoken and dropped in them, replies are paused, people hum."""
    kinds, causes, reasons = set[str](), set[str](), set[str]()
    for seed in range(16):
        log, _ = run(spoken(seed, [[] for _ in range(7)]))
        kinds |= {type(entry.event).__name__ for entry in log}
        causes |= {entry.event.cause for entry in log if isinstance(entry.event, TurnBegun)}
        reasons |= {entry.event.reason for entry in log if isinstance(entry.event, AttemptEnded)}
    assert {"TurnHeld", "TurnResumed", "AttemptBegun", "Interrupted", "TurnEndJudged", "Queued"} <= kinds
    assert {"user", "backchannel"} <= causes
    assert {"", "went_on"} <= reasons
