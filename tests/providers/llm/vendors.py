"""What the tests of the vendors' own models share: which server is whose, and a question put to it."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from aizuchi.ports import Message, Prompt, Token, ToolSpec
from aizuchi.providers.llm.doubao import DoubaoModel
from aizuchi.providers.llm.glm import GlmModel
from aizuchi.providers.llm.openai import ChatModel
from tests.loopback.ark_server import ArkServer
from tests.loopback.zhipu_server import ZhipuServer

HELLO = Prompt((Message("system", "Be kind."), Message("user", "Hello?")))
CLOCK = ToolSpec("current_time", "Tells the time.", {"type": "object", "properties": {}})
VENDORS: dict[str, tuple[type[ArkServer] | type[ZhipuServer], type[ChatModel]]] = {
    "doubao": (ArkServer, DoubaoModel),
    "glm": (ZhipuServer, GlmModel),
}
Server = ArkServer | ZhipuServer


def model(server: Server, **options: Any) -> ChatModel:
    """The server's own provider, on it."""
    made = next(each for kind, each in VENDORS.values() if isinstance(server, kind))
    given = {"base_url": server.base_url, "api_key": server.key, "retry_wait": 0.001}
    return made(made.Options.model_validate(given | options))


async def ask(model: ChatModel, prompt: Prompt = HELLO) -> list[Any]:
    async with model, aclosing(model.think(prompt)) as pieces:
        return [piece async for piece in pieces]


def text(pieces: list[Any]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Token))
