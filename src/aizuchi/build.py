"""The only file that knows everyone: a checked configuration -> a house that can be served."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import SecretStr

from aizuchi import agents as lecturers
from aizuchi.admin import Admin
from aizuchi.admin.cast import Cast
from aizuchi.admin.configuration import Configuration
from aizuchi.admin.people import People, Reader
from aizuchi.admin.watcher import Watcher, said
from aizuchi.character import Character
from aizuchi.characters import find
from aizuchi.characters import load as load_character
from aizuchi.config import Chosen, Loaded
from aizuchi.config.places import checkout
from aizuchi.engine.background import Background
from aizuchi.engine.chain import Chain
from aizuchi.engine.permits import Permits
from aizuchi.engine.phrases import Phrases
from aizuchi.engine.rehearsal import Rehearsal
from aizuchi.engine.repertoire import Parts
from aizuchi.errors import ConfigError
from aizuchi.events import Stage
from aizuchi.lectures import base_url
from aizuchi.ports import LanguageModel, Provider, Recognizer, Store, Toolbox, TurnModel, Vad, Voice
from aizuchi.registry import Kind, suggest
from aizuchi.server import sound
from aizuchi.server.admission import Token
from aizuchi.server.console.routes import others_reload
from aizuchi.server.gate import Capacity
from aizuchi.server.house import House
from aizuchi.server.hub import manners as hub_manners
from aizuchi.server.hub.hub import Hub
from aizuchi.server.hub.resident import Agent, settle
from aizuchi.server.ledger import Ledger
from aizuchi.server.mounts import mounts
from aizuchi.server.pages import DIST, Pages
from aizuchi.server.siblings import Siblings
from aizuchi.server.store import SqliteStore
from aizuchi.tools.clock import current_time_tool
from aizuchi.tools.toolbox import Functions, Tool
from aizuchi.views.merging import merge, parcel
from aizuchi.views.metrics import Meter
from aizuchi.views.recorder import Recorder
from aizuchi.views.usage import Cap, Usage
from aizuchi.views.watching import Watch
from aizuchi.wire import bitnp
from aizuchi.wire.chatanon import Manners

log = logging.getLogger(__name__)

P = TypeVar("P", bound=Provider)
DATABASE = "aizuchi.sqlite3"


def house(
    loaded: Loaded,
    *,
    store: Store | None = None,
    open_: bool | None = None,
    ledger: Ledger | None = None,
    siblings: Siblings | None = None,
    share: tuple[int, int] = (0, 1),
) -> House:
    """Everything a server needs, providers built and not yet entered. Raises ConfigError.

    `open_` overrides the configuration's `server.open`; `store` its SQLite file. `ledger` and `siblings` are
    those of one process of several, and `share` says which it is, from 0, and of how many: what can't be
    counted over all of them is divided.
    """
    settings = loaded.settings
    store = store or database(loaded)
    caps = {name: Cap(**cap.model_dump()) for name, cap in settings.usage.caps.items()}
    usage = Usage(store, caps, shared=siblings is not None)
    meter = Meter()
    recorder = make_recorder(loaded, shared=siblings is not None)

    async def count_from_today() -> None:
        try:
            await usage.load()
        except OSError as error:
            log.warning("what was used earlier today can't be read (%s); caps count from now", error)

    async def finish_recording() -> None:
        if recorder is not None and not await asyncio.to_thread(recorder.close):
            log.warning("the recorder could not write everything in time")

    watch = Watch(meter)
    made = parts(loaded, usage.allowed, share)
    cast = Cast(reader(loaded, made.tts.providers))
    company = characters(loaded, cast)
    rehearsal = Rehearsal(made.tts, company.values(), settings.rules(), note=usage.count)
    newest = [loaded]

    def take_characters() -> None:
        known = cast.characters
        built.meet(known)
        rehearsal.meet(known.values())
        try:
            settle(built, residents(newest[0], known))
        except ConfigError as error:
            log.warning("the agents go on as they were: %s", error)

    watcher = Watcher(cast, lambda: watched(newest[0]), take_characters, loud=share[0] == 0)
    relay = hub(loaded, siblings)
    built = House(
        # The gate is the house's own; by the first conversation it is there.
        parts=replace(made, strained=lambda: built.gate.overloaded),
        background=background(loaded, made),
        characters=company,
        default_character=settings.character,
        rules=settings.rules(),
        store=store,
        tokens=[
            Token(secret.get_secret_value(), person, person)
            for person, secret in settings.server.tokens.items()
        ],
        origins=settings.server.origins,
        open_=settings.server.open if open_ is None else open_,
        pages=pages(loaded),
        resume_ttl=settings.server.resume_ttl,
        max_sessions=settings.server.max_sessions,
        capacity=capacity(loaded),
        observers=[meter, watch, usage, rehearsal, *([recorder] if recorder is not None else [])],
        measure=meter.measured,
        sent=meter.sent,
        summary=meter.as_dict,
        parcel=lambda: parcel(meter),
        merge=merge,
        ledger=ledger,
        siblings=siblings,
        record_sound=settings.timeline.record == "audio",
        prepare=[count_from_today],
        duties=[usage.run, rehearsal.keep_up, watcher.run],
        closers=[usage.flush, finish_recording],
        mounts=mounts(chatanon=Manners(**settings.chatanon.model_dump()), hub=relay),
        hub=relay,
    )
    settle(built, residents(loaded, company))
    built.console = Admin(
        loaded=loaded,
        configuration=Configuration(loaded, lambda new: may_run(new, cast)),
        people=People(
            lambda: character_folders(newest[0]),
            packaged(),
            toolbox=lambda: built.parts.toolbox,
            default=lambda: built.default_character,
            read=reader(loaded, made.tts.providers),
            running=lambda: built.characters,
        ),
        watched=watch,
        prepare=lambda new: retuning(new, built, usage, newest, cast, take_characters),
        count=usage.count,
        others=lambda: others_reload(built),
    )
    return built


def hub(loaded: Loaded, siblings: Siblings | None = None) -> Hub:
    """The bitnp relay. Its residents may be set until the house is entered."""
    keys = loaded.settings.bitnp

    def tokens(given: Mapping[str, SecretStr]) -> list[Token] | None:
        if not given:
            return [] if keys.open else None
        return [Token(secret.get_secret_value(), name, name) for name, secret in given.items()]

    manners = hub_manners.Manners(
        agent_tokens=tokens(keys.agent_tokens),
        page_tokens=tokens(keys.page_tokens),
        origins=keys.origins,
        envelope=keys.envelope,
        takeover=keys.takeover,
        holder_patience=keys.holder_patience,
        linger=keys.linger,
        queue_bytes=round(keys.queue_mb * (1 << 20)),
        stalled=keys.stalled,
        slides=loaded.resolve(keys.slides_dir) if keys.slides_dir is not None else None,
        slides_path=keys.slides_path,
    )
    return Hub(manners, siblings=siblings)


def residents(loaded: Loaded, company: Mapping[str, Character]) -> dict[str, Agent]:
    """The bitnp agents that are characters of ours. Raises ConfigError where one can't be."""
    settings = loaded.settings
    scheme = "https" if settings.server.tls.on or settings.server.tls.cert is not None else "http"
    made: dict[str, Agent] = {}
    for name, keys in settings.agents.items():
        wanted = keys.character or settings.character
        character = company.get(wanted)
        if character is None:
            raise ConfigError(
                f'agents.{name}.character: "{wanted}" is unknown; {suggest(wanted, company)}',
                zh=f"agents.{name}.character：未知的角色“{wanted}”；可用的有：{', '.join(company)}",
            )
        lecture = None
        if keys.lecture is not None:
            if keys.lecture.script is None:
                raise ConfigError(
                    f"agents.{name}.lecture: the script is missing",
                    zh=f"agents.{name}.lecture：缺少 script（讲稿）",
                )
            slides = keys.lecture.slides
            lecture = lecturers.lecture(
                loaded.resolve(keys.lecture.script),
                None if slides is None else loaded.resolve(slides),
                base_url=base_url(name),
                auto_start=keys.lecture.auto_start,
            )
        shown = len(lecture.slides) if lecture is not None else 0
        marks = (
            *bitnp.GESTURES,
            *(f"{mark}{page}" for mark in ("ppt_", "翻页:") for page in range(1, shown + 1)),
        )
        made[name] = Agent(
            replace(character, lecture=lecture, marks=(*character.marks, *marks)),
            {emotion.lower(): tag for emotion, tag in keys.expressions.items()},
            keys.public_url.rstrip("/") or f"{scheme}://localhost:{settings.server.port}",
        )
    return made


def pages(loaded: Loaded) -> Pages:
    """What browsers are shown. Raises ConfigError where the user's file can't be read."""
    web = loaded.settings.web
    core: str | Path = web.cubism_core
    if web.cubism_core and "://" not in web.cubism_core:
        core = loaded.resolve(Path(web.cubism_core))
    try:
        return Pages(DIST, hosts=web.hosts, cubism_core=core)
    except OSError as error:
        raise ConfigError(
            f"a file of the pages can't be read: {error}", zh=f"无法读取页面文件：{error}"
        ) from error


def retuning(
    new: Loaded,
    house: House,
    usage: Usage,
    newest: list[Loaded],
    cast: Cast,
    take_characters: Callable[[], None],
) -> Callable[[], None]:
    """Read what a changed configuration needs; the returned function gives it to the house, at once.

    Conversations keep the rules they began with, but meet changed characters; providers, ports and the like
    stay until the next start (`config/overview.py` tells which). `newest` then holds it. Raises ConfigError.
    """
    settings = new.settings
    company, box = characters(new, cast), toolbox(new)
    agents = residents(new, company)
    caps = {name: Cap(**cap.model_dump()) for name, cap in settings.usage.caps.items()}

    def apply() -> None:
        house.retune(
            rules=settings.rules(),
            characters=company,
            default_character=settings.character,
            origins=settings.server.origins,
            resume_ttl=settings.server.resume_ttl,
            max_sessions=settings.server.max_sessions,
            capacity=capacity(new),
            parts=replace(house.parts, toolbox=box),
        )
        settle(house, agents)
        newest[0] = new
        take_characters()
        usage.cap(caps)
        for chain in (house.parts.asr, house.parts.llm, house.parts.tts):
            chain.retune(failures=settings.limits.breaker_failures, pause=settings.limits.breaker_pause)
        if settings.log.level != logging.getLevelName(logging.getLogger().level).lower():
            logging.getLogger().setLevel(settings.log.level.upper())

    return apply


def may_run(loaded: Loaded, running: Cast) -> None:
    """What only the parts can tell of a configuration. Raises ConfigError."""
    known = running.characters
    residents(loaded, known if loaded.settings.character in known else characters(loaded))
    smaller = loaded.settings.admission.background_llm
    if smaller:
        _later(smaller, [each.use for each in loaded.settings.llm[1:]])


def capacity(loaded: Loaded) -> Capacity:
    admission = loaded.settings.admission
    return Capacity(
        admission.sockets,
        admission.sessions_per_token,
        admission.audio_seconds_per_minute,
        admission.messages_per_minute,
        admission.overload_lag_ms,
    )


def recordings(loaded: Loaded) -> Path:
    """The folder of saved timelines; it need not exist."""
    folder = loaded.settings.timeline.folder
    return loaded.home / "timelines" if folder is None else loaded.resolve(folder)


def make_recorder(loaded: Loaded, *, shared: bool = False) -> Recorder | None:
    """None unless `timeline.record` says otherwise. `shared`: several processes record."""
    settings = loaded.settings.timeline
    if settings.record == "off":
        return None
    return Recorder(
        recordings(loaded),
        sound=settings.record == "audio",
        max_bytes=round(settings.max_mb * 1_000_000),
        max_age=settings.max_days * 86_400,
        shared=shared,
    )


def database(loaded: Loaded) -> SqliteStore:
    """The store in the data folder. Raises ConfigError when the folder can't be made."""
    try:
        loaded.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(
            f"the data folder {loaded.home} can't be made: {error.strerror or error}",
            zh=f"无法创建数据文件夹 {loaded.home}：{error.strerror or error}",
        ) from error
    return SqliteStore(loaded.home / DATABASE)


def divided(most: int, share: tuple[int, int]) -> int:
    """One process's part of a number that belongs to all, one at least."""
    slot, of = share
    return max(1, most // of + (slot < most % of))


def parts(
    loaded: Loaded, allowed: Callable[[str], bool] = lambda _name: True, share: tuple[int, int] = (0, 1)
) -> Parts:
    """The providers as chains, and the tools. `allowed` is asked before each use of a provider."""
    limits, admission = loaded.settings.limits, loaded.settings.admission

    def permits(stage: Stage) -> Permits | None:
        most = admission.calls.model_dump().get(stage)
        return most and Permits(
            stage,
            divided(most, share),
            waiting=admission.waiting,
            patience=admission.wait,
            preset=admission.order,
        )

    def chain(kind: Kind, port: type[P]) -> Chain[P]:
        built = [cast("P", each) for each in providers(loaded.chosen[kind])]
        return Chain(
            cast("Any", kind),
            built,
            failures=limits.breaker_failures,
            pause=limits.breaker_pause,
            allowed=allowed,
            permits=permits(cast("Stage", kind)),
            phrases=Phrases(announce=sound.phrases().announce) if kind == "tts" else None,
        )

    return Parts(
        vad=cast("Vad", next(providers(loaded.chosen["vad"]))),
        asr=chain("asr", Recognizer),
        llm=chain("llm", LanguageModel),
        tts=chain("tts", Voice),
        turn=cast("TurnModel | None", next(providers(loaded.chosen.get("turn", ())), None)),
        toolbox=toolbox(loaded),
        retriever=None,
        animator=None,
    )


def background(loaded: Loaded, parts: Parts) -> Background:
    """The door for work in the background. Raises ConfigError if its smaller model is none of the chain's."""
    settings = loaded.settings
    wanted = settings.admission.background_llm
    if wanted:
        _later(wanted, [each.name for each in parts.llm.providers[1:]])
    return Background(
        parts.llm,
        limits=settings.rules().limits,
        smaller=wanted,
        patience=settings.admission.background_wait,
    )


def _later(wanted: str, later: Sequence[str]) -> None:
    if wanted not in later:
        known = ", ".join(later)
        raise ConfigError(
            f'admission.background_llm: "{wanted}" is no later entry of llm; there are: {known or "none"}',
            zh=f"admission.background_llm：“{wanted}”不是 llm 列表中靠后的一项；可用的有：{known or '无'}",
        )


def providers(chosen: Sequence[Chosen]) -> Iterator[Provider]:
    """Build what was chosen, in order. Raises ConfigError, which names the provider."""
    for each in chosen:
        try:
            yield each.provider(each.options)
        except ImportError as error:
            raise ConfigError(
                f'{each.kind} "{each.name}" needs a package that is not installed: {error.name or error}',
                zh=f"{each.kind}“{each.name}”需要的软件包没有安装：{error.name or error}",
            ) from error


def characters(loaded: Loaded, cast: Cast | None = None) -> dict[str, Character]:
    """All characters by name; a broken one is left out with a warning, unless it is the default.

    A `cast` that has read them before reads what has changed, and keeps a broken one as it was.
    """
    cast = cast or Cast(reader(loaded))
    folders, wanted = [*character_folders(loaded), packaged()], loaded.settings.character
    found = find(folders)
    if wanted not in found and wanted not in cast.characters:
        raise ConfigError(
            f'character "{wanted}" is unknown; {suggest(wanted, found)}',
            zh=f"未知的角色“{wanted}”；可用的有：{', '.join(sorted(found)) or '无'}",
        )
    news = cast.refresh(folders, keep=wanted)
    if wanted not in cast.characters:
        raise ConfigError(cast.problems.get(wanted, f'character "{wanted}" is gone'))
    for each in news:
        if each.problem:
            log.warning("%s", said(each))
    return cast.characters


def reader(loaded: Loaded, voices: Sequence[Provider] = ()) -> Reader:
    """What makes a character of a folder: for the chosen voices, which may have words of their own.

    `voices` are those that are built and know their languages; without them every language is spoken.
    """
    words = {
        each.name: known
        for each in loaded.chosen["tts"]
        if issubclass(each.provider, Voice) and (known := each.provider.words) is not None
    }

    def speaks(language: str) -> bool:
        known = [each.languages for each in voices]
        return not known or any(each is None or language in each for each in known)

    return partial(load_character, words=words, speaks=speaks)


def watched(loaded: Loaded) -> tuple[list[Path], str] | None:
    """Where characters are looked for while the server runs, and the one that must not go."""
    settings = loaded.settings
    if not settings.watch_characters:
        return None
    return [*character_folders(loaded), packaged()], settings.character


def character_folders(loaded: Loaded) -> list[Path]:
    """The user's own: as configured, else `characters` in the data folder. They need not exist."""
    own = [loaded.resolve(folder) for folder in loaded.settings.characters]
    return own or [loaded.home / "characters"]


def packaged() -> Path:
    """The folder of our own characters: inside the package, or at the top of a checkout."""
    inside = Path(__file__).parent / "characters"
    root = checkout()
    return root / "characters" if root is not None and not inside.is_dir() else inside


def toolbox(loaded: Loaded) -> Toolbox | None:
    """The built-in tools and the user's own functions; None when there are none."""
    settings = loaded.settings.tools
    made: list[Tool | Callable[..., Any]] = []
    if "current_time" in settings.use:
        made.append(current_time_tool(settings.timezone))
    for target in settings.functions:
        made += functions(target, loaded.folder)
    return Functions(made) if made else None


def functions(target: str, folder: Path) -> list[Tool | Callable[..., Any]]:
    """The function `module:name`, or all decorated ones of `module`; modules beside the configuration count.

    Raises ConfigError.
    """
    module_name, _, name = target.partition(":")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # the loading of a plugin: its author's fault is the user's to hear of
        log.debug("loading tools from %s failed", module_name, exc_info=True)
        raise ConfigError(
            f"tools.functions: {target} can't be loaded: {type(error).__name__}: {error}"
        ) from error
    if not name:
        found = [each for each in vars(module).values() if isinstance(each, Tool)]
        if not found:
            raise ConfigError(f"tools.functions: {target} has no function decorated with @tool")
        return list(found)
    function = getattr(module, name, None)
    if not (isinstance(function, Tool) or inspect.isroutine(function)):
        raise ConfigError(
            f"tools.functions: {target} is not a function; {suggest(name, _public(vars(module)))}"
        )
    return [cast("Tool | Callable[..., Any]", function)]


def _public(names: Mapping[str, Any]) -> list[str]:
    return [
        name
        for name, each in names.items()
        if not name.startswith("_") and (isinstance(each, Tool) or inspect.isfunction(each))
    ]
