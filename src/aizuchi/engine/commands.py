"""Words of command to a lecture, such as "next page" or “下一页”; anything else is a question.

Only a whole utterance counts, so that "what is on the next page?" is answered and not obeyed.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from aizuchi.events import Steering

WORDS: Final[dict[Steering, str]] = {
    "pause": (
        r"pause|stop(?: here)?|wait|hold on"
        r"|(?:请)?暂停(?:一下)?|(?:先)?停(?:一下)?|等一下"
        r"|一時停止|ストップ|止めて|待って"
    ),
    "resume": (
        r"continue|resume|go on|carry on"
        r"|(?:请)?继续(?:讲|吧|讲吧|讲解)?|接着讲(?:吧)?"
        r"|続けて(?:ください)?|再開(?:して)?"
    ),
    "next": (
        r"next(?: page| slide)?"
        r"|(?:请|翻到?)?下一[页张]|(?:翻|换)页"
        r"|次(?:のページ|のスライド|へ)?"
    ),
    "prev": (
        r"(?:previous|last)(?: page| slide)|(?:go )?back|one page back"
        r"|(?:请|翻到?|回到?)?上一[页张]"
        r"|前(?:のページ|のスライド|へ)"
    ),
    "replay": (
        r"(?:repeat |say )?(?:this|the|that) page(?: again)?|repeat"
        r"|(?:请)?(?:再[讲说]一[遍次]|重(?:播|讲))(?:这一?[页张])?"
        r"|(?:この?ページを?)?もう一度"
    ),
    "play": (
        r"(?:start|begin)(?: the lecture| the talk)?"
        r"|(?:请)?开始(?:吧|讲|讲课|讲解|上课)?"
        r"|(?:講義を?)?(?:始めて|開始)(?:ください)?"
    ),
    "goto": (
        r"(?:go to |jump to |show )?(?:page|slide) (?P<en>\d{1,4})"
        r"|(?:请|翻到|跳到|回到|讲|看)?第(?P<zh>[\d零一二三四五六七八九十百]{1,5})[页张]"
        r"|(?P<ja>\d{1,4})(?:ページ|枚目)(?:へ|を見せて)?"
    ),
}
_PATTERNS: Final[dict[Steering, re.Pattern[str]]] = {
    action: re.compile(words) for action, words in WORDS.items()
}
_DIGITS: Final = {char: value for value, char in enumerate("零一二三四五六七八九")}
LONGEST: Final = 40
"""Characters; a longer text is no command."""


def command(text: str) -> tuple[Steering, int | None] | None:
    """The command that a text is, with goto's page; None if it is something to be answered."""
    if len(text) > LONGEST:
        return None
    plain = "".join(" " if _mark(char) else char for char in unicodedata.normalize("NFKC", text).casefold())
    plain = re.sub(r"\bplease\b", " ", plain)
    plain = " ".join(plain.split())
    for action, pattern in _PATTERNS.items():
        if (found := pattern.fullmatch(plain)) is not None:
            number = next((each for each in found.groupdict().values() if each), None)
            page = None if number is None else _number(number)
            return None if action == "goto" and page is None else (action, page)
    return None


def _mark(char: str) -> bool:
    return unicodedata.category(char)[0] in "PSZ"


def _number(word: str) -> int | None:
    """Digits, or Chinese numerals below a thousand."""
    if word.isdecimal():
        return int(word)
    total, digit = 0, None
    for char in word:
        if char in "十百":
            total += (1 if digit is None else digit) * (10 if char == "十" else 100)
            digit = None
        elif char in _DIGITS:
            digit = _DIGITS[char]
        else:
            return None
    return total + (digit or 0)
