"""P7: a timeline recorded with its provider results gives the same facts when its inputs are replayed."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aizuchi.engine.session import Parts, Session
from aizuchi.events import Context, Entry, Event, Input, Interrupt, Noted, Played, Sentence, Speech, Typed
from aizuchi.ports import LanguageModel, Prompt, Style, Voice
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


class Taping:
    """Stands before a provider: records it, or plays what was recorded."""

    def __init__(self, ask: Callable[..., AsyncIterator[Any]], tape: Tape, playing: bool) -> None:
        self._ask = ask
        self._tape = tape
        self._playing = iter(tape) if playing else None

    def __call__(self, *request: Any) -> AsyncIterator[Any]:
        if self._playing is None:
            return taped(self._ask(*request), self._tape)
        return play(Script(next(self._playing), hang=True))


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

    def say(self, sentence: Sentence, style: Style) -> AsyncIterator[Any]:
        return self._taping(sentence, style)


def parts(world: World, tapes: list[Tape], playing: bool) -> Parts:
    return fakes.parts(
        llm=[TapedModel(each, tapes[n], playing) for n, each in enumerate(world.llm)],
        tts=[TapedVoice(each, tapes[2 + n], playing) for n, each in enumerate(world.tts)],
    )


async def live(seed: int, tapes: list[Tape]) -> list[Entry]:
    """A random conversation in text, with faults."""
    dice = random.Random(seed)
    world = World(dice, 0.3)
    session, log = opened(parts(world, tapes, playing=False))
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


async def replayed(saved: list[str], tapes: list[Tape]) -> list[Entry]:
    """The inputs of a saved timeline, at their times, to a session on recorded providers."""
    session, log = opened(parts(World(random.Random(0), 0.0), tapes, playing=True))
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


def opened(parts: Parts) -> tuple[Session, list[Entry]]:
    session = Session(id="s", person="p", character=fakes.HERO, parts=parts)
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
    again = run(replayed(saved, tapes))
    one, other = facts(log)[:-3], facts(again)
    assert other[: len(one)] == one


def test_the_recorded_conversations_are_worth_it():
    """They contain sound, and interrupts that hit something."""
    log = run(live(3, [[], [], [], []]))
    kinds = {type(entry.event).__name__ for entry in log}
    assert {"Speech", "Interrupted", "TurnEnded"} <= kinds
    assert any(isinstance(entry.event, Speech) and entry.event.pcm for entry in log)
