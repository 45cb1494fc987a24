"""Name -> provider class, through entry points; imports only what is chosen.

Five kinds (`vad`, `asr`, `turn`, `llm`, `tts`), one entry point group each (`aizuchi.vad`, ...). Our own
providers also stand in `BUILTIN`, so that a source tree that was never installed finds them too, and so
that nobody else's package can take their names. A third party's provider that can't be loaded is
reported where it was asked for and left out of listings; it never keeps the server from starting as
long as another provider is there.
"""

from __future__ import annotations

import difflib
import importlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Final, Literal

from aizuchi.errors import ConfigError
from aizuchi.ports import LanguageModel, Provider, Recognizer, TurnModel, Vad, Voice

log = logging.getLogger(__name__)

Kind = Literal["vad", "asr", "turn", "llm", "tts"]
KINDS: Final[tuple[Kind, ...]] = ("vad", "asr", "turn", "llm", "tts")

PORTS: Final[dict[Kind, type[Provider]]] = {
    "vad": Vad,
    "asr": Recognizer,
    "turn": TurnModel,
    "llm": LanguageModel,
    "tts": Voice,
}

BUILTIN: Final[dict[Kind, dict[str, str]]] = {
    "vad": {
        "silero": "aizuchi.providers.vad.silero:SileroVad",
        "energy": "aizuchi.providers.vad.energy:EnergyVad",
    },
    "asr": {
        "pocketsphinx": "aizuchi.providers.asr.pocketsphinx:PocketsphinxRecognizer",
        "openai": "aizuchi.providers.asr.openai:OpenAIRecognizer",
        "sherpa": "aizuchi.providers.asr.sherpa:SherpaRecognizer",
        "volcengine": "aizuchi.providers.asr.volcengine:VolcengineRecognizer",
    },
    "turn": {
        "smart_turn": "aizuchi.providers.turn.smart_turn:SmartTurnModel",
    },
    "llm": {
        "openai": "aizuchi.providers.llm.openai:OpenAIModel",
        "doubao": "aizuchi.providers.llm.doubao:DoubaoModel",
        "glm": "aizuchi.providers.llm.glm:GlmModel",
        "script": "aizuchi.providers.llm.script:ScriptModel",
    },
    "tts": {
        "espeak": "aizuchi.providers.tts.espeak:EspeakVoice",
        "openai": "aizuchi.providers.tts.openai:OpenAIVoice",
        "cosyvoice": "aizuchi.providers.tts.cosyvoice:CosyVoice",
        "qwen_tts": "aizuchi.providers.tts.qwen_tts:QwenTts",
        "minimax": "aizuchi.providers.tts.minimax:MiniMaxVoice",
        "genie": "aizuchi.providers.tts.genie:GenieVoice",
        "tone": "aizuchi.providers.tts.tone:ToneVoice",
    },
}
"""The same as the entry points in `pyproject.toml`; a test compares them."""


class Broken(ConfigError):
    """A provider is known by name and can't be loaded: a package is missing, or it is no provider."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a listing: a loaded class, or why there is none."""

    kind: Kind
    name: str
    provider: type[Provider] | None
    reason: str = ""


def targets(kind: Kind) -> dict[str, str]:
    """Every known name of a kind -> "module:Class", our own first, then third parties by name."""
    known = dict(BUILTIN[kind])
    for point in sorted(entry_points(group=f"aizuchi.{kind}"), key=lambda point: point.name):
        if point.name in known:
            if point.value != known[point.name]:
                log.warning("%s %r of %s is left out: the name is taken", kind, point.name, point.value)
            continue
        known[point.name] = point.value
    return known


def load(kind: Kind, name: str) -> type[Provider]:
    """The class behind a name.

    Raises ConfigError for an unknown name (with the nearest known one), `Broken` for one that can't be
    loaded.
    """
    # Ours need no look at every installed package, which takes milliseconds.
    known = BUILTIN[kind] if name in BUILTIN[kind] else targets(kind)
    if name not in known:
        raise ConfigError(f'{kind} "{name}" is unknown; {suggest(name, known)}')
    return _import(kind, name, known[name])


def listing(kind: Kind) -> Iterator[Listed]:
    """All providers of a kind, loaded one by one; the broken ones with their reason."""
    for name, target in targets(kind).items():
        try:
            yield Listed(kind, name, _import(kind, name, target))
        except Broken as error:
            yield Listed(kind, name, None, str(error))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that a typing error most likely meant, None if nothing is near."""
    words = list(known)
    folded = {each.casefold().replace("-", "_"): each for each in words}
    found = difflib.get_close_matches(word.casefold().replace("-", "_"), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def suggest(word: str, known: Iterable[str]) -> str:
    """Half a sentence that leads from a wrong word to a right one."""
    words = list(known)
    near = nearest(word, words)
    choice = ", ".join(words)
    return f'did you mean "{near}"? There are: {choice}' if near else f"there are: {choice}"


def _import(kind: Kind, name: str, target: str) -> type[Provider]:
    module_name, _, attribute = target.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), attribute.split(" ")[0])
    except Exception as error:  # the loading of a plugin: whatever its author did must not stop us
        log.debug("loading %s %r failed", kind, name, exc_info=True)
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        raise Broken(f'{kind} "{name}" ({target}) can\'t be loaded: {reason}') from error
    port = PORTS[kind]
    if not (isinstance(found, type) and issubclass(found, port)):
        raise Broken(f'{kind} "{name}" ({target}) is not a subclass of aizuchi.ports.{port.__name__}')
    return found
