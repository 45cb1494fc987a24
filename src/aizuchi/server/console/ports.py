"""What the console needs that a server does not know: files, and how they become a configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from aizuchi.errors import AizuchiError
from aizuchi.events import Answered

Lang = Literal["en", "zh"]


class Refused(AizuchiError):
    """A request that can't be carried out; `status` is HTTP's, `body` says what to mend."""

    def __init__(self, status: int, text: str, **body: Any) -> None:
        super().__init__(text)
        self.status = status
        self.body: dict[str, Any] = {"error": text, **body}


class Watched(Protocol):
    """The sessions' recent past, bounded."""

    def of(self, session: str) -> dict[str, Any]: ...
    @property
    def troubles(self) -> list[dict[str, Any]]: ...
    @property
    def turns(self) -> list[dict[str, Any]]: ...


class Console(Protocol):
    """Files and their effect on the running house. Methods that change something raise Refused."""

    @property
    def operators(self) -> Sequence[str]:
        """Persons who may use the console, where the server has tokens."""
        ...

    @property
    def watched(self) -> Watched: ...

    @property
    def count(self) -> Callable[[Answered], None]:
        """Told of each use of a provider by a trial."""
        ...

    async def configuration(self, lang: Lang) -> dict[str, Any]: ...

    async def change(self, changes: Mapping[str, Any], seen: str, lang: Lang) -> dict[str, Any]:
        """Write keys (None: back to the default) if the file is still as `seen`, and apply what can be."""
        ...

    async def reload(self) -> dict[str, Any]:
        """Read configuration and characters again, apply what can be; `reloaded` says whether that went."""
        ...

    async def characters(self) -> list[dict[str, Any]]: ...

    async def character(self, name: str) -> dict[str, Any]: ...

    async def preview(self, name: str, yaml: str, prompt: str) -> dict[str, Any]:
        """What a character would be, without writing anything; `problems` says why not."""
        ...

    async def save(self, name: str, yaml: str, prompt: str, seen: str) -> dict[str, Any]: ...

    async def copy(self, source: str, name: str) -> dict[str, Any]: ...
