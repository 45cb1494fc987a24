"""A bilingual character on real sockets: its model is an OpenAI-compatible server on loopback.

Through ChatAnon's wire the parser table of its reference (5.4), through the native one the subtitles.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect

from aizuchi.character import Character
from aizuchi.engine.rules import Rules
from aizuchi.providers.llm.openai import OpenAIModel
from aizuchi.providers.tts.tone import ToneVoice
from aizuchi.server.admission import Token
from aizuchi.server.house import House
from aizuchi.server.mounts import mounts
from aizuchi.server.store import MemoryStore
from aizuchi.wire.chatanon import Manners
from tests import fakes
from tests.loopback.openai_server import OpenAIServer
from tests.server.sockets import serving, ws
from tests.wire.independent_chatanon import Client, anon

pytestmark = pytest.mark.network

MANIFEST = """# Role: Hana

She plays the bass.

## Output

```json
{"responses_cn": ["..."，], "responses_jp": ["...",], "responses_emotion_labels": ["happy",]}
```
"""
HANA = Character(
    "anon",
    "Hana",
    MANIFEST,
    language="ja",
    subtitles="zh",
    replacements={"花": "はな"},
    greeting="こんにちは。花だよ。",
    greeting_subtitle="你好。我是花。",
)
CN, JP = ["你好，我是花。", "再见。"], ["こんにちは、花だよ。", "さようなら。"]


def lists(cn: Any = CN, jp: Any = JP, labels: Any = ("Happy ", "sad")) -> str:
    return json.dumps(
        {"responses_cn": cn, "responses_jp": jp, "responses_emotion_labels": labels}, ensure_ascii=False
    )


LINES = "\n".join(
    json.dumps({"emotion": feeling, "subtitle": below, "speak": said}, ensure_ascii=False)
    for feeling, below, said in zip(("happy", "sad"), CN, JP, strict=True)
)


@contextlib.asynccontextmanager
async def served(dialect: Any = "head") -> AsyncIterator[tuple[OpenAIServer, str]]:
    """The vendor, and the address of our server."""
    async with OpenAIServer() as vendor:
        options = OpenAIModel.Options.model_validate(
            {"base_url": vendor.base_url, "api_key": vendor.key, "model": "loopback"}
        )
        async with OpenAIModel(options) as model:
            house = House(
                parts=fakes.parts(
                    llm=[model], tts=[ToneVoice(ToneVoice.Options(ms_per_character=12, shortest_ms=20))]
                ),
                characters={"anon": HANA},
                default_character="anon",
                rules=Rules(),
                store=MemoryStore(),
                tokens=[Token("dev_token_001", "ann")],
                mounts=mounts(chatanon=Manners(dialect, 0)),
            )
            async with serving(house, table=house.mounts) as base:
                yield vendor, base


async def said(client: Client, end: str) -> list[tuple[str, str, str]]:
    client.forget()
    await client.send("message", content="hello")
    await client.until(end)
    return [(each["content_cn"], each["content_jp"], each["emotion"]) for each in client.of("response")]


BOTH = [("你好，我是花。", "こんにちは、花だよ。", "happy"), ("再见。", "さようなら。", "sad")]
TABLE = {
    "lists": (lists(), BOTH),
    "fenced": (f"```json\n{lists()}\n```", BOTH),
    "plain-fence": (f"Here it is:\n```\n{lists()}\n```\nThat is all.", BOTH),
    "commas": (lists().replace('", "', '"，"').replace('"]', '",]').replace("}", ",}"), BOTH),
    "strings": (lists(CN[0], JP[0], "HAPPY"), BOTH[:1]),
    "no-labels": (lists(labels=[]), [(*each[:2], "auto") for each in BOTH]),
    "few-labels": (lists(labels=["happy"]), [BOTH[0], (*BOTH[1][:2], "auto")]),
    "odd-labels": (lists(labels=["enthusiastic", "auto"]), [(*each[:2], "auto") for each in BOTH]),
    "cn-longer": (lists(jp=JP[:1]), [BOTH[0], ("再见。", "再见。", "sad")]),
    "jp-longer": (lists(cn=CN[:1]), [BOTH[0], ("さようなら。", "さようなら。", "sad")]),
    "text": ("ただのテキスト。", [("ただのテキスト。", "ただのテキスト。", "auto")]),
    "cut-off": (lists()[:-2], BOTH),
    "broken": (lists().replace('"], "responses_jp"', '", "responses_jp"'), BOTH),
    "lines": (LINES, BOTH),
}


@pytest.mark.parametrize("case", TABLE)
async def test_the_parser_table(case: str):
    """Whatever the model writes, both texts come with each sentence, in their usual spelling."""
    text, expected = TABLE[case]
    async with served() as (vendor, base), anon(ws(base, "/ws"), page=True) as client:
        vendor.say(text)
        assert await said(client, "turn_end") == expected
        starts = [each["text"] for each in client.of("tts_start")]
        assert len(starts) == len(expected) and all("花" not in each for each in starts if "はな" in each)
        assert client.sound
        order = [each for each in client.order if each != "audio_chunk"]
        assert order[:3] == ["thinking", "llm_start", "llm_end"] and order[-2:] == ["audio_end", "turn_end"]


@pytest.mark.parametrize(
    ("dialect", "page", "end"),
    [("seed", False, "response"), ("auto", False, "turn_end"), ("auto", True, "turn_end")],
)
@pytest.mark.parametrize("text", [lists(), LINES], ids=["lists", "lines"])
async def test_dialects(dialect: Any, page: bool, end: str, text: str):
    """One response a sentence for pages, one a turn for the others, its first feeling that is one."""
    async with served(dialect) as (vendor, base), anon(ws(base, "/ws"), page=page) as client:
        for _ in range(2):
            vendor.say(text)
            got = await said(client, end)
            assert got == (BOTH if page else [("".join(CN), "".join(JP), "happy")])


@pytest.mark.parametrize(
    ("text", "until"),
    [
        (LINES, "こんにちは、花だよ。"),
        (lists(), "こんにちは、花だよ。"),
        (f"```json\n{lists()}\n```", "花だよ。"),
    ],
    ids=["lines", "lists", "fenced"],
)
async def test_the_first_sentence_is_sent_while_the_model_writes(text: str, until: str):
    """A model that stands still after its first sentence: text and sound of it arrive all the same."""
    async with served() as (vendor, base), anon(ws(base, "/ws"), page=True) as client:
        vendor.say(text)
        pieces = len(text[: text.index(until) + len(until) + 3])  # no piece is shorter than a character
        vendor.fault("stall", after=pieces)
        await client.send("message", content="hello")
        started = await client.until("tts_start")
        assert started["text"] == "こんにちは、はなだよ。"
        await client.until("audio_chunk")
        assert not client.of("audio_end")


async def test_the_model_is_told_its_own_form():
    """The second request holds the first reply as the lists that the manifest asks for."""
    async with served() as (vendor, base), anon(ws(base, "/ws"), page=True) as client:
        vendor.say(f"```json\n{lists()}\n```", lists())
        await said(client, "turn_end")
        await said(client, "turn_end")
        bodies = [json.loads(each.body) for each in vendor.requests if each.path.endswith("completions")]
        (told,) = [each["content"] for each in bodies[-1]["messages"] if each["role"] == "assistant"]
        assert json.loads(told) == json.loads(lists(labels=["happy", "sad"]))
        assert bodies[0]["messages"][0]["content"].startswith(MANIFEST.strip())


# ------------------------------------------------------------------ native


async def native(base: str, *wants: str, text: str = "") -> list[dict[str, Any]]:
    """The messages of one turn; the greeting's without a text."""
    got: list[dict[str, Any]] = []
    async with connect(ws(base, "/digital-human/ws")) as socket:
        want = ["stream", "subtitles", "emotion", *wants]
        await socket.send(
            json.dumps({"type": "hello", "protocol": "dh.v1", "token": "dev_token_001", "want": want})
        )
        if text:
            await socket.send(json.dumps({"type": "text_input", "text": text}))
        async with asyncio.timeout(30):
            while not got or got[-1].get("reason") != "done":
                got.append(json.loads(await socket.recv()))
    return got


def of(got: list[dict[str, Any]], kind: str, *fields: str) -> list[Any]:
    rows = [tuple(each[field] for field in fields) for each in got if each["type"] == kind]
    return [row[0] for row in rows] if len(fields) == 1 else rows


@pytest.mark.parametrize("text", [LINES, lists()], ids=["lines", "lists"])
async def test_subtitles_on_the_native_wire(text: str):
    """Deltas are the subtitles, chunks tell what is spoken, and each language comes by its name."""
    async with served() as (vendor, base):
        vendor.say(text)
        got = await native(base, text="hello")
    assert "".join(of(got, "assistant_text_delta", "delta")) == "".join(CN)
    assert of(got, "assistant_text_end", "text") == ["".join(CN)]
    assert [each["text"] for each in got if each["type"] == "tts_audio_chunk" and each.get("text")] == JP
    told = of(got, "assistant_subtitle", "sentence_index", "language", "text")
    assert sorted(told) == sorted(
        [*((n, "ja", each) for n, each in enumerate(JP)), *((n, "zh", each) for n, each in enumerate(CN))]
    )
    assert sorted(of(got, "emotion_tag", "sentence_index", "emotion")) == [(0, "happy"), (1, "sad")]


async def test_a_greeting_with_subtitles():
    """It is spoken in one language and read in the other."""
    async with served() as (_, base):
        got = await native(base, "greeting")
    assert of(got, "assistant_text_end", "text") == ["你好。我是花。"]
    chunks = [each["text"] for each in got if each["type"] == "tts_audio_chunk" and each.get("text")]
    assert chunks == ["こんにちは。", "花だよ。"]
