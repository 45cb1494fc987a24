"""A folder -> a `Character`: reads `character.yaml` and the prompt beside it.

What is wrong ends in one ConfigError that names file, line and what to do. Reading is done at start-up,
not while sessions run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from aizuchi.agents import lecture
from aizuchi.character import Avatar, Character, ReplyFormat
from aizuchi.emotions import ALIASES, EMOTIONS, canonical
from aizuchi.errors import ConfigError
from aizuchi.events import TtsStrategy
from aizuchi.lectures import Lecture, base_url
from aizuchi.ports import Style
from aizuchi.registry import suggest

FILE: Final = "character.yaml"
_MAX_BYTES: Final = 1 << 20
NAME: Final = re.compile(r"[^\W_][\w.-]{0,63}")
_BRACKETS: Final = frozenset("[]【】<>")

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$", description="ISO 639-1 code such as en, zh, ja")]


def _emotion(word: str) -> str:
    name = canonical(word)
    if name is None:
        raise ValueError(f'"{word}" is no emotion; {suggest(word, [*EMOTIONS, *ALIASES])}')
    return name


def _tag(word: str) -> str:
    if not word or any(char.isspace() or char in _BRACKETS for char in word):
        raise ValueError(f'"{word}" can\'t be a tag: one word without blanks and brackets is')
    return word.lower()


Phrase = Annotated[str, Field(min_length=1, max_length=500, description="what is said")]
Greeting = Annotated[str, Field(max_length=2_000)]
Emotion = Annotated[str, AfterValidator(_emotion)]
Tag = Annotated[str, AfterValidator(_tag)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StyleFile(_Part):
    """How the character sounds."""

    voices: dict[str, str] = Field(default={}, description="provider name -> the voice's name there")
    speed: float = Field(default=1.0, ge=0.25, le=4.0, description="1.0 is the voice's own pace")
    pitch: float = Field(default=1.0, ge=0.25, le=4.0, description="1.0 is the voice's own pitch")


Colour = Annotated[
    str, Field(pattern=r"^#[0-9a-fA-F]{6}$", description="a colour such as #46558f, in quotes")
]


class LookFile(_Part):
    """How the drawn figure looks; what is left out is as ours or fits to the rest."""

    style: Literal["bob", "long", "short", "tails"] | None = None
    """How the hair is cut."""
    hair: Colour | None = None
    tips: Colour | None = None
    eyes: Colour | None = None
    skin: Colour | None = None
    clothes: Colour | None = None
    inner: Colour | None = None
    accent: Colour | None = None
    extra: Literal["headset", "glasses", "pin", "none"] | None = None
    """What is worn besides."""


class AvatarFile(_Part):
    """Which figure the character wears."""

    kind: Literal["drawn", "vrm", "live2d"] = Field(
        "drawn", description="drawn by us, or a model of your own"
    )
    file: str = Field("", max_length=500, description="the model: NAME.vrm, or FOLDER/NAME.model3.json")
    look: LookFile = Field(LookFile(), description="colours and shapes of the drawn one")

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: object) -> object:
        """A single word was enough once, and is: the kind, or the model's file."""
        match value:
            case None | "":
                return {}
            case str(word) if word.endswith(".vrm"):
                return {"kind": "vrm", "file": word}
            case str(word) if word.endswith(".model3.json"):
                return {"kind": "live2d", "file": word}
            case str(word):
                return {"kind": word}
            case _:
                return value

    @model_validator(mode="after")
    def _fits(self) -> AvatarFile:
        path = PurePosixPath(self.file)
        if self.kind == "drawn":
            if self.file:
                raise ValueError('a file needs its kind, "vrm" or "live2d"')
        elif not self.file:
            raise ValueError(f'the kind "{self.kind}" needs "file": the model\'s path beside this file')
        elif path.is_absolute() or ".." in path.parts or "\\" in self.file:
            raise ValueError(f'"{self.file}" must be a path below the character\'s own folder')
        elif self.kind == "vrm" and not self.file.endswith(".vrm"):
            raise ValueError(f'"{self.file}" is no VRM model; its name ends in .vrm')
        elif self.kind == "live2d" and not (self.file.endswith(".model3.json") and len(path.parts) > 1):
            raise ValueError(
                f'"{self.file}" is no Live2D model in a folder of its own; such as model/NAME.model3.json is'
            )
        return self


class LectureFile(_Part):
    """What the character tells page by page; see docs/lectures.md."""

    script: str = Field(min_length=1, max_length=500, description="text with page marks, or YAML")
    slides: str = Field("", max_length=500, description="folder of pictures")
    auto_start: bool = Field(True, description="begin with the first listener")


class CharacterFile(_Part):
    """The keys of `character.yaml`; all but `display_name` may be left out."""

    display_name: str = Field(min_length=1, max_length=80, description="the name people see")
    prompt: str = Field("prompt.md", description="file beside this one that tells the model who it is")
    language: Language = "en"
    greeting: Greeting | dict[Language, Greeting] = Field(
        "", description="said first, to clients that want a greeting; or language -> what is said"
    )
    style: StyleFile = Field(StyleFile(), description="how the character sounds")
    tts_strategy: TtsStrategy | None = Field(None, description="sentence or stream; null: as configured")
    emotions: list[Emotion] = Field(list(EMOTIONS), description="emotions the model may show; [] for none")
    emotion_tags: dict[Tag, Emotion] = Field({}, description="tag words of your own -> emotion")
    replacements: dict[str, str] = Field({}, description="written form -> spoken form, for odd names")
    tools: list[str] | None = Field(None, description="names of the tools they may use; null for all")
    apology: dict[Language, str] = Field({}, description="language -> said when no model answers")
    not_understood: dict[Language, str] = Field({}, description="language -> said when hearing failed")
    fillers: dict[Language, list[Phrase]] = Field({}, description="language -> said while thinking is slow")
    filler_after: float = Field(0.0, ge=0, le=60, description="seconds before a filler; 0 for never")
    hums: dict[Language, list[Phrase]] = Field({}, description="language -> small sounds of a listener")
    hum_every: float = Field(0.0, ge=0, le=600, description="seconds of speech before a hum; 0 for never")
    nudge: dict[Language, list[Phrase]] = Field({}, description="language -> said after a long silence")
    farewell: dict[Language, str] = Field({}, description="language -> said when silence ends it all")
    backchannels: list[str] = Field([], description="more small words that don't interrupt, such as mm-hm")
    avatar: AvatarFile = Field(AvatarFile.model_construct(), description="which figure the character wears")
    subtitles: Language | Literal[""] = Field(
        "", description="second language: replies are read in it while they are spoken in the first"
    )
    reply_format: ReplyFormat = Field(
        "auto", description="of bilingual replies: json; own, if the prompt describes one; or auto"
    )
    lecture: LectureFile | None = Field(None, description="what they tell page by page; null: nothing")


_PARTS: Final[Mapping[tuple[str | int, ...], type[BaseModel]]] = {
    ("style",): StyleFile,
    ("avatar",): AvatarFile,
    ("lecture",): LectureFile,
    ("avatar", "look"): LookFile,
}


def find(folders: Sequence[Path]) -> dict[str, Path]:
    """Name -> folder of every character in `folders`, sorted by name; earlier folders win.

    A folder that does not exist, or can't be read, holds none.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        try:
            below = sorted(folder.iterdir())
            for path in below:
                if NAME.fullmatch(path.name) and (path / FILE).is_file():
                    found.setdefault(path.name, path)
        except OSError:
            continue
    return dict(sorted(found.items()))


def load(folder: Path, instead: Mapping[Path, str] | None = None) -> Character:
    """The character in `folder`, named after it. Raises ConfigError.

    `instead` holds texts that are tried in place of what stands in the files.
    """
    path, instead = folder / FILE, instead or {}
    tree = _parse(path, _text(path, instead))
    try:
        read = CharacterFile.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_explain(path, tree, error)) from None
    style = Style(read.style.voices, read.style.speed, read.style.pitch)
    return Character(
        name=folder.resolve().name,
        display_name=read.display_name,
        prompt=_prompt(folder, read.prompt, f"{path}:{_line(tree, ('prompt',))}", instead),
        language=read.language,
        greeting=_in_language(read.greeting, read.language).strip(),
        style=style,
        tts_strategy=read.tts_strategy,
        emotions=tuple(dict.fromkeys(read.emotions)),
        emotion_tags=read.emotion_tags,
        replacements=read.replacements,
        tools=None if read.tools is None else tuple(read.tools),
        apology=read.apology,
        not_understood=read.not_understood,
        fillers=_phrases(read.fillers),
        filler_after=read.filler_after,
        hums=_phrases(read.hums),
        hum_every=read.hum_every,
        nudge=_phrases(read.nudge),
        farewell=read.farewell,
        backchannels=tuple(read.backchannels),
        avatar=_avatar(folder, read.avatar, f"{path}:{_line(tree, ('avatar', 'file'))}"),
        subtitles=read.subtitles,
        reply_format=read.reply_format,
        greeting_subtitle=_subtitle(read.greeting, read.subtitles),
        lecture=_lecture(folder, read.lecture),
    )


def _lecture(folder: Path, read: LectureFile | None) -> Lecture | None:
    if read is None:
        return None
    slides = folder / read.slides if read.slides else None
    url = base_url(folder.resolve().name)
    return lecture(folder / read.script, slides, base_url=url, auto_start=read.auto_start)


def _phrases(by_language: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {language: tuple(phrases) for language, phrases in by_language.items() if phrases}


def _in_language(phrase: str | Mapping[str, str], language: str) -> str:
    """A phrase in the character's language, else in English; empty for none."""
    return phrase if isinstance(phrase, str) else phrase.get(language) or phrase.get("en", "")


def _subtitle(phrase: str | Mapping[str, str], language: str) -> str:
    """A phrase in the second language, where it was written in several."""
    return "" if isinstance(phrase, str) else phrase.get(language, "").strip()


def _avatar(folder: Path, read: AvatarFile, where: str) -> Avatar:
    look = {key: str(value) for key, value in read.look.model_dump(exclude_none=True).items()}
    if not read.file:
        return Avatar(read.kind, None, look)
    file = (folder / read.file).resolve()
    if not file.is_relative_to(folder.resolve()):
        raise ConfigError(f'{where}: avatar "{read.file}" must be a file in the character\'s own folder')
    if not file.is_file():
        raise ConfigError(f'{where}: avatar "{read.file}" is not there; it is looked for at {file}')
    return Avatar(read.kind, file, look)


def _prompt(folder: Path, name: str, where: str, instead: Mapping[Path, str]) -> str:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(f'{where}: prompt "{name}" must be a file in the character\'s own folder')
    text = _text(path, instead, f"{where}: prompt ").strip()
    if not text:
        raise ConfigError(f"{path} is empty; write in it who the character is")
    return text


def _text(path: Path, instead: Mapping[Path, str], what: str = "") -> str:
    if path in instead:
        return instead[path]
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{what}{path} is larger than {_MAX_BYTES} bytes")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{what}{path} can't be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{what}{path} is not UTF-8 text; save it as UTF-8") from None


def _parse(path: Path, text: str) -> CommentedMap:
    try:
        tree: object = YAML(typ="rt", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        problem = (error.problem or error.context or "this is not YAML").strip()
        raise ConfigError(f"{path}{line}: {problem.splitlines()[0]}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        problem = str(error).strip() or type(error).__name__
        raise ConfigError(f"{path}: {problem.splitlines()[0]}") from None
    if not isinstance(tree, CommentedMap):
        raise ConfigError(f"{path}:1: a list of keys and values was expected, such as display_name: Aizu")
    return tree


def _explain(path: Path, tree: CommentedMap, error: ValidationError) -> str:
    """All complaints, one a line."""
    complaints: list[str] = []
    for fault in error.errors(include_url=False):
        loc = tuple(part for part in fault["loc"] if part != "[key]")
        key = ".".join(map(str, loc))
        if fault["type"] == "extra_forbidden":
            model = _PARTS.get(loc[:-1], CharacterFile)
            text = f'the key "{key}" is unknown; {suggest(str(loc[-1]), model.model_fields)}'
        elif fault["type"] == "missing":
            text = f'the key "{key}" is missing'
        elif fault["type"] == "value_error":
            text = f"{key}: {fault['ctx']['error']}" if "ctx" in fault else f"{key}: {fault['msg']}"
        else:
            text = f"{key}: {fault['msg'][:1].lower()}{fault['msg'][1:]}, but it is {fault['input']!r:.60}"
        complaints.append(f"{path}:{_line(tree, loc)}: {text}")
    return "\n".join(complaints)


def _line(tree: object, loc: Sequence[str | int]) -> int:
    """The line, from 1, of the innermost part of `loc` that stands in the file."""
    line = 1
    for part in loc:
        if isinstance(tree, CommentedMap) and part in tree:
            line = tree.lc.key(part)[0] + 1
        elif isinstance(tree, CommentedSeq) and isinstance(part, int) and part < len(tree):
            line = tree.lc.item(part)[0] + 1
        else:
            break
        tree = cast("Any", tree)[part]
    return line
