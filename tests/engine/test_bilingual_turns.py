"""Conversations with a character who speaks one language and is read in another."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from aizuchi.character import Character
from aizuchi.engine.bilingual.form import form_of
from aizuchi.engine.company import FAREWELL
from aizuchi.engine.phrasebook import APOLOGY, bilingual, greeting, phrase
from aizuchi.engine.prompt import MANNERS, build
from aizuchi.engine.rehearsal import fixed
from aizuchi.engine.rules import Rules, Silences, Speculation
from aizuchi.errors import ProviderError
from aizuchi.events import (
    Annotated,
    AttemptEnded,
    Interrupt,
    Interrupted,
    Sentence,
    Speech,
    TextDelta,
    TextDone,
    ToolCall,
    TurnBegun,
    TurnEnded,
)
from aizuchi.ports import Message, Prompt, Style, Token, Toolbox, ToolSpec, Usage
from tests import fakes
from tests.engine.scenes import Scene, play, rules
from tests.engine.test_bilingual import ARRAYS, BYE, HELLO, lists
from tests.fakes import FakeModel, FakeStreamingVoice, FakeVoice, Script

HANA = Character(
    "hana",
    "Hana",
    "You are Hana.",
    language="ja",
    subtitles="zh",
    greeting="こんにちは！ハナだよ。",
    greeting_subtitle="你好！我是花。",
    replacements={"花": "ハナ"},
)
FORMED = replace(
    HANA,
    prompt='You are Hana.\n```json\n{"responses_cn": ["..."，], "responses_jp": ["..."],'
    ' "responses_emotion_labels": ["happy"]}\n```',
)


def dripping(text: str, gap: float = 0.05) -> Script:
    """A model that writes one character after the other."""
    return Script([*((gap, Token(char)) for char in text), (0.0, Usage("stop", 10, len(text)))])


def turns(*texts: str, character: Character = HANA, gap: float = 0.05, **more: Any) -> Scene:
    """One turn for each text."""
    waiting = list(texts)
    model = FakeModel(lambda prompt: dripping(waiting.pop(0), gap))

    async def act(scene: Scene) -> None:
        for number in range(len(texts)):
            scene.type("hello")
            await scene.until(TurnEnded, number + 1)

    return play(act, character=character, llm=[model], **more)


def when(scene: Scene, kind: type, number: int = 0) -> float:
    return [entry.at for entry in scene.log if isinstance(entry.event, kind)][number]


def said(scene: Scene) -> list[tuple[str, str, str]]:
    return [(each.spoken, each.shown, each.emotion) for each in scene.all(Sentence)]


# ------------------------------------------------------------------ early


@pytest.mark.parametrize(
    ("text", "second", "character"),
    [
        (f"{HELLO}\n{BYE}", "再", HANA),
        (f"```json\n[{HELLO},\n{BYE}]\n```", "再", HANA),
        (
            '{"speak": "こんにちは。", "subtitle": "你好。"}{"speak": "さようなら。", "subtitle": "再见。"}',
            "さよ",
            HANA,
        ),
        (ARRAYS, "さよ", FORMED),
        (
            lists(
                ["こんにちは。", "さようなら。"],
                ["你好。", "再见。"],
                ["happy", "sad"],
                "jp cn emotion_labels",
            ),
            "さよ",
            FORMED,
        ),
    ],
    ids=["lines", "list", "speech-first", "lists", "lists-speech-first"],
)
def test_the_first_sentence_is_spoken_before_the_second_is_written(
    text: str, second: str, character: Character
):
    """With a slow model the voice is heard before the second sentence's speech begins to be written."""
    gap = 0.2
    scene = turns(text, character=character, gap=gap, tts=[FakeVoice(first=0.1)])
    begun = when(scene, TurnBegun)
    written = begun + (text.index(second) + 1) * gap
    sounds = when(scene, Speech)
    assert sounds < written
    assert [each.subtitles.get("ja") for each in scene.all(Sentence)] == ["こんにちは。", "さようなら。"]
    assert sounds < when(scene, TextDone) - 1


def test_what_comes_late_is_told_and_spoken_with():
    """Lists that end with the feelings: the first sentence is on its way, the second still gets its own."""
    felt: list[tuple[str, str]] = []

    class Feeling(FakeVoice):
        def say(self, sentence: Sentence, style: Style) -> Any:
            felt.append((sentence.spoken, sentence.emotion))
            return super().say(sentence, style)

    text = lists(
        ["こんにちは。", "さようなら。"], ["你好。", "再见。"], ["happy", "sad"], "jp cn emotion_labels"
    )
    scene = turns(text, character=FORMED, gap=0.01, tts=[Feeling(ms_per_char=900)])
    assert felt == [("こんにちは。", ""), ("さようなら。", "sad")]
    late = scene.all(Annotated)
    assert [each.sentence for each in late if each.subtitles] == [0, 1]
    assert [(each.sentence, each.emotion) for each in late if each.done] == [(0, "happy"), (1, "sad")]
    (reply,) = scene.session.history.messages[1:]
    assert json.loads(reply.text) == json.loads(ARRAYS)


def test_a_voice_that_takes_a_stream_gets_the_speech_alone():
    """Words go to it while they are written, and none of the subtitle or of JSON."""
    english = replace(HANA, language="en", greeting="", greeting_subtitle="")
    text = (
        '{"emotion": "happy", "subtitle": "很久以前。", "speak": "Once upon a time there was a fox."}\n'
        '{"emotion": "sad", "subtitle": "它老了。", "speak": "It grew old."}'
    )
    voice = FakeStreamingVoice()
    scene = turns(text, character=english, tts=[voice], rules=Rules(tts_strategy="stream"))
    assert "".join(voice.pieces[0]) == "Once upon a time there was a fox. It grew old."
    assert len(voice.pieces[0]) > 4
    assert scene.all(TurnEnded)[-1].text == "很久以前。它老了。"


# ------------------------------------------------------------------ events


def test_text_is_the_subtitles_and_sound_the_speech():
    """Deltas, texts and what was heard are read in one language, spoken text and names in the other."""
    text = '{"emotion": "happy", "subtitle": "花来了。", "speak": "花が来た。"}'
    scene = turns(text)
    assert scene.turn_text(1) == scene.all(TextDone)[-1].text == scene.all(TurnEnded)[-1].heard == "花来了。"
    (sentence,) = scene.all(Sentence)
    assert (sentence.spoken, sentence.shown, sentence.language) == ("ハナが来た。", "花来了。", "ja")
    assert sentence.subtitles == {"ja": "花が来た。", "zh": "花来了。"} and not sentence.partial
    deltas = [entry.at for entry in scene.log if isinstance(entry.event, TextDelta)]
    assert len(deltas) > 3 and deltas[-1] < when(scene, Sentence) <= when(scene, Speech)


def test_plain_text_of_a_bilingual_model_is_spoken():
    """It is the reply all the same, without a subtitle."""
    scene = turns("こんにちは。元気ですか？")
    assert said(scene) == [("こんにちは。", "こんにちは。", ""), ("元気ですか？", "元気ですか？", "")]
    assert not any(each.subtitles for each in scene.all(Sentence))


# ------------------------------------------------------------------ memory


def test_the_model_is_told_its_replies_in_the_form_it_is_asked_for():
    """A line for each sentence, or the lists its prompt describes; plain text stands on both sides."""
    scene = turns(f"{HELLO}\n{BYE}", "わかった。", HELLO)
    replies = [each.text for each in scene.session.history.messages if each.role == "assistant"]
    assert replies[0] == f"{HELLO}\n{BYE}" and replies[2] == HELLO
    assert json.loads(replies[1]) == {"emotion": "neutral", "subtitle": "わかった。", "speak": "わかった。"}
    scene = turns(f"{HELLO}\n{BYE}", "わかった。", character=FORMED)
    first, second = (
        json.loads(each.text) for each in scene.session.history.messages if each.role == "assistant"
    )
    assert first == json.loads(ARRAYS)
    assert list(second.values()) == [["わかった。"], ["わかった。"], ["auto"]]


def test_an_interrupted_reply_is_remembered_as_far_as_it_was_heard():
    """Whole sentences in both languages; the note that follows is not JSON."""

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(Sentence, 2)
        await asyncio.sleep(0.2)
        scene.session.feed(Interrupt("click", link="me"))
        await scene.until(TurnEnded)

    model = FakeModel(lambda prompt: dripping(f"{HELLO}\n{BYE}\n{HELLO}"))
    scene = play(act, character=HANA, llm=[model], tts=[FakeVoice(ms_per_char=120)])
    (cut,) = [each for each in scene.all(Interrupted) if each.turn is not None]
    assert cut.heard == "你好。" and cut.text.startswith("你好。再见。")
    assert scene.session.history.messages[-1].text == f"{HELLO}\n[interrupted by the user here]"


def test_half_a_sentence_is_cut_alike_in_both():
    """A voice that tells its words: what is remembered ends at the same share of both texts."""

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(Speech, 4)
        await asyncio.sleep(0.35)
        scene.session.feed(Interrupt("click", link="me"))
        await scene.until(TurnEnded)

    text = '{"emotion": "calm", "subtitle": "一二三四五六七八九十", "speak": "one two three four five six"}'
    english = replace(HANA, language="en")
    model = FakeModel(lambda prompt: dripping(text, 0.0))
    scene = play(act, character=english, llm=[model], tts=[FakeVoice(words=True)])
    line, note = scene.session.history.messages[-1].text.splitlines()
    told = json.loads(line)
    assert note == "[interrupted by the user here]"
    assert 0 < len(told["subtitle"]) < 10 and "一二三四五六七八九十".startswith(told["subtitle"])
    assert 0 < len(told["speak"]) < 27 and "one two three four five six".startswith(told["speak"])


def test_tools_between_two_rounds():
    """Each round is JSON of its own; history keeps them apart, the text goes on."""

    class Box(Toolbox):
        def specs(self, context: Any) -> list[ToolSpec]:
            return [ToolSpec("clock", "", {"type": "object"})]

        async def call(self, call: ToolCall, context: Any) -> str:
            return "noon"

    rounds = [[*dripping(HELLO).steps[:-1], (0.0, ToolCall("c1", "clock", "{}")), (0.0, Usage("tools"))]]
    model = FakeModel(lambda prompt: Script(rounds.pop()) if rounds else dripping(BYE))

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)

    scene = play(act, character=HANA, llm=[model], toolbox=Box())
    assert [each.index for each in scene.all(Sentence)] == [0, 1]
    assert scene.all(TurnEnded)[-1].text == "你好。再见。"
    roles = [(each.role, each.text) for each in scene.session.history.messages[1:]]
    assert roles == [("assistant", HELLO), ("tool", "noon"), ("assistant", BYE)]


def test_an_attempt_is_committed():
    """What was prepared in private is heard with its subtitle."""

    async def act(scene: Scene) -> None:
        scene.listen()
        await scene.hear(fakes.speech(600), fakes.silence(900))
        await scene.until(TurnEnded)

    model = FakeModel(lambda prompt: dripping(f"{HELLO}\n{BYE}", 0.001))
    ear = fakes.FakeRecognizer(at_pause=lambda ms: "hello there")
    hearing = replace(rules("auto").hearing, silence_ms=600)
    scene = play(
        act,
        character=HANA,
        llm=[model],
        asr=[ear],
        rules=Rules(hearing=hearing, speculation=Speculation(on=True)),
    )
    assert [each.turn for each in scene.all(AttemptEnded)] == [1]
    assert [each.subtitles["zh"] for each in scene.all(Sentence)] == ["你好。", "再见。"]


# ------------------------------------------------------------------ fixed words


def test_a_greeting_in_both_languages():
    """Sentence by sentence where they pair, as one where they do not."""

    async def act(scene: Scene) -> None:
        scene.session.greet()
        await scene.until(TurnEnded)

    scene = play(act, character=HANA)
    assert [(each.spoken, each.shown) for each in scene.all(Sentence)] == [
        ("こんにちは！", "你好！"),
        ("ハナだよ。", "我是花。"),
    ]
    assert scene.all(TurnEnded)[-1].text == "你好！我是花。"
    odd = replace(HANA, greeting="やあ！元気？", greeting_subtitle="嗨，还好吗？")
    (cut,) = bilingual(greeting(odd), odd)
    assert (cut.spoken, cut.shown) == ("やあ！ 元気？", "嗨，还好吗？")
    assert cut.subtitles == {"ja": "やあ！元気？", "zh": "嗨，还好吗？"}


def test_an_apology_in_both_languages():
    """Ours is known in both; a character's own only where they wrote it."""
    broken = FakeModel(lambda prompt: Script([(0.0, ProviderError("no", retryable=False))]))

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)

    scene = play(act, character=HANA, llm=[broken])
    assert scene.all(TextDone)[-1].text == APOLOGY["zh"]
    assert "".join(each.subtitles["ja"] for each in scene.all(Sentence)) == APOLOGY["ja"]
    own = replace(HANA, apology={"ja": "ごめん。"})
    assert phrase(own, own.apology, APOLOGY).subtitle == ""
    assert phrase(own, {}, FAREWELL).subtitle == FAREWELL["zh"]


def test_what_is_rehearsed_is_what_will_be_said():
    """A fixed phrase is prepared in the very sentences in which it is spoken."""
    both = replace(HANA, nudge={"ja": ("ねえ。",), "zh": ("喂。",)})
    rehearsed = {each.spoken for each in fixed(both, Rules(silences=Silences(nudge_after=5.0)))}
    assert {"こんにちは！", "ハナだよ。", "ねえ。"} <= rehearsed


def test_fillers_are_in_the_spoken_language():
    """Something said beside the text has no subtitle, as it has no text."""
    patient = replace(HANA, filler_after=0.2, fillers={"ja": ("えっと。",), "zh": ("嗯。",)})
    scene = turns(HELLO, character=patient, gap=0.2)
    assert [(each.spoken, each.shown) for each in scene.all(Sentence)] == [
        ("えっと。", ""),
        ("こんにちは。", "你好。"),
    ]


# ------------------------------------------------------------------ the prompt


def asked(character: Character) -> Prompt:
    return build(character, history=[Message("user", "hi")])


def test_the_prompt_asks_for_lines():
    """Both languages by name, the feelings, and neither tags nor the user's language."""
    prompt = asked(replace(HANA, emotions=("happy", "sad")))
    text = prompt.messages[0].text
    for words in (
        "Japanese",
        "Chinese",
        '{"emotion": "...", "subtitle": "...", "speak": "..."}',
        "happy, sad",
    ):
        assert words in text
    assert "square brackets, for example" not in text and MANNERS[:40] not in text.replace(
        "in Japanese, ", ""
    )
    assert prompt.form is not None and [part for part, _ in prompt.form.keys] == [
        "emotion",
        "subtitle",
        "speak",
    ]
    calm = asked(replace(HANA, emotions=()))
    assert '{"subtitle": "...", "speak": "..."}' in calm.messages[0].text


def test_a_prompt_with_a_form_of_its_own_is_left_alone():
    """Its three lists, in its order, by its names; `json` asks for ours all the same."""
    prompt = asked(FORMED)
    assert "one JSON object for each sentence" not in prompt.messages[0].text
    assert prompt.form is not None and prompt.form.listed
    assert [name for _, name in prompt.form.keys] == [
        "responses_cn",
        "responses_jp",
        "responses_emotion_labels",
    ]
    assert "one JSON object for each sentence" in asked(replace(FORMED, reply_format="json")).messages[0].text
    assert "one JSON object" not in asked(replace(HANA, reply_format="own")).messages[0].text


def test_objects_of_a_form_of_its_own():
    """A list of objects is told object by object, with the prompt's keys."""
    form = form_of(replace(HANA, prompt='Answer: {"lines": [{"jp": "...", "cn": "...", "mood": "..."}]}'))
    assert form is not None and not form.listed
    sentence = Sentence(1, 0, "ハナ", "花", "ja", {"ja": "花。", "zh": "花！"}, "happy")
    assert form.write([sentence]) == '{"jp": "花。", "cn": "花！", "mood": "happy"}'


@pytest.mark.parametrize("subtitles", ["", "ja"])
def test_one_language_is_no_bilingual(subtitles: str):
    """Without a second language, or with the same one, nothing of this happens."""
    plain = replace(HANA, subtitles=subtitles)
    assert form_of(plain) is None and asked(plain).form is None
    scene = turns("[happy] Hello there. How are you?", character=plain)
    assert said(scene) == [
        ("Hello there.", "Hello there. ", "happy"),
        ("How are you?", "How are you?", "happy"),
    ]
    assert scene.session.history.messages[-1].text == "Hello there. How are you?"
