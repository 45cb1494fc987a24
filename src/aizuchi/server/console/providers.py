"""Which providers serve each stage, in what order, and how they are; of the process that answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from aizuchi.ports import Provider
from aizuchi.server import tongues
from aizuchi.server.console.ports import Lang
from aizuchi.server.logs import scrub_text

if TYPE_CHECKING:
    from aizuchi.server.house import House

CHAINS: Final = ("asr", "llm", "tts")
STAGES: Final = ("vad", "asr", "turn", "llm", "tts")


def found(house: House, stage: str, index: int) -> Provider | None:
    """The provider at a place of a stage."""
    rows = dict(_all(house))
    providers = rows.get(stage, ())
    return providers[index] if 0 <= index < len(providers) else None


def _all(house: House) -> Iterator[tuple[str, tuple[Provider, ...]]]:
    parts = house.parts
    yield "vad", (parts.vad,)
    yield "asr", tuple(parts.asr.providers)
    yield "turn", () if parts.turn is None else (parts.turn,)
    yield "llm", tuple(parts.llm.providers)
    yield "tts", tuple(parts.tts.providers)


def listed(house: House, lang: Lang) -> list[dict[str, Any]]:
    """One row a provider, in the order of the pipeline and of the fallbacks."""
    return [
        _row(house, stage, index, provider, lang)
        for stage, providers in _all(house)
        for index, provider in enumerate(providers)
    ]


def _row(house: House, stage: str, index: int, provider: Provider, lang: Lang) -> dict[str, Any]:
    languages = provider.languages
    row: dict[str, Any] = {
        "stage": stage,
        "index": index,
        "name": provider.name,
        # A model may be called by what should have been its key.
        "about": scrub_text(tongues.about(provider.about, lang)),
        "ready": provider.ready,
        "embedded": provider.embedded,
        "local": provider.local,
        "languages": None if languages is None else sorted(languages),
        "spoken": tongues.spoken(languages, lang) if stage in ("asr", "tts") else "",
        "paused": 0.0,
        "allowed": True,
    }
    if stage in CHAINS:
        chain: Any = getattr(house.parts, stage)
        row |= {"paused": round(chain.paused(provider), 1), "allowed": chain.allowed(provider)}
    return row
