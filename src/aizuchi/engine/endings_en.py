"""English words that want more, or want nothing more, at the end of a transcript. See `endings.py`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from aizuchi.engine.sentences.stops import words

_FILLERS: Final = words("um umm uh uhh er erm uhm hm hmm mm eh ah like well basically actually")
_ARTICLES: Final = words(
    "a an the my your our their its this's every each another some any which whose what's who's these "
    "very quite rather pretty extremely such"
)
_JOINING: Final = words(
    "and or but nor because cause cuz if unless although whereas while whether until till than as since plus "
    "let's lets i'm you're we're they're he's she's it's that's there's here's i've you've we've they've "
    "i'll you'll we'll they'll i'd you'd we'd they'd gonna wanna gotta kinda named called"
)
_PREPOSITIONS: Final = words(
    "to for with from at by into onto between among during via per toward towards upon against without "
    "within near beside regarding"
)
_PARTICLES: Final = words("in on off up out over down about around through under after before")
"""Prepositions that as often stand alone: turn it on, come in, a while before."""
_AUXILIARIES: Final = words(
    "am is are was were be do does did have has had will would shall should can could may might must isn't "
    "aren't wasn't weren't"
)
_SUBJECTS: Final = words("i he she we they")
_PRONOUNS: Final = _SUBJECTS | words("you it that this there who what one")
_WH: Final = words("what where when who whom whose why how which what's where's who's how's when's why's")
_STRANDING: Final = words("made think thought hear heard dream dreamed dreamt afraid proud fond course")
"""Before an "of" that may end a sentence."""
_TURNING: Final = _WH | words("so neither nor")
_ASKING: Final = _AUXILIARIES | words("can't don't doesn't didn't won't couldn't wouldn't shouldn't haven't")
_LATE: Final = words("today tonight tomorrow yesterday now yet too either already again ago please later")
_COMMANDS: Final = words(
    "turn stop play open close set tell show go read call start pause remind find search sing repeat help "
    "give make put add write send look come say speak switch move take bring let explain translate count"
)
_WHOLE: Final = frozenset(
    {
        *(
            "yes",
            "yeah",
            "yep",
            "no",
            "nope",
            "ok",
            "okay",
            "sure",
            "thanks",
            "hello",
            "hi",
            "bye",
            "goodbye",
        ),
        *("right", "exactly", "stop", "good", "great", "cool", "nice", "alright", "perfect", "correct"),
        *("thank you", "of course", "never mind", "not really", "no problem", "that's it", "that's all"),
        *("i don't know", "i do not know", "go on", "go ahead", "come on", "come in", "hold on", "shut up"),
        *("help me", "stop it", "why not", "what else", "how come", "good night", "good morning", "me too"),
        *(
            "i think so",
            "i hope so",
            "i guess so",
            "i hope not",
            "yes please",
            "no thanks",
            "i see",
            "excuse me",
        ),
        *("yes i do", "yes i am", "yes it is", "yes i can", "no i don't", "no i'm not", "no it isn't"),
    }
)
_CLOSING: Final = (
    "thank you",
    "thanks",
    "please",
    "that's all",
    "that's it",
    "or not",
    "or something",
    "you too",
)
_DANGLING: Final = (
    *(
        "would you like",
        "could you please",
        "can you please",
        "what about",
        "how about",
        "tell me",
        "show me",
    ),
    *("give me", "i want", "i want you", "i need", "i think", "i mean", "i guess", "i believe", "i wonder"),
    *(
        "i was wondering",
        "i would like",
        "i'd like",
        "so that",
        "such as",
        "in order",
        "and then",
        "but then",
    ),
    *("and so", "please don't forget"),
)
"""Phrases after which something must come, as the whole or the end of what was said."""
_BEGUN: Final = frozenset(
    {
        *(
            "can you",
            "could you",
            "would you",
            "will you",
            "do you",
            "did you",
            "are you",
            "have you",
            "is it",
        ),
        *(
            "is there",
            "are there",
            "what is",
            "what are",
            "where is",
            "where are",
            "who is",
            "how do",
            "how is",
        ),
    }
)
"""The same, but only as the whole: "what time is it"."""
_DIGITS: Final = words("zero oh one two three four five six seven eight nine double triple")
_LONG_NUMBER: Final = 10
"""So many digits may be a whole telephone number."""
_OPENERS: Final = words("so and but ok okay hey hi hello well oh um uh please now then alright right yes no")
_SUBORDINATE: Final = words("when while after before although though since once if whenever as")
_TOKEN: Final = re.compile(r"[a-z0-9]+(?:['’][a-z]+)*")


def ends(text: str) -> bool | None:
    """True: finished, False: unfinished, None: its words do not tell. Punctuation was cut off."""
    said = [word.replace("’", "'") for word in _TOKEN.findall(text.lower())]
    if not said:
        return None
    if " ".join(said) in _WHOLE:
        return True
    start = 0
    while start < len(said) - 1 and said[start] in _OPENERS:
        start += 1
    rest = said[start:]
    if " ".join(rest) in _BEGUN:
        return False
    if rest[0] in _SUBORDINATE and len(rest) > 1 and rest[1] in _PRONOUNS and len(rest) <= 6:
        return False
    told = _last_words(said, asks=_asks(rest))
    return told if told is not None else _shape(rest)


def _last_words(said: Sequence[str], *, asks: bool) -> bool | None:
    last, before = said[-1], said[-2] if len(said) > 1 else ""
    tail = " ".join(said[-5:])
    if _dictating(said):
        return False
    if any(tail == each or tail.endswith(" " + each) for each in _DANGLING):
        return False
    if len(said) > 1 and any(tail == each or tail.endswith(" " + each) for each in _CLOSING):
        return True
    if last in _FILLERS:
        # "what does it look like" and "as well" are no fillers.
        return False if len(said) == 1 or last not in ("like", "well", "actually") else None
    if last in _ARTICLES or last in _JOINING:
        return False
    if last == "of":
        return None if before in _STRANDING else False
    if last in _PREPOSITIONS:
        # "where are you from" and "i'd love to" are whole, "what is the way to" is not.
        stranded = asks and (before in _PRONOUNS or before.endswith("ing"))
        return None if stranded or before in ("love", "used", "supposed") else False
    if last in _AUXILIARIES:
        return None if before in _PRONOUNS else False
    if last == "not":
        return False if before in _AUXILIARIES else None
    if last in _SUBJECTS:
        # "so do i" and "where are we" are whole.
        return len(said) > 2 and before in _AUXILIARIES and said[-3] in _TURNING
    return None


def _shape(rest: Sequence[str]) -> bool | None:
    """A whole question or command, by how it begins."""
    first, last = rest[0], rest[-1]
    if last in _PARTICLES or last in _PREPOSITIONS or last in ("of", "like"):
        return None
    if _asks(rest):
        return True if len(rest) >= (3 if first in _WH else 4) else None
    if first in _COMMANDS and len(rest) >= 3:
        return True
    return True if len(rest) >= 4 and last in _LATE else None


def _asks(said: Sequence[str]) -> bool:
    """Begins like a question: "what is", "how long does", "can you", but not "what i want"."""
    if len(said) < 2:
        return False
    if said[0] in _WH:
        return said[1] not in _SUBJECTS | {"you", "it"} and (
            "'" in said[0] or any(w in _ASKING for w in said[1:])
        )
    return said[0] in _ASKING and said[1] in _PRONOUNS | words(
        "the my your his her our their a an these those"
    )


def _dictating(said: Sequence[str]) -> bool:
    """Two or more single digits in a row at the end, and not yet as many as a telephone number has."""
    count = pieces = 0
    for word in reversed(said):
        if word.isdigit():
            count += len(word)
        elif word in _DIGITS:
            count += 1
        else:
            break
        pieces += 1
    alone = pieces == 1 and count >= 3 and said[-2:-1] in (["is"], ["number"], ["it's"], ["code"])
    return (pieces >= 2 and 2 <= count < _LONG_NUMBER) or (alone and count < _LONG_NUMBER)
