"""What stands for a sound card in tests of the command line."""

from __future__ import annotations

from typing import Any


class Card:
    """What `sounddevice` looks like to us. It asks for sound when a test says so."""

    class PortAudioError(Exception):
        pass

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.microphone: Any = None
        self.outputs: list[Any] = []

    def RawInputStream(self, **given: Any) -> Any:
        if self.broken:
            raise self.PortAudioError("no default device")
        self.microphone = given
        return self

    def RawOutputStream(self, **given: Any) -> Any:
        if self.broken:
            raise self.PortAudioError("no default device")
        self.outputs.append(given)
        return self

    def play(self, size: int) -> bytes:
        data = bytearray(size)
        self.outputs[-1]["callback"](data, size // 2, None, None)
        return bytes(data)

    def speak(self, pcm: bytes) -> None:
        for at in range(0, len(pcm), 640):
            self.microphone["callback"](pcm[at : at + 640], 320, None, None)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: Any) -> None: ...
    def start(self) -> None: ...
    def close(self) -> None: ...
