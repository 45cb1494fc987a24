"""libespeak-ng by ctypes: one sentence at a time, told as it is made. GPL-3: worker processes only.

Facts from `speak_lib.h` of espeak-ng 1.52 and from running it: the library is one global voice, so all calls
hold one lock; `sample` of an event counts from the start of its own `espeak_Synth`; a phoneme's name fills
eight bytes and need not end in a zero; positions of words are characters, counted from 1.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Final

from aizuchi.providers.workshop import Trouble

BUFFER_MS: Final = 40
"""Length of the slices in which sound comes."""
_SYNCHRONOUS: Final = 2
_PHONEMES, _IPA, _DONT_EXIT = 1, 2, 0x8000
_UTF8: Final = 1
_END_PAUSE: Final = 0x1000
_RATE, _VOLUME, _PITCH = 1, 2, 3
_POS_CHARACTER: Final = 1


class _Id(ctypes.Union):
    _fields_: ClassVar = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_: ClassVar = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


class _Voice(ctypes.Structure):
    _fields_: ClassVar = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)
_ID: Final = _Event.id.offset


class Listener:
    """What a synthesis tells; all times are samples from its own beginning."""

    def sound(self, pcm: bytes) -> None: ...
    def word(self, sample: int, position: int, length: int) -> None: ...
    def phoneme(self, sample: int, name: str) -> None: ...
    def clause_end(self, sample: int) -> None: ...


class Library:
    """The loaded library. Raises OSError when it can't be loaded, Trouble when it does not start."""

    def __init__(self, library: str, data: str) -> None:
        self._lib = ctypes.CDLL(library)
        self._lib.espeak_Info.restype = ctypes.c_char_p
        self._lib.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self._variants = Path(data) / "voices" / "!v"
        self._lib.espeak_Synth.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        self._lock = threading.Lock()
        self._voice = ""
        self._listener = Listener()
        self._wanted: Callable[[], bool] = lambda: True
        rate: int = self._lib.espeak_Initialize(
            _SYNCHRONOUS, BUFFER_MS, data.encode(), _PHONEMES | _IPA | _DONT_EXIT
        )
        if rate <= 0:
            raise Trouble("espeak-ng does not find its data", retryable=False)
        self.rate = rate
        self.version = self._lib.espeak_Info(None).decode("ascii", "replace")
        self._identifiers = self._by_language()
        self._callback = _Callback(self._told)  # kept: the library holds only its address
        self._lib.espeak_SetSynthCallback(self._callback)

    def say(
        self,
        text: str,
        listener: Listener,
        *,
        voice: str,
        wpm: int,
        pitch: int,
        volume: int,
        end_pause: bool,
        wanted: Callable[[], bool],
    ) -> int:
        """Speak `text` into `listener` and return how many samples it took; stops when not `wanted`.

        The listener must not wait for anybody: the lock is held. Raises Trouble for an unknown voice.
        """
        with self._lock:
            if not wanted():
                return 0
            if voice != self._voice:
                self._choose(voice)
            for parameter, value in ((_RATE, wpm), (_PITCH, pitch), (_VOLUME, volume)):
                self._lib.espeak_SetParameter(parameter, value, 0)
            self._listener, self._wanted, self._samples = listener, wanted, 0
            data = text.encode("utf-8", "replace")
            flags = _UTF8 | (_END_PAUSE if end_pause else 0)
            failed = self._lib.espeak_Synth(data, len(data) + 1, 0, _POS_CHARACTER, 0, flags, None, None)
            if failed and wanted():
                raise Trouble(f"espeak-ng could not speak (error {failed})")
            return self._samples

    def _choose(self, voice: str) -> None:
        """A language tag such as `en-gb`, and after a plus sign a variant that comes with the data."""
        tag, _, variant = voice.partition("+")
        identifier = self._identifiers.get(tag.lower())
        known = identifier is not None and (not variant or (self._variants / variant).is_file())
        name = f"{identifier}+{variant}" if variant else identifier or ""
        self._voice = ""
        if not known or self._lib.espeak_SetVoiceByName(name.encode()) != 0:
            raise Trouble(f"espeak-ng knows no voice {voice!r}", retryable=False)
        self._voice = voice

    def _by_language(self) -> dict[str, str]:
        """Language tag -> the voice that claims it most; each tag of a voice follows a byte of priority."""
        found: dict[str, tuple[int, str]] = {}
        voices = self._lib.espeak_ListVoices(None)
        for index in itertools.count():
            if not voices[index]:
                return {tag: identifier for tag, (_, identifier) in found.items()}
            voice = voices[index].contents
            place = voice.languages
            while (priority := ctypes.string_at(place, 1)[0]) != 0:
                tag = ctypes.string_at(place + 1).decode("ascii", "replace").lower()
                place += len(tag) + 2
                claim = (priority, voice.identifier.decode("utf-8", "replace"))
                if tag not in found or priority < found[tag][0]:
                    found[tag] = claim
        raise AssertionError  # unreachable: the count has no end

    def _told(self, wave: object, count: int, events: object) -> int:
        listener = self._listener
        index = 0
        while (event := events[index]).type:  # type: ignore[index]
            match event.type:
                case 1:  # a word
                    listener.word(event.sample, event.text_position, event.length)
                case 7:  # a phoneme
                    raw = ctypes.string_at(ctypes.addressof(event) + _ID, 8)
                    listener.phoneme(event.sample, raw.partition(b"\0")[0].decode("utf-8", "ignore"))
                case 5:  # the end of a clause
                    listener.clause_end(event.sample)
                case _:
                    pass
            index += 1
        if count > 0 and wave:
            self._samples += count
            listener.sound(ctypes.string_at(wave, count * 2))  # type: ignore[arg-type]
        return 0 if self._wanted() else 1
