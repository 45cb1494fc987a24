"""What the voices at Alibaba's DashScope share: how they are reached, their key, voices of one's own."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self, TypeVar

from aizuchi.providers import dashscope
from aizuchi.providers.cloning.cloner import Cloner
from aizuchi.providers.cloning.enrollment import Enrollment
from aizuchi.providers.line import Line
from aizuchi.providers.tts.socket_voice import SocketVoice, Talk

T = TypeVar("T", bound=Talk)


class DashScopeVoice(SocketVoice[T]):
    """A voice behind a WebSocket of DashScope's."""

    def __init__(
        self,
        options: dashscope.DashScopeOptions,
        url: str,
        *,
        model: str,
        voice: str,
        rate: int,
        most: int | None = None,
    ) -> None:
        """`rate` in Hz; `most`: idle connections at most, None leaves it to the line."""
        self._asked = options
        self._what = f"{model}, voice {voice}"
        self._key = dashscope.key(options)
        line = Line(
            f"tts.{self.name}",
            url,
            dashscope.headers(options),
            options,
            example=dashscope.MAINLAND,
            refused=dashscope.refused(f"tts.{self.name}"),
            idle=dashscope.IDLE,
            most=most,
        )
        super().__init__(options, line, rate=rate)

    async def __aenter__(self) -> Self:
        dashscope.need_key(f"tts.{self.name}", self._asked)
        return await super().__aenter__()

    @property
    def streams(self) -> bool:
        return True

    @property
    def about(self) -> str:
        return f"{self._what}, at {self._line.host}"

    def cloner(self) -> Cloner:
        """Who makes voices for it. Raises ConfigError when there is no key."""
        options = self._asked
        dashscope.need_key(f"tts.{self.name}", options)
        return self._cloner(
            Enrollment(options.base_url, dashscope.headers(options), self._key, verify_tls=options.verify_tls)
        )

    @abstractmethod
    def _cloner(self, api: Enrollment) -> Cloner:
        raise NotImplementedError  # abstract
