"""The lecture agent: script, slides, order, waiting, control."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aizuchi.compat.bitnp.agent import LectureAgent, create_agent, lecture_agent, lecture_script
from aizuchi.compat.bitnp.tts import REGISTRY
from tests.compat.bitnp import voices
from tests.compat.bitnp.relay import Page, Relay
from tests.compat.bitnp.running import page_of

SCRIPT = "不属于任何一页\n[PPT_1] 第一行[wink]\n\n第二行\n[翻页:2]\n[PPT_4]第四页"
SAY = {"type": "say_aloud", "format": "wav"}
START = {"type": "start_of_response"}


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    voices.register(monkeypatch)


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with Relay() as relay:
        yield relay


def say(content: str, seq: int, *, last: bool = True) -> dict[str, Any]:
    return {**SAY, "content": content, "seq": seq, "is_last": last}


def flip(page: int) -> dict[str, Any]:
    return {"type": "flip_ppt_page", "page_num": page}


def end(response: str) -> dict[str, Any]:
    return {"type": "end_of_response", "response": response}


def lecturing(relay: Relay, project: Path, script: str = SCRIPT, **more: Any) -> LectureAgent:
    path = project / "talk_scripts.txt"
    path.write_text(script, encoding="utf-8")
    settings = {"tts_config": {"tts_method_name": "async"}, "lecture_script_path": str(path), **more}
    agent = create_agent("lecture_agent", relay.url, "a", **settings)
    assert isinstance(agent, LectureAgent)
    return agent


def test_scripts(project: Path):
    """Text behind a mark belongs to its page; pages without text and text without a page are left out."""
    pages = [
        {"page_num": 1, "content": "第一行[wink]\n\n第二行"},
        {"page_num": 4, "content": "第四页"},
    ]
    assert lecture_script.parse(SCRIPT) == pages
    assert lecture_script.parse("no mark at all") == []
    assert lecture_script.read(str(project)) == lecture_script.read(str(project / "nobody.txt")) == []
    for name in ("b_scripts.txt", "a_scripts.txt", "notes.txt"):
        (project / name).write_text(f"[PPT_1]{name}", encoding="utf-8")
    assert lecture_script.read(str(project)) == [{"page_num": 1, "content": "a_scripts.txt"}]


def test_slides(project: Path):
    """By the number at the end of the name, pictures only, addresses quoted."""
    for name in ("幻灯片10.PNG", "幻灯片2.png", "b.webp", "a.jpg", "notes.txt", "3.JPEG"):
        (project / name).touch()
    names = lecture_script.slides(str(project))
    assert names == ["幻灯片2.png", "3.JPEG", "幻灯片10.PNG", "a.jpg", "b.webp"]
    assert lecture_script.slides(str(project / "nobody")) == []
    assert lecture_script.slide_urls("wss://h:1", "/slides/", ["a b.png"]) == ["https://h:1/slides/a%20b.png"]
    assert lecture_script.slide_urls("ws://h", "/s", ["幻.png"]) == ["http://h/s/%E5%B9%BB.png"]


@pytest.mark.network
async def test_a_lecture(relay: Relay, project: Path):
    """Slides, then page by page: flip, start, lines with rising numbers, tags in their places, end."""
    (project / "1.png").touch()
    agent = lecturing(relay, project, ppt_images_dir=str(project), ppt_base_url="/s/")
    async with page_of(agent, relay) as page:
        seen = [*await page.until("end_of_response"), *await page.until("end_of_response")]
    assert seen == [
        {"type": "ppt_assets", "urls": [f"http://{relay.url}/s/1.png"], "total": 1},
        flip(1),
        START,
        say("第一行", 1),
        {"type": "bracket_tag", "content": "wink"},
        say("第二行", 2),
        end("第一行[wink]\n\n第二行"),
        flip(4),
        START,
        say("第四页", 3),
        end("第四页"),
    ]


@pytest.mark.network
async def test_streaming(relay: Relay, project: Path):
    """Of a line's pieces the last one alone says that it is the last; the text is on the first."""
    agent = lecturing(relay, project, "[PPT_1]一二三四五\n[PPT_2]六", tts_stream=True)
    async with page_of(agent, relay) as page:
        seen = [*await page.until("end_of_response"), *await page.until("end_of_response")]
    first, second, third = say("一二三四五\n".strip(), 1, last=False), say("", 1, last=False), say("", 1)
    assert seen[:5] == [flip(1), START, first, second, third]
    assert seen[6:] == [flip(2), START, say("六", 2), end("六")]


@pytest.mark.network
async def test_a_line_waits_for_its_sound(relay: Relay, project: Path):
    """The next line comes when a page has played this one, and not before."""
    agent = lecturing(relay, project, "[PPT_1]一\n二")
    async with page_of(agent, relay, plays=False) as page:
        assert (await page.until("say_aloud"))[-1] == say("一\n", 1)
        for wrong in (0, 2, None, "x", [1], 1.5, -1):
            await page.send("audio_playback_finished", seq=wrong)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await page.next()
        await page.send("audio_playback_finished", seq="1", media_id=1)
        assert await page.next() == say("二", 2)


@pytest.mark.network
async def test_the_next_line_is_made_ahead(relay: Relay, project: Path, monkeypatch: pytest.MonkeyPatch):
    """While a page plays a line the next one is synthesised, over the end of a page, and no further."""
    asked: list[str] = []
    later = asyncio.Event()

    class Noting(voices.AsyncVoice):
        async def synthesize(self, text: str) -> bytes:  # pyright: ignore
            asked.append(text)
            if len(asked) == 3:
                later.set()
            return voices.sound(text)

    monkeypatch.setitem(REGISTRY, "noting", Noting)
    agent = lecturing(
        relay, project, "[PPT_1]一\n二[wink]\n[PPT_2]三\n四", tts_config={"tts_method_name": "noting"}
    )
    async with page_of(agent, relay, plays=False) as page:
        await page.until("say_aloud")
        await page.send("audio_playback_finished", seq=1)
        assert await page.next() == say("二", 2)
        async with asyncio.timeout(30):
            await later.wait()
        assert asked == ["一\n", "二", "三\n"]
        await page.send("lecture_control", action="goto", page_num=1)
        assert (await page.until("say_aloud"))[-1]["content"] == "一\n"
        assert asked[3] == "一\n"
        await page.send("audio_playback_finished", seq=3)
        assert (await page.next())["content"] == "二"
    assert [len(each) for each in page.sounds] == [
        44 + len(voices.sound(t)) for t in ("一\n", "二", "一\n", "二")
    ]


@pytest.mark.network
async def test_never_for_ever(relay: Relay, project: Path, monkeypatch: pytest.MonkeyPatch):
    """A page that never tells, or does not play, holds nothing up beyond the line's own length."""
    monkeypatch.setattr(lecture_agent, "GRACE", 0.05)
    agent = lecturing(relay, project, "[PPT_1]一\n二\n三")
    async with page_of(agent, relay, plays=False) as page:
        await page.until("end_of_response")
    assert [each["seq"] for each in page.events if each["type"] == "say_aloud"] == [1, 2, 3]


@pytest.mark.network
async def test_control(relay: Relay, project: Path):
    """Next, previous, replay and goto begin that page anew at once; what is none of them changes nothing."""
    agent = lecturing(relay, project, "[PPT_1]一\n二\n[PPT_5]五\n[PPT_7]七", auto_start=False)
    async with page_of(agent, relay, plays=False) as page:

        async def control(action: Any, **more: Any) -> int:
            await page.send("lecture_control", action=action, **more)
            seen = await page.until("say_aloud")
            assert [each["type"] for each in seen] == ["flip_ppt_page", "start_of_response", "say_aloud"]
            return seen[0]["page_num"]

        assert await control("goto", page_num=5) == 5
        assert await control("next") == 7
        assert await control("next") == 7
        assert await control("prev") == 5
        assert await control("PREV") == 1
        assert await control("prev") == 1
        assert await control("replay") == 1
        assert await control("goto", page="7") == 7
        for action, more in [("goto", {}), ("goto", {"page_num": 2}), ("dance", {}), (None, {}), (["x"], {})]:
            await page.send("lecture_control", action=action, **more)
        assert await control("goto", page_num=1) == 1


@pytest.mark.network
async def test_pause(relay: Relay, project: Path):
    """A pause holds before the next line, and a page that is chosen meanwhile begins."""
    agent = lecturing(relay, project, "[PPT_1]一\n二\n[PPT_2]三")

    async def quiet(page: Page) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await page.next()

    async with page_of(agent, relay, plays=False) as page:
        await page.until("say_aloud")
        await page.send("lecture_control", action="pause")
        await page.send("audio_playback_finished", seq=1)
        await quiet(page)
        await page.send("lecture_control", action="resume")
        assert await page.next() == say("二", 2)
        await page.send("lecture_control", action="pause")
        await page.send("lecture_control", action="next")
        assert (await page.until("say_aloud"))[0] == flip(2)


@pytest.mark.network
async def test_a_voice_that_fails(relay: Relay, project: Path):
    """Every line is shown, with a last piece that the page can report."""
    agent = lecturing(relay, project, "[PPT_1]一\n？？", tts_config={"tts_method_name": "broken"})
    async with page_of(agent, relay) as page:
        seen = await page.until("end_of_response")
    assert seen[2:4] == [say("一\n", 1), say("？？", 2)]


@pytest.mark.network
async def test_nothing_to_speak(relay: Relay, project: Path):
    """Without a script it waits, and control changes nothing."""
    agent = create_agent(
        "lecture_agent", relay.url, "a", tts_config={"tts_method_name": "async"}, anything="else"
    )
    async with page_of(agent, relay) as page:
        await page.send("lecture_control", action="next")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await page.next()
