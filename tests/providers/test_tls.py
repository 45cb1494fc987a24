"""Every cloud provider checks the server's certificate, unless it is told not to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import pytest

from aizuchi.errors import ProviderError
from aizuchi.events import Sentence
from aizuchi.ports import Hints, LanguageModel, Message, Prompt, Provider, Recognizer, Style, Voice
from aizuchi.registry import BUILTIN, Kind, load
from aizuchi.server.tls import own_certificate

pytestmark = pytest.mark.network

CLOUDS = [
    (kind, name)
    for kind, names in BUILTIN.items()
    for name in names
    if {"base_url", "api_key"} <= load(kind, name).Options.model_fields.keys()
]


class Stranger:
    """A TLS server whose certificate nobody has signed; whoever gets past the handshake is counted."""

    def __init__(self, folder: Path) -> None:
        tls = own_certificate(folder, [])
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(tls.cert, tls.key)
        self.trusted = 0
        self.port = 0

    async def __aenter__(self) -> Stranger:
        self._server = await asyncio.start_server(self._come, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.trusted += bool(await reader.read(1))
        writer.transport.abort()


@pytest.fixture
async def stranger(tmp_path: Path) -> AsyncIterator[Stranger]:
    async with asyncio.timeout(30), Stranger(tmp_path) as server:
        yield server


async def _hear(provider: Provider) -> None:
    async def sound() -> AsyncIterator[bytes]:
        yield bytes(6_400)

    stream: Any = cast("Recognizer", provider).transcribe(sound(), Hints())
    async with aclosing(stream) as pieces:
        async for _ in pieces:
            pass


async def _think(provider: Provider) -> None:
    stream: Any = cast("LanguageModel", provider).think(Prompt((Message("user", "Hello?"),)))
    async with aclosing(stream) as pieces:
        async for _ in pieces:
            pass


async def _speak(provider: Provider) -> None:
    stream: Any = cast("Voice", provider).say(Sentence(1, 0, "Hello.", "Hello."), Style())
    async with aclosing(stream) as pieces:
        async for _ in pieces:
            pass


USES: dict[str, Callable[[Provider], Awaitable[None]]] = {"asr": _hear, "llm": _think, "tts": _speak}


def made(kind: Kind, name: str, port: int, **options: Any) -> Provider:
    provider = load(kind, name)
    fields = provider.Options.model_fields
    usual = str(fields["base_url"].default)
    scheme = "wss" if usual.startswith("wss") else "https"
    given: dict[str, Any] = {"base_url": f"{scheme}://127.0.0.1:{port}/v1", "api_key": "k-0123456789"}
    given |= {"retries": 0} if "retries" in fields else {}
    return provider(provider.Options.model_validate(given | options))


@pytest.mark.parametrize(("kind", "name"), CLOUDS)
async def test_a_false_certificate(stranger: Stranger, kind: Kind, name: str):
    """Nothing is said to a server that can't show who it is, and the message tells what to do."""
    provider = made(kind, name, stranger.port)
    assert getattr(provider.options, "verify_tls", None) is True
    async with provider:
        with pytest.raises(ProviderError, match="certificate is not trusted; verify_tls: false"):
            await USES[kind](provider)
    assert stranger.trusted == 0


@pytest.mark.parametrize(("kind", "name"), CLOUDS)
async def test_unless_told_otherwise(stranger: Stranger, kind: Kind, name: str):
    """With verify_tls off the same server is talked to."""
    provider = made(kind, name, stranger.port, verify_tls=False)
    async with provider:
        with pytest.raises(ProviderError) as caught:
            await USES[kind](provider)
    assert "certificate" not in str(caught.value)
    assert stranger.trusted > 0
