"""What a character says in fixed words, in its language, and in its second one where we have the words.

The character's own words come first, then ours, then ours in English.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from aizuchi.character import Character
from aizuchi.emotions import ALIASES, EMOTIONS
from aizuchi.engine.sentences import Cut, Sentences

APOLOGY: Final = {
    "en": "Sorry, I can't think right now. Please try again in a moment.",
    "zh": "抱歉，我现在想不出来，请稍后再试。",
    "ja": "ごめんなさい、今は考えがまとまりません。少ししてからもう一度お願いします。",
}
HUMS: Final = {"en": "Mm-hm.", "zh": "嗯。", "ja": "うん。"}
OCCUPIED: Final = {
    "en": "I have my hands full right now. Please ask me again in a moment.",
    "zh": "我现在有点忙不过来，请稍后再问我一次。",
    "ja": "今ちょっと手がいっぱいです。少ししてからもう一度聞いてください。",
}
NOT_UNDERSTOOD: Final = {
    "en": "Sorry, I did not catch that.",
    "zh": "不好意思，我没听清楚。",
    "ja": "すみません、聞き取れませんでした。",
}


@dataclass(frozen=True, slots=True)
class Phrase:
    """Fixed words; `subtitle` is empty where they are known in one language only."""

    text: str
    subtitle: str = ""


def phrase(of: Character, own: Mapping[str, str], fixed: Mapping[str, str]) -> Phrase:
    """A fixed phrase in the character's languages: their own words, else ours, else English."""
    text = own.get(of.language) or fixed.get(of.language) or fixed["en"]
    if not of.bilingual:
        return Phrase(text)
    # Their own words have no translation of ours.
    other = own if own.get(of.language) else fixed
    return Phrase(text, other.get(of.subtitles, ""))


def greeting(of: Character) -> Phrase:
    return Phrase(of.greeting, of.greeting_subtitle if of.bilingual else "")


def nudges(of: Character) -> list[Phrase]:
    """The character's own words for a silence, in turn; lists of one length are the same in two languages."""
    own = of.nudge.get(of.language, ())
    read = of.nudge.get(of.subtitles, ()) if of.bilingual else ()
    return list(map(Phrase, own, read)) if len(read) == len(own) else list(map(Phrase, own))


def splitter(of: Character, first_clause_chars: int = 0) -> Sentences:
    """Cuts plain text of a character's."""
    return Sentences(
        language=of.language,
        emotion_tags=emotion_tags(of),
        replacements=of.replacements,
        first_clause_chars=first_clause_chars,
    )


def emotion_tags(of: Character) -> dict[str, str]:
    """Every word that names a feeling of a character's -> the canonical one; of other tags nothing."""
    feelings = {name: name for name in EMOTIONS} | ALIASES | dict(of.emotion_tags)
    return dict.fromkeys(of.marks, "") | feelings


def bilingual(words: Phrase, of: Character) -> Iterator[Cut]:
    """The sentences of a phrase in two languages: pair by pair, or as one where they do not pair."""
    said, read = _sentences(words.text, of), _sentences(words.subtitle, of)
    if len(said) != len(read):
        whole = said[0] if said else Cut("", "", of.language, "")
        spoken = " ".join(each.spoken for each in said if each.spoken)
        shown = "".join(each.shown for each in said)
        said = [Cut(spoken, shown, of.language, whole.emotion, whole.tags)]
        read = [Cut("", "".join(each.shown for each in read), of.subtitles, "")]
    for aloud, below in zip(said, read, strict=True):
        subtitles = {of.language: aloud.shown.strip(), of.subtitles: below.shown.strip()}
        yield Cut(aloud.spoken, below.shown, of.language, aloud.emotion, aloud.tags, subtitles)


def _sentences(text: str, of: Character) -> list[Cut]:
    cutter = splitter(of)
    pieces = [*cutter.feed(text), *cutter.finish()]
    return [each for each in pieces if isinstance(each, Cut) and each.shown]
