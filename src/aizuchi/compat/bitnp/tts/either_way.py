"""Calling voices, ours and a script's: what is plain, what is async, what blocks."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import aclosing
from typing import Any, Final

from aizuchi.compat.bitnp.calling import PATIENCE, soon

WHOLE: Final = 120.0
"""Seconds for the sound of one sentence."""
_MARK: Final = "_gives_coroutine"


def either_way(func: Callable[..., Coroutine[Any, Any, bytes]]) -> Callable[..., Any]:
    """An async method that may be called from plain code: there it runs to its end and gives the bytes."""

    @functools.wraps(func)
    def method(*args: Any, **kwargs: Any) -> Any:
        work = func(*args, **kwargs)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(work)
        return work

    # `wraps` points inspect at the async function inside, which this is not.
    del method.__wrapped__
    setattr(method, _MARK, True)
    return method


async def whole(tts: Any, text: str) -> bytes:
    """The sound of a text. Raises TimeoutError, and what the voice raises."""
    async with asyncio.timeout(WHOLE):
        func = tts.synthesize
        if inspect.iscoroutinefunction(func) or getattr(func, _MARK, False):
            return await func(text) or b""
        result = await asyncio.to_thread(func, text)
        return (await result if inspect.isawaitable(result) else result) or b""


async def pieces(tts: Any, text: str) -> AsyncGenerator[bytes, None]:
    """The sound of a text as it is made; in one piece if the voice can't stream. Raises as `whole` does."""
    try:
        stream = await _begun(tts.synthesize_stream, text)
    except NotImplementedError:
        yield await whole(tts, text)
        return
    if isinstance(stream, bytes | bytearray):
        yield bytes(stream)
    elif hasattr(stream, "__aiter__"):
        source = stream.__aiter__()
        try:
            while (piece := await soon(PATIENCE, anext(source, None))) is not None:
                yield piece
        finally:
            if hasattr(source, "aclose"):
                await source.aclose()
    elif stream is not None:
        iterator = iter(stream)
        while (piece := await soon(PATIENCE, asyncio.to_thread(_next, iterator))) is not None:
            yield piece


async def _begun(func: Callable[[str], Any], text: str) -> Any:
    """What the call gives, awaited if it is a coroutine. Generators begin at their first item."""
    quick = (inspect.isasyncgenfunction, inspect.isgeneratorfunction, inspect.iscoroutinefunction)
    if any(is_so(func) for is_so in quick):
        stream = func(text)
    else:
        stream = await soon(WHOLE, asyncio.to_thread(func, text))
    return await soon(WHOLE, stream) if inspect.isawaitable(stream) else stream


def _next(iterator: Iterator[bytes]) -> bytes | None:
    return next(iterator, None)


async def joined(stream: AsyncGenerator[bytes, None]) -> bytes:
    """All pieces as one."""
    async with aclosing(stream) as items:
        return b"".join([piece async for piece in items])
