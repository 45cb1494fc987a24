"""What pages say, in the order of the reference's section 4.2; then what compatible pages may say besides."""

from __future__ import annotations

import base64
import binascii
import logging
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast, get_args

from pydantic_core import from_json

from aizuchi.errors import ProtocolError
from aizuchi.events import Author, Input, Interrupt, Listen, MicAudio, Played, Steer, Steering, Typed
from aizuchi.wire.bitnp.standing import Standing

log = logging.getLogger(__name__)

ACTIONS: Final[tuple[Steering, ...]] = get_args(Steering)
RATES: Final = range(8_000, 192_001)
REMEMBERED: Final = 512
"""Ids of bullet comments: pages that poll bring the same one again and again."""
LONGEST_NAME: Final = 60

Fields = Mapping[str, Any]


class Inward:
    """The hearing half."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._comments: deque[str] = deque(maxlen=REMEMBERED)

    def receive(self, message: str) -> Iterator[Input]:
        """What an event asks for; nothing of one that nobody knows. Raises ProtocolError."""
        try:
            value: object = from_json(message)
        except (TypeError, ValueError) as error:
            raise ProtocolError("an event is JSON") from error
        if not isinstance(value, dict):
            log.debug("an event that is no object was passed over")
            return
        fields = cast("dict[str, Any]", value)
        match fields.get("type"):
            case "user_input":
                # The page of 2026 sends an empty one with each Enter: its input box is commented out.
                if text := _text(fields, "content"):
                    yield Typed(text)
            case "lecture_control":
                yield self._control(fields)
            case "audio_playback_finished":
                yield from self._played(fields.get("seq"))
            case "danmaku":
                yield from self._comment(fields)
            case "interrupt" | "stop_audio":
                yield Interrupt("client")
            case "user_audio":
                yield from self._sound(fields)
            case other:
                log.debug("an event of type %.40r was passed over", other)

    def _control(self, fields: Fields) -> Input:
        said = _text(fields, "action").lower()
        action: Steering | None = next((each for each in ACTIONS if each == said), None)
        if action is None:
            raise ProtocolError(f"lecture_control: action is one of {', '.join(ACTIONS)}")
        page = _number(fields.get("page_num", fields.get("page")))
        if action == "goto" and page is None:
            raise ProtocolError("lecture_control: goto wants page_num, a number")
        self._standing.left_alone = False
        return Steer(action, page)

    def _played(self, seq: object) -> Iterator[Input]:
        """The first page that tells it counts."""
        number = _number(seq)
        sound = None if number is None else self._standing.sounds.pop(number, None)
        if sound is not None:
            turn, sentence = sound
            yield Played(turn, sentence=sentence, whole=True)

    def _comment(self, fields: Fields) -> Iterator[Input]:
        """A bullet comment: said to the character by a viewer."""
        text, name = _text(fields, "content"), _text(fields, "username")[:LONGEST_NAME]
        id_ = fields.get("id")
        if isinstance(id_, str | int):
            if (known := str(id_)) in self._comments:
                return
            self._comments.append(known)
        if text:
            yield Typed(text, author=Author("viewer", name or "?"))

    def _sound(self, fields: Fields) -> Iterator[Input]:
        """Speech, s16le and mono in base64: one utterance from its first piece to `is_last`."""
        rate = _number(fields.get("sample_rate", 16_000))
        if rate is None or rate not in RATES:
            raise ProtocolError("user_audio: sample_rate is a number of Hz")
        try:
            pcm = base64.b64decode(_text(fields, "media_data"), validate=True)
        except (binascii.Error, ValueError) as error:
            raise ProtocolError("user_audio: media_data is base64") from error
        last = fields.get("is_last") is True
        if not self._standing.hearing:
            self._standing.hearing = True
            yield Listen(True, "push")
        step = rate // 5 * 2
        for at in range(0, len(pcm) // 2 * 2, step):
            yield MicAudio(pcm[at : at + step], rate)
        if last:
            self._standing.hearing = False
            yield Listen(False)


def _text(fields: Fields, name: str) -> str:
    """A field that should be text, without blanks around it; empty if it is anything else."""
    value = fields.get(name)
    return value.strip() if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    """A whole number, also one written as text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 10 else None
