"""The espeak-ng craft: a sentence in, sound, words and mouth shapes out, as they are made.

Request: `{text, language, voices: {language: voice}, wpm, pitch, volume}`. Items: `["a", pcm]`,
`["w", at_ms, ms, text, start]`, `["p", at_ms, ms, viseme]`. Loads the library, which is
GPL-3, so that the server never does.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from aizuchi.providers.crafts.espeak_library import Library, Listener
from aizuchi.providers.crafts.japanese import Reader
from aizuchi.providers.crafts.scripts import Run, clean, runs
from aizuchi.providers.tts.ipa import Mouth, Span
from aizuchi.providers.workshop import Call, Trouble


class Espeak:
    threads: ClassVar[int] = 24

    def __init__(self, options: Mapping[str, Any]) -> None:
        import espeakng_loader

        self._library = Library(espeakng_loader.get_library_path(), espeakng_loader.get_data_path())
        self._reader: Reader | None = None
        self._reading = threading.Lock()

    def about(self) -> Any:
        return {"version": self._library.version, "rate": self._library.rate}

    def serve(self, request: Any, call: Call) -> None:
        text, voices = clean(request["text"]), request["voices"]
        parts = [run for run in runs(text, request["language"]) if any(map(str.isalnum, run.text))]
        telling = _Telling(call, request["text"], self._library.rate)
        for index, run in enumerate(parts):
            spoken, sources = self._as_spoken(run, request["language"])
            telling.begin(sources)
            samples = self._library.say(
                spoken,
                telling,
                voice=voices.get(run.language) or voices[request["language"]],
                wpm=request["wpm"],
                pitch=request["pitch"],
                volume=request["volume"],
                end_pause=index == len(parts) - 1,
                wanted=lambda: not call.cancelled,
            )
            telling.over(samples)
        if not parts:  # nothing to say is a short rest, not a failure
            telling.rest(self._library.rate // 5)
        telling.end()

    def _as_spoken(self, run: Run, language: str) -> tuple[str, Sequence[int]]:
        """The text for the voice, and for each of its characters where it stands in the sentence."""
        if run.language == "ja":
            try:
                with self._reading:
                    self._reader = self._reader or Reader()
                kana, sources = self._reader.read(run.text)
                return kana, [run.start + source for source in sources]
            except Trouble:
                if language == "ja":
                    raise
        return run.text, range(run.start, run.start + len(run.text))


class _Telling(Listener):
    """Makes items of what the library tells.

    While the library speaks nothing waits, since it speaks for all: what finds no room in the call's window
    is kept, and sent between two runs, which are short.
    """

    def __init__(self, call: Call, text: str, rate: int) -> None:
        self._call = call
        self._text = text
        self._rate = rate
        self._mouth = Mouth()
        self._kept: list[list[Any]] = []
        self._base = 0
        """Samples of the runs before this one."""
        self._sources: Sequence[int] = ()
        self._word: tuple[int, int, int] | None = None
        """The open word: when it began (ms), its first and last character in the sentence."""
        self._word_end: int | None = None
        """When the clause of the open word ended, ms."""
        self._until = 0
        """Where the run ends in the sentence."""
        self._quiet: int | None = None
        """Since when nothing is said, ms."""

    def begin(self, sources: Sequence[int]) -> None:
        """The next run begins; `sources` tells where each of its characters stands in the sentence."""
        self._sources = sources
        self._until = sources[-1] + 1 if sources else 0

    def over(self, samples: int) -> None:
        """The run is said. Waits until the parent has room for all of it."""
        self._base += samples
        self._end_word(self._ms(0), self._until)
        kept, self._kept = self._kept, []
        for item in kept:
            self._call.send(item)

    def rest(self, samples: int) -> None:
        self.sound(bytes(samples * 2))
        self._base += samples

    def end(self) -> None:
        self._shapes(self._mouth.end(self._ms(0)))
        for item in self._kept:
            self._call.send(item)

    # Listener

    def sound(self, pcm: bytes) -> None:
        self._tell(["a", pcm])

    def word(self, sample: int, position: int, length: int) -> None:
        first = position - 1
        if not 0 <= first < len(self._sources):
            return
        last = min(first + max(1, length), len(self._sources)) - 1
        begin, end = self._sources[first], self._sources[last]
        if self._text[begin].isspace():  # after a full stop the place before the word is given
            begin, end = self._next_word(begin)
        if self._word is not None and begin <= self._word[2]:
            return  # a part of the same word: numbers come in several
        self._end_word(self._ms(sample), begin)
        self._word = (self._ms(sample), begin, end)

    def phoneme(self, sample: int, name: str) -> None:
        at = self._ms(sample)
        self._quiet = None if name else at if self._quiet is None else self._quiet
        self._shapes(self._mouth.phoneme(at, name))

    def clause_end(self, sample: int) -> None:
        if self._word is not None and self._word_end is None:
            at = self._ms(sample)
            self._word_end = at if self._quiet is None else min(at, self._quiet)

    def _next_word(self, start: int) -> tuple[int, int]:
        found = re.compile(r"\w+").search(self._text, start)
        return (found.start(), found.end() - 1) if found else (start, start)

    def _end_word(self, at: int, until: int) -> None:
        """The next word begins at `until` in the sentence; what came in between belongs to this one."""
        if self._word is not None:
            begun, first, last = self._word
            end = at if self._quiet is None else min(at, self._quiet)
            end = end if self._word_end is None else self._word_end
            text = self._text[first : max(until, last + 1)]
            while len(text) > last + 1 - first and not text[-1].isalnum():
                text = text[:-1]
            if any(map(str.isalnum, text)):
                self._tell(["w", begun, max(0, end - begun), text, first])
            self._word, self._word_end = None, None

    def _shapes(self, spans: list[Span]) -> None:
        for at, ms, viseme in spans:
            self._tell(["p", at, ms, viseme])

    def _ms(self, sample: int) -> int:
        return round((self._base + sample) * 1000 / self._rate)

    def _tell(self, item: list[Any]) -> None:
        if self._kept or not self._call.try_send(item):
            self._kept.append(item)
