"""The embedded recogniser on real recordings."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path

import pytest
import pytest_asyncio

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.ports import Final, Hints, Partial
from aizuchi.providers.asr.pocketsphinx import PocketsphinxRecognizer
from tests.speech import WORDS, speech

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def recogniser() -> AsyncIterator[PocketsphinxRecognizer]:
    async with PocketsphinxRecognizer(
        PocketsphinxRecognizer.Options.model_validate({"workers": 1, "waiting": 1})
    ) as recogniser:
        yield recogniser


async def slices(sound: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(sound), size):
        yield sound[start : start + size]


async def hear(recogniser: PocketsphinxRecognizer, sound: bytes, size: int = 1024) -> list[Partial | Final]:
    async with asyncio.timeout(60), aclosing(recogniser.transcribe(slices(sound, size), Hints())) as results:
        return [result async for result in results]


def errors(said: str, heard: str) -> float:
    """Word error rate."""
    words, row = heard.split(), list(range(len(heard.split()) + 1))
    for number, word in enumerate(said.split(), 1):
        before, row[0] = row[0], number
        for column, other in enumerate(words, 1):
            before, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, before + (word != other)),
            )
    return row[-1] / len(said.split())


@pytest.mark.parametrize("size", [1023, 6400, 10**7])
async def test_a_real_command_is_exact(recogniser: PocketsphinxRecognizer, size: int):
    """In slices of any size, also odd ones and all at once: partials, then one final text, last."""
    results = await hear(recogniser, speech("go_forward_ten_meters.wav"), size)
    *partials, final = results
    assert isinstance(final, Final) and (final.text, final.language) == ("go forward ten meters", "en")
    assert final.confidence == pytest.approx(0.5, abs=0.3)
    assert all(isinstance(partial, Partial) and partial.text for partial in partials)
    assert len(partials) >= 3 and all(a != b for a, b in pairwise(partials))


async def test_an_utterance_leaves_no_trace(recogniser: PocketsphinxRecognizer):
    """What was heard before changes nothing: quiet, loud and foreign sound in between."""
    sound = speech("go_forward_ten_meters.wav")
    first = (await hear(recogniser, sound))[-1]
    await hear(recogniser, speech("librivox_austen_0870.wav")[:64_000])
    await hear(recogniser, bytes(64_000))
    again = (await hear(recogniser, sound))[-1]
    assert isinstance(again, Final) and isinstance(first, Final)
    assert again.text == first.text and again.confidence == pytest.approx(first.confidence, abs=0.02)


@pytest.mark.parametrize("at", [0.5, 1.0, 2.4])
async def test_a_pause_is_answered_with_the_newest_words(recogniser: PocketsphinxRecognizer, at: float):
    """Also before there is enough sound to know the channel; and it spoils nothing of what follows."""
    sound = speech("go_forward_ten_meters.wav")
    cut = round(at * 16_000) * 2
    told = asyncio.Event()
    at_pause: list[Partial | Final] = []

    async def paused() -> AsyncIterator[bytes]:
        async for piece in slices(sound[:cut], 1024):
            yield piece
        yield b""
        while not told.is_set():  # the provider looks at its answers when it is given more
            yield b""
            await asyncio.sleep(0.01)
        async for piece in slices(sound[cut:], 1024):
            yield piece

    results: list[Partial | Final] = []
    async with asyncio.timeout(60), aclosing(recogniser.transcribe(paused(), Hints())) as stream:
        async for result in stream:
            results.append(result)
            if not told.is_set() and len(results) > 1 and results[-2] == result:
                at_pause.append(result)  # said again though it is the same: an answer to the pause
                told.set()
    assert at_pause
    if at == 2.4:
        assert at_pause[0].text == "go forward ten meters"
    assert results[-1].text == "go forward ten meters"


async def test_a_pause_before_any_sound(recogniser: PocketsphinxRecognizer):
    """Nothing was said so far, which is an answer, too; half a sample is no pause."""

    async def paused() -> AsyncIterator[bytes]:
        yield b""
        yield b"\1"
        yield b""
        yield bytes(64)

    async with asyncio.timeout(60), aclosing(recogniser.transcribe(paused(), Hints())) as stream:
        results = [result async for result in stream]
    assert results == [Partial(""), Partial(""), Final("", "en")]


async def test_a_real_sentence_is_mostly_right(recogniser: PocketsphinxRecognizer):
    """A clear voice reading a long sentence comes out with at most four words in ten wrong."""
    name = "librivox_austen_0870.wav"
    final = (await hear(recogniser, speech(name)))[-1]
    said = WORDS[name].replace("mister", "mr")
    assert isinstance(final, Final) and errors(said, final.text) <= 0.4


@pytest.mark.parametrize("sound", [b"", b"\x01", bytes(100), bytes(32_000), b"\xff\x7f" * 8000])
async def test_no_speech(recogniser: PocketsphinxRecognizer, sound: bytes):
    """No sound, half a sample, silence, a stuck microphone: one final text, and the next is heard."""
    results = await hear(recogniser, sound)
    assert isinstance(results[-1], Final) and sum(isinstance(r, Final) for r in results) == 1
    if not any(sound):
        assert results[-1].text == "" and results[-1].confidence is None


async def test_an_abandoned_utterance_is_dropped_at_once(recogniser: PocketsphinxRecognizer):
    """Closing in the middle frees the process for the next one."""
    before = recogniser._pool.pids
    async with aclosing(recogniser.transcribe(slices(speech("jfk_16k.wav"), 1024), Hints())) as results:
        assert isinstance(await anext(results), Partial)
    final = (await hear(recogniser, speech("go_forward_ten_meters.wav")))[-1]
    assert isinstance(final, Final) and final.text == "go forward ten meters"
    assert recogniser._pool.pids == before


async def test_more_utterances_than_processes(recogniser: PocketsphinxRecognizer):
    """One is heard, one waits, a third is refused as busy."""
    sound = speech("go_forward_ten_meters.wav")
    gate = asyncio.Event()

    async def held() -> AsyncIterator[bytes]:
        yield sound
        await gate.wait()

    async def first() -> list[Partial | Final]:
        async with aclosing(recogniser.transcribe(held(), Hints())) as results:
            return [result async for result in results]

    async with asyncio.timeout(60), asyncio.TaskGroup() as tg:
        tasks = [tg.create_task(first()), tg.create_task(hear(recogniser, sound))]
        await asyncio.sleep(0)
        with pytest.raises(ProviderError, match="busy") as caught:
            await hear(recogniser, sound)
        assert caught.value.retryable
        gate.set()
    assert [task.result()[-1].text for task in tasks] == ["go forward ten meters"] * 2


async def test_a_grammar_hears_its_sentences_only():
    """A list of sentences: exact for what is in it, empty for what is not."""
    options = PocketsphinxRecognizer.Options.model_validate(
        {"grammar": ["Go forward ten meters!", "stop"], "workers": 1}
    )
    async with PocketsphinxRecognizer(options) as recogniser:
        assert recogniser.ready
        final = (await hear(recogniser, speech("go_forward_ten_meters.wav")))[-1]
        assert isinstance(final, Final) and final.text == "go forward ten meters"
        assert (await hear(recogniser, speech("librivox_austen_0870.wav")))[
            -1
        ].text != "go forward ten meters"


JSGF = "#JSGF V1.0;\ngrammar g;\npublic <move> = go (forward | back) ten meters;\n"


@pytest.mark.parametrize("where", ["text", "file"])
async def test_a_jsgf_grammar(where: str, tmp_path: Path):
    """As text or as a file."""
    path = tmp_path / "move.jsgf"
    path.write_text(JSGF, encoding="utf-8")
    options = PocketsphinxRecognizer.Options.model_validate(
        {"grammar": JSGF if where == "text" else str(path), "workers": 1}
    )
    async with PocketsphinxRecognizer(options) as recogniser:
        assert (await hear(recogniser, speech("go_forward_ten_meters.wav")))[
            -1
        ].text == "go forward ten meters"


@pytest.mark.parametrize(
    ("grammar", "word"),
    [
        (["say xyzzyq"], "xyzzyq"),
        (["你好"], "English"),
        ("nowhere.jsgf", "no file"),
        ("#JSGF V1.0; rubbish", "grammar"),
    ],
)
async def test_a_wrong_grammar_is_a_configuration_error(grammar: list[str] | str, word: str):
    """It is said at start-up, in one sentence, and leaves no process."""
    recogniser = PocketsphinxRecognizer(
        PocketsphinxRecognizer.Options.model_validate({"grammar": grammar, "workers": 1})
    )
    with pytest.raises(ConfigError, match=word):
        await recogniser.__aenter__()
    assert not recogniser.ready


async def test_the_library_stays_out_of_the_server(recogniser: PocketsphinxRecognizer):
    """It would hold Python's lock for tens of milliseconds at a time."""
    await hear(recogniser, bytes(3200))
    assert "pocketsphinx" not in sys.modules
