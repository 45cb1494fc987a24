"""Which provider, with which options, and who follows if it fails.

In YAML a choice is a name, a mapping with `use`, or a list of either, tried in order:

    tts: espeak
    llm: {use: openai, model: gpt-4o-mini}
    asr: [{use: openai, language: en}, pocketsphinx]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from aizuchi.providers import keys
from aizuchi.registry import KINDS, Kind

OFFICIAL: Final = "api.openai.com"
EMBEDDED: Final[dict[Kind, str]] = {"vad": "silero", "asr": "pocketsphinx", "llm": "script", "tts": "espeak"}
"""What serves with no configuration and no key. A turn-end model does not: it is none unless chosen."""


class Use(BaseModel):
    """One provider and its options, which `load` checks against the provider's own `Options`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    use: str

    @property
    def options(self) -> Mapping[str, Any]:
        return self.__pydantic_extra__ or {}


def normal(value: Any) -> Any:
    """Bring the three spellings into one: a list of mappings with `use`."""
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    if not items:
        raise PydanticCustomError("no_provider", "at least one provider is needed")
    return [{"use": item} if isinstance(item, str) else item for item in items]


Choices = Annotated[list[Use], BeforeValidator(normal), Field(min_length=1)]


def embedded(kind: Kind) -> list[Use]:
    return [Use(use=EMBEDDED[kind])] if kind in EMBEDDED else []


def from_environment(environ: Mapping[str, str], configured: Mapping[str, Any]) -> dict[str, Any]:
    """What keys in the environment choose where `configured`, the file, says nothing.

    A vendor's own key chooses that vendor's provider (`providers/keys.py`, whose order counts where two
    serve the same stage), before whatever `OPENAI_API_KEY` and `OPENAI_BASE_URL` choose: who set it meant it,
    while the latter two lie about on many machines. Only one vendor serves a stage, so that nothing goes to a
    second one unasked.

    Either of OpenAI's variables makes `openai` the model. A model has no fallback: when a real one is silent
    the character says so, and a script that took its place would pretend. Recogniser and voice follow only
    with a key for the official address, because most other servers that speak the protocol have no sound;
    there the embedded parts stand in when the network fails. A `base_url` of `openai` anywhere in the file
    says that the key is for somebody else: then nobody's voice is sent to OpenAI unasked.
    """
    chosen = _by_openai(environ, configured)
    for kind, name in reversed(list(keys.by_key(environ))):
        chosen[kind] = [name] if kind == "llm" else [name, EMBEDDED[kind]]
    return {kind: names for kind, names in chosen.items() if kind not in configured}


def _by_openai(environ: Mapping[str, str], configured: Mapping[str, Any]) -> dict[str, Any]:
    address = environ.get("OPENAI_BASE_URL", "") or _address_in(configured)
    api_key = environ.get("OPENAI_API_KEY", "")
    if not address and not api_key:
        return {}
    chosen: dict[str, Any] = {"llm": ["openai"]}
    if api_key and (not address or urlsplit(address).hostname == OFFICIAL):
        chosen["asr"] = ["openai", EMBEDDED["asr"]]
        chosen["tts"] = ["openai", EMBEDDED["tts"]]
    return chosen


def _address_in(configured: Mapping[str, Any]) -> str:
    for kind in KINDS:
        choice = configured.get(kind)
        for item in cast("list[Any]", choice if isinstance(choice, list) else [choice]):
            use = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
            if use.get("use") == "openai" and use.get("base_url"):
                return str(use["base_url"])
    return ""
