"""A character as bitnp's agent over real sockets: its pages are written from the protocol's document."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from aizuchi.character import Character
from aizuchi.engine.rules import Rules
from aizuchi.lectures import Lecture
from aizuchi.lectures import Page as LecturePage
from aizuchi.providers.llm.script import ScriptModel
from aizuchi.providers.tts.tone import ToneVoice
from aizuchi.providers.vad.energy import EnergyVad
from aizuchi.server.admission import Token
from aizuchi.server.house import House
from aizuchi.server.hub.hub import Hub
from aizuchi.server.hub.manners import Manners
from aizuchi.server.hub.resident import Agent, settle
from aizuchi.server.store import MemoryStore
from aizuchi.wire.bitnp import GESTURES
from tests import fakes
from tests.server.bitnp_client import agent
from tests.server.bitnp_page import Page
from tests.server.sockets import serving
from tests.server.test_hub_manners import until

pytestmark = pytest.mark.network

SCRIPT = """
languages: [en]
rules:
  - {name: page, when: {en: ["show"]}, say: {en: ["[PPT_2] Here it is. [wink]"]}}
  - name: long
    when: {en: ["story"]}
    say: {en: ["Once there was a crow on a wire. It rained and rained. So it sang."]}
otherwise: {name: echo, say: {en: ["[happy] I heard it. [点头] Now I rest."]}}
"""
MS = 15
"""How long the voice takes for a character."""
PAGES = (
    LecturePage(1, ("Welcome to this talk.", "[wink] It is about crows.")),
    LecturePage(2, ("Crows are clever birds.",)),
)
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def living(tmp_path: Path):
    """A server with one character under the name `shumeiniang`; yields its base URL, the house and the page's
    class, whose instances run as long as the block."""
    file = tmp_path / "script.yaml"
    file.write_text(SCRIPT, encoding="utf-8")

    @contextlib.asynccontextmanager
    async def live(
        lecture: Lecture | None = None, linger: float = 0.2, **settings: Any
    ) -> AsyncIterator[tuple[str, House]]:
        script = ScriptModel.Options(file=str(file), tokens_per_second=0, first_token_ms=0, introduce=False)
        voice = ToneVoice.Options(ms_per_character=MS, shortest_ms=20)
        hero = Character("anon", "Anon", "You are in a test.")
        given: dict[str, Any] = {
            "parts": fakes.parts(vad=EnergyVad(), llm=[ScriptModel(script)], tts=[ToneVoice(voice)]),
            "characters": {"anon": hero},
            "default_character": "anon",
            "rules": Rules(),
            "store": MemoryStore(),
            "hub": Hub(Manners(linger=linger)),
        }
        house = House(**given | settings)
        marks = (*GESTURES, "ppt_1", "ppt_2")
        one = Agent(replace(hero, lecture=lecture, marks=marks), public_url="http://slides.example")
        settle(house, {"shumeiniang": one})
        async with serving(house) as base:
            yield base, house

    return live


@contextlib.asynccontextmanager
async def paging(base: str, **more: Any) -> AsyncIterator[Page]:
    async with Page(base, **more) as one, asyncio.TaskGroup() as group:
        running = group.create_task(one.run())
        try:
            yield one
        finally:
            running.cancel()


async def test_a_chat(living: Any):
    """Section 5.1, with tags in their places and nothing lost; and blank input is nobody's question."""
    async with living() as (base, house), paging(base) as one:
        await one.event({"type": "user_input", "content": ""})
        await one.event({"type": "user_input", "content": "hello"})
        done = await one.until_of("end_of_response")
        assert one.types == [
            "start_of_response", "bracket_tag", "say_aloud", "bracket_tag", "say_aloud", "end_of_response",
        ]  # fmt: skip
        assert [each["content"] for each in one.of("bracket_tag")] == ["点头", "点头"]
        assert done["response"] == "[happy]I heard it. [点头]Now I rest."
        assert one.subtitle == "I heard it. Now I rest."
        assert one.played == pytest.approx(MS * 22 / 1000, abs=0.05)
        (live,) = house.sessions
        assert [each.text for each in live.session.history.messages] == ["hello", "I heard it. Now I rest."]


async def test_all_pages_share_a_conversation(living: Any):
    """Each sees what the other asks; the first one's report counts."""
    async with living() as (base, house), paging(base) as one, paging(base, reports=False) as two:
        await one.event({"type": "user_input", "content": "hello"})
        await two.until_of("end_of_response")
        await two.event({"type": "user_input", "content": "again"})
        await one.until_of("end_of_response", 2)
        assert one.types == two.types and len(house.sessions) == 1


async def test_an_interrupt_is_heard(living: Any):
    """A second question cuts the first answer; what the page still plays of it is a second at most."""
    async with living() as (base, _house), paging(base) as one:
        await one.event({"type": "user_input", "content": "a story"})
        await one.until_of("say_aloud")
        await one.event({"type": "user_input", "content": "hello"})
        await one.until_of("end_of_response", 2)
        assert len(one.of("interrupt")) == 1 and one.most_queued < 1.3
        assert one.of("end_of_response")[1]["response"] == "[happy]I heard it. [点头]Now I rest."


async def test_a_lecture(living: Any, tmp_path: Path):
    """Section 5.2: the slides, the pages in order, numbered sentences, the end; slides can be had."""
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_bytes(PNG)
    (tmp_path / "talk.txt").write_text("nobody's business", encoding="utf-8")
    slides = (tmp_path / "1.png", tmp_path / "2.png")
    lecture = Lecture(PAGES, slides, "/lectures/shumeiniang")
    async with living(lecture) as (base, _house), paging(base) as one:
        await one.until(lambda: [each["state"] for each in one.of("lecture_state")][-1:] == ["finished"])
        assert one.types == [
            "ppt_assets", "flip_ppt_page", "start_of_response", "say_aloud", "bracket_tag", "say_aloud",
            "end_of_response", "flip_ppt_page", "start_of_response", "say_aloud", "end_of_response",
        ]  # fmt: skip
        assert one.slides == [f"http://slides.example/lectures/shumeiniang/{n}.png" for n in (1, 2)]
        assert [each["seq"] for each in one.of("say_aloud")] == [1, 2, 3]
        ends = [each["response"] for each in one.of("end_of_response")]
        assert ends == ["Welcome to this talk. [wink]It is about crows.", "Crows are clever birds."]
        async with httpx.AsyncClient(base_url=base, trust_env=False) as http:
            slide = await http.get("/lectures/shumeiniang/1.png", headers={"Origin": "http://else.where"})
            assert slide.content == PNG and slide.headers["access-control-allow-origin"] == "*"
            for hidden in ("talk.txt", "..%2Ftalk.txt", "3.png"):
                assert (await http.get(f"/lectures/shumeiniang/{hidden}")).status_code == 404


async def test_a_lecture_is_steered(living: Any):
    """The page's keys: at once, in whatever order they come."""
    async with living(Lecture(PAGES)) as (base, _house), paging(base) as one:
        await one.until_of("say_aloud")
        await one.event({"type": "lecture_control", "action": "pause"})
        await one.until(lambda: one.of("lecture_state")[-1]["state"] == "paused")
        await one.event({"type": "lecture_control", "action": "resume"})
        await one.event({"type": "lecture_control", "action": "next"})
        await one.until(lambda: one.slide == 2)
        await one.event({"type": "lecture_control", "action": "prev"})
        await one.until(lambda: one.slide == 1)
        await one.event({"type": "lecture_control", "action": "goto", "page_num": 2})
        await one.until(lambda: one.of("lecture_state")[-1]["state"] == "finished")
        assert [each["page_num"] for each in one.of("flip_ppt_page")] == [1, 2, 1, 2]


async def test_a_question_over_a_lecture(living: Any):
    """It is answered at once, and may turn the slide; then the cut sentence is said again."""
    long = (
        "This sentence takes so long that it is still being said when somebody asks something " + "on " * 35
    )
    lecture = Lecture((LecturePage(1, (long, "And then this.")), LecturePage(2, ("The end.",))))
    async with living(lecture) as (base, _house), paging(base) as one:
        await one.until_of("say_aloud")
        await one.event({"type": "user_input", "content": "show me"})
        await one.until(lambda: one.of("lecture_state")[-1]["state"] == "finished")
        assert [each["page_num"] for each in one.of("flip_ppt_page")] == [1, 2, 1, 2]
        said = [each["content"].strip() for each in one.of("say_aloud")]
        # On a machine that is too busy to ask in time there is nothing to be said again.
        again = [long.strip()] if said.count(long.strip()) == 2 else []
        assert said == [long.strip(), "Here it is.", *again, "And then this.", "The end."]
        assert "[ppt_2]Here it is. [wink]" in [each["response"] for each in one.of("end_of_response")]


async def test_pages_that_never_report(living: Any):
    """Nobody clicked on them, or they are old: the lecture comes to its end all the same."""
    async with living(Lecture(PAGES)) as (base, _house), paging(base, reports=False) as one:
        await one.until(lambda: [each["state"] for each in one.of("lecture_state")][-1:] == ["finished"])


async def test_a_page_that_comes_later(living: Any):
    """It gets the slides and the one that is shown."""
    lecture = Lecture(PAGES, (Path("1.png"), Path("2.png")), "/lectures/shumeiniang")
    async with living(lecture) as (base, _house), paging(base) as one:
        await one.until(lambda: one.slide == 2 and one.of("say_aloud"))
        async with paging(base) as two:
            await two.until(lambda: two.slides and two.slide == 2)


async def test_nobody_looks(living: Any):
    """A page that is loaded anew finds the lecture where it was."""
    async with living(Lecture(PAGES), 30.0) as (base, house):
        async with paging(base) as one:
            await one.until_of("say_aloud")
            (live,) = house.sessions
        await until(lambda: live.session.snapshot()["lecture"]["stand"] == "paused")
        async with paging(base) as one:
            await one.until(lambda: [each["state"] for each in one.of("lecture_state")][-1:] == ["finished"])
        assert [each for each in house.sessions] == [live]


async def test_malformed_events(living: Any):
    """Whatever a page sends, the agent lives."""
    async with living() as (base, _house), paging(base) as one:
        for data in ("text", 5, None, [1], {"type": 7}, {"type": "lecture_control"}, {"type": "user_audio"}):
            await one.event(data)
        await one.event({"type": "user_input", "content": "hello"})
        await one.until_of("end_of_response")


async def test_bullet_comments(living: Any):
    """A viewer's words are answered when the answer before is over."""
    async with living() as (base, house), paging(base) as one:
        await one.event({"type": "user_input", "content": "hello"})
        await one.until_of("start_of_response")
        await one.event({"type": "danmaku", "id": 1, "username": "小明", "content": "hi"})
        await one.event({"type": "danmaku", "id": 1, "username": "小明", "content": "hi"})
        await one.until_of("end_of_response", 2)
        (live,) = house.sessions
        assert [each.name for each in live.session.history.messages if each.role == "user"] == ["", "小明"]


async def test_an_outside_agent_takes_the_name(living: Any):
    """The character makes room at once and comes back afterwards, in a fresh conversation."""
    async with living() as (base, house), paging(base) as one:
        await one.event({"type": "user_input", "content": "hello"})
        await one.until_of("end_of_response")
        async with agent(base) as other:
            await other.send(type="event", data={"type": "bracket_tag", "content": "theirs"})
            await one.until(lambda: one.events[-1] == {"type": "bracket_tag", "content": "theirs"})
            assert len(house.sessions) == 0
        await one.event({"type": "user_input", "content": "hello"})
        await one.until_of("end_of_response", 2)


async def test_tokens(living: Any):
    """The hub asks pages for a token; its own agent needs none."""
    async with (
        living(tokens=[Token("secret", "ann")]) as (base, _house),
        paging(base, name="shumeiniang?token=secret") as one,
    ):
        await one.event({"type": "user_input", "content": "hello"})
        await one.until_of("end_of_response")


async def test_the_conversation_ends_with_its_last_page(living: Any):
    """Some time after it has left; nothing is kept."""
    async with living() as (base, house):
        async with paging(base) as one:
            await one.event({"type": "user_input", "content": "hello"})
            await one.until_of("end_of_response")
        await until(lambda: not len(house.sessions))
