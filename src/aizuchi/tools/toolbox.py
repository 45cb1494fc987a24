"""Plain Python functions as tools: the signature is the schema, the docstring the description.

    @tool(timeout=3)
    async def weather(city: str, days: int = 1) -> str:
        '''Say what the weather will be.

        city: name of a town
        days: how many days ahead
        '''

    toolbox = Functions([weather])

A parameter annotated `ToolContext` is filled in by us and not shown to the model.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import json
import re
import threading
import typing
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast, overload

from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, ValidationError, create_model
from pydantic_core import PydanticSerializationError, to_json

from aizuchi.errors import ConfigError, ToolError
from aizuchi.events import ToolCall
from aizuchi.ports import Toolbox, ToolContext, ToolSpec

Function = Callable[..., Any]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_PARAMETER = re.compile(r"^\s*(?::param\s+)?(\w+)(?:\s*\([^)]*\))?\s*:\s+(\S.*)$")
_THREADS = 8
"""Synchronous tools at work at a time; one that hangs keeps its place and hurts nobody else."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function, what the model is told of it, and how its arguments are checked."""

    spec: ToolSpec
    function: Function
    arguments: type[BaseModel]
    context: str | None
    """Name of the parameter that takes the `ToolContext`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Still the plain function for whoever calls it from Python."""
        return self.function(*args, **kwargs)


@overload
def tool(function: Function, /) -> Tool: ...
@overload
def tool(
    *, name: str = "", description: str = "", timeout: float = 10.0, detached: bool = False
) -> Callable[[Function], Tool]: ...
def tool(
    function: Function | None = None,
    /,
    *,
    name: str = "",
    description: str = "",
    timeout: float = 10.0,
    detached: bool = False,
) -> Tool | Callable[[Function], Tool]:
    """Make a tool of a function, as `@tool` or `@tool(timeout=3)`.

    `timeout` is in seconds; a `detached` tool goes on when its turn is interrupted. Raises ConfigError
    if the signature can't be told to a model.
    """

    def make(function: Function) -> Tool:
        return describe(function, name=name, description=description, timeout=timeout, detached=detached)

    return make if function is None else make(function)


def describe(
    function: Function,
    *,
    name: str = "",
    description: str = "",
    timeout: float = 10.0,
    detached: bool = False,
) -> Tool:
    """Derive the schema. Parameters without annotation are text; `*args` and `**kwargs` are refused."""
    name = name or getattr(function, "__name__", "")
    if not _NAME.fullmatch(name):
        raise ConfigError(f'"{name}" is no name for a tool: letters, digits, _ and -, at most 64')
    signature = inspect.signature(function)
    summary, documented = _read_docstring(inspect.getdoc(function) or "", signature.parameters)
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise ConfigError(f'tool "{name}": an annotation can\'t be resolved: {error}') from error
    fields: dict[str, Any] = {}
    context = None
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise ConfigError(f'tool "{name}": parameter {parameter} can\'t be given by name')
        hint = hints.get(parameter.name, str)
        if hint is ToolContext:
            context = parameter.name
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hint, Field(default, description=documented.get(parameter.name)))
    try:
        model = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
        schema = model.model_json_schema()
    except (PydanticUserError, TypeError) as error:
        raise ConfigError(f'tool "{name}": its signature has no JSON schema: {error}') from error
    spec = ToolSpec(
        name=name,
        description=description or summary or name,
        parameters=_tidy(schema),
        timeout=timeout,
        detached=detached,
    )
    return Tool(spec, function, model, context)


class Functions(Toolbox):
    """A toolbox of Python functions, decorated or plain. Serves all sessions at once."""

    def __init__(self, functions: Iterable[Function | Tool] = ()) -> None:
        self._tools: dict[str, Tool] = {}
        self._free = threading.Semaphore(_THREADS)
        for function in functions:
            self.add(function)

    def add(self, function: Function | Tool) -> None:
        made = function if isinstance(function, Tool) else describe(function)
        if made.spec.name in self._tools:
            raise ConfigError(f'two tools are called "{made.spec.name}"')
        self._tools[made.spec.name] = made

    def specs(self, context: ToolContext) -> Sequence[ToolSpec]:
        return [made.spec for made in self._tools.values()]

    async def call(self, call: ToolCall, context: ToolContext) -> str:
        """Run one tool within its own time limit. Raises ToolError, with words meant for the model."""
        made = self._tools.get(call.name)
        if made is None:
            raise ToolError(f'there is no tool "{call.name}"; there are: {", ".join(self._tools) or "none"}')
        arguments = _check(made, call.args)
        if made.context is not None:
            arguments[made.context] = context
        try:
            async with asyncio.timeout(made.spec.timeout):
                if inspect.iscoroutinefunction(made.function):
                    result = await made.function(**arguments)
                else:
                    result = await self._in_thread(made.function, arguments)
                    if inspect.isawaitable(result):
                        result = await result
        except ToolError:
            raise
        except TimeoutError as error:
            raise ToolError(f"{call.name} gave no answer within {made.spec.timeout:g} s") from error
        except Exception as error:  # a tool is a plugin: its faults are the model's to explain, not ours
            raise ToolError(f"{call.name} failed: {type(error).__name__}: {error}"[:500]) from error
        return _as_text(result)

    async def _in_thread(self, function: Function, arguments: dict[str, Any]) -> Any:
        """Run in a daemon thread, so that a tool that never returns can't keep the process alive."""
        if not self._free.acquire(blocking=False):
            raise ToolError("too many tools are still at work; try again later")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        copied = contextvars.copy_context()

        def settle(result: Any, error: Exception | None) -> None:
            if done.done():  # the caller's time was up, or the turn was interrupted
                return
            if error is None:
                done.set_result(result)
            else:
                done.set_exception(error)

        def work() -> None:
            result, failure = None, None
            try:
                result = copied.run(function, **arguments)
            except StopIteration as error:  # a future refuses to carry this one
                failure = RuntimeError(f"StopIteration: {error}")
            except Exception as error:  # carried to the caller, who makes a ToolError of it
                failure = error
            finally:
                self._free.release()
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, result, failure)

        threading.Thread(target=work, name=f"tool {function!r:.40}", daemon=True).start()
        return await done


def _check(made: Tool, args: str) -> dict[str, Any]:
    try:
        given = json.loads(args) if args.strip() else {}
    except ValueError as error:
        raise ToolError(f"the arguments of {made.spec.name} are not JSON: {error}") from error
    try:
        model = made.arguments.model_validate(given)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}"
            for each in error.errors(include_url=False, include_context=False, include_input=False)
        )
        raise ToolError(f"{made.spec.name} can't take these arguments: {problems}") from error
    return {field: getattr(model, field) for field in made.arguments.model_fields}


def _as_text(result: Any) -> str:
    if result is None:
        return "done"
    if isinstance(result, str):
        return result
    try:
        return to_json(result).decode()
    except PydanticSerializationError:
        return str(result)


def _read_docstring(doc: str, names: Collection[str]) -> tuple[str, dict[str, str]]:
    """Split off lines such as `city: name of a town`; what stands before the first of them is the summary."""
    summary: list[str] = []
    parameters: dict[str, str] = {}
    for line in doc.splitlines():
        if line.strip().rstrip(":") in ("Args", "Arguments", "Parameters", "Returns", "Raises"):
            continue
        found = _PARAMETER.match(line)
        if found and found[1] in names:
            parameters[found[1]] = found[2].strip()
        elif not parameters:
            summary.append(line)
    return re.sub(r"\s+", " ", " ".join(summary)).strip(), parameters


def _tidy(schema: Any) -> Any:
    """Drop the titles that pydantic adds; they cost tokens and say nothing."""
    if isinstance(schema, list):
        return [_tidy(each) for each in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value if key == "default" else _tidy(value)
        for key, value in cast("dict[str, Any]", schema).items()
        if not (key == "title" and isinstance(value, str))
    }
