"""An operator tries one provider of the running server: hears its voice, says something to it, asks it.

A trial is a real request: it is counted, and a day's cap holds for it, too. One at a time for each operator,
a few in all, and none beyond its time limit.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, cast

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.events import Answered
from aizuchi.server import trials
from aizuchi.server.console import providers
from aizuchi.server.console.ports import Console, Lang, Refused
from aizuchi.server.logs import scrub_text
from aizuchi.wav import wav_header

if TYPE_CHECKING:
    from aizuchi.ports import LanguageModel, Provider, Recognizer, TurnModel, Vad, Voice
    from aizuchi.server.house import House
    from aizuchi.server.trials import Outcome

TEXT: Final = 500
"""Characters that may be said or asked."""
SOUND: Final = 4_000_000
"""Bytes of an upload: two minutes at 16 kHz."""
SECONDS: Final = 30
"""Of an upload, so much is listened to."""
AT_ONCE: Final = 4

TEXTS: Final = {
    "busy": ("a trial is running already; wait for it", "已有试用在进行，请稍候"),
    "none": ("there is no such provider", "没有此提供方"),
    "cap": ("its cap for today is reached", "已达今日用量上限"),
    "slow": ("no answer within {limit:g} s", "{limit:g} 秒内无应答"),
    "mute": ("it gave no sound", "没有声音"),
    "sound": ("a recording is needed: WAV or raw 16 kHz mono", "需要录音：WAV 或 16 kHz 单声道原始数据"),
    "wav": ("this sound can't be read: {why}", "无法读取此声音：{why}"),
    "text": ("1 to {most} characters are expected", "应为 1 到 {most} 个字符"),
}


def _say(lang: Lang, key: str, **values: Any) -> str:
    return TEXTS[key][lang == "zh"].format(**values)


class Trials:
    """One per application."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._running: set[str] = set()

    @contextlib.contextmanager
    def _place(self, who: str, lang: Lang) -> Iterator[None]:
        if who in self._running or len(self._running) >= AT_ONCE:
            raise Refused(409, _say(lang, "busy"))
        self._running.add(who)
        try:
            yield
        finally:
            self._running.discard(who)

    async def run(
        self, console: Console, who: str, stage: str, index: int, *, text: str, sound: bytes, lang: Lang
    ) -> dict[str, Any]:
        """`text` is what is said or asked, `sound` an upload for those that hear. Raises Refused."""
        provider = providers.found(self._house, stage, index)
        if provider is None:
            raise Refused(404, _say(lang, "none"))
        if len(text) > TEXT:
            raise Refused(422, _say(lang, "text", most=TEXT))
        chain: Any = getattr(self._house.parts, stage)
        if stage in providers.CHAINS and not chain.allowed(provider):
            raise Refused(409, _say(lang, "cap"))
        with self._place(who, lang):
            pcm = await asyncio.to_thread(heard, sound, lang) if sound else b""
            if stage == "asr" and not pcm:
                raise Refused(422, _say(lang, "sound"))
            return await self._limited(console, stage, provider, text, pcm, lang)

    async def _limited(
        self, console: Console, stage: str, provider: Provider, text: str, pcm: bytes, lang: Lang
    ) -> dict[str, Any]:
        said = {"stage": stage, "name": provider.name}
        try:
            async with asyncio.timeout(trials.TRY):
                done, result = await self._use(stage, provider, text, pcm)
        except TimeoutError:
            return said | {"ok": False, "error": _say(lang, "slow", limit=trials.TRY)}
        except (ConfigError, ProviderError) as error:
            reason = error.zh if isinstance(error, ConfigError) and lang == "zh" else str(error)
            return said | {"ok": False, "error": scrub_text(reason)[:500]}
        if stage in providers.CHAINS:
            audio_ms = round(len(done.pcm or pcm) / 2 / (done.rate or 16_000) * 1000) if stage != "llm" else 0
            characters = len(result.get("said", "")) if stage == "tts" else 0
            first = done.first_ms
            counted = Answered(
                cast("Any", stage),
                provider.name,
                "done",
                None,
                first,
                characters=characters,
                audio_ms=audio_ms,
            )
            console.count(counted)
        if stage == "tts" and not done.pcm:
            return said | {"ok": False, "error": _say(lang, "mute")}
        return said | {"ok": True, "first_ms": done.first_ms, "total_ms": done.total_ms} | result

    async def _use(
        self, stage: str, provider: Provider, text: str, pcm: bytes
    ) -> tuple[Outcome, dict[str, Any]]:
        house = self._house
        character = house.characters[house.default_character]
        language = trials.language_for(character.language, provider.languages)
        match stage:
            case "tts":
                text = text.strip() or trials.SAID[language]
                done = await trials.speak(cast("Voice", provider), text, language, character.style)
                wav = wav_header(done.rate or 16_000, len(done.pcm)) + done.pcm
                seconds = len(done.pcm) / 2 / (done.rate or 16_000)
                sound = base64.b64encode(wav).decode()
                return done, {"said": text, "seconds": round(seconds, 2), "rate": done.rate, "wav": sound}
            case "asr":
                done = await trials.hear(cast("Recognizer", provider), pcm)
                return done, {"text": done.text, "seconds": round(len(pcm) / 32_000, 2)}
            case "llm":
                question = text.strip() or trials.QUESTION[language]
                done = await trials.think(cast("LanguageModel", provider), question, max_tokens=120)
                return done, {"said": question, "text": done.text[:2_000]}
            case "vad":
                done = await trials.detect(cast("Vad", provider), pcm)
                return done, {
                    "speech": round(done.loud, 3),
                    "silence": round(done.silent, 3),
                    "sound": bool(pcm),
                }
            case _:
                done = await trials.judge(cast("TurnModel", provider), pcm)
                return done, {"whole": round(done.loud, 3), "half": round(done.silent, 3), "sound": bool(pcm)}


def heard(sound: bytes, lang: Lang) -> bytes:
    """An upload as 16 kHz mono; what does not begin like WAV is taken for such sound already."""
    from aizuchi.audio import Resampler
    from aizuchi.wav import WavReader

    if sound[:4] != b"RIFF":
        return sound[: len(sound) // 2 * 2][: SECONDS * 32_000]
    reader = WavReader()
    try:
        pcm = reader.push(sound)
        reader.end()
    except ValueError as error:
        raise Refused(422, _say(lang, "wav", why=str(error)[:200])) from error
    resampler = Resampler(reader.rate, 16_000)
    return resampler.push(pcm[: SECONDS * reader.rate * 2]) + resampler.flush()
