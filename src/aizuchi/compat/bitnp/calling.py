"""Functions of a script that may be plain or async, called alike; and what they raise, told and survived."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

log = logging.getLogger(__name__)

Handler = TypeVar("Handler", bound=Callable[..., Any])

PATIENCE: Final = 60.0
"""Seconds that a model may be silent between two words, a voice between two pieces of sound."""


async def call(func: Callable[..., Any], *args: Any) -> Any:
    """What a plain or an async function returns."""
    result = func(*args)
    return await result if inspect.isawaitable(result) else result


async def guarded(what: str, work: Awaitable[Any]) -> bool:
    """Await a script's own code: what it raises is logged with its traceback, and False says so."""
    try:
        await work
    except Exception:
        log.exception("%s failed", what)
        return False
    return True


def guarded_call(what: str, func: Callable[..., Any], *args: Any) -> Any:
    """Call a script's own function; None if it fails, which is logged."""
    try:
        return func(*args)
    except Exception:
        log.exception("%s failed", what)
        return None


def name_of(func: Callable[..., Any]) -> str:
    return getattr(func, "__qualname__", None) or type(func).__name__


def registrar(table: dict[str, list[Callable[..., Any]]], name: str) -> Callable[[Handler], Handler]:
    """The decorator that `on(name)` gives: it appends to the table and returns the function as it is."""
    if not isinstance(name, str):
        raise TypeError('on() takes the name of an event: @bot.on("message_delta")')

    def register(func: Handler) -> Handler:
        table.setdefault(name, []).append(func)
        return func

    return register


async def soon(within: float, work: Awaitable[Any]) -> Any:
    """The work's result. Raises TimeoutError after so many seconds."""
    async with asyncio.timeout(within):
        return await work
