"""The tools of one session: offered, called within their time, here or at a client.

A tool's fault is an outcome for the model to read, never an exception of the turn. A detached tool goes
on in the session's own scope when its turn is interrupted.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from aizuchi.engine.rules import Rules
from aizuchi.errors import ToolError
from aizuchi.events import Author, ToolCall, ToolDone, ToolResult
from aizuchi.ports import Toolbox, ToolContext, ToolOutcome, ToolSpec

log = logging.getLogger(__name__)


class ToolRoom:
    """Calls tools for one session's turns."""

    def __init__(
        self,
        toolbox: Toolbox | None,
        context: ToolContext,
        rules: Rules,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._toolbox = toolbox
        self._context = context
        self._rules = rules
        self._spawn = spawn
        self._waiting: dict[str, tuple[str, asyncio.Future[ToolOutcome]]] = {}

    def specs(
        self, allowed: tuple[str, ...] | None, author: Author, clients: Sequence[ToolSpec]
    ) -> Sequence[ToolSpec]:
        """Tools of the server this character may use, then those of `clients` with other names.

        Viewers get none: they must not move the hands of the one who is watched.
        """
        if author.kind == "viewer":
            return ()
        own: Sequence[ToolSpec] = ()
        if self._toolbox is not None:
            every = self._toolbox.specs(replace(self._context, author=author))
            own = [spec for spec in every if allowed is None or spec.name in allowed]
        names = {spec.name for spec in own}
        return [*own, *(spec for spec in clients if spec.name not in names)]

    async def call(
        self, call: ToolCall, specs: Sequence[ToolSpec], late: Callable[[ToolDone], None]
    ) -> ToolOutcome:
        """Run one tool; the outcome always comes within its time limit.

        `late` is told how a detached tool ended for which nobody waits any more.
        """
        spec = next((each for each in specs if each.name == call.name), None)
        if spec is None:
            names = ", ".join(each.name for each in specs) or "none"
            return ToolOutcome(error=f"there is no tool {call.name!r:.60}; there are: {names}")
        try:
            if not isinstance(json.loads(call.args or "{}"), dict):
                raise ValueError("not an object")
        except ValueError as error:
            return ToolOutcome(error=f"the arguments are not a JSON object: {error}")
        try:
            async with asyncio.timeout(spec.timeout):
                if spec.place == "client":
                    return self._short(await self._at_client(call))
                if spec.detached:
                    return await self._detached(call, late)
                return self._short(await self._here(call))
        except TimeoutError:
            return ToolOutcome(error=f"{call.name} did not answer within {spec.timeout:g} s")

    def answered(self, result: ToolResult) -> bool:
        """A client's result has come; False if nobody waits for it."""
        _, waiting = self._waiting.get(result.id, ("", None))
        if waiting is None or waiting.done():
            return False
        waiting.set_result(ToolOutcome(result.result or "", result.error or ""))
        return True

    def lost(self, names: set[str]) -> None:
        """The client that ran these tools has gone."""
        for name, waiting in self._waiting.values():
            if name in names and not waiting.done():
                waiting.set_result(ToolOutcome(error="the client that runs this tool has gone"))

    async def _here(self, call: ToolCall) -> ToolOutcome:
        assert self._toolbox is not None
        try:
            return ToolOutcome(await self._toolbox.call(call, self._context))
        except ToolError as error:
            return ToolOutcome(error=str(error) or "it failed")
        except Exception as error:  # a plugin's fault is the model's to explain, and no detached one's ours
            log.exception("the tool %s failed in an unforeseen way", call.name)
            return ToolOutcome(error=f"it failed in an unforeseen way: {type(error).__name__}")

    async def _detached(self, call: ToolCall, late: Callable[[ToolDone], None]) -> ToolOutcome:
        result: asyncio.Future[ToolOutcome] = asyncio.get_running_loop().create_future()

        async def work() -> None:
            outcome = self._short(await self._here(call))
            if result.done():
                late(ToolDone(call.id, call.name, outcome.result, outcome.error))
            else:
                result.set_result(outcome)

        self._spawn(work())
        return await result

    async def _at_client(self, call: ToolCall) -> ToolOutcome:
        waiting: asyncio.Future[ToolOutcome] = asyncio.get_running_loop().create_future()
        mine = self._waiting[call.id] = (call.name, waiting)
        try:
            return await waiting
        finally:
            if self._waiting.get(call.id) is mine:
                del self._waiting[call.id]

    def _short(self, outcome: ToolOutcome) -> ToolOutcome:
        most = self._rules.tool_result_chars
        return ToolOutcome(_cut(outcome.result, most), _cut(outcome.error, most))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} [cut, {len(text)} characters in all]"
