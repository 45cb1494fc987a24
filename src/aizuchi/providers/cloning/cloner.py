"""What a vendor that clones voices can be asked for.

A voice provider whose vendor does has a method `cloner`, which returns one of these.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

from aizuchi.errors import ConfigError

Progress = Callable[[int, int], None]
"""Bytes sent so far, and of how many; after the last one the vendor works."""


Status = Literal["", "working", "ready", "refused"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a vendor wants of a sample."""

    least: float
    """Seconds."""
    most: float
    best: tuple[float, float]
    """Seconds: from and to."""
    largest: int
    """Bytes of the file as it is sent."""
    rate: int
    """Hz, at least."""
    speech: float
    """Seconds of speech without a longer pause, at least."""
    pause: float
    """Seconds of a pause, at most."""
    mono: bool
    kinds: frozenset[str]
    """The containers it takes: wav, mp3, m4a, ..."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A sample as it is sent."""

    data: bytes
    mime: str


@dataclass(frozen=True, slots=True)
class Cloned:
    """One of the account's own voices."""

    id: str
    model: str = ""
    """The model it was made for; it speaks with no other."""
    made: str = ""
    """When, as the vendor writes it."""
    status: Status = ""
    note: str = ""
    """What the vendor remarks, such as that the sample was poor."""


class Cloner(ABC):
    """One vendor's voices. Every call is bounded in time and raises ProviderError or ConfigError."""

    provider: ClassVar[str] = ""
    """The name in `tts`, under which a character names the voice."""
    naming: ClassVar[re.Pattern[str]] = re.compile(r"[a-z0-9]{1,10}")
    """What the vendor takes as a name."""
    naming_words: ClassVar[tuple[str, str]] = (
        "1 to 10 small letters and digits",
        "1 至 10 个小写字母或数字",
    )
    limits: ClassVar[Limits]
    model: str
    """The model that a new voice is made for, unless another one is asked for."""

    @abstractmethod
    async def create(self, name: str, sample: Upload | str, *, model: str, progress: Progress) -> Cloned:
        """Make a voice from a sample, or from the public address of one; returns when it can be used."""
        raise NotImplementedError  # abstract

    @abstractmethod
    def voices(self) -> AsyncIterator[Cloned]:
        """All of them, the newest first if the vendor says so."""
        raise NotImplementedError  # abstract

    @abstractmethod
    async def delete(self, id: str) -> None:
        """For good."""
        raise NotImplementedError  # abstract

    def named(self, name: str) -> str:
        """The name, if the vendor takes it. Raises ConfigError."""
        if not self.naming.fullmatch(name):
            en, zh = self.naming_words
            raise ConfigError(
                f"{name!r} can't be the name of a voice of {self.provider}; expected {en}",
                zh=f"{name!r} 不能作为 {self.provider} 的音色名；应为{zh}",
            )
        return name
