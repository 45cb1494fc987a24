"""Any server that speaks OpenAI's chat completions: theirs, Doubao, GLM, Qwen, DeepSeek, Ollama, vLLM, ...

What differs between them stands in `dialects.py`, what comes back is read in `completion.py`.
Source: OpenAI API reference, "Chat completions", and the `openai` package 3.52, read 2026-11.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType
from typing import Any, ClassVar, Literal, Self, cast

from pydantic import Field, field_validator

from aizuchi.errors import ProviderError
from aizuchi.events import ToolCall
from aizuchi.ports import LanguageModel, Message, Prompt, Reasoning, Token, ToolSpec, Usage
from aizuchi.providers.llm import dialects
from aizuchi.providers.llm.codes import CODES
from aizuchi.providers.llm.completion import Completion
from aizuchi.providers.openai import OPENAI, Api, ApiOptions, Refused, Vendor, encode, is_private
from aizuchi.providers.sse import EventParser, TooLarge

TAIL = 0.5
"""Seconds to wait for the token counts once the reply itself is complete."""
DRAIN = 0.05
"""Seconds to wait for the body's end after [DONE]; reading it to the end keeps the connection."""
_WHOLE_LIMIT = 8 << 20


class ChatModel(LanguageModel):
    """What the models behind this protocol share: `OpenAIModel` is for any server, others for one vendor."""

    vendor: ClassVar[Vendor] = OPENAI

    class Options(ApiOptions):
        model: str = Field(
            default="gpt-5.4-mini",
            min_length=1,
            description="the model's name at that server (Doubao: ep-... works too)",
        )
        reasoning: dialects.Level = Field(
            default="off", description="how long the model may think before it speaks: off, low, medium, high"
        )
        stream: bool = Field(
            default=True, description="false for a model that can't stream; the reply then comes late"
        )
        sees: bool | None = Field(
            default=None, description="takes pictures; empty: guessed from the model's name"
        )
        temperature: float | None = Field(default=None, ge=0, le=2, description="empty: the model's own")
        top_p: float | None = Field(default=None, gt=0, le=1, description="empty: the model's own")
        max_tokens: int | None = Field(
            default=None, ge=1, description="longest reply; empty: the engine's wish, if any"
        )
        max_tokens_field: Literal["auto", "max_tokens", "max_completion_tokens"] = Field(
            default="auto", description="what the server calls it"
        )
        extra_body: dict[str, Any] = Field(
            default_factory=dict, description="further fields for every request, as they are"
        )
        timeout: float = Field(
            default=180.0, gt=0, description="seconds after which a reply is given up, however far it is"
        )

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._options = options
        self._api = Api(options, stage="llm", model=options.model, vendor=self.vendor)
        self.dialect = self._dialect()
        self._api.codes = CODES.get(self.dialect.name, {})
        self._asked: dialects.Patch = {}
        """Fields of the request that the user chose by options of their own; never left out in silence."""
        self._refused: set[str] = set()
        # Fields of ours that this server turned out not to know. A fact about the server, not of a session.

    def _dialect(self) -> dialects.Dialect:
        return dialects.BY_NAME[self.vendor.name]

    async def __aenter__(self) -> Self:
        await self._api.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._api.close()

    async def warm(self) -> bool:
        """Open a connection ahead of the first turn; says whether the server answered."""
        return await self._api.warm()

    @property
    def sees(self) -> bool:
        return dialects.sees(self._options.model) if self._options.sees is None else self._options.sees

    @property
    def streams(self) -> bool:
        return self._options.stream

    @property
    def about(self) -> str:
        return f"{self._options.model} at {self._api.host}"

    async def think(self, prompt: Prompt) -> AsyncGenerator[Token | Reasoning | ToolCall | Usage, None]:
        """Answer a prompt. Tries again only while nothing has been yielded.

        Raises ProviderError: Refused, Lost, StageTimeout, or what the stream itself reported.
        """
        deadline = asyncio.get_running_loop().time() + self._options.timeout
        tried = 0
        while True:
            tried += 1
            body = self.request(prompt)
            begun = False
            try:
                async with aclosing(self._attempt(prompt, body, deadline)) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield piece
                return
            except ProviderError as error:
                if begun:
                    raise
                if isinstance(error, Refused) and self._learn(error, body):
                    tried -= 1  # each round leaves out one more field, so this ends
                    continue
                pause = self._api.pause(error, tried)
                if pause is None or asyncio.get_running_loop().time() + pause >= deadline:
                    raise
                await asyncio.sleep(pause)

    def request(self, prompt: Prompt) -> dict[str, Any]:
        """The request for a prompt, pictures left out; `_attempt` puts them in."""
        options, dialect = self._options, self.dialect
        body: dict[str, Any] = {
            "model": options.model,
            "messages": [message_json(message, self.sees) for message in prompt.messages],
            "stream": options.stream,
        }
        ours: dict[str, Any] = dict(dialect.reasoning(options.model.lower(), options.reasoning))
        if options.stream and dialect.usage:
            ours["stream_options"] = {"include_usage": True}
        if dialect.cache_key and prompt.session:
            ours["prompt_cache_key"] = prompt.session
        for field in ("temperature", "top_p"):
            if (value := getattr(options, field)) is not None:
                body[field] = value
        most = options.max_tokens if prompt.max_tokens is None else prompt.max_tokens
        if most is not None:
            name = dialect.max_tokens if options.max_tokens_field == "auto" else options.max_tokens_field
            if options.max_tokens_field == "auto" and name in self._refused:
                name = "max_tokens" if name == "max_completion_tokens" else "max_completion_tokens"
            body[name] = most
        forbids = dialect.forbids and "tool_choice" not in self._refused
        if prompt.tools and not prompt.may_call and forbids:
            ours["tool_choice"] = "none"
        if prompt.tools and (prompt.may_call or forbids):
            body["tools"] = [tool_json(tool) for tool in prompt.tools]
        body |= {name: value for name, value in ours.items() if name not in self._refused}
        return body | self._asked | options.extra_body

    def _learn(self, error: Refused, body: dict[str, Any]) -> bool:
        """Whether the server named a field that we can leave out; if so, it is left out from now on."""
        if error.status not in (400, 422) or not error.detail:
            return False
        candidates = [
            "reasoning_effort",
            "chat_template_kwargs",
            "enable_thinking",
            "thinking_budget",
            "thinking",
        ]
        candidates += ["reasoning", "stream_options", "prompt_cache_key", "tool_choice"]
        if (
            self._options.max_tokens_field == "auto"
            and not {"max_tokens", "max_completion_tokens"} & self._refused
        ):
            candidates += ["max_completion_tokens", "max_tokens"]
        for name in candidates:
            wanted = name in self._options.extra_body or name in self._asked
            if name in error.detail and name in body and not wanted:
                self._refused.add(name)
                return True
        return False

    async def _attempt(
        self, prompt: Prompt, body: dict[str, Any], deadline: float
    ) -> AsyncGenerator[Token | Reasoning | ToolCall | Usage, None]:
        pictures = self.sees and any(message.images for message in prompt.messages)
        content = await asyncio.to_thread(_with_pictures, body, prompt) if pictures else encode(body)
        headers = {"content-type": "application/json", "accept": "text/event-stream, application/json"}
        response = await self._api.post("/chat/completions", content, headers, deadline=deadline)
        async with aclosing(response):
            completion = Completion(self._api.host, self._api.stream_error)
            kind = response.headers.get("content-type", "")
            if "html" in kind:
                raise ProviderError(
                    f"{self._api.host} answered with a web page; look at llm.{self.vendor.name}.base_url "
                    "(it usually ends in /v1)",
                    retryable=False,
                )
            if "json" in kind:
                whole = b""
                async with aclosing(self._api.chunks(response, deadline=deadline)) as chunks:
                    async for chunk in chunks:
                        whole += chunk
                        if len(whole) > _WHOLE_LIMIT:
                            raise ProviderError(f"{self._api.host} sent an answer without end")
                for piece in completion.whole(whole):
                    yield piece
            else:
                async with aclosing(self._events(response, completion, deadline)) as pieces:
                    async for piece in pieces:
                        yield piece
            for piece in completion.close():
                yield piece

    async def _events(
        self, response: Any, completion: Completion, deadline: float
    ) -> AsyncGenerator[Token | Reasoning, None]:
        parser = EventParser()
        loop = asyncio.get_running_loop()
        async with aclosing(self._api.chunks(response, deadline=deadline)) as chunks:
            try:
                while True:
                    soon = DRAIN if completion.done else TAIL if completion.finished else None
                    until = None if soon is None else loop.time() + soon
                    try:
                        async with asyncio.timeout_at(until):
                            chunk = await anext(chunks, None)
                    except TimeoutError:
                        return  # the reply is whole; only what nobody waits for is missing
                    except ProviderError:
                        if completion.finished:
                            return
                        raise
                    for event in parser.close() if chunk is None else parser.feed(chunk):
                        for piece in completion.chunk(event.data):
                            yield piece
                    if chunk is None:
                        return
            except TooLarge:
                raise ProviderError(f"{self._api.host} sent an event without end") from None


class OpenAIModel(ChatModel):
    """A chat model behind an OpenAI-compatible server."""

    name = "openai"

    class Options(ChatModel.Options):
        dialect: str = Field(
            default="auto",
            description="kind of server, which decides the fields for reasoning; one of "
            + ", ".join(dialects.NAMES),
        )

        @field_validator("dialect")
        @classmethod
        def _known(cls, value: str) -> str:
            if value not in dialects.NAMES:
                raise ValueError(f"{value!r} is no dialect; expected one of {', '.join(dialects.NAMES)}")
            return value

    def _dialect(self) -> dialects.Dialect:
        options = cast("OpenAIModel.Options", self._options)
        if options.dialect != "auto":
            return dialects.BY_NAME[options.dialect]
        own = self._api.local or is_private(self._api.host)
        return dialects.find(self._api.host, self._api.port, options.model, own=own)


def message_json(message: Message, sees: bool) -> dict[str, Any]:
    """A message as the protocol writes it; its pictures are represented by their places."""
    body: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.role == "tool":
        body["tool_call_id"] = message.call_id
    if message.calls:
        body["content"] = message.text or None
        body["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.args or "{}"},
            }
            for call in message.calls
        ]
    if message.images and not sees:
        body["content"] = (
            f"{message.text}\n[{len(message.images)} picture(s) came with this; you can't see them.]".strip()
        )
    return body


def tool_json(tool: ToolSpec) -> dict[str, Any]:
    """A tool as the protocol writes it."""
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters) or {"type": "object", "properties": {}},
        },
    }


def _with_pictures(body: dict[str, Any], prompt: Prompt) -> bytes:
    """Encode a request with its pictures as data URLs; in a thread, since eight megabytes take a while."""
    messages: list[dict[str, Any]] = []
    for written, message in zip(body["messages"], prompt.messages, strict=True):
        if not message.images:
            messages.append(written)
            continue
        parts: list[dict[str, Any]] = [{"type": "text", "text": message.text}] if message.text else []
        for image in message.images:
            url = f"data:{image.mime};base64,{base64.b64encode(image.data).decode('ascii')}"
            parts.append({"type": "image_url", "image_url": {"url": url}})
        messages.append(written | {"content": parts})
    return encode(body | {"messages": messages})
