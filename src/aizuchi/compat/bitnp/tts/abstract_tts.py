"""What every voice can do: speak a text as a whole, or piece by piece."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class AbstractTTS(ABC):
    """`format` says what the bytes are: wav, mp3, or pcm with `sample_rate`, `channels`, `bits_per_sample`.

    Both methods may be plain or async: agents take what comes, and run a plain `synthesize` in a thread.
    """

    def __init__(self, format: str, **kwargs: Any) -> None:
        self.format = format
        if format == "pcm":
            self.sample_rate: int = kwargs.get("sample_rate", 24000)
            self.channels: int = kwargs.get("channels", 1)
            self.bits_per_sample: int = kwargs.get("bits_per_sample", 16)

    @abstractmethod
    def synthesize(self, text: str) -> Any:
        """The sound of a text: bytes, or a coroutine that gives them."""

    @abstractmethod
    def synthesize_stream(self, text: str) -> Any:
        """The sound of a text in pieces: an async generator of bytes, or a plain one.

        A voice that can't raises NotImplementedError; agents then speak sentence by sentence.
        """
