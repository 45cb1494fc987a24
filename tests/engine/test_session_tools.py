"""Tools, pictures and context of a turn; time is virtual."""

from __future__ import annotations

import asyncio
import json

import pytest

from aizuchi.engine.rules import Rules
from aizuchi.errors import ToolError
from aizuchi.events import (
    Attach,
    Context,
    Fault,
    Image,
    Noted,
    Sentence,
    ToolCall,
    ToolDone,
    ToolResult,
    TurnBegun,
    TurnEnded,
    Typed,
)
from aizuchi.ports import Passage, Prompt, Retriever, Token, Toolbox, ToolSpec, Usage
from tests.engine.scenes import Scene, at, play
from tests.fakes import FakeModel, Script, tokens


class Box(Toolbox):
    """Two quick tools, one that hangs, one that breaks."""

    def specs(self, context):
        schema = {"type": "object", "properties": {}}
        return [
            ToolSpec("one", "", schema),
            ToolSpec("two", "", schema),
            ToolSpec("hangs", "", schema, timeout=1.0),
            ToolSpec("breaks", "", schema),
        ]

    async def call(self, call, context):
        if call.name == "hangs":
            await asyncio.sleep(100)
        if call.name == "breaks":
            raise ToolError("out of order")
        await asyncio.sleep(0.5)
        return f"{call.name} says {json.loads(call.args or '{}')}"


def calling(*calls: ToolCall) -> FakeModel:
    """Asks for tools first, then tells that it is done."""

    def answer(prompt: Prompt) -> Script:
        if any(message.role == "tool" for message in prompt.messages):
            return tokens("All done.")
        return Script([(0.1, Token("Let me see.")), *[(0.0, call) for call in calls], (0, Usage("tools"))])

    return FakeModel(answer)


def test_tools_run_together_and_their_results_reach_the_model():
    """Two tools of half a second take half a second; a fault is told, not raised."""
    model = calling(
        ToolCall("a", "one", '{"x": 1}'), ToolCall("b", "two", "{}"), ToolCall("c", "breaks", "{}")
    )

    async def act(scene: Scene) -> None:
        scene.type("do it")
        await scene.until(TurnEnded)

    scene = play(act, llm=[model], toolbox=Box())
    results = [m for m in model.prompts[1].messages if m.role == "tool"]
    assert [m.call_id for m in results] == ["a", "b", "c"]
    assert results[0].text == "one says {'x': 1}"
    assert "out of order" in results[2].text
    times = [entry.at for entry in scene.log if isinstance(entry.event, ToolDone)]
    assert max(times) - at(scene, ToolCall) < 0.6
    assert scene.turn_text(1) == "Let me see. All done."
    assert "".join(sentence.shown for sentence in scene.all(Sentence)) == scene.turn_text(1)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (ToolCall("a", "hangs", "{}"), "did not answer within 1 s"),
        (ToolCall("a", "nothing", "{}"), "there is no tool"),
        (ToolCall("a", "one", "{broken"), "not a JSON object"),
        (ToolCall("a", "one", "[1]"), "not a JSON object"),
    ],
)
def test_a_tool_that_can_not_run_is_told_to_the_model(call: ToolCall, says: str):
    """The turn goes on whatever happens to a tool."""
    model = calling(call)

    async def act(scene: Scene) -> None:
        scene.type("do it")
        await scene.until(TurnEnded)

    scene = play(act, llm=[model], toolbox=Box())
    assert says in scene.all(ToolDone)[0].error
    assert scene.all(TurnEnded)[0].outcome == "finished"


def test_rounds_are_bounded():
    """A model that calls tools for ever has to answer without them in the end."""

    def answer(prompt: Prompt) -> Script:
        if not prompt.may_call:
            return tokens("Enough.")
        return Script([(0.1, ToolCall("x", "one", "{}")), (0, Usage("tools"))])

    model = FakeModel(answer)

    async def act(scene: Scene) -> None:
        scene.type("do it")
        await scene.until(TurnEnded)

    scene = play(act, llm=[model], toolbox=Box(), rules=Rules(tool_rounds=3))
    assert len(model.prompts) == 4
    assert scene.turn_text(1) == "Enough."
    first = model.prompts[0]
    assert all(each.tools == first.tools for each in model.prompts), "a vendor's cache keeps the beginning"
    assert [each.may_call for each in model.prompts] == [True, True, True, False]


def test_a_call_against_orders_is_not_run():
    """A model that calls even where it may not is left standing, and the turn ends."""
    model = FakeModel(lambda prompt: Script([(0.1, ToolCall("x", "one", "{}")), (0, Usage("tools"))]))

    async def act(scene: Scene) -> None:
        scene.type("do it")
        await scene.until(TurnEnded)

    scene = play(act, llm=[model], toolbox=Box(), rules=Rules(tool_rounds=2))
    assert len(scene.all(ToolCall)) == 2 and len(model.prompts) == 3


@pytest.mark.parametrize("leaves", [False, True])
def test_tools_that_live_in_the_client(leaves: bool):
    """The call goes out, the result comes in; a client that goes away is told to the model."""
    model = calling(ToolCall("a", "wave", "{}"))

    async def act(scene: Scene) -> None:
        scene.type("wave at me")
        call = await scene.until(ToolCall)
        assert call.place == "client"
        if leaves:
            scene.session.leave("me")
        else:
            scene.session.feed(ToolResult("a", "waved", link="me"))
        await scene.until(TurnEnded)

    wave = ToolSpec("wave", "Wave a hand.", {"type": "object"})
    scene = play(act, llm=[model], tools=[wave])
    done = scene.all(ToolDone)[0]
    assert ("gone" in done.error) if leaves else (done.result == "waved")


def test_images_go_with_the_next_turn():
    """Attached or sent along, they reach the model; what is too large is refused."""
    model = FakeModel()
    image = Image("image/png", b"png")

    async def act(scene: Scene) -> None:
        scene.session.feed(Attach(image, link="me"))
        scene.session.feed(Attach(Image("image/jpeg", b"x" * (9 << 20)), link="me"))
        scene.type("look", images=(Image("image/jpeg", b"jpg"),))
        await scene.until(TurnEnded)

    scene = play(act, llm=[model])
    assert model.prompts[0].messages[-1].images == (image, Image("image/jpeg", b"jpg"))
    assert "9437184 bytes" in scene.all(Fault)[0].message
    assert all(not image.data for typed in scene.all(Typed) for image in typed.images)


def test_too_many_images_are_said():
    """Nothing that was sent along is left out in silence, whichever way it came."""
    model = FakeModel()
    image, large = Image("image/png", b"png"), Image("image/jpeg", b"x" * (9 << 20))

    async def act(scene: Scene) -> None:
        for _ in range(3):
            scene.session.feed(Attach(image, link="me"))
        scene.type("look", images=(image, image, image))
        await scene.until(TurnEnded)
        scene.type("and here", images=(large, image))
        await scene.until(TurnEnded, 2)

    scene = play(act, llm=[model])
    assert [begun.images for begun in scene.all(TurnBegun)] == [4, 1]
    assert [fault.code for fault in scene.all(Fault)] == ["bad_message", "bad_message"]
    assert "at most 4" in scene.all(Fault)[0].message
    assert "9437184 bytes" in scene.all(Fault)[1].message


def test_context_applies_to_the_next_turn_only_and_is_cut():
    """Acceptance 10: an update during a reply is not seen by it."""
    model = FakeModel()

    async def act(scene: Scene) -> None:
        scene.session.feed(Noted(Context("c1", "page", "page one"), link="me"))
        scene.type("explain")
        scene.session.feed(Noted(Context("c2", "page", "page two " + "x" * 5000), link="me"))
        await scene.until(TurnEnded)
        scene.type("and now?")
        await scene.until(TurnEnded, 2)

    scene = play(act, llm=[model])
    said = [" ".join(message.text for message in prompt.messages) for prompt in model.prompts]
    assert "page two" in said[1]
    assert "page one" not in said[1]
    assert scene.all(Fault)[0].code == "context_too_large"


def test_what_comes_right_after_a_question_is_for_the_next_one():
    """Also in the moment in which the prompt is still being made."""
    model = FakeModel()

    class Slow(Retriever):
        async def passages(self, query, *, session, person):
            await asyncio.sleep(0.2)
            return []

    async def act(scene: Scene) -> None:
        scene.session.feed(Noted(Context("c1", "page", "page one"), link="me"))
        scene.type("explain")
        await asyncio.sleep(0.1)
        scene.session.feed(Noted(Context("c2", "page", "page two"), link="me"))
        await scene.until(TurnEnded)

    play(act, llm=[model], retriever=Slow())
    said = " ".join(message.text for message in model.prompts[0].messages)
    assert "page one" in said and "page two" not in said


@pytest.mark.parametrize(("wait", "found"), [(0.1, True), (5.0, False)])
def test_retrieval_has_little_time(wait: float, found: bool):
    """Passages that are late are left out, and the timeline says so."""

    class Slow(Retriever):
        async def passages(self, query, *, session, person):
            await asyncio.sleep(wait)
            return [Passage(f"a passage on {query}")]

    model = FakeModel()

    async def act(scene: Scene) -> None:
        scene.type("foxes")
        await scene.until(TurnEnded)

    scene = play(act, llm=[model], retriever=Slow())
    assert any("a passage on foxes" in message.text for message in model.prompts[0].messages) == found
    assert bool(scene.all(Fault)) != found


def test_a_retriever_is_fed_by_what_the_user_looks_at():
    """A context reaches it as it was kept; what it finds there is in the next prompt, fenced."""

    class Pages(Retriever):
        def __init__(self) -> None:
            self.text = ""

        def noted(self, context, *, session):
            assert isinstance(context, Noted) and session == "s"
            self.text = context.context.text

        async def passages(self, query, *, session, person):
            assert (session, person) == ("s", "p")
            return [Passage(f"found by {query}: {self.text[:9]} {len(self.text)}", "page 3")]

    model = FakeModel()

    async def act(scene: Scene) -> None:
        scene.session.feed(Noted(Context("c1", "page", "mitochondria " + "x" * 5000), link="me"))
        scene.type("cells")
        await scene.until(TurnEnded)

    play(act, llm=[model], retriever=Pages())
    background = model.prompts[0].messages[-2].text
    assert "A passage from page 3 that may help:\n~~~\nfound by cells: mitochond 4000\n~~~" in background


def test_a_round_that_shows_nothing_adds_nothing():
    """After a tool the model gives only an emotion and breaks: all that was shown is the text."""

    def answer(prompt: Prompt) -> Script:
        if any(message.role == "tool" for message in prompt.messages):
            return Script([(0.0, Token("[happy]")), (0.0, ValueError("a bug in a plugin"))])
        return Script([(0.1, Token("Let me see.")), (0.0, ToolCall("a", "one", "{}")), (0, Usage("tools"))])

    async def act(scene: Scene) -> None:
        scene.type("do it")
        await scene.until(TurnEnded)

    scene = play(act, llm=[FakeModel(answer)], toolbox=Box())
    shown = [sentence.shown for sentence in scene.all(Sentence)]
    assert len(shown) == 2 and "".join(shown) == scene.all(TurnEnded)[0].text == "Let me see."
