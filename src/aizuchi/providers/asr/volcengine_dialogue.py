"""What is said on one connection to Volcengine's speech recognition. Sans-I/O.

A dialogue takes frames and keeps the newest text of its utterance. Settled ("definite") sentences may come
again with every answer, or only once: they are kept by their beginning, and the open ones follow them.

Source: Volcengine, docs/6561/1354869, "results" and "error codes", read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from aizuchi.errors import ProviderError
from aizuchi.providers.asr import volcengine_frames as frames
from aizuchi.providers.asr.volcengine_frames import Frame, Garbled

_FINE = (0, 1000, 20000000)
_EMPTY = 45000002
_NOBODY_SPOKE = 1013
"""Of an older version, among the answers."""


class Dialogue:
    """One request's side. `trace` is the vendor's id of it; `secrets` are never repeated in an error."""

    def __init__(self, host: str, trace: str, secrets: Iterable[str]) -> None:
        self.text = ""
        """The utterance so far."""
        self.answered = self.finished = False
        self.asked = False
        """The speaker pauses, and nobody has been told yet what was said so far."""
        self.deadline: float | None = None
        """When the final text must be there, once all sound is sent."""
        self._host = host
        self._trace = trace
        self._secrets = tuple(secrets)
        self._sequence = 0
        self._over = False
        self._definite: dict[float | str, str] = {}
        """Sentences that are settled, by their beginning; they come again and again."""

    def first(self, configuration: bytes) -> bytes:
        self._sequence = 1
        return frames.encode(Frame(frames.CONFIG, configuration, 1))

    def piece(self, pcm: bytes, *, last: bool) -> bytes:
        self._sequence += 1
        self._over = last
        sequence = -self._sequence if last else self._sequence
        return frames.encode(Frame(frames.SOUND, pcm, sequence, last))

    def receive(self, message: str | bytes) -> None:
        """Take what the server sent. Raises ProviderError."""
        try:
            if isinstance(message, str):
                raise Garbled("text")
            frame = frames.decode(message)
            if frame.kind == frames.ERROR:
                self._failed(frame.code, frame.payload)
                return
            self.answered = True
            if frame.kind != frames.ANSWER:
                return
            self._take(frame.payload)
        except Garbled as error:
            raise ProviderError(f"{self._host} sent something that is no answer: {error}") from None
        if frame.last:
            if not self._over:
                raise ProviderError(f"{self._host} ended its answer before the sound was over")
            self.finished = True

    def _take(self, payload: bytes) -> None:
        said = _object(payload) if payload else {}
        code = said.get("code")
        if isinstance(code, int) and code not in _FINE:
            self._failed(code, payload)
        results = said.get("result")
        for result in results if isinstance(results, list) else [results]:
            if isinstance(result, dict):
                self._hear(result)

    def _hear(self, result: dict[str, Any]) -> None:
        whole = result.get("text")
        whole = whole.strip() if isinstance(whole, str) else ""
        utterances = result.get("utterances")
        if not isinstance(utterances, list):
            self.text = whole or self.text
            return
        open_: list[str] = []
        for utterance in utterances:
            text = utterance.get("text") if isinstance(utterance, dict) else None
            if not isinstance(text, str) or not (text := text.strip()):
                continue
            start = utterance.get("start_time")
            key = start if isinstance(start, int | float) and start >= 0 else text
            if utterance.get("definite"):
                self._definite[key] = text
            elif key not in self._definite:
                open_.append(text)
        joined = _joined([*self._definite.values(), *open_])
        # The vendor's own text where it is the same: it knows best where blanks belong.
        self.text = (
            whole if "".join(whole.split()) == "".join(joined.split()) else joined or whole or self.text
        )

    def _failed(self, code: int, payload: bytes) -> None:
        """Raises ProviderError, unless the vendor only says that there was nothing to hear."""
        if code == _NOBODY_SPOKE or (code == _EMPTY and self._over):
            self.finished = self._over
            return
        why = payload[:2000].decode("utf-8", "replace")
        try:
            said = _object(payload)
            why = next((said[name] for name in ("error", "message") if isinstance(said.get(name), str)), why)
        except Garbled:
            pass
        for secret in self._secrets:
            why = why.replace(secret, "...")
        why = " ".join(why.split())[:300] or "no reason given"
        trace = f", log id {self._trace}" if self._trace else ""
        advice, retryable = _advice(code)
        raise ProviderError(
            f"{self._host} gave the request up ({code}{trace}): {why}; {advice}", retryable=retryable
        )


def _advice(code: int) -> tuple[str, bool]:
    """What to do about an error, and whether another try may help."""
    match code:
        case 45000001:
            return "look at asr.volcengine.request and resource_id", False
        case 45000002:
            return "no sound arrived there", True
        case 45000081:
            return "the sound came too slowly; try again", True
        case 45000151:
            return "the address expects another kind of sound; look at asr.volcengine.base_url", False
        case 55000031:
            return "it is overloaded; try again in a moment", True
        case _ if 45000000 <= code < 46000000:
            return "look at the account and at asr.volcengine in the configuration", False
        case _:
            return "a fault on its side; try again", True


def _joined(sentences: Iterable[str]) -> str:
    """A blank between two of them, unless both sides are of a script that has none."""
    whole = ""
    for sentence in sentences:
        blank = " " if whole and (whole[-1] < "\u2e80" or sentence[0] < "\u2e80") else ""
        whole += blank + sentence
    return whole


def _object(payload: bytes) -> dict[str, Any]:
    """Raises Garbled."""
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise Garbled("no JSON object")
    return said
