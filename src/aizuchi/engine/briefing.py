"""What a turn's model is told: gathers history, contexts, passages and tools into a prompt.

The same for a turn and for an attempt at one, which is told what it would be told if it had begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from aizuchi.character import Character
from aizuchi.engine.history import History
from aizuchi.engine.links import Links
from aizuchi.engine.prompt import Contexts, build
from aizuchi.engine.rules import Rules
from aizuchi.engine.toolroom import ToolRoom
from aizuchi.engine.turn import Turn
from aizuchi.errors import ProviderError
from aizuchi.events import OWNER, Author, Context, Fault, Image
from aizuchi.ports import Message, Passage, Prompt, Retriever, ToolSpec


class Briefing:
    """One session's prompts. `character` may change from one to the next."""

    def __init__(
        self,
        session: str,
        person: str,
        character: Character,
        rules: Rules,
        *,
        history: History,
        contexts: Contexts,
        tools: ToolRoom,
        links: Links,
        retriever: Retriever | None,
        shown: Callable[[], Context | None] = lambda: None,
    ) -> None:
        """`shown` is what the character itself shows just now."""
        self._session = session
        self._person = person
        self.character = character
        self._rules = rules
        self._history = history
        self._contexts = contexts
        self._tools = tools
        self._links = links
        self._retriever = retriever
        self._shown = shown

    @property
    def contexts(self) -> tuple[Context, ...]:
        """What the user looks at now."""
        shown = self._shown()
        return (*(() if shown is None else (shown,)), *self._contexts.current)

    def attach(self, turn: int, images: tuple[Image, ...]) -> None:
        """These pictures go with what the user says in a turn."""
        self._history.attach(turn, images)

    def tools(self, author: Author) -> Sequence[ToolSpec]:
        """What the model may call for this author now."""
        return self._tools.specs(self.character.tools, author, self._links.tools)

    def basis(self) -> object:
        """What a prompt for the user would be made from, apart from what they say."""
        # Not whether the character is equal, which takes longer: who changes is another object.
        who = id(self.character)
        return (self._history.messages, self.contexts, tuple(self.tools(OWNER)), self._links.hears, who)

    async def prompt(self, turn: Turn) -> Prompt:
        """What the model is told. An attempt's prompt is as if the turn had begun."""
        claim, newest = turn.claim, None
        if turn.attempt is not None:
            newest, turn.attempt.basis = Message("user", claim.text), self.basis()
        # What comes while the passages are looked up is for the next turn.
        history = self._history.trimmed(self._rules.history_tokens, newest)
        passages = await self._passages(turn)
        return build(
            self.character,
            history=history,
            contexts=turn.contexts,
            passages=passages,
            tools=self.tools(claim.author),
            max_tokens=self._rules.max_reply_tokens,
            session=self._session,
        )

    async def _passages(self, turn: Turn) -> Sequence[Passage]:
        query = turn.claim.text
        if self._retriever is None or not query:
            return ()
        try:
            async with asyncio.timeout(self._rules.limits.retrieve):
                return await self._retriever.passages(query, session=self._session, person=self._person)
        except (TimeoutError, ProviderError) as error:
            turn.note(Fault("llm", "retrieval_failed", str(error) or "retrieval took too long"))
            return ()
