"""Reading what plugs give us: closed at once when we leave, and never raising anything but ProviderError.

Ports promise iterators; every provider writes async generators.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar, cast

from aizuchi.errors import ProviderError

log = logging.getLogger(__name__)

T = TypeVar("T")


def closing(stream: AsyncIterator[T]) -> aclosing[AsyncGenerator[T, None]]:
    """`contextlib.aclosing` for a plug's stream: leaving the block closes it."""
    return aclosing(cast("AsyncGenerator[T, None]", stream))


def provided(stream: AsyncIterator[T], name: str) -> aclosing[AsyncGenerator[T, None]]:
    """`closing` for a provider's stream: here third-party code may fail in any way it likes."""
    return aclosing(_guarded(stream, name))


async def answered(work: Coroutine[Any, Any, T], name: str) -> T:
    """A provider's single answer, guarded in the same way."""
    try:
        return await work
    except ProviderError:
        raise
    except Exception as error:
        log.exception("%s failed in an unforeseen way", name)
        raise ProviderError(f"{name} failed in an unforeseen way: {type(error).__name__}") from error


async def quietly(work: Awaitable[object], within: float, what: str) -> None:
    """Wait for a plug's work that nothing depends on; whatever goes wrong is only logged."""
    try:
        async with asyncio.timeout(within):
            await work
    except (ProviderError, TimeoutError) as error:
        log.debug("%s: %s", what, error or "it took too long")
    except Exception:
        log.exception("%s failed in an unforeseen way", what)


async def _guarded(stream: AsyncIterator[T], name: str) -> AsyncGenerator[T, None]:
    try:
        async with closing(stream) as items:
            async for item in items:
                yield item
    except ProviderError:
        raise
    except Exception as error:
        log.exception("%s failed in an unforeseen way", name)
        raise ProviderError(f"{name} failed in an unforeseen way: {type(error).__name__}") from error
