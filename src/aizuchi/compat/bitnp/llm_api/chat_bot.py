"""A bot in front of our client of chat completions, which never blocks the event loop."""

from __future__ import annotations

import asyncio
import importlib
import sys
import traceback
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from aizuchi.compat.bitnp.calling import PATIENCE, soon
from aizuchi.compat.bitnp.llm_api.abstract_bot import AbstractBot
from aizuchi.compat.bitnp.llm_api.raw_messages import RawOpenAI, RawPrompt
from aizuchi.errors import AizuchiError, ProviderError
from aizuchi.ports import Token
from aizuchi.providers.llm.openai import ChatModel
from aizuchi.providers.openai import Refused, is_local

_NONE = "none"
"""Stands for a key where a server of one's own wants none; an empty one would be taken from elsewhere."""
_LONGEST = 900.0
"""Seconds for one reply. Slow handlers hold it back, so this is more than a model alone would need."""


class ChatBot(AbstractBot):
    """`token` is the vendor's key. Of the context, the last `max_context_length` messages are sent.

    Errors are printed and told as the event `error`, never raised; `done` then carries what there is.
    """

    default_model: ClassVar[str] = ""
    default_url: ClassVar[str] = ""
    model_class: ClassVar[type[ChatModel]] = RawOpenAI
    """The client that asks the vendor; it takes a `RawPrompt`."""

    def __init__(
        self,
        token: str,
        model_name: str | None = None,
        system_prompt: str | None = None,
        max_context_length: int = 11,
        base_url: str | None = None,
    ) -> None:
        super().__init__()
        self.token = token
        self.model_name = model_name or self.default_model
        self.system_prompt = system_prompt
        self.max_context_length = max_context_length
        self.base_url = base_url
        self._model: ChatModel | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def setup(self) -> None:
        """Nothing to do; scripts call it."""

    async def warm(self) -> None:
        """Make a connection ahead of the first question; what goes wrong is told when that comes."""
        with suppress(AizuchiError):
            await (await self._open()).warm()

    async def close(self) -> None:
        """Close the connections to the vendor. The bot may be used again."""
        model, self._model = self._model, None
        if model is not None and self._loop is asyncio.get_running_loop():
            await model.__aexit__(None, None, None)

    def address(self) -> str:
        """Where the vendor is, up to and without /chat/completions."""
        return self.base_url or self.default_url

    async def respond_to_context(self, messages: list[dict[str, Any]] | None = None) -> str:
        await self._dispatch_event("start_of_response")
        self.response = ""
        try:
            async with aclosing(self._pieces(self._context(messages or self.messages))) as pieces:
                async for piece in pieces:
                    self.response += piece
                    await self._dispatch_event("message_delta", {"content": piece})
        except AizuchiError as error:
            await self._failed(self._words(error))
        except Exception as error:
            # A handler of the script's. The reply ends, the script does not.
            traceback.print_exc()
            await self._failed(f"{type(error).__name__}: {error}")
        await self._dispatch_event("done", {"content": self.response})
        return self.response

    def _context(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        length = self.max_context_length
        kept = messages[-length:] if length > 0 else list(messages)
        return [{"role": "system", "content": self.system_prompt}, *kept] if self.system_prompt else kept

    async def _pieces(self, messages: list[dict[str, Any]]) -> AsyncGenerator[str, None]:
        model = await self._open()
        async with aclosing(model.think(RawPrompt((), raw=tuple(messages)))) as stream:
            while True:
                try:
                    piece = await soon(PATIENCE, anext(stream, None))
                except TimeoutError:
                    raise ProviderError(f"{self.model_name} said nothing for {PATIENCE:g} s") from None
                if piece is None:
                    return
                if isinstance(piece, Token) and piece.text and piece.text != "undefined":
                    yield piece.text

    async def _open(self) -> ChatModel:
        """The client of this event loop; a script may run several, one after the other."""
        loop = asyncio.get_running_loop()
        # Loading it takes a good part of a second, for which the loop shall not stand still.
        await asyncio.to_thread(importlib.import_module, "httpx")
        if self._model is None or self._loop is not loop:
            address = self.address()
            if not self.token and not is_local(urlsplit(address).hostname or ""):
                raise ProviderError("no key; write it into tokens/tokens.json or set its variable")
            options = self.model_class.Options(
                base_url=address,
                api_key=SecretStr(self.token or _NONE),
                model=self.model_name,
                timeout=_LONGEST,
            )
            self._model, self._loop = self.model_class(options), loop
            await self._model.__aenter__()
        return self._model

    def _words(self, error: AizuchiError) -> str:
        if isinstance(error, Refused) and error.status in (401, 403):
            return f"the server refused the key: {error.detail or error.status}"
        return str(error)

    async def _failed(self, message: str) -> None:
        print(f"[{type(self).__name__}] {message}", file=sys.stderr)
        await self._dispatch_event("error", {"message": message})
