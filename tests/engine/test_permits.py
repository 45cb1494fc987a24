"""Permits on virtual time: waiting, being told, giving up, and a session that must wait for its model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aizuchi.engine.chain import Chain
from aizuchi.engine.permits import Call, Permits
from aizuchi.engine.priority import Preset, Priority
from aizuchi.engine.session import Session
from aizuchi.errors import Busy
from aizuchi.events import (
    Event,
    Fault,
    Heard,
    Interrupt,
    Interrupted,
    Queued,
    Speech,
    StateChanged,
    TextDone,
    TurnBegun,
    TurnEnded,
)
from aizuchi.ports import Prompt
from tests import fakes
from tests.engine.scenes import Scene, play, rules
from tests.virtual import run

NOTHING = Prompt(())


class Hall:
    """Callers of one stage that say what happened to them, and when."""

    def __init__(self, limit: int = 1, **settings: Any) -> None:
        self.permits = Permits("llm", limit, **settings)
        self.log: list[str] = []
        self.told: dict[str, list[tuple[int, int]]] = {}

    async def call(self, name: str, seconds: float, of: Priority = "interactive") -> None:
        def note(event: Event) -> None:
            assert isinstance(event, Queued)
            self.told.setdefault(name, []).append((event.position, event.ahead))

        try:
            async with self.permits.held(Call(of), note=note):
                self.log.append(f"{name} in")
                await asyncio.sleep(seconds)
        except Busy as error:
            self.log.append(f"{name} busy {error.retry_after_ms}")
        else:
            self.log.append(f"{name} out")


def hall(*calls: tuple[str, float, Priority], **settings: Any) -> Hall:
    """All calls come one after the other at the same moment; returns when all are over."""
    made: list[Hall] = []

    async def main() -> None:
        made.append(Hall(**settings))
        async with asyncio.TaskGroup() as group:
            for name, seconds, of in calls:
                group.create_task(made[0].call(name, seconds, of))
                await asyncio.sleep(0)

    run(main())
    assert (made[0].permits.running, made[0].permits.waiting) == (0, 0)
    return made[0]


def test_one_after_the_other():
    """Who waits is told each new place, and 0 when the wait is over; who need not wait is told nothing."""
    seen = hall(("a", 1, "interactive"), ("b", 1, "interactive"), ("c", 1, "interactive"))
    assert seen.log == ["a in", "a out", "b in", "b out", "c in", "c out"]
    assert seen.told == {"b": [(1, 1), (0, 0)], "c": [(2, 2), (1, 1), (0, 0)]}


def test_an_overtaken_lecture_is_told():
    """Whoever comes later and goes first moves the others back, and they hear of it."""
    seen = hall(("a", 1, "interactive"), ("l", 1, "lecture"), ("b", 1, "interactive"))
    assert seen.told["l"] == [(1, 1), (2, 2), (1, 1), (0, 0)]
    lecture = hall(
        ("a", 1, "interactive"), ("b", 1, "interactive"), ("l", 1, "lecture"), preset="lecture_first"
    )
    assert [line for line in lecture.log if line.endswith("in")] == ["a in", "l in", "b in"]


def test_patience_and_a_full_queue():
    """Nobody waits longer than the limit, more than the bound are refused at once, both with advice."""
    calls: list[tuple[str, float, Priority]] = [(name, 20.0, "interactive") for name in "abcd"]
    seen = hall(*calls, waiting=2, patience=15.0)
    assert seen.log == ["a in", "d busy 1000", "b busy 1000", "c busy 1000", "a out"]


def test_advice_comes_from_experience():
    """Who is refused is told how long the queue before them takes."""

    async def main() -> Hall:
        place = Hall(waiting=1)
        await place.call("first", 4.0)
        async with asyncio.TaskGroup() as group:
            for name in "abc":
                group.create_task(place.call(name, 4.0))
        return place

    assert "c busy 8000" in run(main()).log


def test_a_better_call_takes_the_last_place_in_the_queue():
    """Background work that waits is told busy when the queue is needed for a reply."""
    seen = hall(("a", 1, "interactive"), ("x", 1, "background"), ("b", 1, "interactive"), waiting=1)
    assert seen.log == ["a in", "x busy 1000", "a out", "b in", "b out"]


@pytest.mark.parametrize("when", [0.5, 1.0, 1.5])
def test_cancelling_gives_everything_back(when: float):
    """Before, at and after the moment it is let in: a cancelled call leaves no permit and no place behind."""

    async def main() -> None:
        place = Hall()
        async with asyncio.TaskGroup() as group:
            group.create_task(place.call("a", 1.0))
            await asyncio.sleep(0)
            late = group.create_task(place.call("b", 1.0))
            asyncio.get_running_loop().call_later(when, late.cancel)
        assert (place.permits.running, place.permits.waiting) == (0, 0)
        await place.call("c", 1.0)
        assert place.log[-1] == "c out"

    run(main())


def test_a_chain_holds_its_permit_while_its_stream_is_open():
    """From before the request until after the provider's stream is closed, also when its reader leaves."""
    voice = fakes.FakeModel(lambda prompt: fakes.tokens("one two three"))
    voice.closing = 0.5
    seen: list[int] = []

    async def main() -> None:
        permits = Permits("llm", 1)
        chain = Chain("llm", [voice], permits=permits)
        stream = chain.stream(
            lambda model: model.think(NOTHING),
            first=5,
            gap=5,
            note=lambda event: None,
        )
        assert permits.running == 0
        await anext(stream)
        seen.append(permits.running)
        closing = asyncio.ensure_future(stream.aclose())
        await asyncio.sleep(0.1)
        seen.append(permits.running)
        await closing
        seen.append(permits.running)

    run(main())
    assert (seen, voice.open) == ([1, 1, 0], 0)


def test_busy_is_nobodys_failure():
    """A call that got no permit has asked no provider, and no breaker counts it."""

    async def main() -> None:
        model = fakes.FakeModel()
        permits = Permits("llm", 1, waiting=0)
        chain = Chain("llm", [model], failures=1, permits=permits)

        async def read() -> AsyncIterator[Any]:
            async for item in chain.stream(
                lambda each: each.think(NOTHING),
                first=5,
                gap=5,
                note=lambda event: None,
            ):
                yield item

        async with permits.held(Call(), note=lambda event: None):
            with pytest.raises(Busy):
                _ = [item async for item in read()]
        assert not chain.degraded and not model.requests
        assert [item async for item in read()]

    run(main())


# ------------------------------------------------------------------ in a session


def scene(stage: Any, seconds: float, act: Any, **settings: Any) -> Scene:
    """A session in which all is well but that somebody else has the one place of a stage for some seconds."""
    permits = Permits(stage, 1, **settings)
    made: Any = {"llm": fakes.FakeModel, "tts": fakes.FakeVoice, "asr": fakes.FakeRecognizer}[stage]()

    async def somebody() -> None:
        async with permits.held(Call(), note=lambda event: None):
            await asyncio.sleep(seconds)

    async def acted(scene: Scene) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(somebody())
            await asyncio.sleep(0)
            await act(scene)

    parts: dict[str, Any] = {stage: Chain(stage, [made], permits=permits)}
    return play(acted, rules=rules(), **parts)


def test_a_turn_that_waits_says_so_and_then_replies():
    """`thinking` with reason queued, the place, the end of the wait, and then an ordinary reply."""

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)

    seen = scene("llm", 3.0, act)
    assert seen.all(Queued) == [Queued("llm", 1, 1, None), Queued("llm", 0, 0, 0)]
    assert [(each.state, each.reason) for each in seen.all(StateChanged)][:3] == [
        ("thinking", ""),
        ("thinking", "queued"),
        ("speaking", ""),
    ]
    assert seen.all(TurnEnded)[0].outcome == "finished"
    assert not seen.all(Fault)


def test_a_turn_that_waits_too_long_is_told_busy():
    """After its patience the turn ends with a fixed phrase and advice, and the next one works."""

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)
        await asyncio.sleep(30)
        scene.type("again")
        await scene.until(TurnEnded, 2)

    seen = scene("llm", 20.0, act, patience=5.0)
    assert [(each.stage, each.code, each.retry_after_ms) for each in seen.all(Fault)] == [
        ("llm", "busy", 1000)
    ]
    first, second = seen.all(TextDone)
    assert (first.fallback, first.finish) == ("canned", "error") and "hands full" in first.text
    assert (second.fallback, second.text) == ("", "Hello there. How are you today?")


def test_interrupting_a_turn_that_waits():
    """It leaves the queue, says nothing more of it, and the next turn takes its place at the end."""

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(Queued)
        scene.session.feed(Interrupt("click"))
        await scene.until(TurnEnded)
        scene.type("again")
        await scene.until(TurnEnded, 2)

    seen = scene("llm", 3.0, act)
    assert [each.position for each in seen.all(Queued)] == [1, 1, 0]
    assert [each.outcome for each in seen.all(TurnEnded)] == ["interrupted", "finished"]


def test_a_dead_turn_that_hears_busy_keeps_what_was_heard():
    """Its wait ends with the interrupt, in the same moment: what the user heard is not made more by that."""

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(Queued)
        turn = scene.session.turns.stage.active
        scene.session.feed(Interrupt("click"))
        assert turn is not None
        turn.note(Fault("tts", "busy", "nobody was free"))
        await scene.until(TurnEnded)

    seen = scene("tts", 60.0, act)
    assert seen.all(TurnEnded)[0].text
    assert [each.heard for each in (*seen.all(Interrupted)[:1], *seen.all(TurnEnded))] == ["", ""]


def test_a_held_lecture_keeps_no_voice_from_its_listener():
    """One voice for all, and the lecture is held in mid-sentence: its question is answered aloud meanwhile,
    and what was made of the sentence in the pause is spoken afterwards, nothing of it twice."""
    permits = Permits("tts", 1)
    voice = fakes.FakeVoice(ms_per_char=600)
    texts = iter(["One two three four five. Six seven eight nine.", "Fine."])
    model = fakes.FakeModel(lambda prompt: fakes.tokens(next(texts)))

    async def act(scene: Scene) -> None:
        scene.session.begin("lecture")
        await scene.until(Speech)
        scene.type("a question")
        await scene.until(TurnEnded, 2)

    seen = play(act, llm=[model], tts=Chain("tts", [voice], permits=permits))
    assert [ended.turn for ended in seen.all(TurnEnded)] == [2, 1]
    assert not seen.all(Fault)
    for turn, ms in ((1, 24 * 600 + 21 * 600), (2, 5 * 600)):
        said = [each for each in seen.all(Speech) if each.turn == turn]
        assert sum(len(each.pcm) for each in said) == ms * 32
        assert [each.at_ms for each in said] == sorted(each.at_ms for each in said)


def test_a_voice_that_is_busy_leaves_the_text():
    """A reply that gets no voice in time goes on as text, and says why."""

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)

    seen = scene("tts", 60.0, act, patience=4.0)
    assert [(each.stage, each.code) for each in seen.all(Fault)] == [("tts", "busy")]
    assert seen.all(TextDone)[0].fallback == "text_only"
    assert seen.all(TurnEnded)[0].text == "Hello there. How are you today?"


def test_a_stream_that_gets_no_voice_in_time():
    """It is no fault of that voice's: the other one is not asked instead, and the end of the wait is told."""
    voices = [fakes.FakeStreamingVoice(), fakes.FakeVoice()]
    permits = Permits("tts", 1, patience=4.0)

    async def act(scene: Scene) -> None:
        async with permits.held(Call(), note=lambda event: None):
            scene.type("hello")
            await scene.until(Queued)
            await asyncio.sleep(4.0)
        await scene.until(TurnEnded)

    seen = play(act, tts=Chain("tts", voices, permits=permits), rules=rules(tts_strategy="stream"))
    assert [(each.stage, each.code) for each in seen.all(Fault)] == [("tts", "busy")]
    assert seen.all(TextDone)[0].fallback == "text_only"
    assert not any(voice.requests for voice in voices)


def test_a_recogniser_that_is_busy_at_first():
    """Nothing that was said is lost while its recogniser is waited for, and no time limit runs."""

    async def act(scene: Scene) -> None:
        scene.listen()
        await scene.hear(fakes.speech(600), fakes.silence(400))
        await scene.until(TurnEnded)

    seen = scene("asr", 9.0, act)
    assert seen.all(Heard)[0].text == "hello there"
    assert [(each.stage, each.position) for each in seen.all(Queued)] == [("asr", 1), ("asr", 0)]
    assert seen.all(TurnBegun)[0].text == "hello there"


@pytest.mark.parametrize(
    ("preset", "order"), [("interactive_first", [0, 2, 1]), ("lecture_first", [0, 1, 2])]
)
def test_a_lecture_and_a_reply(preset: Preset, order: list[int]):
    """Three sessions, one model: the lecture was asked for first, and goes before the reply where it may."""
    thought: list[int] = []

    async def main() -> None:
        chain: Chain[Any] = Chain("llm", [fakes.FakeModel()], permits=Permits("llm", 1, preset=preset))
        parts = fakes.parts(llm=chain)
        sessions = [Session(id=name, person="p", character=fakes.HERO, parts=parts) for name in "abc"]
        async with asyncio.TaskGroup() as group:
            for number, session in enumerate(sessions):
                group.create_task(session.run())

                def read(entry: Any, number: int = number) -> None:
                    if isinstance(entry.event, TextDone):
                        thought.append(number)

                session.timeline.follow(read)
            await asyncio.sleep(0)
            for session, cause in zip(sessions, ("user", "lecture", "user"), strict=True):
                session.begin(cause, text="hello")
                await asyncio.sleep(0.01)
            await asyncio.sleep(20)
            for session in sessions:
                session.close("over")

    run(main())
    assert thought == order


@pytest.mark.parametrize("preset", ["interactive_first", "lecture_first"])
def test_a_reply_that_sounds_is_not_made_to_stutter(preset: Preset):
    """With one voice for three, a reply that sounds gets its next sentence before a new one its first."""
    order: list[int] = []

    async def main() -> None:
        model = fakes.FakeModel(lambda prompt: fakes.tokens("One two. Three four. Five six."))
        voice = fakes.FakeVoice(ms_per_char=5, first=0.2)
        parts = fakes.parts(llm=[model], tts=Chain("tts", [voice], permits=Permits("tts", 1, preset=preset)))
        sessions = [Session(id=name, person="p", character=fakes.HERO, parts=parts) for name in "abc"]
        for number, session in enumerate(sessions):

            def read(entry: Any, number: int = number) -> None:
                if isinstance(entry.event, Speech) and entry.event.last:
                    order.append(number)

            session.timeline.follow(read)
        async with asyncio.TaskGroup() as group:
            for session in sessions:
                group.create_task(session.run())
            await asyncio.sleep(0)
            for session in sessions:
                session.join("me", ("mouth", "ear"))
            sessions[0].begin("user", text="hello")
            await asyncio.sleep(0.12)
            for session in sessions[1:]:
                await asyncio.sleep(0.01)
                session.begin("lecture" if preset == "lecture_first" else "user", text="hello")
            await asyncio.sleep(20)
            for session in sessions:
                session.close("over")

    run(main())
    assert order == [0, 1, 0, 1, 0, 1, 2, 2, 2]
