"""Takes changed characters while the server runs: files are looked at twice a second, in a thread.

Where a server is several processes each does so for itself; one of them speaks of it in the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from aizuchi.admin.cast import Cast, News

log = logging.getLogger(__name__)

EVERY: Final = 0.5
"""Seconds between two looks. A change is taken at the second look that finds it."""
SHARE: Final = 0.02
"""Of the time at most is spent with looking: with very many characters, or a slow disk, it is done seldom."""


class Watcher:
    """Run `run` as a task of the server.

    `places` tells where to look now: the folders in order, and the character that must not go; None for not
    at all. `take` is called in the loop when the characters of the `cast` are others than before.
    """

    def __init__(
        self,
        cast: Cast,
        places: Callable[[], tuple[Sequence[Path], str] | None],
        take: Callable[[], None],
        *,
        loud: bool = True,
        every: float = EVERY,
    ) -> None:
        self._cast = cast
        self._places = places
        self._take = take
        self._loud = loud
        self._every = every

    async def run(self) -> None:
        """Until cancelled."""
        loop, pause = asyncio.get_running_loop(), self._every
        while True:
            await asyncio.sleep(pause)
            places = self._places()
            if places is None:
                continue
            began = loop.time()
            folders, keep = places
            news = await asyncio.to_thread(self._cast.refresh, folders, keep=keep, at_once=False)
            pause = max(self._every, (loop.time() - began) / SHARE) if not news else self._every
            if news:
                self.tell(news)
                self._take()

    def tell(self, news: Sequence[News]) -> None:
        """Say in the log what has changed; each thing once."""
        for each in news:
            level = logging.WARNING if each.problem else logging.INFO
            log.log(level if self._loud else logging.DEBUG, "%s", said(each))


def said(news: News) -> str:
    """One line, or more where there is more than one complaint."""
    match news:
        case News(what="new"):
            return f"the character {news.name} is new here"
        case News(what="changed"):
            return f"the character {news.name} has changed; the next turns are the new one's"
        case News(what="mended"):
            return f"the character {news.name} is in order again"
        case News(what="broken", kept=True):
            return (
                f"the character {news.name} goes on as it was, since its files are not right: {news.problem}"
            )
        case News(what="broken"):
            return f"the character {news.name} is left out: {news.problem}"
        case News(kept=True):
            return f"the character {news.name} goes on, since it is the default one, but {news.problem}"
        case _:
            return f"the character {news.name} is gone; running conversations keep it"
