"""Is a text nothing but the small sounds by which a listener shows that they are there? Sans-I/O.

"mm-hm", "yeah", "嗯", "对", "うん", "はい" do not ask for the floor; neither do laughs and coughs, which
recognisers write as "haha", "[cough]", "(笑)". Everything else is a word. "no", "wait", "不对", "待って" are
words: whoever says them wants something.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from aizuchi.engine.scripts import is_cjk

_ENGLISH: Final = """
    mm mmm mhm mmhm mhmm mmhmm mm-hm mm-hmm mhm-hm uh-huh uhhuh uhuh uh um umm er erm ah aha ahh oh ooh ohh
    huh hm hmm hmmm hum eh yeah yea yep yup yes yah ya ok okay kay k alright right sure true indeed exactly
    gotcha nice cool wow great ha haha hahaha hahahaha heh hehe hehehe lol cough ahem
"""
_PHRASES: Final = """
    i see|all right|got it|of course|oh really|really|is that so|you know|makes sense|fair enough
"""
# Each may come several times and in any mixture: 嗯嗯, 对对对, 是的是的, 哦好的.
_CHINESE: Final = """
    是这样 原来如此 有道理 知道了 明白了 可以的 没错 好的 好吧 是的 是啊 是吗 真的 真的吗 对啊 对呀 对的
    嗯哼 明白 确实 当然 这样啊 嗯 恩 唔 呃 额 啊 哦 噢 喔 哎 欸 诶 呵 哈 嘿 嘻 对 是 好 行 呀 原來如此
    知道了 沒錯 是嗎 真的嗎 對啊 對呀 對的 確實 當然 這樣啊 對
"""
_JAPANESE: Final = """
    なるほどね なるほど そうですね そうですか そうなんですね そうなんですか そうなんだ そうだね そうか
    そっか そうそう そう ほんとに ほんとう 本当に 本当 たしかに 確かに わかりました 分かりました わかる
    いいね すごい へえー へえ へー ふうん ふーん ほう うんうん うん うーん ううん はいはい はい ええ ええと
    えーと えっと えー あのう あのー あの あー ああ おお おー まあ ねえ ね ん んー はは ふふ へへ
"""
# Said over somebody, these want something although they look small.
_WORDS: Final = frozenset({"ううん"})
_BRACKETED: Final = re.compile(r"[\[(（【<＜〈*][^\])）】>＞〉*]{0,40}[\])）】>＞〉*]")
_NOT_TEXT: Final = re.compile(r"[^\w'\-ー]+")

_SMALL: Final = frozenset(_ENGLISH.split())
_SMALL_PHRASES: Final = tuple(
    tuple(phrase.split()) for phrase in (each.strip() for each in _PHRASES.split("|")) if phrase
)


@lru_cache(maxsize=64)
def _run(more: tuple[str, ...]) -> re.Pattern[str]:
    """What a run of CJK letters may consist of; the longest comes first."""
    small = {*_CHINESE.split(), *_JAPANESE.split(), *more} - _WORDS
    longest_first = sorted(small, key=lambda each: (-len(each), each))
    return re.compile("(?:" + "|".join(map(re.escape, longest_first)) + "|ー|っ|ッ)+")


def only_backchannel(text: str, more: Iterable[str] = ()) -> bool:
    """Whether `text` asks for nothing; also when there is no text, or none outside of brackets.

    `more` are further such words, a character's own; several letters of CJK may run together with the others.
    """
    own = tuple(sorted({_plain(each) for each in more if each.strip()}))
    plain = _plain(_BRACKETED.sub(" ", unicodedata.normalize("NFKC", text)))
    tokens = plain.split()
    single = {each for each in own if " " not in each}
    phrases = (*_SMALL_PHRASES, *(tuple(each.split()) for each in own if " " in each))
    at = 0
    while at < len(tokens):
        if length := _small(tokens, at, single, phrases):
            at += length
        elif _run(tuple(sorted(each for each in single if is_cjk(each[0])))).fullmatch(tokens[at]):
            at += 1
        else:
            return False
    return True


def _small(tokens: list[str], at: int, own: set[str], phrases: tuple[tuple[str, ...], ...]) -> int:
    """How many of the tokens from `at` on are one back-channel."""
    for phrase in phrases:
        if tuple(tokens[at : at + len(phrase)]) == phrase:
            return len(phrase)
    word = tokens[at]
    bare = word.replace("-", "")
    return int(word in _SMALL or bare in _SMALL or word in own)


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).lower().replace("_", " ")
    return " ".join(word for each in _NOT_TEXT.sub(" ", text).split() if (word := each.strip("-'")))
