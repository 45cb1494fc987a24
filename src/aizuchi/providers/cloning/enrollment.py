"""Requests to DashScope's address for customised voices; the body goes out in pieces, to be watched."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any, Final

from aizuchi.errors import ProviderError
from aizuchi.providers import dashscope
from aizuchi.providers.cloning.cloner import Progress
from aizuchi.providers.openai import is_local, reason, trust

CONNECT: Final = 10.0
ANSWER = 120.0
"""Seconds that a request may take, the upload included."""
_PIECE: Final = 64 << 10
_LARGEST: Final = 4 << 20


class Enrollment:
    """The address, with a key. Raises ConfigError for an address that is none."""

    def __init__(
        self, base_url: str, headers: dict[str, str], secret: str, *, verify_tls: bool = True
    ) -> None:
        self._url = dashscope.http_of(base_url)
        self._headers = headers
        self._secret = secret
        self._verify = verify_tls

    async def ask(self, model: str, input_: dict[str, Any], progress: Progress | None = None) -> Any:
        """One request; returns its `output`. Raises ProviderError."""
        import httpx

        content = json.dumps({"model": model, "input": input_}).encode()
        url = httpx.URL(self._url)
        headers = self._headers | {
            "content-type": "application/json",
            "content-length": str(len(content)),
            "user-agent": "aizuchi",
        }
        try:
            async with (
                asyncio.timeout(ANSWER),
                httpx.AsyncClient(
                    verify=trust(url.scheme == "https", self._verify),
                    timeout=httpx.Timeout(None, connect=CONNECT),
                    trust_env=not is_local(url.host),
                ) as client,
                client.stream("POST", url, content=_pieces(content, progress), headers=headers) as answer,
            ):
                body = b""
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > _LARGEST:
                        raise ProviderError(f"{url.host} does not stop answering", retryable=False)
                return self._output(url.host, answer.status_code, body)
        except TimeoutError:
            raise ProviderError(f"{url.host} gave no answer within {ANSWER:g} s") from None
        except httpx.HTTPError as error:
            raise ProviderError(f"cannot reach {url.host}: {reason(error)}") from None

    def _output(self, host: str, status: int, body: bytes) -> Any:
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            said = None
        if not 200 <= status < 300:
            said = said if isinstance(said, dict) else {}
            code = said.get("code") or f"HTTP {status}"
            if status in (401, 403) and not said.get("code"):
                code = "InvalidApiKey"
            raise dashscope.failure(host, "refused the request", code, said.get("message"), self._secret)
        if not isinstance(said, dict) or not isinstance(output := said.get("output", {}), dict):
            raise ProviderError(f"{host} sent something that is no answer")
        return output


async def _pieces(content: bytes, progress: Progress | None) -> AsyncGenerator[bytes, None]:
    for at in range(0, len(content), _PIECE):
        yield content[at : at + _PIECE]
        if progress is not None:
            progress(min(at + _PIECE, len(content)), len(content))
