"""The tool by which a model steers the lecture that its character gives, beside the tools it has."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, get_args

from aizuchi.engine.lecturing import Lecturing
from aizuchi.errors import ToolError
from aizuchi.events import Steering, ToolCall
from aizuchi.lectures import Lecture
from aizuchi.ports import Toolbox, ToolContext, ToolSpec

NAME: Final = "lecture"
ACTIONS: Final[tuple[Steering, ...]] = get_args(Steering)
MOST_PAGES: Final = 1_000
"""Characters of the list of pages that the model is told."""


class LectureTools(Toolbox):
    """One session's. `lecturing` gives None until the session is built."""

    def __init__(self, lecturing: Callable[[], Lecturing | None], others: Toolbox | None) -> None:
        self._lecturing = lecturing
        self._others = others

    def specs(self, context: ToolContext) -> Sequence[ToolSpec]:
        others: Sequence[ToolSpec] = () if self._others is None else self._others.specs(context)
        lecturing = self._lecturing()
        if lecturing is None:
            return others
        return [_spec(lecturing.lecture), *(each for each in others if each.name != NAME)]

    async def call(self, call: ToolCall, context: ToolContext) -> str:
        lecturing = self._lecturing()
        if call.name == NAME and lecturing is not None:
            return _steer(lecturing, json.loads(call.args or "{}"))
        if self._others is None:
            raise ToolError(f"there is no tool {call.name!r:.60}")
        return await self._others.call(call, context)


def _steer(lecturing: Lecturing, fields: dict[str, Any]) -> str:
    action: Steering | None = next((each for each in ACTIONS if each == fields.get("action")), None)
    page = fields.get("page")
    if action is None:
        raise ToolError(f"action is one of {', '.join(ACTIONS)}")
    if action == "goto" and not isinstance(page, int):
        raise ToolError("goto wants a page, a number")
    before = lecturing.now
    if not lecturing.steer(action, page if isinstance(page, int) else None, gently=True):
        pages = ", ".join(str(each.number) for each in lecturing.lecture.pages)
        raise ToolError(
            f"nothing was to be done: the lecture is {before.state} at page {before.page}; pages: {pages}"
        )
    now = lecturing.now
    if now.state == "paused":
        return f"The lecture stands still at page {now.page} until somebody resumes it."
    return f"When you have finished speaking the lecture goes on at page {now.page}."


def _spec(lecture: Lecture) -> ToolSpec:
    pages = ", ".join(f"{each.number}{f' ({each.title})' if each.title else ''}" for each in lecture.pages)
    return ToolSpec(
        NAME,
        "Steer the lecture you are giving. After an answer it goes on by itself: call this only when the"
        f" user wants something else. Its pages: {pages[:MOST_PAGES]}.",
        {
            "type": "object",
            "properties": {
                "action": {"type": "string", "enum": list(ACTIONS)},
                "page": {"type": "integer", "description": "number of the page, for goto"},
            },
            "required": ["action"],
        },
    )
