"""A stand-in for the library, for worker processes of the tests: it "hears" how long the sound is.

One word per 100 ms, decoded 100 ms at a time, so that what reached it can be told from its text. A model
whose folder holds a file `abort` ends the process, as the library does with what it can't load.
"""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any


class Stream:
    def __init__(self) -> None:
        self.samples = 0
        self.decoded = 0
        self.finished = False
        self.peak = 0.0
        self.result = SimpleNamespace(text="", lang="<|en|>")

    def accept_waveform(self, rate: int, samples: Any) -> None:
        assert rate == 16_000 and samples.dtype == "float32" and abs(samples).max(initial=0) <= 1
        self.samples += len(samples)

    def input_finished(self) -> None:
        self.finished = True


class _Recognizer:
    def __init__(self, **given: Any) -> None:
        if (Path(given["tokens"]).parent / "abort").exists():
            os._exit(134)
        self.given = given

    def create_stream(self) -> Stream:
        return Stream()


class OnlineRecognizer(_Recognizer):
    @classmethod
    def from_transducer(cls, **given: Any) -> "OnlineRecognizer":
        return cls(**given)

    def is_ready(self, stream: Stream) -> bool:
        return stream.samples - stream.decoded >= 1600

    def decode_stream(self, stream: Stream) -> None:
        stream.decoded += 1600

    def get_result(self, stream: Stream) -> str:
        return " word" * (stream.decoded // 1600)


class OfflineRecognizer(_Recognizer):
    @classmethod
    def from_sense_voice(cls, **given: Any) -> "OfflineRecognizer":
        assert given["language"] == "auto" and given["use_itn"] is True
        return cls(**given)

    def decode_stream(self, stream: Stream) -> None:
        stream.result.text = " word" * (stream.samples // 1600)
