"""What a bilingual model writes, in every shape it does: which sentences come of it, and when."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aizuchi.emotions import ALIASES, EMOTIONS
from aizuchi.engine.bilingual import Bilingual, Late, Piece
from aizuchi.engine.sentences import Cut, Inner, Sentences, Shown

TAGS = {name: name for name in EMOTIONS} | ALIASES
OURS = '{"emotion": "%s", "subtitle": "%s", "speak": "%s"}'
HELLO = OURS % ("happy", "你好。", "こんにちは。")
BYE = OURS % ("sad", "再见。", "さようなら。")
TWO = [("こんにちは。", "你好。", "happy"), ("さようなら。", "再见。", "sad")]


def reader(**more: Any) -> Bilingual:
    return Bilingual(**{"spoken": "ja", "subtitles": "zh", "emotion_tags": TAGS} | more)


def read(text: str, size: int = 10_000, **more: Any) -> list[Piece]:
    """All pieces of a reply whose model writes `size` characters at a time."""
    here = reader(**more)
    pieces = [piece for at in range(0, len(text), size) for piece in here.feed(text[at : at + size])]
    return pieces + here.finish()


def cuts(pieces: list[Piece]) -> list[Cut]:
    return [each for each in pieces if isinstance(each, Cut)]


def told(pieces: list[Piece]) -> list[tuple[str, str, str]]:
    """Spoken text, subtitle and emotion of each sentence, with what came late; what is missing is empty."""
    rows = [
        [each.subtitles.get("ja", ""), each.subtitles.get("zh", ""), each.emotion] for each in cuts(pieces)
    ]
    for late in (each for each in pieces if isinstance(each, Late)):
        rows[late.cut][1] = late.subtitles.get("zh", rows[late.cut][1])
        rows[late.cut][2] = late.emotion or rows[late.cut][2]
    return [(said, below, emotion) for said, below, emotion in rows]


def spoken(pieces: list[Piece]) -> list[str]:
    return [each.spoken for each in cuts(pieces)]


def shown(pieces: list[Piece]) -> str:
    return "".join(each.text for each in pieces if isinstance(each, Shown))


def lists(said: list[str], below: list[str], labels: list[str], order: str = "cn jp emotion_labels") -> str:
    columns = {"jp": said, "cn": below, "emotion_labels": labels}
    return json.dumps({f"responses_{key}": columns[key] for key in order.split()}, ensure_ascii=False)


ARRAYS = lists(["こんにちは。", "さようなら。"], ["你好。", "再见。"], ["happy", "sad"])


# ------------------------------------------------------------------ shapes


@pytest.mark.parametrize(
    "text",
    [
        f"{HELLO}\n{BYE}",
        f"{HELLO}{BYE}",
        f"{HELLO},\n{BYE},",
        f"[{HELLO}, {BYE}]",
        f"[{HELLO}，{BYE}，]",
        f"```json\n{HELLO}\n{BYE}\n```",
        f"```\n[{HELLO},\n{BYE}]\n```\n",
        f"```json\n{HELLO}\n```\n```json\n{BYE}\n```",
        f"好的，这是我的回复：\n\n{HELLO}\n{BYE}\n\n希望你喜欢！",
        f"Sure! Here is the JSON:\n```json\n{HELLO}\n{BYE}\n```\nI hope this helps.",
        f'{{"sentences": [{HELLO}, {BYE}]}}',
        f'{{"responses": [{HELLO}, {BYE}]}}',
        ARRAYS,
        f"```json\n{ARRAYS}\n```",
        f"Here you are:\n```json\n{ARRAYS}\n```\n(two sentences)",
        lists(
            ["こんにちは。", "さようなら。"], ["你好。", "再见。"], ["happy", "sad"], "jp cn emotion_labels"
        ),
        lists(
            ["こんにちは。", "さようなら。"], ["你好。", "再见。"], ["happy", "sad"], "emotion_labels jp cn"
        ),
        lists(["こんにちは。", "さようなら。"], ["你好。", "再见。"], ["Happy ", "SAD"]),
        ARRAYS.replace('", "', '"，"').replace("],", "],，").replace('"]', '",]'),
        ARRAYS.replace(": ", "：").replace('"', "“"),
        ARRAYS.replace('"', "'"),
        ARRAYS.replace('", "', '"\n"'),
        f"{HELLO[:-1]}\n{BYE[:-1]}",
        '{"speak":"こんにちは。","subtitle":"你好。","emotion":"happy"}'
        '{speak: "さようなら。", subtitle: "再见。", emotion: sad}',
        '{"ja":"こんにちは。","zh":"你好。","feeling":"joy"}\n'
        '{"Japanese":"さようなら。","Chinese":"再见。","mood":"sad"}',
        '{"content_jp":"こんにちは。","contentCn":"你好。","emotion":"happy"}\n'
        '{"台词":"さようなら。","字幕":"再见。","表情":"sad"}',
        '{"speak":{"ja":"こんにちは。","zh":"你好。","emotion":"happy"}},'
        '{"a":1,"speak":"さようなら。","b":[1,null],"subtitle":"再见。","emotion":"sad"}',
        "".join(f"\\u{ord(c):04x}" if ord(c) > 0x2FFF else c for c in f"{HELLO}\n{BYE}"),
        '{"emotion":"happy","subtitle":"你好。","speak":"こんにちは。"\n"emotion":"x"}\n'
        '{"emotion":"sad","subtitle":"再见。\n","speak":"さようなら。\n"}',
        '{"subtitle":"[happy] 你好。","speak":"こんにちは。"}'
        '{"subtitle":"再见。","speak":"【sad】さようなら。"}',
    ],
    ids=lambda text: re.sub(r"\W+", "-", text.encode("ascii", "ignore").decode())[:50] or None,
)
@pytest.mark.parametrize("size", [1, 4, 10_000])
def test_shapes(text: str, size: int):
    """Lines, lists, fences, prose around them, every liberty models take: the same two sentences."""
    pieces = read(text, size)
    assert told(pieces) == TWO
    assert spoken(pieces) == ["こんにちは。", "さようなら。"]
    assert all(each.language == "ja" for each in cuts(pieces))


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        # The reference's parser table (ChatAnon, 5.4), rule by rule.
        (
            '{"responses_cn": "你好。", "responses_jp": "こんにちは。", "responses_emotion_labels": "happy"}',
            TWO[:1],
        ),
        (
            lists(["あ", "い", "う"], ["一", "二", "三"], ["happy"]),
            [("あ", "一", "happy"), ("い", "二", ""), ("う", "三", "")],
        ),
        (
            lists(["あ", "い"], ["一", "二"], [" HAPPY ", "enthusiastic"]),
            [("あ", "一", "happy"), ("い", "二", "")],
        ),
        (lists(["あ", "い"], ["一", "二"], ["auto", "auto"]), [("あ", "一", ""), ("い", "二", "")]),
        (lists(["あ", "い"], ["一"], []), [("あ", "一", ""), ("い", "", "")]),
        (lists(["あ"], ["一", "二"], []), [("あ", "一", ""), ("", "二", "")]),
        (lists(["あ", "い"], [], ["sad", "sad"]), [("あ", "", "sad"), ("い", "", "sad")]),
        (lists([], ["一"], ["sad"]), [("", "一", "sad")]),
        (lists([], [], []), []),
        ("{}", []),
        ("", []),
        ("[]", []),
        (
            lists(["あ"], ["一"], ["fearful"]) + lists(["い"], ["二"], ["calm"]),
            [("あ", "一", "fearful"), ("い", "二", "calm")],
        ),
        # Texts that are no sentences.
        ('{"speak": "", "subtitle": "你好。"}', [("", "你好。", "")]),
        ('{"speak": "あ", "subtitle": ""}', [("あ", "", "")]),
        ('{"speak": null, "subtitle": "你好。", "emotion": null}', [("", "你好。", "")]),
        ('{"answer": "あ"}', [("あ", "", "")]),
        ('{"foo": "あ"}', [("あ", "", "")]),
        ('["あ", "い"]', [("あ", "", ""), ("い", "", "")]),
        # Quotes within a text.
        (
            r'{"speak": "彼は\"はい\"と言った。", "subtitle": "他说\"是\"。"}',
            [('彼は"はい"と言った。', '他说"是"。', "")],
        ),
        (
            '{"speak": "彼は"はい"と言った。", "subtitle": "他说"是"。"}',
            [('彼は"はい"と言った。', '他说"是"。', "")],
        ),
        (
            '{"speak": "彼は"はい"、次に。", "subtitle": "他说"是"，然后。"}',
            [('彼は"はい"、次に。', '他说"是"，然后。', "")],
        ),
        ('{"speak": "「"はい"」", "subtitle": "他说"是""}', [('「"はい"」', '他说"是"', "")]),
    ],
    ids=lambda value: None if isinstance(value, list) else re.sub(r"\W+", "-", ascii(value))[:60],
)
@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_tables(text: str, rows: list[tuple[str, str, str]], size: int):
    """What is missing on one side, labels that are none, and what else lists do; nothing is lost."""
    pieces = read(text, size)
    assert told(pieces) == rows
    for piece, (said, below, _) in zip(cuts(pieces), rows, strict=True):
        assert piece.spoken.strip() and piece.spoken == (said or below)


@pytest.mark.parametrize(
    "text",
    [
        "你好，今天天气不错。我们去散步吧。",
        "こんにちは。元気ですか？",
        "[happy] Hello there. How are you?",
        "用 {name} 代替名字。",
        "First line.\nSecond line.",
        "See [1] and [the docs](http://a.b/c) for {x}, `code` and {y.",
        "Look:\n```python\nprint({1: 2})\n```\nThat was code.",
    ],
    ids=lambda text: re.sub(r"\W+", "-", ascii(text))[:40],
)
@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_plain_text(text: str, size: int):
    """A model that forgets about JSON is read as any other."""
    plain = Sentences(language="ja", emotion_tags=TAGS)
    expected = [each for each in [*plain.feed(text), *plain.finish()] if isinstance(each, Cut)]
    assert cuts(read(text, size)) == expected


def test_a_plain_reply_does_not_wait_for_its_end():
    """Whether words are the reply or talk about it is known after a line of them, or after 80 columns."""
    here = reader()
    assert not here.feed("你好，今天天气不错。")
    assert cuts(here.feed("我们去公园里散步吧，那里的花都开了，很漂亮，你一定会非常喜欢的。"))
    here = reader()
    assert not here.feed("Hello there.\n")
    assert cuts(here.feed("How"))


def test_words_beside_json():
    """Short ones are talk about the reply; long ones are the reply, though it lost its form."""
    rest = "それから、私たちは一緒に公園へ行って、長い間話をして、夕方に家へ帰りました。楽しかったです。"
    assert spoken(read(f"{HELLO}\n{rest}"))[0] == "こんにちは。"
    assert "".join(spoken(read(f"{HELLO}\n{rest}"))[1:]) == rest
    assert spoken(read(f"{rest}\n{HELLO}"))[-1] == "こんにちは。"
    assert len(spoken(read(f"{HELLO}\nおわり。"))) == 1


def test_thoughts():
    """They stand before JSON, between it, and within; nobody speaks them."""
    pieces = read(f"<think>be {{nice}}</think>\n{HELLO}<think>more</think>{BYE}", 3)
    assert [each.text for each in pieces if isinstance(each, Inner)] and told(pieces) == TWO
    assert "".join(each.text for each in pieces if isinstance(each, Inner)) == "be {nice}more"


def test_names_are_written_one_way_and_spoken_another():
    """Replacements are for the voice; what is read keeps its spelling."""
    (cut,) = cuts(read(OURS % ("happy", "爱音来了。", "愛音が来た。"), replacements={"愛音": "あのん"}))
    assert cut.spoken == "あのんが来た。" and cut.shown == "爱音来了。"
    assert cut.subtitles == {"ja": "愛音が来た。", "zh": "爱音来了。"}


# ------------------------------------------------------------------ when


def after(text: str) -> list[str]:
    """What is spoken once this much was written."""
    return spoken(reader().feed(text))


def test_a_sentence_leaves_when_both_texts_are_known():
    """Of our form at the end of its speech, which stands last; in any other order at the object's end."""
    assert after(HELLO[:-1] + "}") == ["こんにちは。"]
    assert not after(HELLO[:-2])
    assert not after('{"speak": "あ", "subtitle": "一", "emotion": "happy"')
    assert after('{"speak": "あ", "subtitle": "一", "emotion": "happy"}') == ["あ"]
    assert after('{"speak": "あ"}') == ["あ"]


def test_the_first_sentence_of_lists_leaves_when_its_spoken_text_is_whole():
    """Subtitles that were written before go with it, others come later, and so do feelings."""
    assert after('{"responses_cn": ["一", "二"], "responses_jp": ["あ",') == ["あ"]
    assert after('{"responses_jp": ["あ",') == ["あ"]
    pieces = read(lists(["あ", "い"], ["一", "二"], ["happy", "sad"], "jp cn emotion_labels"), 1)
    assert [(each.spoken, each.shown, each.partial) for each in cuts(pieces)] == [
        ("あ", "あ", True),
        ("い", "い", True),
    ]
    late = [each for each in pieces if isinstance(each, Late)]
    assert late == [
        Late(0, {"zh": "一"}),
        Late(1, {"zh": "二"}),
        Late(0, {}, "happy", done=True),
        Late(1, {}, "sad", done=True),
    ]


def test_whoever_waits_is_told_that_nothing_more_comes():
    """A list that is too short, or that never comes, ends with the object, or where the text is cut off."""
    for text in (lists(["あ"], ["一"], [], "jp cn"), '{"responses_jp": ["あ", "い'):
        pieces = read(text)
        waiting = {at for at, each in enumerate(cuts(pieces)) if each.partial}
        assert waiting and waiting == {each.cut for each in pieces if isinstance(each, Late) and each.done}


def test_the_subtitle_is_shown_while_it_is_written():
    """Display text does not wait for its sentence."""
    assert shown(reader().feed('{"emotion": "happy", "subtitle": "你好')) == "你好"


def test_what_is_certain_of_the_speech():
    """A voice that takes text while it is written gets the words as they come, and only of what is next."""
    here = reader(spoken="en")
    here.feed('{"emotion": "happy", "subtitle": "你好", "speak": "Hello my dear')
    assert here.ahead == "Hello my"
    here.feed(' friend."}')
    assert here.ahead == ""
    here.feed('\n{"subtitle": "something else')
    assert here.ahead == ""


@pytest.mark.parametrize("end", range(len(HELLO) + len(BYE) + 1))
def test_cut_off_anywhere(end: int):
    """Half a reply gives its whole sentences, and of the last one what can be said; JSON never."""
    pieces = read((HELLO + "\n" + BYE)[:end])
    said = "".join(spoken(pieces))
    assert "こんにちは。さようなら。".startswith(said) or said in "你好。"
    assert "你好。再见。".startswith(shown(pieces))


def test_half_a_subtitle_is_read_in_silence():
    """Where the speech was never begun, the voice does not read the other language, but for want of any."""
    assert spoken(read(f'{HELLO}{{"emotion": "sad", "subtitle": "再')) == ["こんにちは。", ""]
    assert spoken(read('{"emotion": "sad", "subtitle": "再')) == ["再"]


def test_latin_sentences_are_joined_with_a_blank():
    """Whether the subtitle of the next one stands apart depends on the script."""
    both = '{"speak": "こんにちは。", "subtitle": "Hello."}{"speak": "元気？", "subtitle": "How are you?"}'
    pieces = read(both, 2, subtitles="en")
    assert shown(pieces) == "Hello. How are you?"
    assert [each.subtitles["en"] for each in cuts(pieces)] == ["Hello.", "How are you?"]


def test_after_the_end():
    """A reader is used once."""
    here = reader()
    assert not here.finish() and not here.finish()
    with pytest.raises(RuntimeError):
        here.feed("x")


# ------------------------------------------------------------------ laws

SCRAPS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *"{}[]\",:，：“”'`\\\n ",
                "```json\n",
                "```",
                '"speak": "',
                '"subtitle": "',
                '"emotion": "happy"',
                '"responses_cn": ["',
                '"responses_jp": ["',
                '", "',
                '"], ',
                "こんにちは。",
                "你好。",
                "Hello. ",
                "<think>",
                "</think>",
                "[happy]",
                "\\u30",
                "\\ud83d\\ude00",
                HELLO,
                ARRAYS,
                "null",
                "{name}",
            ]
        ),
        st.text(max_size=5),
    ),
    max_size=40,
).map("".join)


@given(text=SCRAPS, sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_laws(text: str, sizes: list[int]):
    """Nothing raises, slicing changes nothing, what is shown is what sentences show, waits come to an end."""
    pieces = read(text)
    here, sliced, at, turn = reader(), [], 0, 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        sliced += here.feed(text[at : at + size])
        assert isinstance(here.ahead, str)
        at, turn = at + size, turn + 1
    sliced += here.finish()
    assert cuts(pieces) == cuts(sliced)
    assert [each for each in pieces if isinstance(each, Late)] == [
        each for each in sliced if isinstance(each, Late)
    ]
    assert shown(pieces) == shown(sliced) == "".join(each.shown for each in cuts(pieces))
    begun = 0
    for piece in sliced:
        begun += isinstance(piece, Cut)
        assert not isinstance(piece, Late) or piece.cut < begun
    waiting = [at for at, each in enumerate(cuts(pieces)) if each.partial]
    assert waiting == sorted(each.cut for each in pieces if isinstance(each, Late) and each.done)


@pytest.mark.parametrize("text", [f"{HELLO}\n{BYE}", ARRAYS], ids=["ours", "lists"])
@pytest.mark.parametrize("twice", [False, True], ids=["lost", "doubled"])
def test_one_character_wrong(text: str, twice: bool):
    """JSON that lacks any one character, or has it twice, is never spoken or shown."""
    for at, char in enumerate(text):
        pieces = read(text[:at] + char * 2 * twice + text[at + 1 :])
        for said in (*spoken(pieces), shown(pieces)):
            assert not re.search(r"\w\":|subtitle|speak|respons|emotion|happy|sad", said), (at, said)
        assert spoken(pieces)


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes):
    """Whatever a model gives is read."""
    read(data.decode("utf-8", "replace"))
    read(data.decode("latin-1"))
    read(data.decode("utf-8", "surrogateescape"))


WORDS = st.text("あいうえおかきabc 、。！'", min_size=1, max_size=12).filter(
    lambda text: text.strip(" 、。！'")
)


@given(
    rows=st.lists(st.tuples(WORDS, WORDS, st.sampled_from(["happy", "sad", "auto"])), min_size=1, max_size=4),
    listed=st.booleans(),
    end=st.integers(0, 400),
    fence=st.booleans(),
)
def test_no_json_is_spoken_or_shown(rows: list[tuple[str, str, str]], listed: bool, end: int, fence: bool):
    """However much of a reply came: no bracket, no key, no label, no escape."""
    if listed:
        said, below, labels = ([row[part] for row in rows] for part in range(3))
        text = lists(said, below, labels)
    else:
        keys = ("speak", "subtitle", "emotion")
        text = "\n".join(json.dumps(dict(zip(keys, row, strict=True)), ensure_ascii=True) for row in rows)
    text = f"```json\n{text}\n```" if fence else text
    pieces = read(text[:end] if end < 400 else text, 3)
    for said in (*spoken(pieces), shown(pieces)):
        assert not re.search(r"[{}\[\]\"\\`:_]|speak|subtitle|responses|happy|json", said), said
    if end == 400:
        assert [row[:2] for row in told(pieces)] == [
            (" ".join(said.split()), " ".join(below.split())) for said, below, _ in rows
        ]
