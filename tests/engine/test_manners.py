"""Small sounds, fillers and long silences in whole conversations on virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from aizuchi.character import Character
from aizuchi.engine.rules import Rules, Silences
from aizuchi.events import (
    Interrupted,
    Listen,
    Sentence,
    SessionClosed,
    Speech,
    SpeechEnded,
    TextDelta,
    TextDone,
    ToolDone,
    TurnBegun,
    TurnEnded,
    Typed,
)
from aizuchi.ports import Token, ToolCall, ToolSpec, Usage
from tests.engine.scenes import Scene, at, play, rules
from tests.fakes import HERO, FakeModel, Script, silence, speech, tokens

HUMMER = replace(HERO, hum_every=2.0, hums={"en": ("mm",)})
THINKER = replace(HERO, filler_after=0.5, fillers={"en": ("Let me see.",)})


def spoken(scene: Scene, turn: int) -> list[str]:
    return [each.spoken for each in scene.all(Sentence) if each.turn == turn]


def hum(character: Character = HUMMER) -> Scene:
    async def act(scene: Scene) -> None:
        scene.listen()
        await scene.hear(speech(2500), silence(180), speech(1000), silence(500))
        await scene.until(TurnEnded, 1 + bool(character.hum_every))

    return play(act, rules=rules(), character=character)


def test_a_hum_while_the_user_speaks():
    """It is heard in the user's breath, stands in no text, and takes neither floor nor state."""
    scene = hum()
    first, second = scene.all(TurnBegun)
    assert (first.cause, second.cause) == ("backchannel", "user")
    assert spoken(scene, 1) == ["mm"]
    assert at(scene, TurnBegun) < at(scene, SpeechEnded)
    assert scene.states[:3] == ["listening", "thinking", "speaking"]
    assert all(entry.turn != 1 for entry in scene.log if isinstance(entry.event, TextDelta | TextDone))
    assert len(scene.session.history.messages) == 2
    assert [each.turn for each in scene.all(Interrupted)] == [None]  # the close


def test_no_hum_unless_the_character_hums():
    """Off by default."""
    assert [begun.cause for begun in hum(HERO).all(TurnBegun)] == ["user"]


def test_a_click_ends_a_hum():
    """It is a turn like any other in that: silence, and one end."""

    async def act(scene: Scene) -> None:
        scene.listen()
        await scene.hear(speech(2500), silence(180), speech(100))
        await scene.until(Speech)
        scene.session.interrupt("client")
        await scene.until(TurnEnded)

    (ended,) = play(act, rules=rules(), character=HUMMER).all(TurnEnded)
    assert ended.outcome == "interrupted"


def test_a_filler_while_the_model_is_slow():
    """Something is said meanwhile; the text and what is remembered know nothing of it."""

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)

    scene = play(act, character=THINKER, llm=[FakeModel(lambda prompt: tokens("I am fine.", first=2.0))])
    assert spoken(scene, 1) == ["Let me see.", "I am fine."]
    assert scene.turn_text(1) == "I am fine."
    assert scene.session.history.messages[-1].text == "I am fine."
    assert 0.5 < at(scene, Speech) < 1.0


def test_no_filler_for_a_quick_model():
    """Who has something to say says it."""

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)

    scene = play(act, character=THINKER, llm=[FakeModel(lambda prompt: tokens("I am fine.", first=0.1))])
    assert spoken(scene, 1) == ["I am fine."]


def test_no_filler_where_nobody_waits():
    """What the character says of its own accord after a silence is not announced by a filler."""

    async def act(scene: Scene) -> None:
        await scene.until(TurnEnded)

    slow = FakeModel(lambda prompt: tokens("Nice day.", first=2.0))
    scene = play(act, character=THINKER, llm=[slow], rules=Rules(silences=Silences(nudge_after=1.0)))
    assert scene.all(TurnBegun)[0].cause == "proactive"
    assert spoken(scene, 1) == ["Nice day."]


def test_a_filler_while_a_tool_is_slow():
    """The tool of a client takes two seconds; nobody waits in silence."""

    def think(prompt: object) -> Script:
        if any(message.role == "tool" for message in prompt.messages):  # type: ignore[attr-defined]
            return tokens("It is four.")
        return Script([(0.1, ToolCall("c1", "clock", "{}")), (0, Usage("tools"))])

    async def act(scene: Scene) -> None:
        scene.type("what time is it")
        await scene.until(ToolDone)
        await scene.until(TurnEnded)

    tool = ToolSpec("clock", "", {"type": "object"}, place="client", timeout=2.0)
    scene = play(act, character=THINKER, llm=[FakeModel(think)], tools=[tool])
    assert spoken(scene, 1) == ["Let me see.", "It is four."]
    assert at(scene, Speech) < at(scene, ToolDone)


def test_a_filler_is_not_said_after_a_silent_reply():
    """A reply of code alone has nothing to speak, and is over before the filler's time."""

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)
        await asyncio.sleep(1.0)

    code = Script([(0.0, Token("```\ncode\n```")), (0.0, Usage())])
    assert not play(act, character=THINKER, llm=[FakeModel(lambda prompt: code)]).all(Speech)


def company(**more: float) -> Rules:
    return replace(rules(), silences=Silences(**more))  # type: ignore[arg-type]


def test_a_nudge_after_a_long_silence():
    """The model is asked for a word, as a notice of the system and not as the user's."""

    async def act(scene: Scene) -> None:
        await scene.until(TurnEnded)
        await asyncio.sleep(100)

    model = FakeModel()
    scene = play(act, rules=company(nudge_after=20), llm=[model])
    (begun,) = scene.all(TurnBegun)
    assert begun.cause == "proactive"
    assert 20 <= at(scene, TurnBegun) < 21
    assert "notice from the system" in model.prompts[0].messages[-1].text


def test_a_characters_own_nudges():
    """A character with words of its own needs no model for a silence."""

    async def act(scene: Scene) -> None:
        await scene.until(TurnEnded, 2)

    model = FakeModel()
    hero = replace(HERO, nudge={"en": ("Hm?", "Well?")})
    scene = play(act, rules=company(nudge_after=20, nudges=2), character=hero, llm=[model])
    assert [each.spoken for each in scene.all(Sentence)] == ["Well?", "Hm?"]
    assert not model.prompts


def test_a_polite_goodbye():
    """It is spoken to its end, and then the conversation is over."""

    async def act(scene: Scene) -> None:
        await scene.until(SessionClosed)

    scene = play(act, rules=company(goodbye_after=30), character=replace(HERO, farewell={"en": "Bye now."}))
    assert [each.spoken for each in scene.all(Sentence)] == ["Bye now."]
    assert [each.reason for each in scene.all(SessionClosed)] == ["silence"]
    assert [each.outcome for each in scene.all(TurnEnded)] == ["finished"]


def test_whoever_speaks_into_the_goodbye_is_listened_to():
    """Then nobody leaves."""

    async def act(scene: Scene) -> None:
        await scene.until(Speech)
        scene.session.feed(Typed("wait", link="me"))
        await scene.until(TurnEnded, 2)
        await asyncio.sleep(10)
        scene.session.feed(Listen(True, link="me"))
        assert not scene.all(SessionClosed)

    scene = play(act, rules=company(goodbye_after=30))
    assert [each.outcome for each in scene.all(TurnEnded)] == ["interrupted", "finished"]
