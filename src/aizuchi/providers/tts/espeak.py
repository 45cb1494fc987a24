"""The embedded voice: espeak-ng, which speaks many languages at once and at no cost, as a robot would.

The library is GPL-3 and one global state, so it lives in a worker process (`crafts/espeak.py`) and this
file never loads it. Sentences of several sessions are made in turn, each within a few milliseconds.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import ClassVar, Self

from pydantic import Field

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.events import Sentence
from aizuchi.ports import Audio, Phoneme, Style, Voice, Word
from aizuchi.providers.pool import Pool
from aizuchi.providers.worker import Plan

RATE = 22_050
LONGEST = 20_000
"""Characters; a sentence is never so long, what is so long is no sentence."""
_VOICE = re.compile(r"^[A-Za-z0-9_-]{2,30}(\+[A-Za-z0-9_-]{1,20})?$")

_SURROGATE = re.compile("[\ud800-\udfff]")
"""Halves of a character, from a client's broken JSON; no encoding takes them."""

# ISO 639-1 -> voice of espeak-ng 1.52, where they differ.
_NAMED: Mapping[str, str] = {"en": "en-us", "zh": "cmn", "pt": "pt-br", "no": "nb"}
_SAME = """
    af am ar as az ba be bg bn bs ca cs cv cy da de el eo es et eu fa fi fr ga gd gn gu he hi hr ht hu hy ia
    id io is it ja ka kk kl kn ko ku ky la lb lt lv mi mk ml mr ms mt my nb ne nl om or pa pl qu ro ru sd si
    sk sl sq sr sv sw ta te th ti tk tn tr tt ug uk ur uz vi yue
"""
VOICES: Mapping[str, str] = {**{code: code for code in _SAME.split()}, **_NAMED}

MOODS: Mapping[str, tuple[float, float, float]] = {
    "bright": (1.06, 1.14, 1.0),
    "high": (1.08, 1.24, 1.0),
    "low": (0.88, 0.86, 0.9),
    "sharp": (1.08, 1.06, 1.1),
    "soft": (0.92, 0.95, 0.85),
}
"""All that a formant voice can do with a feeling: times its pace, its pitch, its loudness."""
EMOTIONS: Mapping[str, str] = {
    **dict.fromkeys(("happy", "laughing", "funny", "silly", "winking", "delicious", "confident"), "bright"),
    **dict.fromkeys(("surprised", "shocked", "fearful"), "high"),
    **dict.fromkeys(("sad", "crying", "disgusted"), "low"),
    "angry": "sharp",
    **dict.fromkeys(("loving", "relaxed", "sleepy", "calm", "kissy"), "soft"),
}
"""Canonical emotion -> mood; the others are said as usual."""
_PLAIN = (1.0, 1.0, 1.0)


class EspeakVoice(Voice):
    """espeak-ng 1.52 in a worker process. Embedded; no key, no network."""

    name: ClassVar[str] = "espeak"
    embedded: ClassVar[bool] = True
    words: ClassVar[frozenset[str] | None] = frozenset(MOODS)

    class Options(Voice.Options):
        """Its settings."""

        voices: dict[str, str] = Field(
            default_factory=dict,
            description="language code -> voice, such as `en: en-gb+f3`; others keep the usual one",
        )
        language: str = Field("en", description="language of a sentence that does not say which it is in")
        rate: int = Field(170, ge=80, le=450, description="words per minute at a character's speed 1.0")
        pitch: int = Field(50, ge=0, le=99, description="voice pitch at a character's pitch 1.0")
        volume: int = Field(100, ge=0, le=200, description="loudness; 100 is the library's usual")
        emotions: bool = Field(True, description="change pace and pitch a little with the sentence's emotion")
        workers: int = Field(1, ge=1, le=8, description="processes; one serves dozens of sessions")

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.options: EspeakVoice.Options = options
        for voice in options.voices.values():
            if not _VOICE.match(voice):
                raise ConfigError(
                    f"tts espeak: {voice!r} is no name of a voice; it looks like en-gb or en-us+f3"
                )
        self._pool = Pool(
            Plan("aizuchi.providers.crafts.espeak:Espeak", {}, "espeak", start_timeout=20, answer_timeout=10),
            size=options.workers,
            waiting=256,
        )

    async def __aenter__(self) -> Self:
        if importlib.util.find_spec("espeakng_loader") is None:
            raise ConfigError(
                "tts espeak: the package espeakng-loader is missing; pip install espeakng-loader"
            )
        await self._pool.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.__aexit__(kind, error, trace)

    @property
    def ready(self) -> bool:
        return self._pool.ready

    @property
    def languages(self) -> frozenset[str]:
        return frozenset(VOICES) if _reads_japanese() else frozenset(VOICES) - {"ja"}

    @property
    def about(self) -> str:
        japanese = "" if _reads_japanese() else ", no Japanese without the extra ja"
        return f"espeak-ng, a robotic voice{japanese}"

    async def say(self, sentence: Sentence, style: Style) -> AsyncGenerator[Audio | Word | Phoneme, None]:
        """22.05 kHz slices of about 40 ms, much faster than real time; words and shapes among them.

        Runs of another script are spoken by that language's voice. In Chinese a word is what espeak-ng takes
        for one, in Japanese a phrase. A sentence of nothing but emoji is a short rest.
        """
        if len(sentence.spoken) > LONGEST:
            raise ProviderError(f"espeak speaks at most {LONGEST} characters at once", retryable=False)
        language = (sentence.language or self.options.language).lower().replace("_", "-").split("-")[0]
        mood = style.emotion(self.name, sentence.emotion, EMOTIONS) if self.options.emotions else ""
        pace, tone, force = MOODS.get(mood, _PLAIN)
        request = {
            "text": _SURROGATE.sub(" ", sentence.spoken),
            "language": language,
            "voices": self._voices(language, style),
            "wpm": max(80, min(450, round(self.options.rate * style.speed * pace))),
            "pitch": max(0, min(99, round(self.options.pitch * style.pitch * tone))),
            "volume": min(200, round(self.options.volume * force)),
        }
        async with self._pool.call(request) as call:
            async for item in call:
                match item:
                    case ["a", bytes(pcm)]:
                        yield Audio(pcm=pcm, rate=RATE)
                    case ["w", int(at), int(ms), str(text), int(start)]:
                        yield Word(at_ms=at, ms=ms, text=text, start=start)
                    case ["p", int(at), int(ms), str(viseme)]:
                        yield Phoneme(at_ms=at, ms=ms, viseme=viseme)
                    case _:
                        pass

    def _voices(self, language: str, style: Style) -> dict[str, str]:
        """Who speaks which language in this sentence; a character's voice lends its variant to the others."""
        wanted = style.voices.get(self.name, "")
        if wanted and not _VOICE.match(wanted):
            raise ProviderError(f"espeak knows no voice {wanted!r}", retryable=False)
        voices = {code: VOICES.get(code, code) for code in ("en", "zh", "ja", "ko", "ru", language)}
        voices |= self.options.voices
        if not _VOICE.match(voices[language]):
            raise ProviderError(f"espeak speaks no language {language!r}", retryable=False)
        if wanted:
            variant = wanted.partition("+")[2]
            for code, voice in voices.items():
                if variant and "+" not in voice:
                    voices[code] = f"{voice}+{variant}"
            voices[_language_of(wanted) or language] = wanted
        return voices


def _language_of(voice: str) -> str:
    """The language a voice speaks, by its name; empty if it does not tell."""
    base = voice.partition("+")[0].lower()
    return next((code for code, name in VOICES.items() if base == name or base.split("-")[0] == code), "")


def _reads_japanese() -> bool:
    return all(importlib.util.find_spec(package) for package in ("sudachipy", "sudachidict_small"))
