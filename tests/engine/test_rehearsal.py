"""Fixed phrases are ready before they are first needed, and nobody waits for that."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from aizuchi.engine.cascade import APOLOGY
from aizuchi.engine.chain import Chain
from aizuchi.engine.permits import Permits
from aizuchi.engine.phrases import Phrases
from aizuchi.engine.rehearsal import Rehearsal, fixed
from aizuchi.engine.rules import Rules, Silences
from aizuchi.errors import ProviderError
from aizuchi.events import Answered, Event, Sentence, Speech, TurnEnded
from tests import fakes
from tests.engine.scenes import Scene, play
from tests.fakes import FakeModel, FakeVoice, Script, tokens
from tests.virtual import run

GREETED = replace(fakes.HERO, greeting="Good day to you. Welcome.")

WORDS = {each.spoken for each in fixed(GREETED, Rules())}


class Local(FakeVoice):
    local = True  # pyright: ignore


def chain(*voices: FakeVoice, **more: Any) -> Chain[Any]:
    return Chain("tts", voices, phrases=Phrases(), **more)


def rehearsed(tts: Chain[Any], **more: Any) -> list[Event]:
    notes: list[Event] = []
    run(Rehearsal(tts, [GREETED], Rules(), note=notes.append, **more).run())
    return notes


def greeted(tts: Chain[Any]) -> Scene:
    async def act(scene: Scene) -> None:
        scene.session.greet()
        await scene.until(TurnEnded)

    return play(act, tts=tts, character=GREETED)


def test_the_first_greeting_costs_nothing():
    """It is said from memory, at once and in the very sentences that were rehearsed."""
    voice = Local(first=0.5)
    tts = chain(voice)
    notes = rehearsed(tts)
    before = voice.requests
    assert before == len(WORDS) > 3
    scene = greeted(tts)
    assert voice.requests == before and scene.all(Speech)
    began, sounded = (next(e.at for e in scene.log if isinstance(e.event, k)) for k in (Sentence, Speech))
    assert sounded == began
    billed = [each for each in notes if isinstance(each, Answered)]
    assert sum(each.characters for each in billed) > len(GREETED.greeting)


@pytest.mark.parametrize(
    "voices",
    [[FakeVoice()], [FakeVoice(), Local()]],
)
def test_what_costs_something_is_asked_at_first_use(voices: list[FakeVoice]):
    """A vendor is paid for what is said only; a free voice that stands behind it is not to say it instead."""
    tts = chain(*voices)
    rehearsed(tts)
    assert not any(voice.requests for voice in voices)
    greeted(tts)
    assert voices[0].requests and not any(voice.requests for voice in voices[1:])


def test_a_cap_holds_here_too():
    """What the day no longer allows is not rehearsed."""
    voice = Local()
    rehearsed(chain(voice, allowed=lambda _name: False))
    assert not voice.requests


def test_a_voice_that_fails_is_left_in_peace():
    """Each phrase is tried once; what can't be had is asked for when it is needed."""
    voice = Local(lambda sentence: Script([(0, ProviderError("no such language", retryable=False))]))
    tts = chain(voice)
    rehearsed(tts)
    assert voice.requests == len(list(fixed(GREETED, Rules())))


@pytest.mark.parametrize("permits", [None, Permits("tts", 1)])
def test_a_reply_goes_first(permits: Permits | None):
    """While somebody is answered nothing is rehearsed; the phrase that was under way is begun again."""
    voice = Local(lambda sentence: None, first=1.0)
    tts = chain(voice, permits=permits)
    tries: list[tuple[str, float]] = []
    say = voice.say

    def watched(sentence: Sentence, style: Any) -> Any:
        tries.append((sentence.spoken, asyncio.get_running_loop().time() - 1000))
        return say(sentence, style)

    voice.say = watched  # pyright: ignore

    async def act(scene: Scene) -> None:
        rehearsal = Rehearsal(tts, [GREETED], Rules())
        stop = rehearsal(scene.session)
        async with asyncio.TaskGroup() as group:
            rehearsing = group.create_task(rehearsal.run())
            await asyncio.sleep(0.5)
            scene.type("hello")
            await scene.until(TurnEnded)
            await rehearsing
        stop()

    scene = play(act, tts=tts, llm=[FakeModel(lambda prompt: tokens("One. Two."))])
    ended = next(e.at for e in scene.log if isinstance(e.event, TurnEnded))
    assert [said for said, _ in tries][:4] == ["Good day to you.", "One.", "Two.", "Good day to you."]
    assert tries[3][1] >= ended
    assert scene.all(TurnEnded)[0].outcome == "finished"
    assert tts.phrases is not None and len(tts.phrases) == len(WORDS)


def test_a_session_that_goes_keeps_nobody_waiting():
    """Its last turn may never have ended."""
    voice = Local()

    async def act(scene: Scene) -> None:
        rehearsal = Rehearsal(chain(voice), [GREETED], Rules())
        stop = rehearsal(scene.session)
        scene.type("hello")
        stop()
        async with asyncio.timeout(60):
            await rehearsal.run()

    play(act)
    assert voice.requests


def test_what_is_fixed():
    """All that the character may have to say, as it will be cut; fillers and hums only if they are on."""
    said = [each.spoken for each in fixed(GREETED, Rules())]
    assert said[:2] == ["Good day to you.", "Welcome."]
    assert APOLOGY["en"].startswith(said[2])
    quiet = replace(GREETED, fillers={"en": ("Well ...",)}, nudge={"en": ("Still there?",)})
    assert not {"Well ...", "Still there?", "Mm-hm."} & {each.spoken for each in fixed(quiet, Rules())}
    lively = replace(quiet, filler_after=1.0, hum_every=5.0)
    talkative = Rules(silences=Silences(nudge_after=5.0))
    sentences = {each.spoken: each for each in fixed(lively, talkative)}
    assert {"Well ...", "Still there?", "Mm-hm."} <= set(sentences)
    assert sentences["Mm-hm."].tags == ("aside",)
