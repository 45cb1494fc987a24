"""Settings from all their sources, checked, with every problem told at once."""

from __future__ import annotations

import logging
import os
import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from aizuchi.config.choices import Choices, embedded, from_environment, normal
from aizuchi.config.explain import TEXTS, Problem, Problems, explain
from aizuchi.config.places import address, home, is_origin, is_script
from aizuchi.config.settings import Settings
from aizuchi.config.sources import (
    Draft,
    Keys,
    apply_environment,
    apply_seed_tokens,
    expand,
    read_dotenv,
    read_secrets,
    read_yaml,
)
from aizuchi.errors import ConfigError
from aizuchi.ports import Provider
from aizuchi.registry import KINDS, Broken, Kind, nearest, targets
from aizuchi.registry import load as load_class
from aizuchi.texts import Lang, language

log = logging.getLogger(__name__)

FILE: Final = "aizuchi.yaml"
BUILTIN_TOOLS: Final = ("current_time",)
_CHOICES: Final = TypeAdapter(Choices)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A provider's class with its checked options; not built yet."""

    kind: Kind
    name: str
    provider: type[Provider]
    options: BaseModel


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that may be run."""

    settings: Settings
    chosen: Mapping[Kind, Sequence[Chosen]]
    path: Path | None
    """The file it came from; None for defaults and environment alone."""
    folder: Path
    """Relative paths in it count from here."""
    home: Path
    """Where everything that Aizuchi keeps goes."""
    lang: Lang
    warnings: tuple[str, ...] = ()
    """What was left out and why: plugins that can't be loaded."""

    def resolve(self, path: Path) -> Path:
        return path if path.is_absolute() else self.folder / path.expanduser()


def load(
    path: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    lang: str = "",
    base: Mapping[str, Any] | None = None,
) -> Loaded:
    """Read `path`, else `./aizuchi.yaml`, else run on `base` or defaults; then the environment over it.

    With `environ` None the process's environment is used and completed by `.env` and `secrets.yaml`, so
    that providers find their keys there. Raises ConfigError (`Problems` when keys or values are wrong).
    """
    cwd = cwd or Path.cwd()
    process = os.environ if environ is None else environ
    explicit = path or (Path(process["AIZUCHI_CONFIG"]) if process.get("AIZUCHI_CONFIG") else None)
    file = cwd / explicit if explicit else cwd / FILE
    if explicit and (not file.exists() or file.is_dir()):
        raise ConfigError(f"there is no configuration {explicit}; `aizuchi init` writes one")
    folder = file.parent
    everything = {**beside(folder), **process}
    if environ is None:
        for name, value in everything.items():
            os.environ.setdefault(name, value)
    draft = read_yaml(file) if explicit or file.is_file() else Draft(dict(base or {}))
    tongue = language(everything, lang or str(draft.data.get("lang") or ""))
    problems = [
        Problem(keys, TEXTS.say(tongue, "environment", name=name), draft.place(keys))
        for keys, name in expand(draft, everything)
    ]
    if problems:
        raise Problems(problems)
    sections = {
        name: isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        for name, field in Settings.model_fields.items()
    }
    apply_environment(draft, everything, sections)
    apply_seed_tokens(draft, everything)
    draft.data = {name: value for name, value in draft.data.items() if value is not None}
    draft.data |= from_environment(everything, draft.data)
    for kind in KINDS:
        if kind in draft.data:
            draft.data[kind] = normal(draft.data[kind]) if draft.data[kind] else draft.data[kind]
    chosen, warnings, problems = _choose(draft, tongue)
    try:
        settings = Settings.model_validate(draft.data)
    except ValidationError as error:
        problems += _explained(error, Settings, (), draft, tongue)
        raise Problems(in_order(problems)) from error
    tongue = language(everything, lang or settings.lang)
    loaded = Loaded(
        settings=settings,
        chosen={},
        path=file if explicit or file.is_file() else None,
        folder=folder,
        home=home(settings.data, folder, everything),
        lang=tongue,
    )
    problems += _sense(loaded, draft)
    if problems:
        raise Problems(in_order(problems))
    return Loaded(settings, chosen, loaded.path, folder, loaded.home, tongue, tuple(warnings))


def beside(folder: Path) -> dict[str, str]:
    """What `secrets.yaml` and `.env` of a folder add to the environment. Raises ConfigError."""
    found: dict[str, str] = {}
    if (folder / "secrets.yaml").is_file():
        found |= read_secrets(folder / "secrets.yaml")
    if (folder / ".env").is_file():
        found |= read_dotenv(folder / ".env")
    return found


def _explained(
    error: ValidationError, model: type[BaseModel], prefix: Keys, draft: Draft, lang: Lang
) -> Iterator[Problem]:
    for each in error.errors(include_url=False):
        keys = (*prefix, *each["loc"])
        text = explain(each, lang, keys_at(model, each["loc"][:-1]))
        yield Problem(keys, text, draft.place(keys))


def keys_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The keys a model allows at a place inside it; empty where any key is allowed."""
    node: Any = model
    for step in loc:
        if isinstance(node, type) and issubclass(node, BaseModel):
            if step not in node.model_fields:
                return []
            node = node.model_fields[str(step)].annotation
        else:
            inner = [each for each in get_args(node) if each is not type(None)]
            node = inner[-1] if inner else None
    while not isinstance(node, type) and get_args(node):
        node = [each for each in get_args(node) if each is not type(None)][-1]
    return list(node.model_fields) if isinstance(node, type) and issubclass(node, BaseModel) else []


def in_order(problems: Sequence[Problem]) -> list[Problem]:
    """As they stand in the file, from top to bottom; what has no line comes last."""

    def line(problem: Problem) -> tuple[bool, int]:
        number = problem.place.rpartition(":")[2]
        return not number.isdigit(), int(number) if number.isdigit() else 0

    return sorted(problems, key=line)


def _choose(draft: Draft, lang: Lang) -> tuple[dict[Kind, list[Chosen]], list[str], list[Problem]]:
    """Load the chosen classes and check their options; nothing else is imported.

    Works on the draft, so that a wrong option is told together with whatever else is wrong.
    """
    chosen: dict[Kind, list[Chosen]] = {}
    warnings: list[str] = []
    problems: list[Problem] = []
    for kind in KINDS:
        try:
            uses = _CHOICES.validate_python(draft.data[kind]) if kind in draft.data else embedded(kind)
        except ValidationError:
            continue  # told with the rest of the settings
        broken: list[str] = []
        for index, use in enumerate(uses):
            keys: Keys = (kind, index) if len(uses) > 1 else (kind,)
            known = targets(kind)
            if use.use not in known:
                near = nearest(use.use, known)
                key = "provider_near" if near else "provider"
                text = TEXTS.say(lang, key, name=use.use, near=near, known=", ".join(known))
                problems.append(Problem(keys, text, draft.place((*keys, "use"))))
                continue
            try:
                provider = load_class(kind, use.use)
            except Broken as error:
                broken.append(str(error))
                continue
            try:
                options = provider.Options.model_validate(dict(use.options))
            except ValidationError as error:
                problems += _explained(error, provider.Options, keys, draft, lang)
                continue
            chosen.setdefault(kind, []).append(Chosen(kind, use.use, provider, options))
        if len(broken) == len(uses):
            problems += [Problem((kind,), reason, draft.place((kind,))) for reason in broken]
        else:
            warnings += broken
    return chosen, warnings, problems


def _sense(loaded: Loaded, draft: Draft) -> list[Problem]:
    """What no single field can tell."""
    settings, lang = loaded.settings, loaded.lang
    found: list[Problem] = []

    def add(keys: Keys, key: str, **values: Any) -> None:
        found.append(Problem(keys, TEXTS.say(lang, key, **values), draft.place(keys)))

    for index, text in enumerate(settings.server.listen):
        try:
            address(text)
        except ValueError:
            add(("server", "listen", index), "address", value=text)
    for person, token in settings.server.tokens.items():
        if not token.get_secret_value().strip():
            add(("server", "tokens", person), "token")
    every = sorted({name for kind in KINDS for name in targets(kind)}) if settings.usage.caps else []
    for name in settings.usage.caps:
        if name not in every:
            add(("usage", "caps", name), "cap", name=name, known=", ".join(every))
    tls = settings.server.tls
    if (tls.cert is None) != (tls.key is None):
        add(("server", "tls"), "cert_key")
    for name, file in (("cert", tls.cert), ("key", tls.key)):
        if file is not None and not loaded.resolve(file).is_file():
            add(("server", "tls", name), "file", value=loaded.resolve(file))
    for index, text in enumerate(settings.web.hosts):
        if not is_origin(text):
            add(("web", "hosts", index), "web_host", value=text)
    core = settings.web.cubism_core
    if "://" in core and not is_script(core):
        add(("web", "cubism_core"), "web_script", value=core)
    elif core and "://" not in core and not loaded.resolve(Path(core)).is_file():
        add(("web", "cubism_core"), "file", value=loaded.resolve(Path(core)))
    if settings.hearing.release > settings.hearing.threshold:
        add(("hearing", "release"), "release", bound=settings.hearing.threshold)
    for index, name in enumerate(settings.tools.use):
        if name not in BUILTIN_TOOLS:
            add(("tools", "use", index), "tool", name=name, known=", ".join(BUILTIN_TOOLS))
    if settings.tools.timezone:
        try:
            zoneinfo.ZoneInfo(settings.tools.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            add(("tools", "timezone"), "zone", name=settings.tools.timezone)
    return found
