"""`aizuchi check`: read the configuration, then try every chosen provider for real.

Exit code 0 when everything chosen works, 1 when a provider does not, 2 when the configuration must be
mended.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aizuchi.cli.trial import Trial, Tried, line
from aizuchi.errors import ConfigError
from aizuchi.providers import keys
from aizuchi.texts import Texts

if TYPE_CHECKING:
    from aizuchi.character import Character
    from aizuchi.config import Loaded
    from aizuchi.ports import Provider

TEXTS: Final = Texts(
    {
        "file": ("configuration  {path}", "配置  {path}"),
        "none": ("none found, all defaults", "未找到，全部使用默认值"),
        "fine": ("The configuration is in order.", "配置没有问题。"),
        "trying": ("Trying every chosen provider:", "逐项试用所选的提供方："),
        "languages": (
            "Note: {name} speaks {language}, which no chosen recogniser hears: {heard}.",
            "注意：{name} 说 {language}，而所选识别器只懂：{heard}。",
        ),
        "voiceless": (
            "Note: {name} speaks {language}, which no chosen voice does: {spoken}.{instead}",
            "注意：{name} 说 {language}，而所选语音只会：{spoken}。{instead}",
        ),
        "instead": (" {second} is spoken instead.", "改说 {second}。"),
        "text": (" Replies are read, not heard.", "回答只有文字，没有声音。"),
        "open": (
            "Note: other machines reach {host}, and there are neither tokens nor `open`: serve will refuse.",
            "注意：{host} 可从其他机器访问，却既无令牌也未设 open：serve 会拒绝启动。",
        ),
        "no_key": (
            "Note: {kind} {name} has no key yet.",
            "注意：{kind} {name} 还没有密钥。",
        ),
        "writable": (
            "the data folder {home} can't be written: {reason}",
            "无法写入数据文件夹 {home}：{reason}",
        ),
        "good": ("Everything chosen works.", "所选的全部正常。"),
        "bad": (
            "{count} of {all} did not work; the lines above say why.",
            "{all} 项中有 {count} 项失败，原因见上。",
        ),
    }
)


def run(args: argparse.Namespace) -> int:
    from aizuchi import build
    from aizuchi.config import load
    from aizuchi.server.logs import configure

    loaded = load(Path(args.config) if args.config else None, lang=args.lang)
    lang = loaded.lang
    configure("error", "console")
    print(TEXTS.say(lang, "file", path=loaded.path or TEXTS.say(lang, "none")))
    for warning in loaded.warnings:
        print(f"  {warning}")
    known = build.characters(loaded)
    build.toolbox(loaded)
    _writable(loaded)
    print(TEXTS.say(lang, "fine"))
    for note in notes(loaded, known[loaded.settings.character]):
        print(note)
    if args.offline:
        for line_ in missing_keys(loaded):
            print(line_)
        return 0
    print(TEXTS.say(lang, "trying"), flush=True)
    tried = asyncio.run(try_all(loaded, known[loaded.settings.character]))
    failed = [each for each in tried if not each.ok]
    if args.voices:
        from aizuchi.cli.voices import show

        show(loaded, "")
    key = "bad" if failed else "good"
    print(TEXTS.say(lang, key, count=len(failed), all=len(tried)))
    return 1 if failed else 0


async def try_all(loaded: Loaded, character: Character) -> list[Tried]:
    """All chosen providers in an order in which the later ones can use what the earlier made."""
    trial = Trial(character, loaded.lang)
    results: list[Tried] = []
    for kind in ("tts", "asr", "llm", "vad", "turn"):
        for chosen in loaded.chosen.get(kind, ()):
            tried = await trial.try_out(chosen)
            results.append(tried)
            print(line(tried, loaded.lang), flush=True)
            account = None if tried.ok else keys.missing(kind, chosen.name, chosen.options, os.environ)
            if account is not None:
                print(f"    {account.line(loaded.lang)}", flush=True)
    return results


def missing_keys(loaded: Loaded) -> list[str]:
    """For each chosen provider without its key: where it is made, and what it costs."""
    found: list[str] = []
    for kind, chosen in loaded.chosen.items():
        for each in chosen:
            account = keys.missing(kind, each.name, each.options, os.environ)
            if account is not None:
                text = TEXTS.say(loaded.lang, "no_key", kind=kind, name=each.name)
                found += [text, f"  {account.line(loaded.lang)}"]
    return list(dict.fromkeys(found))


def notes(loaded: Loaded, character: Character) -> list[str]:
    """What is allowed and probably not meant."""
    from aizuchi.build import providers
    from aizuchi.server import tongues
    from aizuchi.server.origin import is_loopback

    found: list[str] = []
    server = loaded.settings.server
    if not is_loopback(server.host) and not server.tokens and not server.open:
        found.append(TEXTS.say(loaded.lang, "open", host=server.host))
    names = {"name": character.display_name, "language": character.language}
    heard = _known(providers(loaded.chosen["asr"]))
    if heard is not None and character.language not in heard:
        found.append(TEXTS.say(loaded.lang, "languages", heard=", ".join(sorted(heard)), **names))
    spoken = _known(providers(loaded.chosen["tts"]))
    if spoken is not None and character.language not in spoken:
        second = character.subtitles if character.subtitles in spoken else ""
        instead = TEXTS.say(loaded.lang, "instead" if second else "text", second=second)
        many = tongues.spoken(spoken, loaded.lang)
        found.append(TEXTS.say(loaded.lang, "voiceless", spoken=many, instead=instead, **names))
    return found


def _known(providers: Iterable[Provider]) -> set[str] | None:
    """The languages of all of them together; None if one takes any, or can't be built to be asked."""
    known: set[str] = set()
    try:
        for provider in providers:
            if provider.languages is None:
                return None
            known |= provider.languages
    except ConfigError:
        return None  # told where it is tried
    return known


def _writable(loaded: Loaded) -> None:
    probe = loaded.home / ".probe"
    try:
        loaded.home.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(TEXTS.say(loaded.lang, "writable", home=loaded.home, reason=reason)) from error
