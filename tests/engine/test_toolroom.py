"""Tools of one session: ids that repeat, results that come late, names that two offer."""

from __future__ import annotations

import asyncio
from typing import Any

from aizuchi.events import Author, Entry, Interrupt, ToolCall, ToolDone, ToolResult, TurnBegun, TurnEnded
from aizuchi.ports import Prompt, Toolbox, ToolSpec, Usage
from tests.engine.scenes import Scene, play
from tests.fakes import FakeModel, Script, tokens

WAVE = ToolSpec("wave", "Wave a hand.", {"type": "object"})
SCHEMA = {"type": "object", "properties": {}}


class Kitchen(Toolbox):
    """An oven that goes on by itself, and one that catches fire."""

    def specs(self, context: Any) -> list[ToolSpec]:
        return [
            ToolSpec("bake", "", SCHEMA, detached=True),
            ToolSpec("slow_bake", "", SCHEMA, detached=True, timeout=0.5),
            ToolSpec("burn", "", SCHEMA, detached=True),
            ToolSpec("wave", "ours", SCHEMA),
        ]

    async def call(self, call: ToolCall, context: Any) -> str:
        await asyncio.sleep(1.0)
        if call.name == "burn":
            raise ZeroDivisionError("a bug in a plugin")
        return "a cake"


def asking(*calls: ToolCall, rounds: int = 1) -> FakeModel:
    """Asks for the same calls in so many rounds of every turn, then says that it is done."""

    def answer(prompt: Prompt) -> Script:
        newest = max(at for at, message in enumerate(prompt.messages) if message.role == "user")
        asked = sum(bool(message.calls) for message in prompt.messages[newest:])
        if asked >= rounds:
            return tokens("All done.")
        return Script([(0.05, call) for call in calls] + [(0.0, Usage("tools"))])

    return FakeModel(answer)


def test_every_call_has_an_id_of_its_own():
    """Some servers number the calls of each answer anew, some give no id at all."""
    model = asking(ToolCall("call_0", "wave", "{}"), ToolCall("call_0", "wave", "{}"), rounds=2)

    async def act(scene: Scene) -> None:
        def answer(entry: Entry) -> None:
            if isinstance(call := entry.event, ToolCall):
                result = ToolResult(call.id, f"done {call.id}", link="me")
                asyncio.get_running_loop().call_later(0.01, scene.session.feed, result)

        scene.session.timeline.follow(answer)
        scene.type("wave")
        await scene.until(TurnEnded)
        scene.type("again")
        await scene.until(TurnEnded, 2)

    scene = play(act, llm=[model], tools=[WAVE])
    ids = [call.id for call in scene.all(ToolCall)]
    assert len(ids) == len(set(ids)) == 8
    assert {done.id: done.result for done in scene.all(ToolDone)} == {each: f"done {each}" for each in ids}
    told = [message for message in model.prompts[-1].messages if message.role == "tool"]
    assert [message.text for message in told] == [f"done {each}" for each in ids]


def test_a_late_result_of_a_dead_turn_is_not_taken_for_the_new_one():
    """The same server, the same id: the client's old answer must not answer the new call."""
    model = asking(ToolCall("call_0", "wave", "{}"))

    async def act(scene: Scene) -> None:
        scene.type("wave")
        old = await scene.until(ToolCall)
        scene.type("no, again")
        new = await scene.until(ToolCall, 2)
        scene.session.feed(ToolResult(old.id, "the old wave", link="me"))
        scene.session.feed(ToolResult(new.id, "the new wave", link="me"))
        await scene.until(TurnEnded, 2)

    scene = play(act, llm=[model], tools=[WAVE])
    assert [done.result for done in scene.all(ToolDone)] == ["the new wave"]


def test_what_a_detached_tool_did_is_remembered_though_its_turn_died():
    """It went on, so the model must not believe that it was cancelled."""
    model = asking(ToolCall("a", "bake", "{}"))

    async def act(scene: Scene) -> None:
        scene.type("bake me a cake")
        await scene.until(ToolCall)
        scene.session.feed(Interrupt("click", link="me"))
        done = await scene.until(ToolDone)
        assert done == ToolDone("a", "bake", "a cake")
        scene.type("is it ready?")
        await scene.until(TurnEnded, 2)

    play(act, llm=[model], toolbox=Kitchen())
    told = [message.text for message in model.prompts[-1].messages if message.role == "tool"]
    assert told[0] == "a cake"


def test_a_detached_tool_that_takes_too_long_still_tells_how_it_ended():
    """The model goes on without it; the next turn knows better."""
    model = asking(ToolCall("a", "slow_bake", "{}"))

    async def act(scene: Scene) -> None:
        scene.type("bake me a cake")
        await scene.until(TurnEnded)
        await scene.until(ToolDone, 2)

    scene = play(act, llm=[model], toolbox=Kitchen())
    assert [bool(done.error) for done in scene.all(ToolDone)] == [True, False]
    assert any(message.text == "a cake" for message in scene.session.history.messages)


def test_a_detached_tool_with_a_bug_does_not_end_the_session():
    """Third-party code outside every turn is still a plug."""
    model = asking(ToolCall("a", "burn", "{}"))

    async def act(scene: Scene) -> None:
        scene.type("burn it")
        await scene.until(TurnEnded)

    scene = play(act, llm=[model], toolbox=Kitchen())
    assert scene.all(ToolDone)[0].error
    assert scene.all(TurnEnded)[0].outcome == "finished"


def test_a_name_is_offered_once():
    """Vendors refuse two tools of one name: the server's own comes first, then the newest client's."""
    model = FakeModel()

    async def act(scene: Scene) -> None:
        nod = ToolSpec("nod", "old", {"type": "object"})
        scene.session.join("one", ("mouth", "ear"), tools=[nod])
        scene.session.join("two", ("mouth", "ear"), tools=[ToolSpec("nod", "new", {"type": "object"}), WAVE])
        scene.type("hello")
        await scene.until(TurnEnded)

    play(act, llm=[model], toolbox=Kitchen())
    offered = {spec.name: spec.description for spec in model.prompts[0].tools}
    assert len(offered) == len(model.prompts[0].tools) == 5
    assert offered["wave"] == "ours"
    assert offered["nod"] == "new"


def test_a_tool_that_another_client_still_runs_is_not_lost():
    """One of two clients with the same tool goes; the other answers."""
    model = asking(ToolCall("a", "wave", "{}"))

    async def act(scene: Scene) -> None:
        scene.session.join("other", ("ear",), tools=[WAVE])
        scene.type("wave")
        await scene.until(ToolCall)
        scene.session.leave("other")
        scene.session.feed(ToolResult("a", "waved", link="me"))
        await scene.until(TurnEnded)

    assert play(act, llm=[model], tools=[WAVE]).all(ToolDone)[0].result == "waved"


def test_viewers_move_nobody_elses_hands():
    """A viewer's turn gets no tools, those of the user's own client included."""
    model = asking(ToolCall("a", "wave", "{}"))

    async def act(scene: Scene) -> None:
        scene.session.begin("viewer", text="wave!", author=Author("viewer", "Bob"))
        await scene.until(TurnBegun)
        await scene.until(ToolDone)

    scene = play(act, llm=[model], tools=[WAVE])
    assert model.prompts[0].tools == ()
    assert "there is no tool" in scene.all(ToolDone)[0].error
