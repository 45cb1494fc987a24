"""A folder -> a `Character`: reads the manifest, `character.yaml` and what else lies beside them.

What is wrong ends in one ConfigError that names file, line and what to do. Reading blocks; it is done at
start-up, and in a thread when a file has changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from ruamel.yaml.comments import CommentedMap

from aizuchi import manifest
from aizuchi.agents import lecture
from aizuchi.character import Avatar, Character
from aizuchi.character_file import AvatarFile, CharacterFile, LectureFile, explain, line_of, parse
from aizuchi.errors import ConfigError
from aizuchi.lectures import Lecture, base_url
from aizuchi.ports import Style
from aizuchi.registry import suggest

FILE: Final = "character.yaml"
SCRIPT: Final = "script.yaml"
"""What `llm: script` says for the character; its shape is that of `providers/llm/script_file.py`."""
_MAX_BYTES: Final = 1 << 20
NAME: Final = re.compile(r"[^\W_][\w.-]{0,63}")


def find(folders: Sequence[Path]) -> dict[str, Path]:
    """Name -> folder of every character in `folders`, sorted by name; earlier folders win.

    A character is what has `character.yaml` or a manifest. A folder that does not exist, or can't be read,
    holds none.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        try:
            below = sorted(folder.iterdir())
        except OSError:
            continue
        for path in below:
            if NAME.fullmatch(path.name) and _is_one(path):
                found.setdefault(path.name, path)
    return dict(sorted(found.items()))


def _is_one(folder: Path) -> bool:
    try:
        return (folder / FILE).is_file() or bool(manifest.found_in(folder))
    except OSError:
        return False


def load(
    folder: Path,
    instead: Mapping[Path, str] | None = None,
    words: Mapping[str, Collection[str]] | None = None,
    speaks: Callable[[str], bool] | None = None,
) -> Character:
    """The character in `folder`, named after it. Raises ConfigError.

    `instead` holds texts that are tried in place of what stands in the files. `words` are the words that
    voices take for emotions, by provider; a voice that is not named there takes any. `speaks` tells whether
    there is a voice for a language: a bilingual character with none for its first speaks its second.
    """
    path, instead = folder / FILE, instead or {}
    name, found = folder.resolve().name, manifest.found_in(folder)
    there = path in instead or path.exists() or not found
    tree = parse(path, _text(path, instead) if there else "")
    # Which file the manifest is must be known before the keys are judged: some of them follow from it.
    given = tree.get("prompt")
    file = given if isinstance(given, str) and given else found or manifest.NAMES[0]
    complaints: list[str] = []
    prompt, display_name = "", "" if there else name
    try:
        prompt = _prompt(folder, file, f"{path}:{line_of(tree, ('prompt',))}", instead)
        display_name = manifest.title(prompt) or display_name
    except ConfigError as error:
        complaints.append(str(error))
    if not display_name and not tree.get("display_name"):
        missing = f'the key "display_name" is missing; write it, or begin {file} with "# Role: NAME"'
        complaints.append(f"{path}:1: {missing}")
    follows = manifest.suggests(prompt)
    try:
        read = CharacterFile.model_validate(follows | dict(tree))
    except ValidationError as error:
        raise ConfigError("\n".join([explain(path, tree, error), *complaints])) from None
    if complaints:
        raise ConfigError("\n".join(complaints))
    _know(read.voice_emotions, words or {}, path, tree)
    language, subtitles, unspoken = read.language, read.subtitles, ""
    if subtitles and speaks is not None and not speaks(language) and speaks(subtitles):
        # A manifest that asks for two lists gets them; who was to be read in the second needs no first.
        language, subtitles, unspoken = subtitles, language if follows else "", language
    look = _avatar(folder, read.avatar, f"{path}:{line_of(tree, ('avatar', 'file'))}")
    return Character(
        name=name,
        display_name=read.display_name or display_name,
        prompt=prompt,
        description={"": read.description} if isinstance(read.description, str) else read.description,
        live2d_model_set=read.live2d_model_set,
        script=_script(folder / SCRIPT, instead),
        language=language,
        subtitles=subtitles,
        unspoken=unspoken,
        reply_format=read.reply_format,
        greeting=_in_language(read.greeting, language).strip(),
        greeting_subtitle=_subtitle(read.greeting, subtitles),
        style=Style(read.style.voices, read.style.speed, read.style.pitch, read.voice_emotions),
        tts_strategy=read.tts_strategy,
        emotions=tuple(dict.fromkeys(read.emotions)),
        emotion_tags=read.emotion_tags,
        replacements={**read.replacements, **read.pronunciations},
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
        avatar=look,
        lecture=_lecture(folder, read.lecture),
    )


def _lecture(folder: Path, read: LectureFile | None) -> Lecture | None:
    if read is None:
        return None
    slides = folder / read.slides if read.slides else None
    url = base_url(folder.resolve().name)
    return lecture(folder / read.script, slides, base_url=url, auto_start=read.auto_start)


def _know(
    given: Mapping[str, Mapping[str, str]],
    words: Mapping[str, Collection[str]],
    path: Path,
    tree: CommentedMap,
) -> None:
    """Complain of words that a voice would refuse."""
    complaints = [
        f"{path}:{line_of(tree, ('voice_emotions', provider, emotion))}: voice_emotions.{provider}:"
        f' "{word}" is none of its words; {suggest(word, words[provider])}'
        for provider, table in given.items()
        if provider in words
        for emotion, word in table.items()
        if word and word not in words[provider]
    ]
    if complaints:
        raise ConfigError("\n".join(complaints))


def _script(path: Path, instead: Mapping[Path, str]) -> Any:
    if path not in instead and not path.is_file():
        return None
    from aizuchi.providers.llm.script_file import load_part

    return load_part(_text(path, instead), str(path))


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
