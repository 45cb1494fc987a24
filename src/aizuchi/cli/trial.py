"""Trying providers for real: a word is spoken, the same word is heard, a thought is thought."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.server import trials
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
            async with asyncio.timeout(trials.TRY):
                return await self._use(chosen.kind, provider)
        except TimeoutError:
            return Tried(chosen.kind, chosen.name, False, TEXTS.say(self.lang, "slow", limit=trials.TRY))
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

        language = trials.language_for(self.character.language, voice.languages)
        done = await trials.speak(voice, trials.SAID[language], language, self.character.style)
        if not done.pcm:
            return Tried("tts", voice.name, False, TEXTS.say(self.lang, "mute"))
        if language not in self.sound and voice.name != "tone":
            resampler = Resampler(done.rate, 16_000)
            self.sound[language] = resampler.push(done.pcm) + resampler.flush()
        seconds = len(done.pcm) / 2 / done.rate
        text = TEXTS.say(self.lang, "spoke", seconds=seconds, rate=done.rate)
        return Tried("tts", voice.name, True, text, _times(done))

    async def _hear(self, recognizer: Recognizer) -> Tried:
        language = trials.language_for(self.character.language, recognizer.languages)
        known = language if language in self.sound else next(iter(self.sound), "")
        done = await trials.hear(recognizer, self.sound.get(known, bytes(32_000)), known)
        if not known:
            text = TEXTS.say(self.lang, "silence", text=done.text)
        elif done.text:
            text = TEXTS.say(self.lang, "heard", text=done.text, said=trials.SAID[known])
        else:
            text = TEXTS.say(self.lang, "heard_nothing")
        return Tried("asr", recognizer.name, True, text, _times(done))

    async def _think(self, model: LanguageModel) -> Tried:
        language = self.character.language if self.character.language in trials.QUESTION else "en"
        done = await trials.think(model, trials.QUESTION[language])
        if not done.text:
            return Tried("llm", model.name, False, TEXTS.say(self.lang, "empty"))
        shown = done.text if len(done.text) <= 60 else done.text[:59] + "…"
        return Tried("llm", model.name, True, TEXTS.say(self.lang, "thought", text=shown), _times(done))

    async def _detect(self, vad: Vad) -> Tried:
        speech = next(iter(self.sound.values()), b"")
        done = await trials.detect(vad, speech)
        ok = done.silent < 0.5 and (not speech or done.loud > done.silent)
        text = TEXTS.say(self.lang, "vad" if ok else "vad_deaf", loud=done.loud, quiet=done.silent)
        return Tried("vad", vad.name, ok, text, _times(done))

    async def _judge(self, model: TurnModel) -> Tried:
        speech = next(iter(self.sound.values()), b"")
        done = await trials.judge(model, speech)
        text = TEXTS.say(self.lang, "turn" if speech else "turn_untried", whole=done.loud, half=done.silent)
        return Tried("turn", model.name, True, text, _times(done))


def _times(done: trials.Outcome) -> tuple[int, int]:
    return done.first_ms, done.total_ms


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
