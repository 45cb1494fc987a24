"""Sans-I/O: does a sentence end here? A table of rules, asked with as much of what follows as is known.

Chinese and Japanese stops end a sentence by themselves. A Latin full stop may also stand in a number, a
name, an address or after an abbreviation; then what follows decides.
"""

from __future__ import annotations

import re
from typing import Final

from aizuchi.engine.scripts import is_cjk, is_emoji

AT_ONCE: Final = "。｡；"
"""End a sentence without a look at what follows, unless a quotation is open."""
STOPS: Final = AT_ONCE + "！？.!?…‥．؟।۔"
_WIDE: Final = frozenset(AT_ONCE + "！？؟।۔")
_DOTS: Final = frozenset(".…‥．")
QUOTES_CLOSING: Final = "」』”’）)》〉】]｝}\"'"
_TRAILING: Final = frozenset(QUOTES_CLOSING + "*_~")
_GOES_ON: Final = frozenset(",;:，、：-/@_%&=~#+\\'")
_JA_PARTICLES: Final = frozenset("とっをにがはもの")
_MAX_AHEAD: Final = 16


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NEVER: Final = words(
    "mr mrs ms mx dr prof rev hon gen col lt capt sgt sen rep gov st mt vs cf viz al eg ie e.g i.e "
    "resp approx"
)
"""A name or an example always follows."""
_BEFORE_NUMBER: Final = words("no nos nr fig figs vol ch sec eq p pp art")
_SOMETIMES: Final = words(
    "etc inc ltd co corp jr sr dept est ave blvd rd ft a.m p.m ph.d b.c a.d jan feb mar apr jun jul aug "
    "sep sept oct nov dec"
)
"""End a sentence if a capital follows."""
_STARTERS: Final = words(
    "a an and as at but by for he her here his how i if in is it its let my no not now of on one or our "
    "she so that the their then there these they this those to we what when where which who why "
    "with yes you your"
)
"""Words that begin a sentence far more often than a name."""
_LETTERS: Final = re.compile(r"[A-Z]\.|(?:[A-Za-z]\.){2,}")
_WORD: Final = re.compile(r"[A-Za-z]+")
_NUMBER_ONLY: Final = re.compile(r"[\W_]*\d{1,3}[.．]")
_ADDRESS: Final = re.compile(r"://|^www\.")


def ends(text: str, ahead: str, *, final: bool = False) -> bool | None:
    """Whether a sentence ends after `text`, which ends in a stop and perhaps closing marks.

    `ahead` is what is known to follow, at least one character; None asks for more of it. With `final`
    nothing more will come.
    """
    body = text
    while body and (body[-1] in _TRAILING or is_emoji(body[-1])):
        body = body[:-1]
    closing = text[len(body) :]
    run = body[len(body.rstrip(STOPS)) :]
    following = ahead.lstrip()
    if not run or "\n" in ahead[: len(ahead) - len(following)]:
        return True
    if not following and (final or len(ahead) > _MAX_AHEAD):
        return True
    if ahead[0] in _GOES_ON:
        return False
    if any(char in _WIDE for char in run):
        return not (closing and closing[-1] in "」』”" and ahead[0] in _JA_PARTICLES)
    closed = any(char in QUOTES_CLOSING for char in closing)
    if all(char in _DOTS for char in run):
        if len(run) > 1 or run in "…‥":
            return _after_ellipsis(ahead, following)
        return _after_full_stop(body, ahead, following, closed, final)
    return _after_call(body, ahead, following, closed)


def _after_call(body: str, ahead: str, following: str, closed: bool) -> bool | None:
    """`!` and `?`."""
    if ahead[0].isspace():
        return _unless_lower(following) if closed else True
    if is_cjk(ahead[0]):
        return True
    if ahead[0].isalnum():
        return ahead[0].isupper() and not _ADDRESS.search(body.split()[-1])
    return True


def _after_ellipsis(ahead: str, following: str) -> bool | None:
    if ahead[0].isspace():
        return _unless_lower(following)
    return is_cjk(ahead[0]) or not ahead[0].isalnum()


def _after_full_stop(body: str, ahead: str, following: str, closed: bool, final: bool) -> bool | None:
    if _NUMBER_ONLY.fullmatch(body):
        return False
    if is_cjk(ahead[0]):
        return True
    if not ahead[0].isspace():
        return not ahead[0].isalnum()
    if closed:
        return _unless_lower(following)
    token = body.split()[-1].lstrip("([{\"'“‘「『（【*_")
    word = token[:-1].lower()
    if word in _NEVER:
        return False
    if word in _BEFORE_NUMBER:
        return None if not following else not following[0].isdigit()
    if word in _SOMETIMES:
        return _unless_lower(following, digits=True)
    if _LETTERS.fullmatch(token):
        return _after_letters(following, final)
    return True


def _after_letters(following: str, final: bool) -> bool | None:
    """The U.S. Army and J. Smith go on, "in the U.S. They" and "vitamin C. It" do not: see the next word."""
    if not following:
        return None
    if not following[0].isupper():
        return not following[0].isalnum()
    letters = _WORD.match(following)
    length = letters.end() if letters else 0
    if length == len(following) and length <= _MAX_AHEAD and not final:
        return None
    if length == 1 and following[1:2] == ".":
        return False  # another initial
    return following[:length].lower() in _STARTERS


def _unless_lower(following: str, *, digits: bool = False) -> bool | None:
    if not following:
        return None
    return not (following[0].islower() or (digits and following[0].isdigit()))
