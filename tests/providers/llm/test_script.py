"""The scripted character: the same conversation always gives the same answers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from aizuchi.emotions import EMOTIONS
from aizuchi.engine.company import NUDGE
from aizuchi.engine.history import NOTICE
from aizuchi.errors import ConfigError, ProviderError
from aizuchi.events import Image, ToolCall
from aizuchi.ports import Message, Prompt, ReplyForm, Token, ToolSpec, Usage
from aizuchi.providers.llm.script import Reply, ScriptModel, language_of, read, tokens
from aizuchi.providers.llm.script_file import load, load_part

CLOCK = ToolSpec("current_time", "Tells the time.", {"type": "object", "properties": {}})
SMALL = """
languages: [en, zh]
rules:
  - name: hum
    when: {en: hum}
    say: {en: Hm.}
otherwise: {name: echo, say: {en: "You said {text}.", zh: "你说{text}。"}}
"""


def model(**options: Any) -> ScriptModel:
    return ScriptModel(
        ScriptModel.Options.model_validate({"tokens_per_second": 0, "first_token_ms": 0} | options)
    )


async def ask(chosen: ScriptModel, prompt: Prompt) -> list[Any]:
    return [piece async for piece in chosen.think(prompt)]


async def talk(chosen: ScriptModel, *texts: str) -> list[str]:
    """A conversation; gives the answers."""
    history: list[Message] = [Message("system", "You are kind.")]
    answers: list[str] = []
    for text in texts:
        history.append(Message("user", text))
        pieces = await ask(chosen, Prompt(tuple(history)))
        answers.append("".join(piece.text for piece in pieces if isinstance(piece, Token)))
        history.append(Message("assistant", answers[-1]))
    return answers


@pytest.mark.parametrize(
    "said, answer",
    [
        ("go forward ten meters", "Going forward ten meters."),
        ("Please go forward ten meters!", "Going forward ten meters."),
        ("turn left", "Turning left."),
        ("My name is Ada.", "Nice to meet you, Ada."),
        ("Repeat after me: red lorry", "red lorry."),
        ("Tell me a joke", "[funny]"),
        ("Tell me a story", "lighthouse"),
        ("count to twenty", "nineteen, twenty."),
        ("Who are you?", "OPENAI_API_KEY"),
        ("How do I use a real model?", "aizuchi init"),
        ("What can you do?", "go forward ten meters"),
        ("I am sad", "you feel sad"),
        ("turn on the light", "turn on the light"),
        ("What time is it?", "nobody gave me one"),
        ("the tribal chieftain", "the tribal chieftain"),
        ("向前走十米", "好的，向前走十米。"),
        ("你好", "很高兴听到你的声音"),
        ("我叫小明", "很高兴认识你，小明"),
        ("你是谁?", "OPENAI_API_KEY"),
        ("怎么接上真的模型?", "OPENAI_BASE_URL"),
        ("讲个故事", "灯塔"),
        ("数到二十", "二十"),
        ("今天吃什么", "今天吃什么"),
        ("こんにちは", "お話できてうれしいです"),
        ("前に十メートル進んで", "はい、前に十メートル進みます。"),
        ("私の名前は太郎です", "太郎さん"),
        ("あなたは誰ですか", "OPENAI_API_KEY"),
        ("お話をして", "灯台"),
        ("数えて", "にじゅう"),
        ("量子力学とは", "量子力学とは"),
    ],
)
async def test_small_talk(said: str, answer: str):
    """What a guest of the five-minute tour says is answered sensibly, in their language."""
    assert answer in (await talk(model(introduce=False), said))[0]


async def test_a_very_long_text():
    """Of a very long text only the beginning is looked at and repeated."""
    answer = (await talk(model(introduce=False), "あ" * 100_000))[0]
    assert "あ" * 300 in answer and len(answer) < 400


async def test_answers_take_turns():
    """A rule's answers follow one another and begin again; the same talk gives the same answers."""
    said = ["tell me a joke", "hello", "a joke", "another joke", "joke"]
    first, second = await talk(model(), *said), await talk(model(), *said)
    assert first == second
    jokes = [answer for answer, text in zip(first, said, strict=True) if "joke" in text]
    assert len(set(jokes)) == 4  # the first one also introduced itself
    assert jokes[0].startswith(jokes[3])


@pytest.mark.parametrize("said, word", [("hello", "script"), ("你好", "脚本"), ("こんにちは", "台本")])
async def test_it_is_honest(said: str, word: str):
    """The first answer says once that this is a script and how to have a real model."""
    first, second = await talk(model(), said, said)
    assert word in first and "OPENAI_API_KEY" in first and "aizuchi init" in first
    assert "OPENAI_API_KEY" not in second


async def test_it_asks_the_clock():
    """With the tool it thinks, calls it, and puts the result into words."""
    history = (Message("user", "What time is it?"),)
    pieces = await ask(model(), Prompt(history, (CLOCK,)))
    text = "".join(piece.text for piece in pieces if isinstance(piece, Token))
    assert text.startswith("<think>") and text.endswith("</think>")
    call = pieces[-2]
    assert isinstance(call, ToolCall) and (call.name, call.args) == ("current_time", "{}")
    assert pieces[-1].finish == "tools"
    result = "Friday, 2026-11-20, 14:03 (Asia/Tokyo, UTC+09:00)"
    asked = Message("assistant", text, calls=(call,))
    history = (*history, asked, Message("tool", result, call_id=call.id))
    answer = await ask(model(introduce=False), Prompt(history, (CLOCK,)))
    assert "".join(p.text for p in answer[:-1]) == "[happy] My clock says 14:03, on Friday."
    assert answer[-1].finish == "stop"


async def test_a_tool_that_failed():
    """An answer of another shape stands in the sentence as it is."""
    call = ToolCall("call_1", "current_time", "{}")
    history = (
        Message("user", "What time is it?"),
        Message("assistant", calls=(call,)),
        Message("tool", "no clock", call_id="call_1"),
    )
    reply = Reply(read(""), Prompt(history, (CLOCK,)), introduce=False)
    assert reply.call is None and "no clock" in reply.text


async def test_pictures():
    """A picture is noticed by its size."""
    seen = Message("user", "What is this?", images=(Image("image/png", bytes(12_400)),))
    pieces = await ask(model(), Prompt((seen,)))
    assert model().sees
    assert "about 12 kilobytes" in "".join(piece.text for piece in pieces if isinstance(piece, Token))


@pytest.mark.parametrize("said", ["please fail now", "请出错", "わざと失敗して"])
async def test_it_fails_on_demand(said: str):
    """Asked to fail, it says a little and then fails as a vendor would."""
    said_before: list[str] = []
    with pytest.raises(ProviderError, match="asked to fail"):
        async for piece in model().think(Prompt((Message("user", said),))):
            assert isinstance(piece, Token)
            said_before.append(piece.text)
    assert len(said_before) == 4


async def test_nobody_has_spoken():
    """Without a word of the user it opens the conversation, in the language of the prompt."""
    for prompt, start in (("Be kind.", "[happy] Hello"), ("你是一个友好的角色。", "[happy]你好")):
        pieces = await ask(model(), Prompt((Message("system", prompt),)))
        assert "".join(piece.text for piece in pieces if isinstance(piece, Token)).startswith(start)


async def test_the_longest_reply():
    """The prompt's limit of tokens is kept and told."""
    prompt = Prompt((Message("user", "tell me a story"),), max_tokens=7)
    pieces = await ask(model(), prompt)
    assert len(pieces) == 8
    assert pieces[-1].finish == "length" and pieces[-1].tokens_out == 7


async def test_the_pace(monkeypatch: pytest.MonkeyPatch):
    """The first token comes after the set time, the others at the set pace, without drifting."""
    now = 100.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr("aizuchi.providers.llm.script.asyncio.sleep", sleep)
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    times: list[float] = []
    async for piece in model(first_token_ms=200, tokens_per_second=10, introduce=False).think(
        Prompt((Message("user", "go forward now"),))
    ):
        if isinstance(piece, Token):
            times.append(round(now - 100, 3))
            now += 0.03  # a slow reader
    assert times == [0.2, 0.3, 0.4, 0.5]


@pytest.mark.parametrize(
    "said, language",
    [
        (["hello"], "en"),
        (["你好"], "zh"),
        (["こんにちは"], "ja"),
        (["こんにちは", "天気"], "ja"),
        (["你好", "hello"], "en"),
        (["你好", ""], "zh"),
        (["bonjour"], "en"),
        ([], "en"),
    ],
)
def test_language(said: list[str], language: str):
    """The last thing said decides; Chinese characters alone are Japanese after kana."""
    assert language_of(tuple(Message("user", text) for text in said), ("en", "zh", "ja")) == language
    assert language_of((Message("user", "こんにちは"),), ("en", "zh")) == "en"


@pytest.mark.parametrize("text", ["[happy] Hello, it's 14:03!  Fine?\n", "[happy]你好,世界。OK", "  ", ""])
def test_tokens_join(text: str):
    """Tokens joined give the text; tags are split as models split them."""
    assert "".join(tokens(text)) == text
    assert "[happy]" not in list(tokens(text))


def test_the_packaged_script():
    """Every rule answers in all three languages, with emotions that exist, and no two rules share a name."""
    script = read("")
    assert script.languages == ("en", "zh", "ja")
    names = [rule.name for rule in script.rules]
    assert len(set(names)) == len(names)
    for rule in (*script.rules, script.otherwise):
        assert set(rule.say) == {"en", "zh", "ja"}, rule.name
        assert not rule.when or set(rule.when) == {"en", "zh", "ja"}, rule.name
        for texts in rule.say.values():
            for text in texts:
                tags = [part.partition("]")[0] for part in text.split("[")[1:]]
                assert set(tags) <= set(EMOTIONS), rule.name


@pytest.mark.parametrize(
    "change, line, message",
    [
        (("Hm.}", "Hm."), 7, "not valid YAML"),
        (("say: {en: Hm.}", "says: {en: Hm.}"), 6, "says"),
        (("when: {en: hum}", "when: {en: '(hum'}"), 4, "regular expression"),
        (("say: {en: Hm.}", "say: {en: '{who}'}"), 4, "{who}"),
        (("say: {en: Hm.}", "say: {en: '{'}"), 4, "{{"),
        (("    say: {en: Hm.}\n", ""), 4, "says nothing"),
        (("say: {en: Hm.}", "say: {en: 7}"), 6, "list"),
        ((', zh: "你说{text}。"', ""), 2, "lacks 'zh'"),
        (("languages: [en, zh]\n", ""), 2, "languages"),
        (("otherwise:", "other:"), 7, "other"),
    ],
)
def test_a_broken_file(tmp_path: Path, change: tuple[str, str], line: int, message: str):
    """A mistake in the file is told with its line."""
    text = SMALL.replace(*change)
    assert text != SMALL
    file = tmp_path / "mine.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        model(file=str(file))
    said = str(caught.value)
    assert said.startswith(f"{file}, line ") and message in said
    assert abs(int(said.split("line ")[1].split(":")[0]) - line) <= (1 if "YAML" in message else 0), said


@pytest.mark.parametrize("text", ["", "- a\n", "7", "languages: 5\n", "\t: ["])
def test_something_that_is_no_script(text: str):
    """Any other YAML is refused in the same way."""
    with pytest.raises(ConfigError, match=r"mine\.yaml, line \d"):
        load(text, "mine.yaml")


def test_a_file_that_is_not_there(tmp_path: Path):
    """A missing file, and one that is no text, are named."""
    (tmp_path / "picture.yaml").write_bytes(b"\xff\xfe\x00")
    for name in ("missing.yaml", "picture.yaml"):
        with pytest.raises(ConfigError, match=rf"llm\.script\.file: cannot read .*{name}"):
            model(file=str(tmp_path / name))


async def test_a_script_of_ones_own(tmp_path: Path):
    """A file of the user's is played, and its languages are told."""
    file = tmp_path / "mine.yaml"
    file.write_text(SMALL, "utf-8")
    chosen = model(file=str(file))
    assert chosen.languages == {"en", "zh"}
    assert await talk(chosen, "hum!", "Bye.", "再见") == ["Hm.", "You said Bye.", "你说再见。"]
    assert isinstance((await ask(chosen, Prompt(())))[-1], Usage)


@pytest.mark.parametrize(
    ("said", "begins"), [("tell me a joke", "It is"), ("你好", "这会儿"), ("こんにちは", "静か")]
)
async def test_a_silence_is_broken_in_the_users_language(said: str, begins: str):
    """The engine's notice of a long silence is answered with words of the script, never read aloud."""
    answers = await talk(model(), said, NOTICE.format(text=NUDGE))
    assert answers[1].split("]")[1].strip().startswith(begins)
    assert "script of prepared" not in answers[1]


# ------------------------------------------------------------------ two languages

TWO = """
languages: [zh, ja]
introduction: {zh: 我是脚本。, ja: 台本です。}
rules:
  - name: hello
    when: {zh: 你好, ja: こんにちは}
    say: {zh: "[happy]你好！今天好吗？", ja: "こんにちは！お元気？"}
  - {name: odd, when: {zh: 多}, say: {zh: "一。二。[sad]三。", ja: "いち。さん。"}}
  - {name: alone, when: {zh: 单}, say: {zh: "只有中文。"}}
  - {name: raw, when: {zh: 原}, say: {zh: '{{"responses_cn": ["你好'}}
otherwise: {name: echo, say: {zh: "你说{text}。", ja: "「{text}」ですね。"}}
"""
LISTS = ReplyForm("ja", "zh", (("subtitle", "cn"), ("speak", "jp"), ("emotion", "labels")), listed=True)


@pytest.mark.parametrize(
    ("said", "form", "written"),
    [
        (
            "你好",
            ReplyForm("ja", "zh"),
            '{"emotion": "happy", "subtitle": "你好！", "speak": "こんにちは！"}\n'
            '{"emotion": "happy", "subtitle": "今天好吗？", "speak": "お元気？"}',
        ),
        (
            "こんにちは",
            LISTS,
            '{"cn": ["你好！", "今天好吗？"], "jp": ["こんにちは！", "お元気？"], '
            '"labels": ["happy", "happy"]}',
        ),
        (
            "多",
            ReplyForm("ja", "zh"),
            '{"subtitle": "一。", "speak": "いち。"}\n'
            '{"emotion": "sad", "subtitle": "二。三。", "speak": "さん。"}',
        ),
        ("单", ReplyForm("ja", "zh"), '{"subtitle": "只有中文。", "speak": "只有中文。"}'),
        ("原", ReplyForm("ja", "zh"), '{"responses_cn": ["你好'),
        ("单", ReplyForm("ko", "fr"), '{"subtitle": "只有中文。", "speak": "只有中文。"}'),
    ],
    ids=["lines", "lists", "uneven", "alone", "raw", "neither"],
)
async def test_two_languages(tmp_path: Path, said: str, form: ReplyForm, written: str):
    """A prompt that asks for a form gets a rule's texts of both languages in it, sentence by sentence."""
    file = tmp_path / "script.yaml"
    file.write_text(TWO, encoding="utf-8")
    prompt = Prompt((Message("user", said),), form=form)
    pieces = await ask(model(file=str(file), introduce=False), prompt)
    assert "".join(piece.text for piece in pieces if isinstance(piece, Token)) == written


async def test_the_packaged_script_speaks_two_languages():
    """Introduction and thoughts included; each line is JSON with both."""
    prompt = Prompt((Message("user", "讲个故事"),), form=ReplyForm("ja", "zh"))
    pieces = await ask(model(), prompt)
    text = "".join(piece.text for piece in pieces if isinstance(piece, Token))
    rows = [json.loads(line) for line in text.rpartition("</think>")[2].splitlines()]
    assert len(rows) > 5 and all(
        row["subtitle"] and row["speak"] and row["subtitle"] != row["speak"] for row in rows
    )


# ------------------------------------------------------------------ characters

PART = """
languages: [en, zh]
introduction: {en: "I am a script, {character} says."}
rules:
  - {name: hello, when: {en: hello, zh: 你好}, say: {en: ["[happy] Ahoy!"], zh: ["[happy]嘿！"]}}
otherwise: {name: shrug, say: {en: ["No idea."], zh: ["不知道。"]}}
"""


async def test_a_character_with_words_of_its_own():
    """Its rules go before the packaged ones, its other words in their place; the rest stays."""
    part = load_part(PART, "script.yaml")

    async def answer(*said: str, character: str = "Bo", script: object = part) -> str:
        history = tuple(Message("user", each) for each in said)
        prompt = Prompt(history, character=character, script=script)
        return "".join(each.text for each in await ask(chosen, prompt) if isinstance(each, Token))

    chosen = model()
    assert await answer("hello") == "[happy] Ahoy! I am a script, Bo says."
    assert await answer("hm", "你好") == "[happy]嘿！"
    assert await answer("hm", "asdf") == "No idea."
    assert await answer("hm", "count") == await answer("hm", "count", script=None), "a rule of all"
    assert "脚本" in await answer("你好"), (
        "a language without an introduction of its own has the packaged one"
    )
    japanese = await answer("hm", "あいうえお")
    assert "あいうえお" in japanese, "and so has one that it does not speak"


async def test_everybody_has_a_name():
    """Who has no words of their own is introduced by their name."""
    for said, word in (("who are you", "I am Mei"), ("你是谁", "我是Mei"), ("あなたは誰", "Meiです")):
        prompt = Prompt((Message("user", said),), character="Mei")
        text = "".join(each.text for each in await ask(model(), prompt) if isinstance(each, Token))
        assert word in text


async def test_a_file_that_was_asked_for_stands_for_all(tmp_path: Path):
    """Who configures a script hears that one, whoever answers."""
    file = tmp_path / "mine.yaml"
    file.write_text(
        "languages: [en]\notherwise: {name: x, say: {en: 'Mine, {character}.'}}", encoding="utf-8"
    )
    prompt = Prompt((Message("user", "hello"),), character="Bo", script=load_part(PART, "script.yaml"))
    pieces = await ask(model(file=str(file)), prompt)
    assert "".join(each.text for each in pieces if isinstance(each, Token)) == "Mine, Bo."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("rules:", "ruls:"), r"script\.yaml:4: ruls: is unknown"),
        (("zh: 你好", "ja: やあ"), r"script\.yaml:5: rules\.0: it listens in 'ja'"),
        (("No idea.", "{nobody}"), r"script\.yaml:6: .*\{nobody\}"),
        (("languages: [en, zh]", "languages: [en"), r"script\.yaml:\d: not valid YAML"),
    ],
)
def test_a_broken_part(change: tuple[str, str], message: str):
    """A mistake is told as one of the character's other files is: with file and line."""
    with pytest.raises(ConfigError, match=message):
        load_part(PART.replace(*change), "script.yaml")
