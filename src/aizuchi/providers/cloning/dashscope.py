"""Cloned voices at Alibaba's DashScope: two families behind one address, told apart by `model`.

**Qwen-TTS** (`qwen-voice-enrollment`) takes the sample in the request and has the voice at once.
**CosyVoice** and Qwen-Audio (`voice-enrollment`) take its address and work a while on it; the document wants
a public one, and that a data URI does as well is the experience of public clients. A voice speaks with the
model it was made for and with no other.

Source: Alibaba Cloud Model Studio, "Qwen-TTS voice cloning API reference" and "CosyVoice voice cloning API
reference", read 2026-11. The `dashscope` package 2.0.2 talks to the loopback server that was written from
them.
"""

from __future__ import annotations

import asyncio
import base64
import re
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any, ClassVar, Final, TypeVar

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.providers import dashscope
from aizuchi.providers.cloning.cloner import Cloned, Cloner, Limits, Progress, Status, Upload
from aizuchi.providers.cloning.enrollment import Enrollment

QWEN: Final = "qwen-voice-enrollment"
COSY: Final = "voice-enrollment"
CLONING: Final = "qwen3-tts-vc-realtime-2026-01-15"
"""The realtime model that speaks with cloned voices of Qwen-TTS."""
DEPLOYING = 180.0
"""Seconds that CosyVoice may work on a voice."""
POLL = 2.0
PAGE: Final = 50
PAGES: Final = 40
"""The account holds a thousand voices at most."""
_STATUS: Final[dict[str, Status]] = {"DEPLOYING": "working", "OK": "ready", "UNDEPLOYED": "refused"}

T = TypeVar("T")


class QwenCloner(Cloner):
    """Voices for `tts: qwen_tts`."""

    provider = "qwen_tts"
    naming = re.compile(r"[A-Za-z0-9_]{1,16}")
    naming_words = ("1 to 16 letters, digits and _", "1 至 16 个字母、数字或 _")
    limits: ClassVar = Limits(
        least=5.0,
        most=60.0,
        best=(10.0, 20.0),
        largest=7 << 20,  # base64 makes it the 10 MB that the vendor takes
        rate=24_000,
        speech=3.0,
        pause=2.0,
        mono=True,
        kinds=frozenset({"wav", "mp3", "m4a"}),
    )

    def __init__(self, api: Enrollment, model: str = CLONING) -> None:
        self._api = api
        self.model = model if "-vc" in model else CLONING

    async def create(self, name: str, sample: Upload | str, *, model: str, progress: Progress) -> Cloned:
        data = sample if isinstance(sample, str) else data_uri(sample)
        output = await self._api.ask(
            QWEN,
            {
                "action": "create",
                "target_model": model,
                "preferred_name": self.named(name),
                "audio": {"data": data},
            },
            progress,
        )
        note = ""
        if output.get("fallback_mode") is True:
            note = f"made from a poor sample ({output.get('fallback_reason') or 'no reason given'})"
        return Cloned(_id(output, "voice"), model, status="ready", note=note)

    async def voices(self) -> AsyncIterator[Cloned]:
        for page in range(PAGES):
            found = await self.page(page, PAGE)
            for each in found:
                yield Cloned(
                    str(each.get("voice", "")),
                    str(each.get("target_model", "")),
                    str(each.get("gmt_create", "")),
                    "ready",
                )
            if len(found) < PAGE:
                return

    async def page(self, index: int, size: int) -> list[dict[str, Any]]:
        """One page of the list, as the vendor gives it."""
        output = await self._api.ask(QWEN, {"action": "list", "page_index": index, "page_size": size})
        return _listed(output)

    async def delete(self, id: str) -> None:
        await self._api.ask(QWEN, {"action": "delete", "voice": id})


class CosyCloner(Cloner):
    """Voices for `tts: cosyvoice`."""

    provider = "cosyvoice"
    limits: ClassVar = Limits(
        least=5.0,
        most=60.0,
        best=(10.0, 20.0),
        largest=7 << 20,
        rate=16_000,
        speech=3.0,
        pause=2.0,
        mono=False,
        kinds=frozenset({"wav", "mp3", "m4a"}),
    )

    def __init__(self, api: Enrollment, model: str) -> None:
        self._api = api
        self.model = model

    async def create(self, name: str, sample: Upload | str, *, model: str, progress: Progress) -> Cloned:
        url = sample if isinstance(sample, str) else data_uri(sample)
        asked = {"action": "create_voice", "target_model": model, "prefix": self.named(name), "url": url}
        try:
            id_ = _id(await self._api.ask(COSY, asked, progress), "voice_id")
        except ProviderError as error:
            if isinstance(sample, str) or "InvalidParameter" not in str(error):
                raise
            raise ProviderError(
                f"{error}; this family is documented to take a public address only: put the file where"
                " anybody can fetch it, and give its address instead of the file",
                retryable=False,
            ) from error
        return await self._deployed(id_, model)

    async def _deployed(self, id_: str, model: str) -> Cloned:
        """Wait until it can be used, for a while."""
        now: Status = "working"
        made = ""
        with suppress(TimeoutError):
            async with asyncio.timeout(DEPLOYING):
                while now == "working":
                    output = await self._api.ask(COSY, {"action": "query_voice", "voice_id": id_})
                    now, made = _status(output.get("status")) or "ready", str(output.get("gmt_create", ""))
                    if now == "working":
                        await asyncio.sleep(POLL)
        if now == "refused":
            raise ProviderError(
                f"the vendor did not accept the sample for {id_}; listen to it once more", retryable=False
            )
        return Cloned(id_, model, made, now)

    async def voices(self) -> AsyncIterator[Cloned]:
        for page in range(PAGES):
            output = await self._api.ask(
                COSY, {"action": "list_voice", "page_index": page, "page_size": PAGE}
            )
            found = _listed(output)
            for each in found:
                yield Cloned(
                    str(each.get("voice_id", "")),
                    str(each.get("target_model") or ""),
                    str(each.get("gmt_create", "")),
                    _status(each.get("status")),
                )
            if len(found) < PAGE:
                return

    async def delete(self, id: str) -> None:
        await self._api.ask(COSY, {"action": "delete_voice", "voice_id": id})


def data_uri(sample: Upload) -> str:
    return f"data:{sample.mime};base64,{base64.b64encode(sample.data).decode()}"


# -- for programs that do not wait in an event loop


def create_voice(
    api_key: str,
    data: bytes,
    *,
    preferred_name: str,
    target_model: str = CLONING,
    audio_mime_type: str = "audio/mpeg",
    base_url: str = dashscope.MAINLAND,
) -> str:
    """Clone a voice of Qwen-TTS from the bytes of a recording, as they are; returns its id.

    Blocks, also where an event loop runs. Raises ProviderError, and ConfigError for a bad address or name.
    """
    cloner = _qwen(api_key, base_url)
    made = _blocking(
        cloner.create(
            preferred_name, Upload(data, audio_mime_type), model=target_model, progress=lambda *_: None
        )
    )
    return made.id


def query_voice_list(
    api_key: str, *, page_size: int = 10, page_index: int = 0, base_url: str = dashscope.MAINLAND
) -> list[dict[str, Any]]:
    """The account's cloned voices of Qwen-TTS as the vendor lists them, with their `voice`, `gmt_create` and
    `target_model`.

    Blocks, also where an event loop runs. Raises ProviderError, and ConfigError for a bad address.
    """
    return _blocking(_qwen(api_key, base_url).page(page_index, page_size))


def _qwen(api_key: str, base_url: str) -> QwenCloner:
    return QwenCloner(Enrollment(base_url, {"Authorization": f"Bearer {api_key}"}, api_key))


def _blocking(work: Coroutine[Any, Any, T]) -> T:
    """Run it in a loop of its own, in a thread of its own: whoever calls may have a loop already."""
    results: list[T] = []
    errors: list[ProviderError | ConfigError] = []

    def run() -> None:
        try:
            results.append(asyncio.run(work))
        except (ProviderError, ConfigError) as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="aizuchi-cloning")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    if not results:
        raise ProviderError("the request failed in an unforeseen way")
    return results[0]


def _id(output: dict[str, Any], key: str) -> str:
    if not (id_ := output.get(key)) or not isinstance(id_, str):
        raise ProviderError(f"the vendor answered without a voice ({key} is missing)")
    return id_


def _listed(output: dict[str, Any]) -> list[dict[str, Any]]:
    found = output.get("voice_list") or []
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _status(said: Any) -> Status:
    return _STATUS.get(str(said), "")
