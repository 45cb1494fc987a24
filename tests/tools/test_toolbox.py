"""Python functions as tools: schema from the signature, checked arguments, time limits, faults told."""

import asyncio
import json
import threading
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from aizuchi.errors import ConfigError, ToolError
from aizuchi.events import ToolCall
from aizuchi.ports import ToolContext
from aizuchi.tools.clock import current_time_tool
from aizuchi.tools.toolbox import Functions, Tool, tool

WHO = ToolContext("s1", "ann", "aizuchi")


async def call(made: Any, args: Any = None) -> str:
    """Call one tool of a box that holds only it."""
    text = args if isinstance(args, str) else json.dumps(args or {})
    box = Functions([made])
    return await box.call(ToolCall("1", box.specs(WHO)[0].name, text), WHO)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Place(BaseModel):
    city: str
    floor: int = 0


async def lamp(
    room: str,
    on: bool,
    colour: Colour = Colour.RED,
    level: Annotated[int, Field(ge=0, le=100)] = 50,
    mood: Literal["calm", "bright"] = "calm",
    tags: list[str] | None = None,
) -> str:
    """Switch a lamp.

    Works in every room.

    Args:
        room: which room
        level (int): brightness in percent
    """
    return f"{room} {on} {colour.value} {level} {mood} {tags}"


def test_schema():
    """Types, defaults, bounds, choices and descriptions reach the model; titles do not."""
    (spec,) = Functions([lamp]).specs(WHO)
    assert (spec.name, spec.description) == ("lamp", "Switch a lamp. Works in every room.")
    schema = spec.parameters
    assert schema["required"] == ["room", "on"]
    assert schema["properties"]["room"] == {"type": "string", "description": "which room"}
    assert schema["properties"]["level"] == {
        "type": "integer",
        "minimum": 0,
        "maximum": 100,
        "default": 50,
        "description": "brightness in percent",
    }
    assert schema["properties"]["mood"]["enum"] == ["calm", "bright"]
    assert schema["$defs"]["Colour"]["enum"] == ["red", "blue"]
    assert "title" not in json.dumps(schema)


async def test_arguments_are_converted():
    """The function gets what its annotations promise, and its own defaults."""
    said = await call(lamp, {"room": "hall", "on": True, "colour": "blue", "tags": ["a"]})
    assert said == "hall True blue 50 calm ['a']"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ("not json", "not JSON"),
        ("[1]", "can't take these arguments"),
        ({"room": "hall"}, "on: Field required"),
        ({"room": "hall", "on": True, "level": 101}, "level: .*less than or equal to 100"),
        ({"room": "hall", "on": True, "volume": 1}, "volume: Extra inputs"),
    ],
)
async def test_wrong_arguments_are_told_to_the_model(args: Any, told: str):
    """What the model got wrong is said so that it can mend it."""
    with pytest.raises(ToolError, match=told):
        await call(lamp, args)


async def test_unknown_tool():
    """A name nobody has is answered with those there are."""
    with pytest.raises(ToolError, match='no tool "lmap"; there are: lamp'):
        await Functions([lamp]).call(ToolCall("1", "lmap", "{}"), WHO)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (None, "done"),
        ("plain", "plain"),
        ({"a": [1, 2]}, '{"a":[1,2]}'),
        (3.5, "3.5"),
        (Place(city="Rome"), '{"city":"Rome","floor":0}'),
        (datetime(2026, 1, 2, tzinfo=UTC), '"2026-01-02T00:00:00Z"'),
    ],
)
async def test_results_become_text(result: Any, text: str):
    """Text stays as it is, everything else becomes JSON."""

    def give() -> Any:
        return result

    assert await call(give) == text


async def test_nested_models():
    """A parameter may be a pydantic model."""

    def where(place: Place) -> str:
        return f"{type(place).__name__} {place.city}"

    assert await call(where, {"place": {"city": "Rome"}}) == "Place Rome"


async def test_context_is_given_and_hidden():
    """A `ToolContext` parameter is ours to fill and not in the schema."""

    def who(context: ToolContext, greeting: str = "hi") -> str:
        return f"{greeting} {context.person}"

    assert list(Functions([who]).specs(WHO)[0].parameters["properties"]) == ["greeting"]
    assert await call(who) == "hi ann"


async def test_a_plain_function_runs_in_a_thread():
    """A function that is not async does not run in the event loop."""

    def where() -> str:
        return str(threading.current_thread() is threading.main_thread())

    assert await call(where) == "False"


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_time_limit(kind: str):
    """A tool that takes too long is given up, and the model is told."""
    released = threading.Event()

    @tool(timeout=0.01)
    async def patient() -> None:
        await asyncio.Event().wait()

    @tool(timeout=0.01)
    def stubborn() -> None:
        released.wait(60)

    try:
        with pytest.raises(ToolError, match=r"no answer within 0\.01 s"):
            await call(patient if kind == "async" else stubborn)
    finally:
        released.set()


async def test_hanging_tools_are_bounded():
    """Tools that never return fill their places and then the model is told so at once."""
    released = threading.Event()

    @tool(timeout=0.01)
    def stuck() -> None:
        released.wait(60)

    box = Functions([stuck])
    try:
        for _ in range(8):
            with pytest.raises(ToolError, match="no answer"):
                await box.call(ToolCall("1", "stuck", ""), WHO)
        with pytest.raises(ToolError, match="too many tools"):
            await box.call(ToolCall("1", "stuck", ""), WHO)
    finally:
        released.set()


@pytest.mark.parametrize("error", [ValueError("bad city"), StopIteration("end"), KeyError("x")])
async def test_faults_are_told(error: Exception):
    """Whatever a tool raises becomes a sentence for the model."""

    def fail() -> None:
        raise error

    with pytest.raises(ToolError, match=type(error).__name__):
        await call(fail)


async def test_tool_error_passes_unchanged():
    """A tool that raises ToolError has found its own words."""

    async def refuse() -> None:
        raise ToolError("not on Sundays")

    with pytest.raises(ToolError, match=r"^not on Sundays$"):
        await call(refuse)


async def test_cancelling_reaches_the_tool():
    """Cancelling the call ends an async tool at once."""
    began, ended = asyncio.Event(), asyncio.Event()

    async def long() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with asyncio.TaskGroup() as group:
        running = group.create_task(call(long))
        await began.wait()
        running.cancel()
    assert ended.is_set()


def test_decorator():
    """`@tool` keeps the function callable and takes a name, a time limit and detachment."""

    @tool(name="dice", timeout=3, detached=True)
    def roll(sides: int = 6) -> int:
        """Roll a die."""
        return sides

    assert isinstance(roll, Tool) and roll(8) == 8
    assert (roll.spec.name, roll.spec.timeout, roll.spec.detached) == ("dice", 3, True)


def _star(*args: int) -> None: ...
def _odd(thing: threading.Thread) -> None: ...


@pytest.mark.parametrize("function", [_star, _odd, lambda: None])
def test_signatures_that_cannot_be_told(function: Any):
    """A signature no model could fill is a mistake of the user's, told at start."""
    with pytest.raises(ConfigError):
        Functions([function])


def test_names_are_unique():
    """Two tools of one name would answer for each other."""
    with pytest.raises(ConfigError, match='two tools are called "lamp"'):
        Functions([lamp, lamp])


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("Asia/Tokyo", "Thursday, 2026-01-01, 21:30 (Asia/Tokyo, UTC+09:00)"),
        ("tokyo", "Thursday, 2026-01-01, 21:30 (Asia/Tokyo, UTC+09:00)"),
        ("New York", "Thursday, 2026-01-01, 07:30 (America/New_York, UTC-05:00)"),
        ("Asia/Kolkata", "Thursday, 2026-01-01, 18:00 (Asia/Kolkata, UTC+05:30)"),
        ("", "Thursday, 2026-01-01, 13:30 (Europe/Berlin, UTC+01:00)"),
    ],
)
async def test_current_time(zone: str, said: str):
    """The time is told for a zone, for a city, or for the configured place."""
    made = current_time_tool("Europe/Berlin", now=lambda: datetime(2026, 1, 1, 12, 30, tzinfo=UTC))
    assert await call(made, {"timezone": zone}) == said


async def test_current_time_of_nowhere():
    """An unknown zone is told to the model."""
    with pytest.raises(ToolError, match='"Atlantis" is unknown'):
        await call(current_time_tool(), {"timezone": "Atlantis"})
