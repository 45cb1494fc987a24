"""Trying providers for real: a word is spoken, the same word is heard, a thought is thought."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.texts import Lang, Texts

if TYPE_CHECKING:
    from aizuchi.character import Character
    from aizuchi.config import Chosen
    from aizuchi.ports import LanguageModel, Provider, Recognizer, TurnModel, Vad, Voice

TEXTS: Final = Texts(
    {
        "works": ("works", "正常"),
        "fails": ("FAILS", "失败"),
        "first": ("first after {first} ms, all after {total} ms", "{first} 毫秒后开始，{total} 毫秒后结束"),
        "vad": ("speech {loud:.2f}, silence {quiet:.2f}", "说话 {loud:.2f}，静音 {quiet:.2f}"),
        "vad_deaf": (
            "speech scored {loud:.2f} and silence {quiet:.2f}: it can't tell them apart",
            "说话得分 {loud:.2f}，静音得分 {quiet:.2f}：无法区分",
        ),
        "spoke": ("{seconds:.1f} s of sound at {rate} Hz", "{seconds:.1f} 秒声音，{rate} Hz"),
        "heard": ("heard “{text}” of “{said}”", "听到“{text}”，原话“{said}”"),
        "heard_nothing": (
            "answers, but recognised nothing in a synthetic voice (a real one may do better)",
            "有应答，但没有认出合成语音（真人语音可能更好）",
        ),
        "silence": ("no voice to try it with; silence gave “{text}”", "没有可用的语音来试；静音得到“{text}”"),
        "thought": ("“{text}”", "“{text}”"),
        "turn": (
            "a question is finished to {whole:.2f}, half of it to {half:.2f}",
            "整句问话判为说完的概率 {whole:.2f}，半句 {half:.2f}",
        ),
        "turn_untried": (
            "answers; there is no voice to try it with (silence gave {whole:.2f})",
            "有应答；没有可用的语音来试（静音得到 {whole:.2f}）",
        ),
        "mute": ("gave no sound", "没有声音"),
        "empty": ("gave no text", "没有文字"),
        "slow": ("no answer within {limit:g} s", "{limit:g} 秒内无应答"),
    }
)

START: Final = 60.0
"""Seconds a provider may take to load its model, or reach its server."""
TRY: Final = 30.0
"""Seconds for one word."""
SAID: Final = {
    "en": "Hello, can you hear me?",
    "zh": "你好，你听得见吗？",
    "ja": "こんにちは、聞こえますか。",
}
QUESTION: Final = {
    "en": "Hello! How are you?",
    "zh": "你好，最近怎么样？",
    "ja": "こんにちは、元気ですか。",
}


@dataclass
class Tried:
    """What came of one provider."""

    kind: str
    name: str
    ok: bool
    text: str
    times: tuple[int, int] | None = None
    """Milliseconds to the first piece and to the end."""


@dataclass
class Trial:
    """Tries providers one after another; what a voice said is what a recogniser then hears."""

    character: Character
    lang: Lang
    sound: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """language -> 16 kHz speech of the first voice that spoke it."""

    async def try_out(self, chosen: Chosen) -> Tried:
        """Build, enter, try and leave one provider."""
        from aizuchi.build import providers

        try:
            provider = next(providers([chosen]))
            async with asyncio.timeout(START):
                await provider.__aenter__()
        except TimeoutError:
            return Tried(chosen.kind, chosen.name, False, TEXTS.say(self.lang, "slow", limit=START))
        except (ConfigError, ProviderError) as error:
            return Tried(chosen.kind, chosen.name, False, _reason(error, chosen, self.lang))
        try:
            async with asyncio.timeout(TRY):
                return await self._use(chosen.kind, provider)
        except TimeoutError:
            return Tried(chosen.kind, chosen.name, False, TEXTS.say(self.lang, "slow", limit=TRY))
        except (ConfigError, ProviderError) as error:
            return Tried(chosen.kind, chosen.name, False, _reason(error, chosen, self.lang))
        finally:
            await provider.__aexit__(None, None, None)

    async def _use(self, kind: str, provider: Provider) -> Tried:
        match kind:
            case "vad":
                return await self._detect(cast("Vad", provider))
            case "asr":
                return await self._hear(cast("Recognizer", provider))
            case "llm":
                return await self._think(cast("LanguageModel", provider))
            case "turn":
                return await self._judge(cast("TurnModel", provider))
            case _:
                return await self._speak(cast("Voice", provider))

    async def _speak(self, voice: Voice) -> Tried:
        from aizuchi.audio import Resampler
        from aizuchi.events import Sentence
        from aizuchi.ports import Audio

        language = self._language(voice)
        sentence = Sentence(turn=0, index=0, spoken=SAID[language], shown=SAID[language], language=language)
        clock, pieces, rate = _Clock(), list[bytes](), 0
        async with aclosing(cast("Any", voice.say(sentence, self.character.style))) as slices:
            async for piece in slices:
                if isinstance(piece, Audio) and piece.pcm:
                    clock.piece()
                    pieces.append(piece.pcm)
                    rate = piece.rate
        pcm = b"".join(pieces)
        if not pcm:
            return Tried("tts", voice.name, False, TEXTS.say(self.lang, "mute"))
        if language not in self.sound and voice.name != "tone":
            resampler = Resampler(rate, 16_000)
            self.sound[language] = resampler.push(pcm) + resampler.flush()
        seconds = len(pcm) / 2 / rate
        return Tried(
            "tts", voice.name, True, TEXTS.say(self.lang, "spoke", seconds=seconds, rate=rate), clock.times
        )

    async def _hear(self, recognizer: Recognizer) -> Tried:
        from aizuchi.ports import Final, Hints

        language = self._language(recognizer)
        known = language if language in self.sound else next(iter(self.sound), "")
        pcm = self.sound.get(known, bytes(32_000)) + bytes(9_600)

        async def audio() -> AsyncIterator[bytes]:
            for start in range(0, len(pcm), 6_400):
                yield pcm[start : start + 6_400]

        clock, heard = _Clock(), ""
        async with aclosing(cast("Any", recognizer.transcribe(audio(), Hints(language=known)))) as results:
            async for result in results:
                clock.piece()
                if isinstance(result, Final):
                    heard = result.text
        if not known:
            text = TEXTS.say(self.lang, "silence", text=heard)
        elif heard:
            text = TEXTS.say(self.lang, "heard", text=heard, said=SAID[known])
        else:
            text = TEXTS.say(self.lang, "heard_nothing")
        return Tried("asr", recognizer.name, True, text, clock.times)

    async def _think(self, model: LanguageModel) -> Tried:
        from aizuchi.ports import Message, Prompt, Token

        language = self.character.language if self.character.language in QUESTION else "en"
        prompt = Prompt(
            (Message("system", "Answer in one short sentence."), Message("user", QUESTION[language])),
            max_tokens=60,
        )
        clock, said = _Clock(), ""
        async with aclosing(cast("Any", model.think(prompt))) as pieces:
            async for piece in pieces:
                if isinstance(piece, Token):
                    clock.piece()
                    said += piece.text
        # The engine would take the emotions out, which characters write like [happy].
        said = " ".join(re.sub(r"\[\w+\]", "", said).split())
        if not said:
            return Tried("llm", model.name, False, TEXTS.say(self.lang, "empty"))
        shown = said if len(said) <= 60 else said[:59] + "…"
        return Tried("llm", model.name, True, TEXTS.say(self.lang, "thought", text=shown), clock.times)

    async def _detect(self, vad: Vad) -> Tried:
        quiet = bytes(32_000)
        speech = next(iter(self.sound.values()), b"")

        async def audio() -> AsyncIterator[bytes]:
            for pcm in (quiet, speech):
                for start in range(0, len(pcm), 640):
                    yield pcm[start : start + 640]

        clock, silent, loud, passed = _Clock(), 0.0, 0.0, 0
        async with aclosing(cast("Any", vad.scores(audio()))) as scores:
            async for score in scores:
                clock.piece()
                # What straddles the border counts for neither side.
                if passed + len(score.pcm) <= len(quiet):
                    silent = max(silent, score.probability)
                elif passed >= len(quiet):
                    loud = max(loud, score.probability)
                passed += len(score.pcm)
        ok = silent < 0.5 and (not speech or loud > silent)
        return Tried(
            "vad",
            vad.name,
            ok,
            TEXTS.say(self.lang, "vad" if ok else "vad_deaf", loud=loud, quiet=silent),
            clock.times,
        )

    async def _judge(self, model: TurnModel) -> Tried:
        pause = bytes(6_400)
        speech = next(iter(self.sound.values()), b"")
        clock = _Clock()
        whole = await model.finished(speech[: len(speech) - len(speech) % 2] + pause)
        clock.piece()
        if not speech:
            return Tried(
                "turn", model.name, True, TEXTS.say(self.lang, "turn_untried", whole=whole), clock.times
            )
        half = await model.finished(speech[: len(speech) // 4 * 2] + pause)
        text = TEXTS.say(self.lang, "turn", whole=whole, half=half)
        return Tried("turn", model.name, True, text, clock.times)

    def _language(self, provider: Provider) -> str:
        """The character's language if the provider knows it and we have a sentence, else one it knows."""
        wanted = self.character.language
        known = provider.languages
        if wanted in SAID and (known is None or wanted in known):
            return wanted
        return next((each for each in SAID if known is None or each in known), "en")


class _Clock:
    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._first: float | None = None

    def piece(self) -> None:
        if self._first is None:
            self._first = time.perf_counter()

    @property
    def times(self) -> tuple[int, int]:
        now = time.perf_counter()
        return round(((self._first or now) - self._began) * 1000), round((now - self._began) * 1000)


def _reason(error: ConfigError | ProviderError, chosen: Chosen, lang: Lang) -> str:
    """What is wrong; whose fault it is stands before it already."""
    text = error.zh if isinstance(error, ConfigError) and lang == "zh" else str(error)
    return text.removeprefix(f"{chosen.kind} {chosen.name}").lstrip(":： ")


def line(tried: Tried, lang: Lang) -> str:
    word = TEXTS.say(lang, "works" if tried.ok else "fails")
    text = f"  {tried.kind} {tried.name:<14}{word}  {tried.text}"
    if tried.times is not None:
        text += ("；" if lang == "zh" else "; ") + TEXTS.say(
            lang, "first", first=tried.times[0], total=tried.times[1]
        )
    return text
