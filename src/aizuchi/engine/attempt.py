"""The private part of a turn's life: what it has made before it is committed, and what it may do."""

from __future__ import annotations

import asyncio

from aizuchi.engine.tokens import estimate, of_message
from aizuchi.events import ReplyEvent, Speech, TextDelta, Thought
from aizuchi.ports import Prompt


class Attempt:
    """What a turn has and may do before it is committed."""

    def __init__(
        self, number: int, utterance: int, text: str, began: float, most_tokens: int, most_ms: float
    ) -> None:
        self.number = number
        self.utterance = utterance
        self.text = text
        """What it answers."""
        self.began = began
        """Seconds on the session's clock."""
        self.committed = asyncio.Event()
        self.kept: list[ReplyEvent] = []
        """What the responder has made, in order."""
        self.basis: object = None
        """What its prompt is made from, except for `text`; None as long as none was begun."""
        self.prompt_tokens = 0
        self.tokens = 0
        self.audio_ms = 0.0
        self._most_tokens = most_tokens
        self._most_ms = most_ms
        self._spoken = False

    def asked(self, prompt: Prompt) -> None:
        """Its model is asked now."""
        self.prompt_tokens = sum(map(of_message, prompt.messages))

    def keep(self, event: ReplyEvent) -> bool:
        """Keep what was made; True as long as more may come before the commit."""
        self.kept.append(event)
        match event:
            case TextDelta(text=text) | Thought(text=text):
                self.tokens += estimate(text)
            case Speech(pcm=pcm, rate=rate):
                self.audio_ms += len(pcm) / 2 / rate * 1000
            case _:
                pass
        return self.tokens < self._most_tokens and self.audio_ms < self._most_ms

    async def room(self) -> bool:
        """True for the first sentence, which may be spoken now; any other waits for the commit."""
        first, self._spoken = not self._spoken, True
        if not first:
            await self.committed.wait()
        return first
