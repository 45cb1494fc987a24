"""One task of CosyVoice: its messages, and what the answers mean. Sans-I/O.

Source: see `cosyvoice.py`. That the times of words count from the sentence's or from the task's beginning,
the document does not say; both are understood.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from aizuchi.errors import ProviderError
from aizuchi.ports import Spoken, Word
from aizuchi.providers.dashscope import failure
from aizuchi.providers.tts.socket_voice import Item, Talk


class Task(Talk):
    """`rate` is that of the PCM, by which the sound so far is measured; 0 if it comes in a container."""

    def __init__(self, host: str, secret: str, rate: int) -> None:
        super().__init__(host)
        self.reusable = False
        self._id = uuid.uuid4().hex
        self._secret = secret
        self._rate = rate
        self._size = 0
        """Bytes of sound so far."""
        self._spoken = 0
        """So much of the text belongs to sentences that are over."""
        self._begun_ms = 0.0
        """Where the present sentence's sound begins."""
        self._over_ms = 0.0
        """Where the last word of the sentence before ends, in the vendor's count."""
        self._relative = False
        """The vendor counts from each sentence's beginning."""
        self._text = ""
        """The present sentence."""
        self._words = 0
        """So many words of it are told."""

    def run(self, payload: dict[str, Any]) -> str:
        return self._message("run-task", payload)

    def piece(self, text: str) -> str:
        self.sent += text
        return self._message("continue-task", {"input": {"text": text}})

    def end(self) -> str:
        self.reusable = True
        return self._message("finish-task", {"input": {}})

    def cancel(self) -> str:
        return self._message("finish-task", {"input": {"directive": "cancel"}})

    def receive(self, message: str | bytes) -> Sequence[Item]:
        self.answered = True
        if isinstance(message, bytes):
            if not self.started:
                return ()
            self._size += len(message)
            return (message,)
        try:
            said = json.loads(message)
            header, payload = said["header"], said.get("payload") or {}
            event, task = header["event"], header.get("task_id")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ProviderError(f"{self.host} sent something that is no event") from None
        if task != self._id:
            return ()  # of a task before this one
        match event:
            case "task-started":
                self.started = True
            case "task-finished":
                self.finished = self.silenced = True
            case "task-failed":
                code, why = header.get("error_code"), header.get("error_message")
                raise failure(self.host, "gave the task up", code, why, self._secret)
            case "result-generated":
                return self._progress(payload)
            case _:
                pass
        return ()

    def _message(self, action: str, payload: dict[str, Any]) -> str:
        header = {"action": action, "task_id": self._id, "streaming": "duplex"}
        return json.dumps({"header": header, "payload": payload}, ensure_ascii=False)

    def _progress(self, payload: Any) -> Sequence[Item]:
        """Where in our text the vendor's sentence stands; it may write blanks otherwise than we did."""
        output = payload.get("output") if isinstance(payload, dict) else None
        if not isinstance(output, dict):
            return ()
        kind, text = output.get("type"), output.get("original_text")
        if isinstance(text, str):
            self._text = text
        if kind == "sentence-begin":
            self._words = 0
            self._begun_ms = self._size / 2 / self._rate * 1000 if self._rate else 0.0
        bare = self._text.strip()
        at = self.sent.find(bare, self._spoken)
        start = at if at >= 0 else self._spoken
        items: list[Item] = []
        if bare:
            # A place in the vendor's sentence counts from its first character, be that a blank.
            before = len(self._text) - len(self._text.lstrip())
            items += self._timed(output.get("sentence"), at - before if at >= 0 else None)
        if not bare or not isinstance(text, str):
            return items
        if kind == "sentence-begin" and start:
            items.append(Spoken(start))
        elif kind == "sentence-end":
            self._spoken = min(len(self.sent), start + len(bare))
            items.append(Spoken(self._spoken))
        return items

    def _timed(self, sentence: Any, start: int | None) -> list[Word]:
        """The words that this event tells and none before it did; `start` is their sentence's in our text."""
        words = sentence.get("words") if isinstance(sentence, Mapping) else None
        made: list[Word] = []
        for word in words[self._words :] if isinstance(words, list) else ():
            match word:
                case {"text": str(written), "begin_time": int(begin) | float(begin)}:
                    pass
                case _:
                    continue
            end = word.get("end_time")
            end = end if isinstance(end, int | float) and end >= begin else begin
            if not self._words and begin < self._over_ms:
                self._relative = True
            self._words += 1
            self._over_ms = end
            shift = self._begun_ms if self._relative else 0.0
            index = word.get("begin_index")
            place = start + index if start is not None and isinstance(index, int) else -1
            made.append(Word(round(begin + shift), round(end - begin), written, max(-1, place)))
        return made
