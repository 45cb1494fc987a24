"""Many requests at once to one server, in several small pools instead of a large one.

At the beginning and at the end of each request, httpx's pool looks at every connection it has, and asks the
system about each idle one. With a hundred of them that costs more than the requests. Here a request goes to
the first lane with room, so a few at a time always share the first one and find their connections warm.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx

WIDTH = 8
"""Requests at once in one lane; as many connections are kept."""


class Lanes(httpx.AsyncBaseTransport):
    """`make` opens one lane, a transport with a pool of its own."""

    def __init__(self, make: Callable[[], httpx.AsyncBaseTransport], width: int = WIDTH) -> None:
        self._make = make
        self._width = width
        self._lanes: list[httpx.AsyncBaseTransport] = []
        self._open: list[int] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        at = next((at for at, open_ in enumerate(self._open) if open_ < self._width), len(self._open))
        if at == len(self._lanes):
            self._lanes.append(self._make())
            self._open.append(0)
        self._open[at] += 1
        try:
            response = await self._lanes[at].handle_async_request(request)
        except BaseException:
            self._open[at] -= 1
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Body(response.stream, lambda: self._over(at))
        return response

    async def aclose(self) -> None:
        for lane in self._lanes:
            await lane.aclose()

    def _over(self, at: int) -> None:
        self._open[at] -= 1


class _Body(httpx.AsyncByteStream):
    """Tells once when it is closed."""

    def __init__(self, inner: httpx.AsyncByteStream, over: Callable[[], None]) -> None:
        self._inner = inner
        self._over: Callable[[], None] | None = over

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            yield chunk

    async def aclose(self) -> None:
        over, self._over = self._over, None
        try:
            await self._inner.aclose()
        finally:
            if over is not None:
                over()
