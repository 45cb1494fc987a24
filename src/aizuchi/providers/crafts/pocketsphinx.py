"""The pocketsphinx craft: one utterance in, partial texts and the final one out.

Request: nothing. Input: 16 kHz mono s16le; an empty piece asks for the newest text. Items: `["p", text]` when
the text has changed or was asked for, at last `["f", text, confidence]`.

How it is set, and why (measured on real recordings, two shared cores; WER is of words, RTF of time):
the second pass over the whole utterance (`fwdflat`) made no text better and cost 300 to 600 ms after the
speaker's last word; without it the final text takes 5 to 20 ms. At most 5,000 active states: RTF 0.12
instead of 0.20 with the same texts. The mean of the channel is not known when an utterance begins, and what
is left of the last speaker's misleads: features of the first 0.7 s are computed alone, their mean is set,
then decoding begins from the first sample. That costs nothing: no word is known before that anyway.
Digital silence, which browsers and synthesisers make, has no logarithm and spoils that mean: a little
noise (-72 dBFS) raised synthesised sentences heard by a grammar from 73 to 84 of 84 right, and left real
recordings as they were.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from aizuchi.providers.workshop import Call, Cancelled, Trouble

RATE = 16_000
SLICE = RATE * 2 // 10
"""Bytes decoded at once, 100 ms: a cancel is seen between two, and a partial may follow each."""
LEARN = RATE * 2 * 7 // 10
_MEAN = "41.00,-5.29,-0.12,5.09,2.48,-4.07,-1.37,-1.78,-5.08,-2.05,-6.45,-1.42,1.17"
"""Where each utterance's mean starts from: that of the model's own feature parameters."""
_JSGF = re.compile(r"^\s*#JSGF\b")


class _Sound:
    """A call's input as whole samples, with a little noise that is the same for every utterance."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._half = b""
        self._noise = Random(1)
        self.paused = False
        """What was read last was no sound but the news that the speaker pauses."""

    def read(self) -> bytes | None:
        data = self._call.read()
        if data is None:
            return None
        self.paused = not data
        data = self._half + data
        even = len(data) // 2 * 2
        self._half = data[even:]
        samples = array("h", data[:even])
        if sys.byteorder == "big":
            samples.byteswap()
        gauss = self._noise.gauss
        noisy = array("h", [max(-32768, min(32767, sample + int(gauss(0, 8)))) for sample in samples])
        if sys.byteorder == "big":
            noisy.byteswap()
        return noisy.tobytes()


class Pocketsphinx:
    threads: ClassVar[int] = 1
    """The decoder is one state, and holds Python's lock."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        from pocketsphinx import Decoder

        settings: dict[str, Any] = {"samprate": RATE, "loglevel": "FATAL", "fwdflat": False, "maxhmmpf": 5000}
        grammar: list[str] = options["grammar"]
        try:
            decoder = Decoder(**settings, **({"lm": None} if grammar else {}))
            if grammar:
                decoder.add_jsgf_string("grammar", self._jsgf(grammar, decoder))
                decoder.activate_search("grammar")
        except (RuntimeError, ValueError) as error:
            what = "this grammar" if grammar else "its model"
            raise Trouble(f"pocketsphinx can't use {what}: {error}", retryable=False) from error
        self._decoder = decoder

    def about(self) -> Any:
        return {}

    def serve(self, request: Any, call: Call) -> None:
        decoder = self._decoder
        sound = _Sound(call)
        head = b""
        while len(head) < LEARN and (data := sound.read()) is not None:
            head += data
            if sound.paused:
                call.send(["p", self._short(head)])
        self._learn(head)
        decoder.start_utt()
        try:
            shown = self._decode(head, "", call)
            while (data := sound.read()) is not None:
                shown = self._decode(data, shown, call)
                if sound.paused:
                    call.send(["p", shown])
        finally:
            decoder.end_utt()
        text, confidence = self._best()
        call.send(["f", text, confidence])

    def _learn(self, head: bytes) -> None:
        """The channel's mean, from the beginning of an utterance."""
        decoder = self._decoder
        decoder.set_cmn(_MEAN)
        if len(head) >= SLICE:
            decoder.start_utt()
            decoder.process_raw(head[:LEARN], no_search=True)
            mean = decoder.get_cmn(True)
            decoder.end_utt()
            decoder.set_cmn(mean)

    def _short(self, head: bytes) -> str:
        """What is said in so little sound, decoded by itself: the utterance begins anew if it goes on."""
        if len(head) < SLICE:
            return ""
        self._learn(head)
        self._decoder.start_utt()
        try:
            self._decoder.process_raw(head)
            return self._best()[0]
        finally:
            self._decoder.end_utt()

    def _decode(self, data: bytes, shown: str, call: Call) -> str:
        for start in range(0, len(data), SLICE):
            if call.cancelled:
                raise Cancelled
            self._decoder.process_raw(data[start : start + SLICE])
            text, _ = self._best()
            if text and text != shown:
                shown = text
                call.send(["p", text])
        return shown

    def _best(self) -> tuple[str, float]:
        """The best text so far, and how sure the decoder is of a word of it on average."""
        found = self._decoder.hyp()
        if found is None or not found.hypstr:
            return "", 0.0
        words = len(found.hypstr.split())
        return found.hypstr, max(0.0, min(1.0, found.prob)) ** (1 / words)

    def _jsgf(self, grammar: list[str], decoder: Any) -> str:
        """A grammar file's text, or alternatives made of sentences."""
        if len(grammar) == 1 and _JSGF.match(grammar[0]):
            return grammar[0]
        if len(grammar) == 1 and grammar[0].lower().endswith((".jsgf", ".gram")):
            return Path(grammar[0]).read_text(encoding="utf-8")
        sentences = [" ".join(re.findall(r"[a-z']+", sentence.lower())) for sentence in grammar]
        unknown = sorted({w for s in sentences for w in s.split() if decoder.lookup_word(w) is None})
        if unknown:
            raise Trouble(f"the dictionary has no word {', '.join(unknown[:8])}", retryable=False)
        alternatives = " | ".join(filter(None, sentences))
        if not alternatives:
            raise Trouble("the grammar holds no English word", retryable=False)
        return f"#JSGF V1.0;\ngrammar sentences;\npublic <sentence> = {alternatives};\n"
