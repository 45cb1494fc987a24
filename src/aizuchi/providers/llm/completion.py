"""What a chat completion says, sans-I/O: the JSON of its chunks in, pieces of the reply out.

The rules are those that real servers force upon a client: `choices` may be empty, `content` null, unknown
fields abound, a tool call is known by its index but some servers give every call the index 0, `finish_reason`
may say `stop` although tools are wanted, an `error` object may come in place of a chunk, and `[DONE]` may
never come.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from aizuchi.errors import ProviderError
from aizuchi.events import ToolCall
from aizuchi.ports import Reasoning, Token, Usage

_PIECE = re.compile(r"\s*\S{1,12}")


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    args: str = ""


class Completion:
    """The state of one answer. Feed `chunk` (or `whole`), then `close`.

    `failure` makes the error for an `error` object. Raises ProviderError for what no reply can be made of.
    """

    def __init__(self, host: str, failure: Callable[[object], ProviderError]) -> None:
        self._host = host
        self._failure = failure
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._finish = ""
        self._tokens_in = 0
        self._tokens_out = 0
        self._said = False
        self.done = False
        """`[DONE]` has come."""

    @property
    def finished(self) -> bool:
        """The reply is complete, though its token counts may still come."""
        return self.done or bool(self._finish)

    def chunk(self, data: str) -> Iterator[Token | Reasoning]:
        """One `data:` of the stream."""
        if self.done:
            return
        if data.strip() == "[DONE]":
            self.done = True
            return
        try:
            body = json.loads(data)
        except (ValueError, RecursionError):
            if self.finished:
                return
            raise ProviderError(f"{self._host} sent something that is no JSON in its stream") from None
        yield from self._read(body, "delta")

    def whole(self, data: bytes) -> Iterator[Token | Reasoning]:
        """The answer of a server that does not stream, cut in small pieces as if it did."""
        try:
            body = json.loads(data)
        except (ValueError, RecursionError):
            raise ProviderError(f"{self._host} answered with something that is no JSON") from None
        for piece in self._read(body, "message"):
            kind = type(piece)
            end = 0
            for part in _PIECE.finditer(piece.text):
                yield kind(part.group())
                end = part.end()
            if rest := piece.text[end:]:
                yield kind(rest)
        self._finish = self._finish or "stop"

    def close(self) -> Iterator[ToolCall | Usage]:
        """The stream is over: the tool calls, then the reason and the cost."""
        if not self.finished:
            raise ProviderError(f"{self._host} ended its answer early")
        if self._finish == "network_error":  # GLM: its own upstream failed
            raise ProviderError(f"{self._host} broke off its answer (network_error)")
        if self._finish in ("content_filter", "sensitive") and not self._said:
            raise ProviderError(f"{self._host} refuses to answer this ({self._finish})", retryable=False)
        for call in self._calls:
            if call.name:
                yield ToolCall(call.id or f"call_{secrets.token_hex(6)}", call.name, call.args or "{}")
        finish: Literal["stop", "length", "tools"] = "stop"
        if any(call.name for call in self._calls):
            finish = "tools"
        elif self._finish in ("length", "model_context_window_exceeded"):  # the latter is GLM's
            finish = "length"
        yield Usage(finish, self._tokens_in, self._tokens_out)

    def _read(self, body: Any, key: str) -> Iterator[Token | Reasoning]:
        if not isinstance(body, dict):
            raise ProviderError(f"{self._host} sent {type(body).__name__} where an object was expected")
        if body.get("error"):
            raise self._failure(body)
        self._count(body.get("usage"))
        choices = body.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            if key == "message":
                raise ProviderError(f"{self._host} answered without a choice")
            return
        message = choice.get(key) or choice.get("message")
        if isinstance(message, dict) and not self._finish:
            yield from self._message(message)
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason and not self._finish:
            self._finish = reason
        self._count(choice.get("usage"))

    def _message(self, message: dict[str, Any]) -> Iterator[Token | Reasoning]:
        # The same thought under two names: older and newer vLLM, OpenRouter sends both.
        thought = message.get("reasoning_content") or message.get("reasoning")
        if isinstance(thought, str) and thought:
            yield Reasoning(thought)
        content = message.get("content")
        parts = content if isinstance(content, list) else [content]
        for part in parts:
            text = part.get("text") if isinstance(part, dict) else part
            if isinstance(text, str) and text:
                self._said = True
                yield Token(text)
        refusal = message.get("refusal")
        if isinstance(refusal, str) and refusal:
            self._said = True
            yield Token(refusal)
        calls = message.get("tool_calls")
        if isinstance(calls, list):
            for position, call in enumerate(calls):
                if isinstance(call, dict):
                    self._call(call, position)

    def _call(self, part: dict[str, Any], position: int) -> None:
        index = part.get("index")
        index = index if isinstance(index, int) else position
        function = part.get("function")
        function = function if isinstance(function, dict) else {}
        ident = part.get("id") if isinstance(part.get("id"), str) else ""
        name = function.get("name") if isinstance(function.get("name"), str) else ""
        call = self._by_index.get(index)
        if call is None or (ident and call.id and ident != call.id and name):
            call = self._by_index[index] = _Call()
            self._calls.append(call)
        call.id = call.id or ident or ""
        call.name = call.name or name or ""
        args = function.get("arguments")
        if isinstance(args, str):
            call.args += args
        elif isinstance(args, dict):
            call.args += json.dumps(args, ensure_ascii=False)

    def _count(self, usage: object) -> None:
        if not isinstance(usage, dict):
            return
        for field, name in (("prompt_tokens", "_tokens_in"), ("completion_tokens", "_tokens_out")):
            value = usage.get(field)
            if isinstance(value, int) and value >= 0:
                setattr(self, name, value)
