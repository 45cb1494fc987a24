"""The shape of `character.yaml`: its keys, what may stand in them, and what is said of mistakes.

`characters.py` reads the files and makes a `Character` of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from aizuchi.character import ReplyFormat
from aizuchi.emotions import ALIASES, EMOTIONS, canonical
from aizuchi.errors import ConfigError
from aizuchi.events import TtsStrategy
from aizuchi.registry import suggest

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
Description = Annotated[str, Field(max_length=300)]
Word = Annotated[str, Field(max_length=100, description="the voice's own word for an emotion")]
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
    """The keys of `character.yaml`; all may be left out where the manifest begins with a heading."""

    display_name: str | None = Field(
        None, min_length=1, max_length=80, description="the name people see; left out: the manifest's heading"
    )
    description: Description | dict[Language, Description] = Field(
        "", description="one line for lists of characters; or language -> that line"
    )
    prompt: str = Field(
        "",
        description="the manifest: file beside this one that tells the model who it is; empty: prompt.md,"
        " character_manifest.md or manifest.md, whichever is there",
    )
    language: Language = "en"
    greeting: Greeting | dict[Language, Greeting] = Field(
        "", description="said first, to clients that want a greeting; or language -> what is said"
    )
    style: StyleFile = Field(StyleFile(), description="how the character sounds")
    voice_emotions: dict[str, dict[Emotion, Word]] = Field(
        {}, description="provider -> emotion -> that voice's own word for it; empty: without any"
    )
    tts_strategy: TtsStrategy | None = Field(None, description="sentence or stream; null: as configured")
    emotions: list[Emotion] = Field(list(EMOTIONS), description="emotions the model may show; [] for none")
    emotion_tags: dict[Tag, Emotion] = Field({}, description="tag words of your own -> emotion")
    replacements: dict[str, str] = Field({}, description="written form -> spoken form, for odd names")
    pronunciations: dict[str, str] = Field({}, description="another name of replacements")
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
    live2d_model_set: str = Field(
        "", pattern=r"^[\w.-]{0,64}$", description="the model set that ChatAnon's page is to show"
    )


_PARTS: Final[Mapping[tuple[str | int, ...], type[BaseModel]]] = {
    ("style",): StyleFile,
    ("avatar",): AvatarFile,
    ("lecture",): LectureFile,
    ("avatar", "look"): LookFile,
}


def parse(path: Path, text: str) -> CommentedMap:
    """The YAML with its lines; an empty text has no keys. Raises ConfigError."""
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
    if tree is None:
        return CommentedMap()
    if not isinstance(tree, CommentedMap):
        raise ConfigError(f"{path}:1: a list of keys and values was expected, such as display_name: Aizu")
    return tree


def explain(path: Path, tree: CommentedMap, error: ValidationError) -> str:
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
        complaints.append(f"{path}:{line_of(tree, loc)}: {text}")
    return "\n".join(complaints)


def line_of(tree: object, loc: Sequence[str | int]) -> int:
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
