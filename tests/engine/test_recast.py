"""A character that changes while somebody talks with it: the next turn is the changed one's."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from aizuchi.engine.chain import Chain
from aizuchi.engine.phrases import Phrases
from aizuchi.engine.rehearsal import Rehearsal, fixed
from aizuchi.engine.rules import Rules
from aizuchi.events import Sentence, TurnEnded
from aizuchi.ports import Style
from tests import fakes
from tests.engine.scenes import Scene, play
from tests.fakes import FakeModel, FakeVoice, tokens
from tests.virtual import run

BEFORE = replace(fakes.HERO, prompt="You are calm.", style=Style({"fake": "soft"}))
AFTER = replace(
    BEFORE,
    display_name="Heroine",
    prompt="You are bold.",
    style=Style({"fake": "loud"}, emotions={"fake": {"happy": "bright"}}),
    emotion_tags={"yay": "happy"},
    replacements={"SQL": "sequel"},
)


class Voice(FakeVoice):
    def __init__(self) -> None:
        super().__init__()
        self.styles: list[Style] = []

    def say(self, sentence: Sentence, style: Style) -> Any:
        self.styles.append(style)
        return super().say(sentence, style)


def test_the_next_turn_is_the_changed_ones():
    """Prompt, voice, feelings and names in speech are the new ones; history goes on."""
    model, voice = FakeModel(lambda _prompt: tokens("[yay] I know SQL. So do you.")), Voice()

    async def act(scene: Scene) -> None:
        scene.type("Hello")
        await scene.until(TurnEnded)
        scene.session.recast(AFTER)
        scene.type("Again")
        await scene.until(TurnEnded, 2)

    scene = play(act, llm=[model], tts=[voice], character=BEFORE)
    first, second = model.prompts
    assert first.messages[0].text.startswith("You are calm.") and first.character == "Hero"
    assert second.messages[0].text.startswith("You are bold.") and second.character == "Heroine"
    assert [each.text for each in second.messages if each.role == "user"] == ["Hello", "Again"]
    said = [(each.turn, each.spoken, each.emotion) for each in scene.all(Sentence)]
    assert (1, "I know SQL.", "") in said and (2, "I know sequel.", "happy") in said
    assert {style.voices["fake"] for style in voice.styles[:2]} == {"soft"}
    assert {style.voices["fake"] for style in voice.styles[2:]} == {"loud"}


def test_what_runs_goes_on_as_it_began():
    """A turn is one character's from beginning to end."""
    voice = Voice()

    async def act(scene: Scene) -> None:
        scene.type("Hello")
        await scene.until(Sentence)
        scene.session.recast(AFTER)
        await scene.until(TurnEnded)

    play(act, tts=[voice], character=BEFORE)
    assert len(voice.styles) > 1 and {style.voices["fake"] for style in voice.styles} == {"soft"}


def test_a_greeting_that_was_not_said_yet():
    """Who greets after the change greets in the new words."""
    new = replace(BEFORE, greeting="Good day.")

    async def act(scene: Scene) -> None:
        scene.session.recast(new)
        scene.session.greet()
        await scene.until(TurnEnded)

    scene = play(act, character=BEFORE)
    assert [each.spoken for each in scene.all(Sentence)] == ["Good day."]


class Local(FakeVoice):
    local = True  # pyright: ignore


def test_a_changed_character_rehearses():
    """What is new of its fixed phrases is prepared at once, and nothing that is known already."""
    voice = Local()
    tts: Chain[Any] = Chain("tts", [voice], phrases=Phrases())
    greeter = replace(fakes.HERO, greeting="Good day to you.")
    rehearsal = Rehearsal(tts, [fakes.HERO], Rules())
    known = len({each.spoken for each in fixed(fakes.HERO, Rules())})

    async def act() -> tuple[int, int]:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(rehearsal.keep_up())
            await asyncio.sleep(600)
            before = voice.requests
            rehearsal.meet([fakes.HERO, greeter])
            await asyncio.sleep(600)
            running.cancel()
        return before, voice.requests

    assert run(act()) == (known, known + 1)


def test_one_that_is_rehearsing_makes_way_for_the_changed_one():
    """Phrases of the old version that were not said yet are not said any more."""
    voice = Local(first=5.0)
    tts: Chain[Any] = Chain("tts", [voice], phrases=Phrases())
    old = replace(fakes.HERO, greeting="One. Two. Three. Four.")
    new = replace(fakes.HERO, greeting="Five.")
    rehearsal = Rehearsal(tts, [old], Rules())

    async def act() -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(rehearsal.keep_up())
            await asyncio.sleep(1)
            rehearsal.meet([new])
            await asyncio.sleep(600)
            running.cancel()

    run(act())
    assert voice.requests == 1 + len({each.spoken for each in fixed(new, Rules())})
