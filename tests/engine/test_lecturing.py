"""A lecture within a conversation: pages in order, questions over it, commands, and who is waited for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from aizuchi.engine.rules import Rules
from aizuchi.events import (
    Dropped,
    Interrupt,
    Interrupted,
    LectureMoved,
    Obeyed,
    Played,
    Sentence,
    Slide,
    Speech,
    Steer,
    ToolCall,
    ToolDone,
    TurnBegun,
    TurnEnded,
    TurnHeld,
    TurnResumed,
)
from aizuchi.lectures import Lecture, Page
from aizuchi.ports import Usage
from tests import fakes
from tests.engine.scenes import Scene, at, play, rules
from tests.fakes import FakeModel, FakeVoice, Script, silence, speech, tokens

PAGES = (
    Page(1, ("This is the first page, and its first line.", "[wink] Here is its second line.")),
    Page(2, ("The second page has one line only.",), "Two"),
    Page(3, ("The third page ends it.",)),
)


def hero(pages: Sequence[Page] = PAGES, **more: Any):
    return replace(fakes.HERO, lecture=Lecture(tuple(pages), **more))


def told(scene: Scene) -> list[str]:
    """What the pages' turns have said, in order."""
    turns = [turn.turn for turn in scene.all(TurnBegun) if turn.cause == "lecture"]
    return [scene.turn_text(turn) for turn in turns]


def moves(scene: Scene) -> list[tuple[str, int]]:
    return [(each.state, each.page) for each in scene.all(LectureMoved)]


async def finished(scene: Scene) -> None:
    """Until the lecture is over."""
    deadline = asyncio.get_running_loop().time() + 300
    for known in range(1, 1_000):
        if (await scene.until(LectureMoved, known)).state == "finished":
            return
        assert asyncio.get_running_loop().time() < deadline


def test_pages_are_told_in_order():
    """Each page is a turn: its slide first, then its lines one after the other; tags are not said."""
    scene = play(finished, character=hero())
    assert told(scene) == [
        "This is the first page, and its first line. Here is its second line.",
        "The second page has one line only.",
        "The third page ends it.",
    ]
    assert [each.page for each in scene.all(Slide)] == [1, 2, 3]
    assert scene.all(Sentence)[1].tags == ("wink",)
    assert moves(scene) == [("playing", 1), ("playing", 2), ("playing", 3), ("finished", 3)]
    assert {each.outcome for each in scene.all(TurnEnded)} == {"finished"}


def test_the_next_line_is_made_ahead_also_across_pages():
    """Between two pages there is no wait for the voice, however slow it is to begin."""
    scene = play(finished, character=hero(), tts=[FakeVoice(first=1.5)])
    ends = [entry.at for entry in scene.log if isinstance(entry.event, TurnEnded)]
    begins = [
        next(each.at for each in scene.log if isinstance(each.event, Speech) and each.turn == turn)
        for turn in (2, 3)
    ]
    assert [round(begin - end, 2) for begin, end in zip(begins, ends, strict=False)] == [0.0, 0.0]


def test_a_question_holds_it_and_the_cut_sentence_is_said_again():
    """The model knows the page and what was said; afterwards the listener hears the whole sentence."""
    model = FakeModel(lambda prompt: tokens("Good question. Yes."))

    async def act(scene: Scene) -> None:
        await scene.until(Sentence, 2)
        await asyncio.sleep(2.8 + 0.5)  # in the second line, which begins at 2.6 s
        scene.type("Is that so?")
        await finished(scene)

    scene = play(act, character=hero(), llm=[model])
    second = next(each.at_ms for each in scene.all(Speech) if each.sentence == 1 and each.turn == 1)
    (held,) = scene.all(TurnHeld)
    (resumed,) = scene.all(TurnResumed)
    assert held.at_ms > second + 300 and resumed.at_ms == second
    assert ("asked", 1) in moves(scene)
    prompt = model.prompts[0].messages
    assert any("Text of page 1" in each.text and "Here is its second line." in each.text for each in prompt)
    assert [each.text for each in prompt if each.role == "assistant"] == [
        "This is the first page, and its first line. Here is its second line."
    ]
    assert len(told(scene)) == 3  # the page was not begun anew


def test_a_question_by_voice():
    """A word over the lecture holds it at once, and is answered; then the lecture goes on."""

    async def act(scene: Scene) -> None:
        scene.listen()
        await scene.until(Speech)
        await asyncio.sleep(0.5)
        await scene.hear(speech(600), silence(600))
        await finished(scene)

    scene = play(act, character=hero(), rules=rules(policy="pause"))
    causes = [each.cause for each in scene.all(TurnBegun)]
    assert causes == ["lecture", "user", "lecture", "lecture"]
    assert [each.reason for each in scene.all(Interrupted)] == ["closed"]


def test_a_cough_lets_it_go_on_where_it_stood():
    """Nothing else was said meanwhile, so nothing is said again."""

    async def act(scene: Scene) -> None:
        scene.listen()
        await scene.until(Speech)
        await asyncio.sleep(1.0)
        await scene.hear(speech(160), silence(1000))
        await finished(scene)

    hears_nothing = fakes.FakeRecognizer(lambda ms: Script([(0.05, fakes.Final(""))]))
    scene = play(act, character=hero(), rules=rules(policy="pause"), asr=[hears_nothing])
    held, resumed = scene.all(TurnHeld)[0], scene.all(TurnResumed)[0]
    assert abs(resumed.at_ms - held.at_ms) < 300
    assert told(scene)[0].startswith("This is the first page")


def test_pause_and_resume_act_at_once():
    """The line is held where it stands, and goes on from there."""

    async def act(scene: Scene) -> None:
        await scene.until(Speech)
        await asyncio.sleep(1.0)
        scene.session.feed(Steer("pause", link="me"))
        await asyncio.sleep(60)
        assert scene.session.state == "idle"
        scene.session.feed(Steer("resume", link="me"))
        await finished(scene)

    scene = play(act, character=hero())
    (held,), (resumed,) = scene.all(TurnHeld), scene.all(TurnResumed)
    assert 500 < held.at_ms < 1_600 and resumed.at_ms == held.at_ms
    assert moves(scene)[1:3] == [("paused", 1), ("playing", 1)]


def test_a_question_while_it_is_paused_does_not_set_it_going():
    """It goes on when somebody says so, and then says the cut sentence again."""

    async def act(scene: Scene) -> None:
        await scene.until(Speech)
        await asyncio.sleep(1.0)
        scene.session.feed(Steer("pause", link="me"))
        scene.type("Wait, what?")
        await scene.until(TurnEnded)
        await asyncio.sleep(30)
        assert not scene.all(TurnResumed)
        scene.session.feed(Steer("resume", link="me"))
        await finished(scene)

    scene = play(act, character=hero())
    assert [each.at_ms for each in scene.all(TurnResumed)] == [0]


@pytest.mark.parametrize(
    ("steps", "pages"),
    [
        ([("next", None)], [1, 2, 3]),
        ([("next", None), ("prev", None)], [1, 2, 1, 2, 3]),
        ([("replay", None)], [1, 1, 2, 3]),
        ([("goto", 3)], [1, 3]),
        ([("goto", 9)], [1, 2, 3]),
        ([("pause", None), ("next", None)], [1, 2, 3]),
    ],
)
def test_going_to_another_page(steps: list[tuple[Any, int | None]], pages: list[int]):
    """What is said of the page is cut off, and the other one is told from its beginning."""

    async def act(scene: Scene) -> None:
        await scene.until(Speech)
        for action, page in steps:
            await asyncio.sleep(0.5)
            scene.session.feed(Steer(action, page, link="me"))
        await finished(scene)

    scene = play(act, character=hero())
    assert [each.page for each in scene.all(Slide)] == pages
    dropped = [each.reason for each in scene.all(Dropped)]
    assert dropped == (["there is nothing to goto"] if steps == [("goto", 9)] else [])


def test_next_over_an_answer_cuts_the_answer():
    """Whoever turns the page has heard enough."""

    async def act(scene: Scene) -> None:
        await scene.until(Speech)
        scene.type("A question?")
        await scene.until(TurnBegun, 2)
        await asyncio.sleep(0.5)
        scene.session.feed(Steer("next", link="me"))
        await finished(scene)

    scene = play(act, character=hero())
    outcomes = {each.turn: each.outcome for each in scene.all(TurnEnded)}
    assert outcomes[1] == outcomes[2] == "interrupted"
    assert moves(scene)[:3] == [("playing", 1), ("asked", 1), ("playing", 2)]
    assert [each.page for each in scene.all(Slide)] == [1, 2, 3]


def test_words_of_command_are_obeyed_and_not_answered():
    """ "Next page", typed or said, asks no model."""
    model = FakeModel()

    async def act(scene: Scene) -> None:
        await scene.until(Speech)
        scene.type("下一页！")
        await scene.until(Slide, 2)
        scene.type("Pause.")
        await asyncio.sleep(5)
        scene.type("Continue, please.")
        await finished(scene)

    scene = play(act, character=hero(), llm=[model])
    assert [each.action for each in scene.all(Obeyed)] == ["next", "pause", "resume"]
    assert not model.prompts and [each.page for each in scene.all(Slide)] == [1, 2, 3]


def test_a_command_by_voice_over_it():
    """It is held by the voice, and then the next page is told."""
    hears = fakes.FakeRecognizer(lambda ms: Script([(0.05, fakes.Final("next page"))]))

    async def act(scene: Scene) -> None:
        scene.listen()
        await scene.until(Speech)
        await asyncio.sleep(0.5)
        await scene.hear(speech(600), silence(600))
        await finished(scene)

    scene = play(act, character=hero(), rules=rules(policy="pause"), asr=[hears])
    assert [each.page for each in scene.all(Slide)] == [1, 2, 3]
    assert {each.cause for each in scene.all(TurnBegun)} == {"lecture"}


def test_an_interrupt_pauses_it():
    """Silence was wanted: it waits, and then says the cut sentence again, in a turn of its own."""

    async def act(scene: Scene) -> None:
        await scene.until(Sentence, 2)
        await asyncio.sleep(3.0)
        scene.session.feed(Interrupt(link="me"))
        await asyncio.sleep(60)
        assert moves(scene)[-1] == ("paused", 1)
        scene.session.feed(Steer("resume", link="me"))
        await finished(scene)

    scene = play(act, character=hero())
    assert told(scene)[1] == "Here is its second line."


def test_the_model_may_steer_it():
    """By a tool: after its answer the lecture goes on elsewhere."""
    call = ToolCall("c1", "lecture", json.dumps({"action": "goto", "page": 3}))

    def answer(prompt: Any) -> Script:
        asked = any(message.role == "tool" for message in prompt.messages)
        return tokens("Here it is.") if asked else Script([(0.1, call), (0, Usage("tools"))])

    async def act(scene: Scene) -> None:
        await scene.until(Speech)
        scene.type("Show me the end.")
        await finished(scene)

    scene = play(act, character=hero(), llm=[FakeModel(answer)])
    assert [each.page for each in scene.all(Slide)] == [1, 3]
    assert scene.turn_text(2) == "Here it is." and not scene.all(ToolDone)[0].error


def test_an_ear_that_never_reports_does_not_hold_it_up():
    """It reported once and then no more: each page waits two seconds for it, and goes on."""

    async def act(scene: Scene) -> None:
        await scene.until(Speech)
        scene.session.feed(Played(1, at_ms=100, link="me"))
        await finished(scene)

    scene = play(act, character=hero())
    sound = sum(len(each.pcm) / 32_000 for each in scene.all(Speech))
    assert at(scene, TurnBegun) + sound < scene.log[-1].at < sound + 3 * 2.5


def test_without_an_ear_it_is_told_at_the_pace_of_reading():
    """Text only, and not all at once."""
    scene = play(finished, character=hero(), roles=("mouth",))
    assert not scene.all(Speech) and scene.log[-1].at > 5


def test_a_voice_that_fails_leaves_text_at_the_pace_of_reading():
    """The lecture goes on in writing."""
    broken = FakeVoice(lambda sentence: Script([(0.1, fakes.ProviderError("no voice"))]))
    scene = play(finished, character=hero(), tts=[broken])
    assert len(told(scene)) == 3 and scene.log[-1].at > 5


def test_what_was_said_once_is_not_made_again():
    """Going back costs no request."""
    voice = FakeVoice()

    async def act(scene: Scene) -> None:
        await scene.until(TurnBegun, 2)
        await asyncio.sleep(1)
        scene.session.feed(Steer("goto", 1, link="me"))
        await finished(scene)

    scene = play(act, character=hero(), tts=[voice])
    assert [each.page for each in scene.all(Slide)] == [1, 2, 1, 2, 3]
    assert voice.requests == 4


def test_it_waits_for_a_word_where_it_does_not_begin_by_itself():
    """`auto_start: false`: somebody has to say so."""

    async def act(scene: Scene) -> None:
        await asyncio.sleep(30)
        assert not scene.all(TurnBegun)
        scene.type("Start the lecture!")
        await finished(scene)

    assert len(told(play(act, character=hero(auto_start=False)))) == 3


def test_nobody_there():
    """A lost client pauses it; when somebody is back it goes on with the sentence that was cut."""

    async def act(scene: Scene) -> None:
        await scene.until(Sentence, 2)
        await asyncio.sleep(3.0)
        scene.session.leave("me", "lost")
        scene.session.interrupt("lost")
        await asyncio.sleep(60)
        assert moves(scene)[-1] == ("paused", 1)
        scene.session.join("again", ("mouth", "ear"))
        await finished(scene)

    scene = play(act, character=hero())
    assert told(scene)[1] == "Here is its second line."


def test_restored():
    """A restored conversation has it stand where it stood, paused."""
    saved: dict[str, Any] = {}

    async def act(scene: Scene) -> None:
        await scene.until(TurnBegun, 2)
        await asyncio.sleep(1)
        saved.update(json.loads(json.dumps(scene.session.snapshot())))

    play(act, character=hero())

    async def again(scene: Scene) -> None:
        await asyncio.sleep(10)
        assert not scene.all(TurnBegun)
        scene.session.feed(Steer("resume", link="me"))
        await finished(scene)

    assert [each.page for each in play(again, character=hero(), restored=saved).all(Slide)] == [2, 3]


def test_the_conversation_ends_while_it_is_paused():
    """A paused lecture keeps nobody waiting."""

    async def act(scene: Scene) -> None:
        await scene.until(Speech)
        scene.session.feed(Steer("pause", link="me"))
        before = asyncio.get_running_loop().time()
        await scene.session.drain(30)
        assert asyncio.get_running_loop().time() - before < 1

    play(act, character=hero())


def test_a_character_without_a_lecture():
    """Nothing is steered, and commands are ordinary words."""

    async def act(scene: Scene) -> None:
        scene.session.feed(Steer("next", link="me"))
        scene.type("next page")
        await scene.until(TurnEnded)

    scene = play(act, rules=Rules())
    assert [each.reason for each in scene.all(Dropped)] == ["there is no lecture"]
