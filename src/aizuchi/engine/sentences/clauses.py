"""Sans-I/O: where a sentence may be cut before its end, for speed at the start of a reply or for length."""

from __future__ import annotations

import re
from typing import Final

from aizuchi.engine.scripts import is_kana, width
from aizuchi.engine.sentences.speakable import speakable
from aizuchi.engine.sentences.stops import QUOTES_CLOSING, words

_SHORT_FIRST: Final = words(
    "sure yeah okay well hello right great thanks sorry alright gladly indeed certainly "
    "好的 是的 当然 你好 您好 没事 明白 没错 抱歉 谢谢 はい ええ うん もちろん こんにちは なるほど"
)
"""One word that stands well alone before its comma."""
_JOINTS: Final = words(
    "and but or because so which who while when if although though unless until since where"
)
_BREATHS: Final = _JOINTS | words("to with for in on at of from by about as into that than through over")
_ZH_JOINTS: Final = ("因为", "所以", "但是", "而且", "不过", "如果", "然后", "并且", "或者", "虽然", "还有")
_JA_JOINTS: Final = ("ので", "けど", "けれども", "ますが", "ですが", "ますから", "ですから", "ながら")
_WORD_COMMA: Final = re.compile(r"(?:^|\s)[^\s./:@&=#_\\]*(?:[^\W\d_]['’]?[^\W\d_]|[぀-ヿ一-鿿]),$")
"""A comma behind two letters, or one of a script without blanks, and in no address or file's name."""
_QUOTED: Final = re.compile(r"(?<!\w)['‘_~]")
"""Quotation and emphasis that `Nesting` does not follow, for `'` may be an apostrophe."""
_LAST_WORD: Final = re.compile(r"(?<=\s)([A-Za-z]+)\s$")
_WORD_START: Final = re.compile(r"(?<=\s)[A-Za-z]+(?=\s)")


def clause_end(text: str, *, nested: bool = False) -> int:
    """Where a clause ends that the last character of `text` settles, as an index; 0 if none.

    A comma behind a word ends it at once, without the model's next token; in a quotation (`nested`) one
    waits, because a mark that closes it would belong to the clause.
    """
    char = text[-1]
    if char == "," and not nested and _WORD_COMMA.search(text) and not _QUOTED.search(text):
        return len(text)
    if char in "，：" or (char == "、" and any(map(is_kana, text))):
        return len(text)
    if char.isspace():
        body = text.rstrip().rstrip(QUOTES_CLOSING)
        if body.endswith(",") and body[-2:-1].isdigit():
            return 0  # "July 4, 1776"
        if body.endswith((",", ";", ":", "—", "–")) or (body.endswith("-") and body[-2:-1].isspace()):
            return len(text)
    elif char not in "—―" and text[-2:-1] in ("—", "―"):
        return len(text) - 1
    return 0


def first_cut(text: str, clause: int, limit: int) -> int:
    """Where the first clause of a reply may be cut, as an index; 0 for not yet.

    `clause` is the newest clause end in `text` (0: none), `limit` the width from which one is wanted.
    A clause of two words, or of a third of the limit, is enough; beyond the limit even a short one, then
    a joint such as "and"; far beyond it any word that one may breathe before.
    """
    if clause and _substantial(text[:clause], limit):
        return clause
    size = width(text)
    if size < limit:
        return 0
    if clause:
        return clause
    joint = _joint(text)
    if joint and width(text[:joint]) >= 0.6 * limit:
        return joint
    return breath(text) if size >= 3 * limit else 0


def breath(text: str) -> int:
    """The last place to breathe between words; 0 if the text has no blanks."""
    best = 0
    for match in _WORD_START.finditer(text):
        if match[0].lower() in _BREATHS and match.start() >= len(text) // 2:
            best = match.start()
    if best:
        return best
    body = text.rstrip()
    return next((at + 1 for at in range(len(body) - 1, 0, -1) if body[at].isspace()), 0)


def _substantial(text: str, limit: int) -> bool:
    spoken = speakable(text).rstrip(" ,;:—–-，：、").strip("\"'“”‘’")
    return len(spoken.split()) > 1 or width(spoken) >= 0.3 * limit or spoken.lower() in _SHORT_FIRST


def _joint(text: str) -> int:
    word = _LAST_WORD.search(text)
    if word:
        return word.start() if word[1].lower() in _JOINTS else 0
    if text.endswith(_ZH_JOINTS):
        return len(text) - 2
    if text[:-1].endswith(_JA_JOINTS) and text[-1] not in "、，。！？ねよさもっ":
        return len(text) - 1
    return 0
