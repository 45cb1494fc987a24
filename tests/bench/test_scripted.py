"""The recogniser that knows what is said: never a word too early, never one too few."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from marks import marked
from scripted import ScriptedRecognizer, words_within

from aizuchi.ports import Final, Hints, Partial

WORDS = [(0.0, 300.0, "turn"), (300.0, 500.0, "it"), (1500.0, 1900.0, "off")]


@pytest.mark.parametrize(
    "first, last, words",
    [
        (0, 290, []),
        (0, 300, ["turn"]),
        (0, 1490, ["turn", "it"]),
        (0, 1900, ["turn", "it", "off"]),
        (400, 1900, ["off"]),
    ],
)
def test_words_are_those_whose_end_has_passed(first: float, last: float, words: list[str]):
    """A word that is being said, or whose beginning was not heard, is not there."""
    assert words_within(WORDS, first, last) == words


async def recognised(folder: Path, language: str, pieces: list[bytes]) -> list[Partial | Final]:
    script = folder / "script.json"
    script.write_text(json.dumps({"5": {"language": language, "words": WORDS}}))
    recognizer = ScriptedRecognizer(ScriptedRecognizer.Options.model_validate({"script": script}))

    async def audio() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return [each async for each in recognizer.transcribe(audio(), Hints())]


async def test_text_grows_with_the_sound(tmp_path: Path):
    """Each partial text is the whole so far, and the final one the last of them."""
    pcm = marked(np.zeros(32_000, np.int16), 5).tobytes()
    said = await recognised(tmp_path, "en", [pcm[at : at + 640] for at in range(0, len(pcm), 640)])
    assert [each.text for each in said] == ["turn", "turn it", "turn it off", "turn it off"]
    assert said[-1] == Final("turn it off", "en")


async def test_at_a_pause_the_newest_words_are_told_again(tmp_path: Path):
    """An empty slice says that the speaker pauses; whoever sent it waits for the words."""
    pcm = marked(np.zeros(32_000, np.int16), 5).tobytes()
    said = await recognised(tmp_path, "en", [pcm[:19_200], b"", pcm[19_200:]])
    assert [each.text for each in said] == ["turn it", "turn it", "turn it off", "turn it off"]


async def test_chinese_is_joined_without_spaces(tmp_path: Path):
    """As it is written."""
    said = await recognised(tmp_path, "zh", [marked(np.zeros(32_000, np.int16), 5).tobytes()])
    assert said[-1].text == "turnitoff"


async def test_noise_has_no_words(tmp_path: Path):
    """A cough is an utterance without text."""
    noise = np.random.default_rng(1).normal(0, 3000, 16_000).astype("<i2").tobytes()
    assert await recognised(tmp_path, "en", [noise]) == [Final("")]
