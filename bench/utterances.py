"""What people say, with pauses in it: true words and their times, cut-in silences at seeded places.

Two sources. The embedded voice reads our sentences, whose word times it tells. Recordings, where the folder
is there, bear the times of their words by estimate: voiced time in proportion to the words' lengths, each
border moved to the quietest spot near by. Either way a silence is cut in where a word ends, so the words
before it are exactly those that were said.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from marks import marked
from speech import RATE, VOICED_DB

from aizuchi.audio import Resampler, read_wav
from aizuchi.events import Sentence
from aizuchi.ports import Audio, Style, Word
from aizuchi.providers.tts.espeak import RATE as ESPEAK_RATE
from aizuchi.providers.tts.espeak import EspeakVoice

ROOT: Final = Path(__file__).resolve().parents[1]
SENTENCES: Final = {
    "en": (
        "I would like to book a table for two people tomorrow evening",
        "could you tell me when the last train to the airport leaves",
        "my sister is looking for a small flat near the river",
        "please remind me to call the dentist before lunch",
        "yesterday I read a story about an old man and the sea",
        "turn down the heating and open the window a little",
    ),
    "zh": (
        "我想问一下明天下午去上海的高铁还有没有座位",
        "请帮我订一张靠窗的桌子我们一共三个人",
        "昨天我在图书馆看到一本很有意思的书",
        "你觉得周末带孩子去动物园好不好",
        "把客厅的灯关掉然后放一点轻音乐",
        "我妈妈下个星期要来北京看我",
    ),
    "ja": (
        "明日の午後に東京駅まで行きたいんですがどの電車に乗ればいいですか",
        "週末に友達と海へ行こうと思っています",
        "この近くに安くて美味しい店はありますか",
        "昨日買った本はまだ半分しか読んでいません",
        "窓を少し開けて静かな音楽をかけてください",
        "妹は来月から大阪で働くことになりました",
    ),
}
RECORDED: Final = (
    ("en", "go_forward_ten_meters.wav", "go forward ten meters"),
    (
        "en",
        "librivox_austen_0870.wav",
        "and mister john dashwood had then leisure to consider how much there might be prudently "
        "in his power to do for them",
    ),
    (
        "en",
        "en_sentence.wav",
        "the tribal chieftain called for the boy and presented him with fifty pieces of gold",
    ),
    ("zh", "zh_sentence.wav", "开饭 时间 早上 九点 至 下午 五点"),
    (
        "ja",
        "ja_sentence.wav",
        "うちの 中学は 弁当制で 持っていけない 場合は 五十円の 学校販売の パンを 買う",
    ),
)
STEP: Final = RATE // 100
FADE: Final = RATE // 200
NOISE_DB: Final = -60.0
TAIL_MS: Final = 60
"""Marked quiet after the last word, so that its end is told, too."""


@dataclass(frozen=True)
class Utterance:
    language: str
    samples: np.ndarray
    """16 kHz; the first and the last are voiced."""
    words: tuple[tuple[float, float, str], ...]
    """(begin ms, end ms, text)."""
    source: str
    pauses: tuple[int, ...] = ()
    """The cut-in silences, ms."""

    @property
    def ms(self) -> float:
        return len(self.samples) * 1000 / RATE


def level(samples: np.ndarray) -> np.ndarray:
    """RMS of each 10 ms."""
    blocks = samples[: len(samples) // STEP * STEP].reshape(-1, STEP).astype(np.float64)
    return np.sqrt((blocks**2).mean(axis=1))


def trimmed(utterance: Utterance) -> Utterance:
    """Without what is quiet at both ends; see `speech.VOICED_DB` for how strictly."""
    loud = level(utterance.samples)
    voiced = np.flatnonzero(loud >= loud.max() * 10 ** (-VOICED_DB / 20))
    begin, end = int(voiced[0]) * STEP, (int(voiced[-1]) + 1) * STEP
    shift, length = begin * 1000 / RATE, (end - begin) * 1000 / RATE
    words = [
        (min(max(0.0, first - shift), length), min(max(0.0, last - shift), length), text)
        for first, last, text in utterance.words
    ]
    return replace(utterance, samples=utterance.samples[begin:end], words=tuple(words))


def estimated(samples: np.ndarray, words: Sequence[str]) -> tuple[tuple[float, float, str], ...]:
    """Word times of a recording without any: by length over voiced time, borders at the quietest spot."""
    loud = level(samples)
    voiced = np.cumsum(loud >= loud.max() * 10 ** (-25 / 20))
    lengths = np.cumsum([len(word) + 1 for word in words])
    borders = [0]
    for share in lengths[:-1] / lengths[-1]:
        near = int(np.searchsorted(voiced, share * voiced[-1]))
        first = max(borders[-1] + 5, near - 8)
        window = loud[first : near + 9]
        borders.append(first + int(np.argmin(window)) if len(window) else near)
    borders.append(len(loud))
    return tuple((borders[place] * 10.0, borders[place + 1] * 10.0, word) for place, word in enumerate(words))


def noise(count: int, source: random.Random) -> np.ndarray:
    made = np.random.default_rng(source.getrandbits(32)).normal(0, 32768 * 10 ** (NOISE_DB / 20), count)
    return made.astype(np.int16)


def with_pauses(
    utterance: Utterance, source: random.Random, shortest_ms: int, longest_ms: int, count: int
) -> Utterance:
    """The same with silences cut in after `count` of its words, never after the last."""
    places = sorted(source.sample(range(len(utterance.words) - 1), min(count, len(utterance.words) - 1)))
    pieces: list[np.ndarray] = []
    words: list[tuple[float, float, str]] = []
    done, shift, lengths = 0, 0.0, list[int]()
    for number, (begin, end, text) in enumerate(utterance.words):
        words.append((begin + shift, end + shift, text))
        if number in places:
            ms = source.randint(shortest_ms, longest_ms)
            cut = round(end * RATE / 1000)
            pieces += [faded(utterance.samples[done:cut]), noise(ms * RATE // 1000, source)]
            done, shift = cut, shift + ms
            lengths.append(ms)
    pieces.append(faded(utterance.samples[done:]))
    return replace(utterance, samples=np.concatenate(pieces), words=tuple(words), pauses=tuple(lengths))


def faded(samples: np.ndarray) -> np.ndarray:
    """5 ms in and out, so that a cut does not click."""
    if len(samples) < 2 * FADE:
        return samples
    sound = samples.astype(np.float64)
    slope = np.linspace(0, 1, FADE)
    sound[:FADE] *= slope
    sound[-FADE:] *= slope[::-1]
    return sound.astype(np.int16)


def frames(utterance: Utterance, identity: int, source: random.Random) -> bytes:
    """What a microphone hears of it, marked, with a little quiet at its end."""
    tail = noise(TAIL_MS * RATE // 1000, source)
    return marked(np.concatenate([utterance.samples, tail]), identity).astype("<i2").tobytes()


async def synthesised(sentences: Sequence[tuple[str, str]], speed: float = 1.2) -> list[Utterance]:
    """(language, text) read by the embedded voice. Raises ConfigError where it can't be loaded."""
    told: list[Utterance] = []
    async with EspeakVoice(EspeakVoice.Options.model_validate({})) as voice:
        for language, text in sentences:
            resampler, pcm = Resampler(ESPEAK_RATE, RATE, "HQ"), b""
            words: list[tuple[float, float, str]] = []
            async for item in voice.say(Sentence(1, 0, text, text, language), Style(speed=speed)):
                if isinstance(item, Audio):
                    pcm += resampler.push(item.pcm)
                elif isinstance(item, Word):
                    words.append((item.at_ms, item.at_ms + item.ms, item.text))
            samples = np.frombuffer(pcm + resampler.flush(), "<i2")
            told.append(trimmed(Utterance(language, samples, tuple(words), "synthesised")))
    return told


def recorded() -> list[Utterance]:
    """The recordings, where they are."""
    folder = Path(os.environ.get("AIZUCHI_SPEECH_DIR") or ROOT.parent / "shared" / "audio")
    told: list[Utterance] = []
    for language, name, text in RECORDED:
        if (folder / name).is_file():
            samples = np.frombuffer(read_wav(folder / name, RATE)[0], "<i2")
            whole = trimmed(Utterance(language, samples, (), name))
            told.append(replace(whole, words=estimated(whole.samples, text.split())))
    return told
