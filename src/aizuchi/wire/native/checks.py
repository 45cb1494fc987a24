"""What a client sends is checked here: sizes, encodings, kinds. Every function raises ProtocolError."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic_core import from_json, to_json

from aizuchi.errors import ProtocolError
from aizuchi.events import Image, ToolResult
from aizuchi.ports import ToolSpec
from aizuchi.wire.native import up

MAGIC: Final = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}
MAX_PAYLOAD: Final = 16 << 10
MAX_TOOLS: Final = 64 << 10
MAX_RESULT: Final = 64 << 10
"""Bytes of JSON: of a page's event, of all tools a client brings, of one tool's answer."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a client may send at once; the server's own figures replace these in `welcome`."""

    chunk_ms: int = 200
    max_text: int = 8_000
    max_images: int = 4
    max_image_bytes: int = 8 << 20
    max_context_chars: int = 4_000

    def told(self, limits: Mapping[str, Any]) -> Bounds:
        """These bounds with those of the server's figures that have the same name."""
        known = {name: limits[name] for name in self.__slots__ if isinstance(limits.get(name), int)}
        return replace(self, **known)

    def picture(self, picture: up.Picture) -> Image:
        """The image, if it is small enough and what it says it is."""
        most = self.max_image_bytes
        if len(picture.data) > most * 4 // 3 + 4:
            raise ProtocolError(f"the image is larger than {most} bytes")
        data = unbase64(picture.data, "image")
        if len(data) > most:
            raise ProtocolError(f"the image is larger than {most} bytes")
        if not data.startswith(MAGIC[picture.mime]):
            raise ProtocolError(f"the image is no {picture.mime}")
        return Image(picture.mime, data)

    def sound(self, pcm: bytes, rate: int) -> None:
        """Whether a chunk is whole samples and not too long."""
        if len(pcm) % 2:
            raise ProtocolError(f"sound is 16-bit samples, {len(pcm)} bytes are not a whole number of them")
        if len(pcm) * 1000 > self.chunk_ms * rate * 2:
            ms = len(pcm) * 500 // rate
            raise ProtocolError(
                f"a chunk of {ms} ms is too long; {self.chunk_ms} ms are taken, 20 to 40 are best"
            )


def tool_result(said: up.ToolResult) -> ToolResult:
    """The answer of a client's tool; a result that is no text becomes JSON."""
    if said.error is not None:
        return ToolResult(said.call_id, error=said.error or "the tool failed")
    if "result" not in said.model_fields_set:
        raise ProtocolError("tool_result: result or error is missing")
    text = said.result if isinstance(said.result, str) else _json(said.result).decode()
    if len(text) > MAX_RESULT:
        raise ProtocolError(f"tool_result: the result is longer than {MAX_RESULT} characters")
    return ToolResult(said.call_id, result=text)


def _json(value: Any) -> bytes:
    """What JSON has no word for, NaN and the infinities, becomes null."""
    return to_json(value, inf_nan_mode="null")


def tools(brought: list[up.ClientTool]) -> tuple[ToolSpec, ...]:
    """The client's own tools, their parameters as plain JSON values."""
    if len({tool.name for tool in brought}) < len(brought):
        raise ProtocolError("hello: two tools have the same name")
    text = _json([tool.parameters for tool in brought])
    if len(text) > MAX_TOOLS:
        raise ProtocolError(f"hello: the tools' parameters are longer than {MAX_TOOLS} bytes")
    return tuple(
        ToolSpec(tool.name, tool.description, parameters, "client", tool.timeout)
        for tool, parameters in zip(brought, from_json(text), strict=True)
    )


def payload(value: dict[str, Any]) -> dict[str, Any]:
    """A page's event as plain JSON values of a bounded size."""
    text = _json(value)
    if len(text) > MAX_PAYLOAD:
        raise ProtocolError(f"ui_event: the payload is longer than {MAX_PAYLOAD} bytes")
    return from_json(text)


def unbase64(data: str, what: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProtocolError(f"{what}: data is not base64") from error


def plain(where: tuple[int | str, ...], message: str) -> str:
    """A validation error without what was sent, which may be a secret."""
    return ": ".join([".".join(str(each) for each in where), message] if where else [message])[:300]


def stranger(message: str) -> ProtocolError:
    """Somebody who has not said who they are."""
    return ProtocolError(message, code="auth_failed", close=4401)
