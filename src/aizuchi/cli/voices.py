"""`aizuchi voices`: what the chosen voices call their voices.

Those that were cloned are the business of `voices_cloned.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.registry import suggest
from aizuchi.texts import Lang, Texts

if TYPE_CHECKING:
    from aizuchi.config import Chosen, Loaded

TEXTS: Final = Texts(
    {
        "head": ("{name}: {count} voices", "{name}：{count} 个音色"),
        "free": (
            "{name} does not list its voices. {key}: {meaning}",
            "{name} 不提供音色列表。{key}：{meaning}",
        ),
        "none": ("{name} has one voice only.", "{name} 只有一个音色。"),
        "fails": ("{name}: {reason}", "{name}：{reason}"),
        "unknown": (
            '"{name}" is not chosen in this configuration; {known}',
            "配置中没有选用“{name}”；{known}",
        ),
        "slow": ("no answer within {limit:g} s", "{limit:g} 秒内无应答"),
    }
)
LIMIT: Final = 30.0


def run(args: argparse.Namespace) -> int:
    from aizuchi.cli import voices_cloned
    from aizuchi.config import load

    if args.action in voices_cloned.ACTIONS:
        return voices_cloned.run(args)
    loaded = load(Path(args.config) if args.config else None, lang=args.lang)
    names = [each.name for each in loaded.chosen["tts"]]
    only = args.action or args.provider
    if only and only not in names:
        raise ConfigError(TEXTS.say(loaded.lang, "unknown", name=only, known=suggest(only, names)))
    return show(loaded, only)


def show(loaded: Loaded, only: str) -> int:
    """Print the voices; returns 1 if a provider could not tell."""
    from aizuchi.build import providers

    code = 0
    for chosen in loaded.chosen["tts"]:
        if only and chosen.name != only:
            continue
        provider = next(providers([chosen]))
        # The port has no word for it: a provider that can list its voices has a method `voices`.
        ask: Any = getattr(provider, "voices", None)
        if not callable(ask):
            print(_told(chosen, loaded.lang))
            continue
        try:
            found = asyncio.run(_listed(provider, ask))
        except TimeoutError:
            found, reason = None, TEXTS.say(loaded.lang, "slow", limit=LIMIT)
        except ProviderError as error:
            found, reason = None, str(error)
        else:
            reason = ""
        if found is None:
            print(TEXTS.say(loaded.lang, "fails", name=chosen.name, reason=reason))
            code = 1
            continue
        print(TEXTS.say(loaded.lang, "head", name=chosen.name, count=len(found)))
        for each in found:
            print(f"  {each}")
    return code


def _told(chosen: Chosen, lang: Lang) -> str:
    """What can be said of a provider that does not list its voices: how one is chosen."""
    from aizuchi.config.describe import meaning
    from aizuchi.config.zh import OPTIONS

    for key in ("voice", "voices"):
        field = chosen.provider.Options.model_fields.get(key)
        if field is not None:
            said = meaning(field, lang, OPTIONS.get(f"tts.{chosen.name}.{key}", ""))
            return TEXTS.say(lang, "free", name=chosen.name, key=key, meaning=said)
    return TEXTS.say(lang, "none", name=chosen.name)


async def _listed(provider: Any, ask: Any) -> list[str]:
    async with asyncio.timeout(LIMIT), provider:
        found = ask()
        if inspect.isawaitable(found):
            found = await found
        return [str(each) for each in found]
