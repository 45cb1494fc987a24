"""The sherpa-onnx craft: one utterance in, partial texts (streaming models) and the final one out.

Options: `{kind, files, threads, provider, language, itn}`. Input: 16 kHz mono s16le; an empty piece asks a
streaming model for its newest text. Items: `["p", text]`, `["f", text, language]`. At a pause no silence is
pushed to make the model give its last word sooner: if the speaker goes on, it could not be taken back.
Not seen with real weights: a test checks the argument names against the library, and runs the loops with a
stand-in for it.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from aizuchi.providers.workshop import Call, Cancelled, Trouble

RATE: Final = 16_000
TAIL: Final = RATE // 2
"""Samples of silence after the last word: streaming models look ahead."""
LONGEST: Final = 60 * RATE * 2
"""Bytes of one utterance for a model that hears it as a whole."""

FACTORIES: Final[Mapping[str, tuple[str, str]]] = {
    "streaming-transducer": ("OnlineRecognizer", "from_transducer"),
    "streaming-paraformer": ("OnlineRecognizer", "from_paraformer"),
    "streaming-ctc": ("OnlineRecognizer", "from_zipformer2_ctc"),
    "transducer": ("OfflineRecognizer", "from_transducer"),
    "nemo-transducer": ("OfflineRecognizer", "from_transducer"),
    "paraformer": ("OfflineRecognizer", "from_paraformer"),
    "sense-voice": ("OfflineRecognizer", "from_sense_voice"),
    "whisper": ("OfflineRecognizer", "from_whisper"),
    "moonshine": ("OfflineRecognizer", "from_moonshine"),
    "moonshine-v2": ("OfflineRecognizer", "from_moonshine_v2"),
}
"""Kind -> class and constructor of sherpa_onnx."""


def arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    """What the kind's constructor is called with."""
    kind = options["kind"]
    given: dict[str, Any] = {
        **options["files"],
        "num_threads": options["threads"],
        "provider": options["provider"],
    }
    if kind == "nemo-transducer":
        given["model_type"] = "nemo_transducer"
    elif kind == "sense-voice":
        given |= {"language": options["language"] or "auto", "use_itn": options["itn"]}
    elif kind == "whisper":
        given["language"] = options["language"]  # empty: it finds out
    return given


class Sherpa:
    threads: ClassVar[int] = 8

    def __init__(self, options: Mapping[str, Any]) -> None:
        import numpy

        self._numpy = numpy
        owner, constructor = FACTORIES[options["kind"]]
        try:
            library = importlib.import_module("sherpa_onnx")
            self._recognizer = getattr(getattr(library, owner), constructor)(**arguments(options))
        except (RuntimeError, ValueError, TypeError, AttributeError) as error:
            raise Trouble(
                f"sherpa-onnx can't load this {options['kind']} model: {error}", retryable=False
            ) from error
        self._streams = owner == "OnlineRecognizer"
        # One decoding at a time: the library uses its own threads for it.
        self._lock = threading.Lock()

    def about(self) -> Any:
        return {"streams": self._streams}

    def serve(self, request: Any, call: Call) -> None:
        if self._streams:
            self._as_it_comes(call)
        else:
            self._whole(call)

    def _as_it_comes(self, call: Call) -> None:
        recognizer = self._recognizer
        stream = recognizer.create_stream()
        shown = ""
        while (pcm := call.read()) is not None:
            if pcm:
                stream.accept_waveform(RATE, self._samples(pcm))
            text = self._decode(stream, call)
            if not pcm or (text and text != shown):
                shown = text
                call.send(["p", text])
        stream.accept_waveform(RATE, self._numpy.zeros(TAIL, dtype=self._numpy.float32))
        stream.input_finished()
        call.send(["f", self._decode(stream, call), ""])

    def _decode(self, stream: Any, call: Call) -> str:
        recognizer = self._recognizer
        with self._lock:
            while recognizer.is_ready(stream):
                if call.cancelled:
                    raise Cancelled
                recognizer.decode_stream(stream)
            return str(recognizer.get_result(stream)).strip()

    def _whole(self, call: Call) -> None:
        sound = bytearray()
        while (pcm := call.read()) is not None:
            sound += pcm[: LONGEST - len(sound)]
        stream = self._recognizer.create_stream()
        stream.accept_waveform(RATE, self._samples(sound))
        with self._lock:
            if call.cancelled:
                raise Cancelled
            if sound:
                self._recognizer.decode_stream(stream)
        result = stream.result
        language = str(getattr(result, "lang", "") or "").strip("<|>")
        call.send(["f", str(result.text).strip() if sound else "", language])

    def _samples(self, pcm: bytes | bytearray) -> Any:
        whole = bytes(pcm[: len(pcm) // 2 * 2])
        return self._numpy.frombuffer(whole, dtype="<i2").astype(self._numpy.float32) / 32768.0
