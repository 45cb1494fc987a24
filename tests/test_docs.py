"""The code in the documentation is run, so that it works as it stands."""

from __future__ import annotations

import inspect
import re
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

from aizuchi import registry
from aizuchi.errors import ProviderError
from aizuchi.events import Sentence
from aizuchi.ports import Audio, Style, Voice, Word

DOCS = Path(__file__).parent.parent / "docs"


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of one language on a page."""
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def morse(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The page's two files as one module, its provider registered the way an installed package would be."""
    module = ModuleType("morse_voice")
    monkeypatch.setitem(sys.modules, "morse_voice", module)
    for code in blocks("adding-a-provider.md", "python"):
        exec(compile(code, "adding-a-provider.md", "exec"), vars(module))
    point = EntryPoint("morse", "morse_voice:MorseVoice", "aizuchi.tts")
    assert 'morse = "morse_voice:MorseVoice"' in blocks("adding-a-provider.md", "toml")[0]
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == "aizuchi.tts" else [])
    return module


async def test_the_pages_own_test_passes(morse: ModuleType):
    """What the page tells its reader to write."""
    tests = [each for name, each in vars(morse).items() if name.startswith("test_")]
    assert tests
    for test in tests:
        assert inspect.iscoroutinefunction(test)
        await test()


async def test_the_toy_voice_keeps_the_contract(morse: ModuleType):
    """Words have times and places, and what can't be spoken is refused for good."""
    voice = registry.load("tts", "morse")(morse.MorseVoice.Options(unit_ms=20))
    assert isinstance(voice, Voice)
    items = [item async for item in voice.say(Sentence(1, 0, "hello you", "hello you"), Style())]
    words = [item for item in items if isinstance(item, Word)]
    assert [(word.text, word.start) for word in words] == [("hello", 0), ("you", 6)]
    assert words[1].at_ms > words[0].ms
    assert all(len(item.pcm) % 2 == 0 for item in items if isinstance(item, Audio))
    with pytest.raises(ProviderError) as refused:
        [item async for item in voice.say(Sentence(1, 0, "你好", "你好"), Style())]
    assert not refused.value.retryable
