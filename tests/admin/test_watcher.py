"""The task that looks, and what it says."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from aizuchi.admin.cast import Cast, News
from aizuchi.admin.watcher import Watcher, said
from aizuchi.characters import load


def put(folder: Path, name: str, display_name: str) -> None:
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "prompt.md").write_text("You are somebody.", encoding="utf-8")
    (folder / name / "character.yaml").write_text(f"display_name: {display_name}", encoding="utf-8")


async def test_it_takes_what_it_finds(tmp_path: Path):
    """A new folder is there after two looks, and whoever wants them is told; switched off it is not seen."""
    put(tmp_path, "aizu", "Aizu")
    cast, taken, on = Cast(load), asyncio.Event(), [False]
    cast.refresh([tmp_path], keep="aizu")
    watcher = Watcher(cast, lambda: ([tmp_path], "aizu") if on[0] else None, taken.set, every=0.001)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(watcher.run())
        put(tmp_path, "bo", "Bo")
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert not taken.is_set()
        on[0] = True
        async with asyncio.timeout(30):
            await taken.wait()
        assert list(cast.characters) == ["aizu", "bo"]
        running.cancel()


@pytest.mark.parametrize(
    ("news", "words"),
    [
        (News("bo", "new"), "bo is new"),
        (News("bo", "changed"), "bo has changed"),
        (News("bo", "mended"), "in order again"),
        (News("bo", "broken", "character.yaml:2: no", kept=True), "as it was, since its files are not right"),
        (News("bo", "broken", "character.yaml:2: no"), "bo is left out: character.yaml:2: no"),
        (News("bo", "gone", "it is gone", kept=True), "the default one, but it is gone"),
        (News("bo", "gone"), "bo is gone; running conversations keep it"),
    ],
)
def test_each_is_said_in_one_line(news: News, words: str):
    """What has become of a character, in plain words."""
    assert words in said(news)


@pytest.mark.parametrize("loud", [True, False])
def test_one_of_several_processes_speaks(caplog: pytest.LogCaptureFixture, loud: bool):
    """What is wrong is a warning, the rest is told by the way; the other processes keep still."""
    watcher = Watcher(Cast(load), lambda: None, lambda: None, loud=loud)
    with caplog.at_level(logging.INFO):
        watcher.tell([News("bo", "new"), News("cy", "broken", "character.yaml:1: no")])
    levels = [record.levelname for record in caplog.records]
    assert levels == (["INFO", "WARNING"] if loud else [])
