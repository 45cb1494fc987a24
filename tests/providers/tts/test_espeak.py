"""The embedded voice: sound, words and mouth shapes, in several languages and for odd texts."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest
import pytest_asyncio
import soxr

from aizuchi.emotions import EMOTIONS
from aizuchi.errors import ConfigError, ProviderError
from aizuchi.events import Sentence
from aizuchi.ports import Audio, Final, Hints, Phoneme, Style, Word
from aizuchi.providers.asr.pocketsphinx import PocketsphinxRecognizer
from aizuchi.providers.tts import espeak
from aizuchi.providers.tts.espeak import LONGEST, RATE, EspeakVoice
from aizuchi.visemes import VISEMES
from tests import needed


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def voice() -> AsyncIterator[EspeakVoice]:
    async with EspeakVoice(EspeakVoice.Options.model_validate({})) as voice:
        yield voice


pytestmark = pytest.mark.asyncio(loop_scope="module")

Said = tuple[bytes, list[Word], list[Phoneme]]


async def say(
    voice: EspeakVoice, text: str, language: str = "en", style: Style | None = None, emotion: str = ""
) -> Said:
    sound, words, shapes = bytearray(), [], []
    async with (
        asyncio.timeout(30),
        aclosing(voice.say(Sentence(1, 0, text, text, language, emotion=emotion), style or Style())) as said,
    ):
        async for item in said:
            match item:
                case Audio(pcm=pcm, rate=rate):
                    assert rate == RATE and pcm
                    sound += pcm
                case Word():
                    words.append(item)
                case Phoneme():
                    shapes.append(item)
    return bytes(sound), words, sorted(shapes, key=lambda p: p.at_ms)


def loudness(pcm: bytes) -> float:
    return float(np.sqrt(np.mean(np.frombuffer(pcm, "<i2").astype(float) ** 2))) if pcm else 0.0


def spoken(words: list[Word]) -> list[str]:
    return [word.text for word in words]


async def test_english(voice: EspeakVoice):
    """Words stand where they are in the text and in the sound; shapes cover the whole without gaps."""
    text = "Hello world, how are you today?"
    sound, words, shapes = await say(voice, text)
    length = len(sound) / 2 / RATE * 1000
    assert 1500 < length < 3000 and loudness(sound) > 500
    assert spoken(words) == ["Hello", "world", "how", "are", "you", "today"]
    assert all(text[word.start :].startswith(word.text) for word in words)
    assert all(a.at_ms + a.ms <= b.at_ms for a, b in pairwise(words))
    assert words[-1].at_ms + words[-1].ms < length
    place = 0
    for shape in shapes:
        assert shape.at_ms == place and shape.viseme in VISEMES
        place += shape.ms
    assert abs(place - length) <= 1 and shapes[-1].viseme == "sil"
    assert {"oh", "ou", "E", "nn"} <= {shape.viseme for shape in shapes}


async def test_the_sound_at_a_words_time_is_that_word(voice: EspeakVoice):
    """A pause between two sentences is silent where the words' times say so."""
    sound, words, _ = await say(voice, "Yes. No.")
    gap = words[0].at_ms + words[0].ms, words[1].at_ms
    assert gap[1] - gap[0] > 50
    inside = [round(ms * RATE / 1000) * 2 for ms in (gap[0] + 10, gap[1] - 10)]
    assert loudness(sound[inside[0] : inside[1]]) < 100 < loudness(sound[: inside[0]])


async def test_chinese(voice: EspeakVoice):
    """Han is spoken as Chinese: the lips close for m and p, and what espeak leaves out joins its word."""
    _, words, shapes = await say(voice, "妈妈跑步，我喜欢 Python。", "zh")
    assert "".join(spoken(words)).replace(" ", "") == "妈妈跑步我喜欢Python"
    assert "PP" in {shape.viseme for shape in shapes}


async def test_korean_and_german(voice: EspeakVoice):
    """Other languages go by espeak's own voices."""
    assert spoken((await say(voice, "안녕하세요 여러분", "ko"))[1]) == ["안녕하세요", "여러분"]
    assert spoken((await say(voice, "Schöne Grüße", "de-AT"))[1]) == ["Schöne", "Grüße"]


async def test_japanese(voice: EspeakVoice):
    """Kanji are read, phrase by phrase, and stand where they are in the text."""
    needed.module("sudachipy")
    text = "今日は学校へ行きます。Python が好き"
    _, words, shapes = await say(voice, text, "ja")
    assert spoken(words) == ["今日は", "学校へ", "行きます", "Python", "が", "好き"]
    assert all(text[word.start :].startswith(word.text) for word in words)
    # きょうわ ends with the lips of w and the open a; spelled as は it would not.
    first = [s.viseme for s in shapes if words[0].at_ms <= s.at_ms < words[1].at_ms]
    assert first[-2:] == ["ou", "aa"]


async def test_japanese_without_its_dictionary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The reason is told, not retried; other languages go on."""
    (tmp_path / "sudachipy.py").write_text("raise ImportError('not here')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    async with EspeakVoice(EspeakVoice.Options.model_validate({})) as voice:
        with pytest.raises(ProviderError, match=r"aizuchi\[ja\]") as caught:
            await say(voice, "今日は", "ja")
        assert not caught.value.retryable
        assert spoken((await say(voice, "hello"))[1]) == ["hello"]


async def test_mixed_scripts(voice: EspeakVoice):
    """Han in an English sentence is spoken, not spelled out as "Chinese letter"."""
    alone, _, _ = await say(voice, "你好", "zh")
    _, words, _ = await say(voice, "I said 你好 to them", "en")
    assert spoken(words) == ["I", "said", "你好", "to", "them"]
    assert words[2].ms < len(alone) / 2 / RATE * 1000


@pytest.mark.parametrize("text", ["", "   ", "...", "😀", "👩‍👩‍👧‍👦 🇯🇵", "\ud800", "\x00\x07", "、。"])
async def test_nothing_to_say_is_a_short_rest(voice: EspeakVoice, text: str):
    """Emoji, controls and lone marks give a moment of silence, no error."""
    sound, words, shapes = await say(voice, text)
    assert 100 < len(sound) / 2 / RATE * 1000 < 500 and loudness(sound) == 0
    assert not words and {s.viseme for s in shapes} == {"sil"}


@pytest.mark.parametrize(
    "text",
    [
        "<speak><break time='10s'/>hello</speak>",
        "a & b < c > d &amp; &#12;",
        "[[hh@l'oU]] \\n %s {x}",
        "null\x00byte \x1b[31mred",
        "e\u0301\u0301\u0301 \u202e tfel",
        "½ × ∞ ≠ ©®™ °C",
    ],
)
async def test_markup_and_odd_characters(voice: EspeakVoice, text: str):
    """Nothing is taken for a command; it is spoken or passed over."""
    sound, _, _ = await say(voice, text)
    assert 0.2 < len(sound) / 2 / RATE < 12


async def test_ten_thousand_characters(voice: EspeakVoice):
    """They are spoken; positions stay right to the end."""
    text = "word number one, and so on. " * 360
    sound, words, _ = await say(voice, text)
    assert len(sound) / 2 / RATE > 500
    assert len(words) == 6 * 360 and all(text[w.start :].startswith(w.text) for w in words)


async def test_too_long(voice: EspeakVoice):
    """A text beyond all measure is refused."""
    with pytest.raises(ProviderError) as caught:
        await say(voice, "x" * (LONGEST + 1))
    assert not caught.value.retryable


async def test_an_abandoned_sentence_holds_nobody_up(voice: EspeakVoice):
    """Listeners who stopped taking, or left, cost the next sentence nothing: the process goes on."""
    before = voice._pool.pids
    long = Sentence(1, 0, "on and on. " * 1000, "", "en")
    async with aclosing(voice.say(long, Style())) as paused:
        assert await anext(paused)
        for _ in range(40):
            async with aclosing(voice.say(long, Style())) as left:
                assert await anext(left)
        assert spoken((await say(voice, "hello"))[1]) == ["hello"]
        assert await anext(paused)
    assert voice._pool.pids == before
    assert psutil.Process(before[0]).memory_info().rss < 400e6


async def test_style(voice: EspeakVoice):
    """Speed, pitch and the character's own voice are heard."""
    usual, _, _ = await say(voice, "good morning to you all")
    fast, _, _ = await say(voice, "good morning to you all", style=Style(speed=1.5))
    high, _, _ = await say(voice, "good morning to you all", style=Style(pitch=1.8))
    other, _, _ = await say(voice, "good morning to you all", style=Style(voices={"espeak": "en-gb+f3"}))
    assert len(fast) < 0.85 * len(usual)
    assert len({usual, high, other}) == 3


async def test_feelings(voice: EspeakVoice):
    """A feeling changes how it is said, by our table or the character's own; every word is one of ours."""
    assert set(espeak.EMOTIONS) <= set(EMOTIONS) and set(espeak.EMOTIONS.values()) == EspeakVoice.words
    text = "good morning to you all"
    style = Style(emotions={"espeak": {"happy": "low", "sad": ""}})
    usual, _, _ = await say(voice, text)
    happy, _, _ = await say(voice, text, emotion="happy")
    sad, _, _ = await say(voice, text, emotion="sad")
    assert len(happy) < len(usual) < len(sad)
    own = [(await say(voice, text, style=style, emotion=each))[0] for each in ("happy", "sad", "neutral")]
    # There is a little chance in how long it takes.
    assert [len(each) for each in own] == pytest.approx([len(sad), len(usual), len(usual)], rel=0.04)


async def test_every_language_has_its_voice(voice: EspeakVoice):
    """Each language it names is one that the library has."""
    for language in sorted(voice.languages - {"ja"}):
        assert (await say(voice, "1 2", language))[0], language


@pytest.mark.parametrize("name", ["../../etc/passwd", "zz-none", "en-us+nobody", "en-us+../f1", "en us", ""])
async def test_a_voice_that_is_none(voice: EspeakVoice, name: str):
    """An unknown voice is said; an empty one is the usual."""
    if name == "":
        assert (await say(voice, "hello", style=Style(voices={"espeak": ""})))[0]
        return
    with pytest.raises(ProviderError) as caught:
        await say(voice, "hello", style=Style(voices={"espeak": name}))
    assert not caught.value.retryable


async def test_an_unknown_language(voice: EspeakVoice):
    """It is said, not guessed."""
    with pytest.raises(ProviderError, match="xx"):
        await say(voice, "hello", "xx")


async def test_options_are_checked():
    """A voice's name in the settings must look like one."""
    with pytest.raises(ConfigError):
        EspeakVoice(EspeakVoice.Options.model_validate({"voices": {"en": "../x"}}))


async def test_the_library_stays_out_of_the_server(voice: EspeakVoice):
    """espeak-ng is GPL: it is loaded in the worker process and nowhere else."""
    await say(voice, "hello")
    assert "espeakng_loader" not in sys.modules
    assert "aizuchi.providers.crafts.espeak_library" not in sys.modules


async def test_what_it_says_can_be_understood(voice: EspeakVoice):
    """Its sentences, heard by the embedded recogniser with a grammar, come back exactly."""
    sentences = ["go forward ten meters", "what time is it", "turn the light off", "stop", "tell me a story"]
    options = PocketsphinxRecognizer.Options.model_validate({"grammar": sentences, "workers": 1})
    async with PocketsphinxRecognizer(options) as recogniser:
        for sentence in sentences:
            pcm, _, _ = await say(voice, sentence)
            heard = soxr.resample(np.frombuffer(pcm, "<i2"), RATE, 16_000).astype("<i2").tobytes()

            async def audio(sound: bytes = heard) -> AsyncIterator[bytes]:
                yield bytes(6400) + sound + bytes(6400)

            results = [item async for item in recogniser.transcribe(audio(), Hints())]
            assert isinstance(results[-1], Final) and results[-1].text == sentence
