"""The console's hands: writes files one at a time and lets the running house know."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aizuchi.admin.configuration import Configuration
from aizuchi.admin.people import People
from aizuchi.config import Loaded
from aizuchi.config.overview import applies
from aizuchi.errors import ConfigError
from aizuchi.events import Answered
from aizuchi.server.console.ports import Lang, Watched

log = logging.getLogger(__name__)


class Admin:
    """One per process. `prepare` reads what a new configuration needs, in a thread; what it returns gives the
    house all of it that can be taken while it runs.

    `others` has the other processes read everything again, and tells each one's number and whether it did.
    """

    def __init__(
        self,
        *,
        loaded: Loaded,
        configuration: Configuration,
        people: People,
        watched: Watched,
        prepare: Callable[[Loaded], Callable[[], None]],
        count: Callable[[Answered], None],
        others: Callable[[], Awaitable[list[dict[str, Any]]]],
    ) -> None:
        self.operators: Sequence[str] = tuple(loaded.settings.server.operators)
        self.watched = watched
        self.count = count
        self._configuration = configuration
        self._people = people
        self._prepare = prepare
        self._others = others
        self._one = asyncio.Lock()

    # -- configuration

    async def configuration(self, lang: Lang) -> dict[str, Any]:
        return await asyncio.to_thread(self._configuration.overview, lang)

    async def change(self, changes: Mapping[str, Any], seen: str, lang: Lang) -> dict[str, Any]:
        async with self._one:
            loaded, paths = await asyncio.to_thread(self._configuration.write, changes, seen, lang)
            log.info("the configuration was changed: %s", ", ".join(paths))
            await self._take(loaded)
            workers = await self._others()
            overview = await asyncio.to_thread(self._configuration.overview, lang)
        missed = [each["worker"] for each in workers if not each["reloaded"]]
        results = [{"path": path, "applied": "restart" if missed else applies(path)} for path in paths]
        return overview | {"results": results, "workers": workers}

    async def reload(self) -> dict[str, Any]:
        async with self._one:
            return await self._reload()

    async def _reload(self) -> dict[str, Any]:
        try:
            await self._take(await asyncio.to_thread(self._configuration.load))
        except (ConfigError, OSError) as error:
            log.warning("the configuration could not be read again: %s", error)
            return {"reloaded": False, "problem": str(error)}
        return {"reloaded": True, "problem": ""}

    async def _take(self, loaded: Loaded) -> None:
        (await asyncio.to_thread(self._prepare, loaded))()
        self.operators = tuple(loaded.settings.server.operators)

    # -- characters

    async def characters(self) -> list[dict[str, Any]]:
        return await asyncio.to_thread(self._people.rows)

    async def character(self, name: str) -> dict[str, Any]:
        return await asyncio.to_thread(self._people.read, name)

    async def preview(self, name: str, yaml: str, prompt: str) -> dict[str, Any]:
        return await asyncio.to_thread(self._people.preview, name, yaml, prompt)

    async def save(self, name: str, yaml: str, prompt: str, seen: str) -> dict[str, Any]:
        async with self._one:
            saved = await asyncio.to_thread(self._people.save, name, yaml, prompt, seen)
            log.info("the character %s was changed", name)
            return saved | await self._known()

    async def copy(self, source: str, name: str) -> dict[str, Any]:
        async with self._one:
            made = await asyncio.to_thread(self._people.copy, source, name)
            log.info("the character %s was made from %s", name, source)
            return made | await self._known()

    async def _known(self) -> dict[str, Any]:
        """Have all processes know the characters as they are now."""
        told = await self._reload()
        return told | {"workers": await self._others()}
