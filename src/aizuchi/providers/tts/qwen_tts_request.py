"""One request to Qwen-TTS: its messages, and what the answers mean. Sans-I/O.

Source: see `qwen_tts.py`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import uuid
from collections import deque
from collections.abc import Iterator, MutableSequence, Sequence
from typing import Any, Final

from aizuchi.errors import ProviderError
from aizuchi.ports import Spoken
from aizuchi.providers.dashscope import failure
from aizuchi.providers.tts.socket_voice import Item, Talk

_SENTENCE: Final = re.compile(r".+?(?:[。！？…!?\n]+[”’」』)）\"']*|\.+(?=\s))\s*", re.DOTALL)
_SURELY: Final = (*"。！？!?", " ", "\n", "\t", "\u3000")
_CANCEL: Final = "cancel_"
"""How the ids of cancels begin, so that an error about one is no error of the request after it."""


def speakable(text: str) -> bool:
    """Whether there is anything to say; marks alone are refused, or are silence."""
    return any(letter.isalnum() for letter in text)


class Request(Talk):
    """`commits`: the text is committed by us, a sentence at a time, and each commit is one response."""

    def __init__(self, host: str, secret: str, format: str, *, commits: bool) -> None:
        super().__init__(host, format)
        self.commits = commits
        self.reusable = commits
        self.greeted = False
        """The server has said what the session is."""
        self.past: MutableSequence[str] = deque(maxlen=64)
        """Responses that are over, also those of requests before this one."""
        self._secret = secret
        self._over = False
        """There will be no more text."""
        self._owed: deque[int] = deque()
        """Where in the text each commit ends that has not been answered."""

    # -- what is sent

    def settings(self, session: dict[str, Any]) -> str:
        return _message("session.update", session=session)

    def text(self, text: str) -> str:
        self.sent += text
        return _message("input_text_buffer.append", text=text)

    def commit(self) -> str:
        self._owed.append(len(self.sent))
        return _message("input_text_buffer.commit")

    def end(self) -> str | None:
        """There is no more text; what has to be sent to say so."""
        self._over = True
        if self.commits:
            self._look()
            return None
        return _message("session.finish")

    def silence(self) -> list[str] | None:
        """What has to be sent so that nothing more is said; None if only a cut does that.

        Of several commits it is not known how many a cancel is for.
        """
        if not self.sent:
            return []
        if not self.commits or len(self._owed) > 1:
            return None
        if not self._owed:
            return []
        return [_message("input_text_buffer.clear"), _message("response.cancel", mark=_CANCEL)]

    @property
    def quiet(self) -> bool:
        """Everything that was asked for has been answered."""
        return not self._owed

    # -- what comes

    def receive(self, message: str | bytes) -> Sequence[Item]:
        self.answered = True
        try:
            said = json.loads(message) if isinstance(message, str) else None
            if not isinstance(said, dict):
                raise ValueError("no object")
            return self._event(said)
        except (ValueError, TypeError, AttributeError, RecursionError, binascii.Error):
            raise ProviderError(f"{self.host} sent something that is no event") from None

    def _event(self, said: dict[str, Any]) -> Sequence[Item]:
        response = said.get("response") or {}
        id_ = str(said.get("response_id") or response.get("id") or "")
        if id_ and id_ in self.past:
            return ()
        match said.get("type"):
            case "session.created":
                self.greeted = True
            case "session.updated":
                self.started = True
            case "response.audio.delta":
                sound = base64.b64decode(said.get("delta") or "", validate=True)
                return (sound,) if sound else ()
            case "response.done":
                return self._done(id_, response)
            case "session.finished":
                self.finished = True
            case "error":
                self._failed(said.get("error"))
            case _:
                pass
        return ()

    def _done(self, id_: str, response: dict[str, Any]) -> Sequence[Item]:
        if id_:
            self.past.append(id_)
        if response.get("status") in ("failed", "incomplete"):
            details = response.get("status_details") or {}
            self._failed(details.get("error") or details or {"message": "the response failed"})
        if not self.commits or not self._owed:
            return ()
        upto = self._owed.popleft()
        self._look()
        return (Spoken(upto),)

    def _look(self) -> None:
        self.finished = self._over and not self._owed

    def _failed(self, error: Any) -> None:
        error = error if isinstance(error, dict) else {"message": error}
        if not str(error.get("event_id") or "").startswith(_CANCEL):
            code = error.get("code") or error.get("type")
            raise failure(self.host, "gave up", code, error.get("message"), self._secret)


class Sentences:
    """Text that comes in pieces, given out a sentence at a time."""

    def __init__(self) -> None:
        self._text = ""

    def add(self, text: str) -> Iterator[str]:
        self._text += text
        at = 0
        while match := _SENTENCE.match(self._text, at):
            if match.end() == len(self._text) and not match[0].endswith(_SURELY):
                break  # another mark may belong to it
            at = match.end()
            if speakable(self._text[:at]):
                yield self._text[:at]
                self._text, at = self._text[at:], 0

    def rest(self) -> str:
        """What is left, if it can be said."""
        text, self._text = self._text, ""
        return text if speakable(text) else ""


def _message(type_: str, *, mark: str = "event_", **fields: Any) -> str:
    return json.dumps({"event_id": mark + uuid.uuid4().hex, "type": type_, **fields}, ensure_ascii=False)
