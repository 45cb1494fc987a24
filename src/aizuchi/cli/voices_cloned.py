"""`aizuchi voices clone FILE --name NAME`, `list` and `delete ID`: voices made from a recording."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Coroutine, Iterator
from contextlib import nullcontext, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from aizuchi.cli.screen import columns
from aizuchi.cli.voices_words import TEXTS
from aizuchi.errors import ConfigError, ProviderError
from aizuchi.registry import BUILTIN, suggest
from aizuchi.registry import load as load_provider
from aizuchi.texts import Lang

if TYPE_CHECKING:
    from aizuchi.config import Loaded
    from aizuchi.providers.cloning.cloner import Cloned, Cloner, Upload
    from aizuchi.providers.cloning.sample import Sample

ACTIONS: Final = ("clone", "list", "delete")
LIMIT: Final = 60.0
"""Seconds for a list, and for a deletion."""
CREATING: Final = 360.0
"""Seconds for a new voice; the vendor's part of it has limits of its own."""

T = TypeVar("T")


def run(args: argparse.Namespace) -> int:
    from aizuchi.config import load

    loaded = load(Path(args.config) if args.config else None, lang=args.lang)
    match args.action:
        case "clone":
            return _clone(args, loaded)
        case "delete":
            return _delete(args, loaded)
        case _:
            return _list(args, loaded)


# -- who is asked


def cloners(loaded: Loaded, only: str) -> Iterator[Cloner]:
    """Those of the chosen voices, or the one that was named. Raises ConfigError when there is none."""
    from aizuchi.build import providers
    from aizuchi.config import Chosen

    def clones(provider: object) -> bool:
        # The port has no word for it: a voice whose vendor clones voices has a method `cloner`.
        return callable(getattr(provider, "cloner", None))

    able = [name for name in BUILTIN["tts"] if clones(load_provider("tts", name))]
    found = [
        each for each in loaded.chosen["tts"] if clones(each.provider) and (not only or each.name == only)
    ]
    if not found and only in able:  # it need not speak to be asked
        made = load_provider("tts", only)
        found = [Chosen("tts", only, made, made.Options())]
    if found:
        for provider in providers(found):
            ask: Any = provider
            yield ask.cloner()
    elif only:
        known = suggest(only, able)
        raise ConfigError(TEXTS.say(loaded.lang, "no_cloner", name=only, known=known))
    else:
        raise ConfigError(TEXTS.say(loaded.lang, "nobody", known=", ".join(able)))


# -- clone


def _clone(args: argparse.Namespace, loaded: Loaded) -> int:
    lang = loaded.lang
    if not args.subject:
        raise ConfigError(TEXTS.say(lang, "which_file"))
    cloner = next(cloners(loaded, args.provider))
    if not args.name:
        raise ConfigError(TEXTS.say(lang, "which_name", rule=cloner.naming_words[lang == "zh"]))
    cloner.named(args.name)
    # What is JSON stays so: what a person is told then goes beside it.
    with redirect_stdout(sys.stderr) if args.json else nullcontext():
        upload = _sample(args.subject, cloner, lang, force=args.force)
        if upload is None:
            return 2
        print(TEXTS.say(lang, "consent"))
    made = _shown(cloner, args.name, upload, args.model or cloner.model, lang)
    if args.json:
        print(json.dumps(asdict(made) | {"provider": cloner.provider}, ensure_ascii=False))
        return 0
    print(TEXTS.say(lang, "made", id=made.id))
    if made.note:
        print(TEXTS.say(lang, "note", note=made.note))
    if made.status == "working":
        print(TEXTS.say(lang, "unfinished"))
    print(TEXTS.say(lang, "use"))
    for line in ("tts:", f"  use: {cloner.provider}", f"  model: {made.model}", f"  voice: {made.id}"):
        print(f"  {line}")
    print(TEXTS.say(lang, "character"))
    print(f"  voices: {{{cloner.provider}: {made.id}}}")
    return 0


def _sample(given: str, cloner: Cloner, lang: Lang, *, force: bool) -> Upload | str | None:
    """What is sent; None when it should not be."""
    from aizuchi.providers.cloning.sample import measure, prepared, remarks

    if given.startswith(("http://", "https://")):
        print(TEXTS.say(lang, "unseen", path=given))
        return given
    sample = measure(Path(given))
    print(_facts(sample, lang))
    grave = False
    for remark in remarks(sample, cloner.limits):
        grave = grave or remark.grave
        print(f"  {'!' if remark.grave else '-'} {TEXTS.say(lang, remark.kind, **remark.values)}")
    if grave and not force:
        print(TEXTS.say(lang, "not_sent"))
        return None
    return prepared(sample, cloner.limits)


def _facts(sample: Sample, lang: Lang) -> str:
    count = sample.channels
    return TEXTS.say(
        lang,
        "sample",
        path=sample.path,
        kind=sample.kind,
        seconds=sample.seconds,
        rate=sample.rate,
        channels=TEXTS.say(lang, "mono") if count == 1 else TEXTS.say(lang, "stereo", count=count),
        level=sample.level,
        peak=sample.peak,
        silence=sample.silence * 100,
    )


def _shown(cloner: Cloner, name: str, upload: Upload | str, model: str, lang: Lang) -> Cloned:
    """Make it, with a bar for the upload and then for the vendor's work, of which nobody knows the length."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    shape = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*shape, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(TEXTS.say(lang, "sending", host=cloner.provider), total=None)

        def progress(done: int, total: int) -> None:
            shown.update(task, completed=done, total=total)
            if done >= total:
                shown.update(task, description=TEXTS.say(lang, "working"), total=None)

        work = cloner.create(name, upload, model=model, progress=progress)
        return _bounded(work, CREATING, lang)


# -- list and delete


def _list(args: argparse.Namespace, loaded: Loaded) -> int:
    lang = loaded.lang
    found = [
        (cloner.provider, voice)
        for cloner in cloners(loaded, args.provider or args.subject)
        for voice in _bounded(_all(cloner), LIMIT, lang)
    ]
    if args.json:
        told = [asdict(voice) | {"provider": provider} for provider, voice in found]
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    if not found:
        print(TEXTS.say(lang, "none"))
        return 0
    rows = [[TEXTS.say(lang, key) for key in ("id", "provider", "model", "when", "state")]]
    for provider, voice in found:
        state = TEXTS.say(lang, f"state_{voice.status}") if voice.status else ""
        rows.append([voice.id, provider, voice.model, voice.made, state])
    for line in columns(rows, "<<<<<"):
        print(line)
    return 0


def _delete(args: argparse.Namespace, loaded: Loaded) -> int:
    lang = loaded.lang
    if not args.subject:
        raise ConfigError(TEXTS.say(lang, "which_id"))
    for cloner in cloners(loaded, args.provider):
        if any(voice.id == args.subject for voice in _bounded(_all(cloner), LIMIT, lang)):
            break
    else:
        raise ConfigError(TEXTS.say(lang, "unknown", id=args.subject))
    if not args.yes:
        question = TEXTS.say(lang, "sure", id=args.subject, provider=cloner.provider)
        print(question, end="", flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes", "是"):
            print(TEXTS.say(lang, "left"))
            return 1
    _bounded(cloner.delete(args.subject), LIMIT, lang)
    print(TEXTS.say(lang, "deleted", id=args.subject))
    return 0


async def _all(cloner: Cloner) -> list[Cloned]:
    return [voice async for voice in cloner.voices()]


def _bounded(work: Coroutine[Any, Any, T], limit: float, lang: Lang) -> T:
    async def within() -> T:
        async with asyncio.timeout(limit):
            return await work

    try:
        return asyncio.run(within())
    except TimeoutError:
        raise ProviderError(TEXTS.say(lang, "slow", limit=limit)) from None
