"""A character of Genie's HTTP server. Genie itself is never imported: that asks on the terminal for models.

Source: genie-tts 2.0.2, its server module, read 2026-11.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any, ClassVar, Final

from aizuchi.errors import ProviderError

URL: Final = "http://127.0.0.1:8000"
"""Where `genie_tts.start_server()` listens; another address stands in GENIE_URL."""
LOADING: Final = 120.0
SPEAKING: Final = 120.0


class Genie:
    """One character: loaded once, then asked for sentences, one at a time as Genie can do no more."""

    rate: ClassVar[int] = 32_000

    def __init__(self, name: str, model: dict[str, Any], reference: dict[str, Any]) -> None:
        self._name = name
        self._model = model
        self._reference = reference
        self._loaded = False

    async def samples(self, text: str) -> bytes:
        """The sound of a sentence, mono s16le. Raises ProviderError."""
        if not self._loaded:
            await self._post("/load_character", self._model, LOADING)
            await self._post("/set_reference_audio", self._reference, LOADING)
            self._loaded = True
        return await self._post("/tts", {"text": text, "split_sentence": False}, SPEAKING)

    async def _post(self, path: str, body: dict[str, Any], within: float) -> bytes:
        import httpx

        base = os.environ.get("GENIE_URL", "").strip().rstrip("/") or URL
        try:
            async with asyncio.timeout(within), httpx.AsyncClient(timeout=within, trust_env=False) as client:
                answer = await client.post(base + path, json={"character_name": self._name, **body})
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise ProviderError(
                f"Genie's server does not answer at {base} ({type(error).__name__}); start it, "
                "or name its address in GENIE_URL"
            ) from None
        if answer.status_code != 200:
            said = " ".join(answer.text.split())[:300]
            raise ProviderError(f"Genie refused {path} (HTTP {answer.status_code}): {said}")
        return answer.content
