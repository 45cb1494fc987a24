"""What a task of MiniMax says in both of the vendor's protocols. Sans-I/O.

Source: see `minimax.py`.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from aizuchi.errors import ProviderError
from aizuchi.ports import Spoken
from aizuchi.providers.sockets import Gone, Socket
from aizuchi.providers.tts.socket_voice import Item, Talk

PIECE: Final = 5_000
"""Characters in one message; the server takes fewer than 10,000."""

KEY = "the key is not accepted; set MINIMAX_API_KEY, or tts.minimax.api_key, and the base_url of its region"
_ADVICE: Final = {
    1001: "the vendor took too long; try again",
    1002: "too many requests in a short time; wait a little, or ask the vendor for a higher limit",
    1004: KEY,
    1008: "the account has no balance left; top it up in the vendor's console",
    1026: "the vendor's moderation refused the text",
    1027: "the vendor's moderation refused the sound",
    1039: "too many characters in a short time; wait a little, or ask the vendor for a higher limit",
    1041: "too many connections at once; wait a little, or ask the vendor for a higher limit",
    1042: "the text holds too many invisible characters",
    2013: "a parameter is not accepted; look at the model, the voice and the parameters of tts.minimax",
    2042: "the key may not use this voice; choose another one",
    2049: KEY,
    2204: "a piece of text is too long",
    2205: "too much text waits there; try again in a moment",
    20132: "there is no such voice; set tts.minimax.voice, or the character's voice for minimax",
}
_LASTING: Final = {1004, 1008, 1026, 1027, 1042, 2013, 2037, 2039, 2042, 2049, 2204, 20132}
"""Codes of failures that no other try mends."""


class Task(Talk):
    """One request. `owed` endings are still to come: of pieces, or of the flush."""

    def __init__(self, host: str, secret: str, format: str) -> None:
        super().__init__(host, format)
        self._secret = secret
        self._owed = 0
        self._spoken = 0
        """So many characters of the text, as far as the server tells."""
        self._told = 0

    @abstractmethod
    async def send(self, socket: Socket, text: AsyncIterator[str]) -> None:
        """All the text, and that it is all. Raises Gone."""
        raise NotImplementedError  # abstract

    @abstractmethod
    def ended(self, event: Any, final: bool) -> None:
        """Look whether this is the end, or one of the ends."""
        raise NotImplementedError  # abstract

    def piece(self, text: str) -> str:
        self.sent += text
        return message("task_continue", text=text)

    def receive(self, message: str | bytes) -> Sequence[Item]:
        self.answered = True
        try:
            said = json.loads(message)
            event, sound = said.get("event"), (said.get("data") or {}).get("audio") or ""
            code = (said.get("base_resp") or {}).get("status_code") or 0
            pcm = bytes.fromhex(sound)
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise ProviderError(f"{self.host} sent something that is no event, or no sound") from None
        if code or event == "task_failed":
            raise self._failure(code, said)
        match event:
            case "task_started":
                self.started = True
            case "task_canceled" | "task_cancelled":
                self.silenced = True
            case "task_finished":
                raise Gone(f"{self.host} ended the task")
            case "sentence_start" | "sentence_end":
                self._progress(said, ended=event == "sentence_end")
            case _:
                self.ended(event, said.get("is_final") is True)
        items: list[Item] = [pcm] if pcm else []
        if self._spoken > self._told:
            self._told = self._spoken
            items.append(Spoken(self._told))
        return items

    def _failure(self, code: Any, said: dict[str, Any]) -> ProviderError:
        resp = said.get("base_resp")
        words = str(resp.get("status_msg") or "") if isinstance(resp, dict) else ""
        why = " ".join(words.split())
        if len(self._secret) >= 4:
            why = why.replace(self._secret, "***")
        advice = _ADVICE.get(code, "") if isinstance(code, int) else ""
        words = "; ".join(filter(None, (why[:200], advice))) or "it gave no reason"
        return ProviderError(
            f"{self.host} gave up (code {str(code)[:20]}): {words}",
            retryable=not isinstance(code, int) or code not in _LASTING,
        )

    def _progress(self, said: dict[str, Any], *, ended: bool) -> None:
        """Where in our text a sentence stands, if the event tells its words."""
        data = said.get("data")
        text = said.get("text") or (data.get("text") if isinstance(data, dict) else None)
        if not isinstance(text, str) or not (text := text.strip()):
            return
        if (at := self.sent.find(text, self._spoken)) >= 0:
            self._spoken = at + len(text) if ended else at


def pieces(text: str) -> list[str]:
    """As much in each as one message takes."""
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)]


def message(event: str, **fields: Any) -> str:
    return json.dumps({"event": event, **fields}, ensure_ascii=False)
