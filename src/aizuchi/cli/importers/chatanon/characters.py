"""`prompts/NAME/character_manifest.md` as characters of ours.

A manifest has no front matter. What is structured about a character stands in ChatAnon's code, as two tables
of literals in `server/character_manager.py`, or in a `character.yaml` beside the manifest. Both are read if
they are there; neither is needed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from aizuchi import characters as ours
from aizuchi.cli.importers import Imported, Row, Words
from aizuchi.cli.importers.chatanon.credentials import assignments, parse
from aizuchi.config.describe import yaml_value
from aizuchi.errors import ConfigError

MANIFEST: Final = "character_manifest.md"
VOICE: Final = "AnonTokyo2026012304"
"""ChatAnon's own, cloned in its makers' account; no other account can speak with it."""
SPEED: Final = 0.95
"""As ChatAnon has every voice speak."""
EMOTIONS: Final = ("happy", "sad", "angry", "fearful", "disgusted", "surprised", "calm")
_HEADING: Final = re.compile(r"(?m)^ {0,3}#\s+(.+?)\s*#*\s*$")
_LABEL: Final = re.compile(r"(?:role|角色|character|name)\s*[:：]\s*", re.IGNORECASE)
_KEYS: Final = ("display_name", "voice_id", "description", "live2d_model_set", "pronunciations")

NAMELESS: Final[Words] = (
    "a folder of that name can't be a character: letters, digits, - and _",
    "文件夹名不能用作角色名：只能用字母、数字、- 与 _",
)
UNREADABLE: Final[Words] = ("it is empty, or no UTF-8 text", "为空，或不是 UTF-8 文本")
CLONED: Final[Words] = (
    "a voice that was cloned in one account; another account needs a voice of its own there",
    "此音色克隆于某个账户；其他账户需换用自己的音色",
)


def find(folder: Path) -> dict[str, Path]:
    """Name -> manifest, sorted by name."""
    try:
        below = sorted((folder / "prompts").iterdir())
    except OSError:
        return {}
    return {each.name: each / MANIFEST for each in below if (each / MANIFEST).is_file()}


def convert(people: Mapping[str, Path], folder: Path, config: Mapping[str, Any], imported: Imported) -> None:
    """Add a character for each manifest, and its rows."""
    table, spoken = _in_code(folder / "server" / "character_manager.py")
    chosen: Any = config.get("characters")
    for folder_name, path in people.items():
        name = folder_name.lower()  # ChatAnon asks for every name in small letters
        key = f"prompts/{folder_name}/{MANIFEST}"
        try:
            text = path.read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError):
            text = ""
        if not text or not ours.NAME.fullmatch(name):
            imported.rows.append(Row(key, "", "", NAMELESS if text else UNREADABLE))
            continue
        facts = {**table.get(name, {}), **_beside(path.with_name("character.yaml"))}
        own: Any = chosen.get(folder_name, {}) if isinstance(chosen, dict) else {}
        given = isinstance(own, dict) and bool(own.get("voice_id"))
        if given:
            facts["voice_id"] = str(cast("dict[str, Any]", own)["voice_id"])
        imported.characters[name] = {ours.FILE: _yaml(text, name, facts, spoken), MANIFEST: text + "\n"}
        where = f"characters/{name}/"
        imported.rows.append(Row(key, f"{len(text.encode()) / 1000:.1f} kB", where))
        if (voice := facts.get("voice_id")) and not given:
            note: Words = CLONED if voice == VOICE else ("", "")
            imported.rows.append(Row(f"voice of {folder_name}", voice, f"{where}{ours.FILE}", note))


def _yaml(text: str, name: str, facts: Mapping[str, Any], spoken: Mapping[str, str]) -> str:
    """`character.yaml`, with those of our keys that this version knows."""
    known = ours.CharacterFile.model_fields
    heading = _HEADING.search(text)
    title = _LABEL.sub("", heading[1], count=1).strip()[:80] if heading else ""
    two = "responses_jp" in text and "responses_cn" in text
    lines = [
        "# Imported from ChatAnon. Every key is explained in the README of the characters folder.",
        f"display_name: {yaml_value(facts.get('display_name') or title or name)}",
        f"prompt: {MANIFEST}",
    ]
    for key in ("description", "live2d_model_set"):
        if key in known and facts.get(key):
            lines.append(f"{key}: {yaml_value(str(facts[key]))}")
    if two:
        # Such a manifest asks for JSON: Japanese to be spoken, Chinese to be read, an emotion for each.
        lines.append("language: ja")
        lines += ["subtitles: zh"] if "subtitles" in known else []
        lines.append(f"emotions: {yaml_value(list(EMOTIONS))}")
    lines += ["style:", f"  speed: {SPEED}"]
    if voice := facts.get("voice_id"):
        lines += ["  voices:", f"    minimax: {yaml_value(voice)}"]
    table = {**(spoken if two else {}), **cast("dict[str, str]", facts.get("pronunciations") or {})}
    if table:
        lines.append("replacements:")
        lines += [f"  {yaml_value(str(word))}: {yaml_value(str(said))}" for word, said in table.items()]
    return "\n".join(lines) + "\n"


def _beside(path: Path) -> dict[str, Any]:
    """The few keys of a `character.yaml` beside a manifest."""
    if not path.is_file():
        return {}
    from aizuchi.config.sources import read_yaml

    tree = read_yaml(path).data
    return {key: tree[key] for key in _KEYS if tree.get(key)}


def _in_code(path: Path) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """What ChatAnon's code says of characters and of how names are read, as far as it is literal."""
    people: dict[str, dict[str, Any]] = {}
    spoken: dict[str, str] = {}
    try:
        found = list(assignments(parse(path))) if path.is_file() else []
    except ConfigError:
        return {}, {}
    for name, node in found:
        if not isinstance(node, ast.Dict):
            continue
        for key, value in zip(node.keys, node.values, strict=True):
            match key, value:
                case ast.Constant(value=str(who)), ast.Call(keywords=keywords) if "CHARACTERS" in name:
                    people[who.lower()] = {
                        each.arg: each.value.value
                        for each in keywords
                        if each.arg in _KEYS and isinstance(each.value, ast.Constant) and each.value.value
                    }
                case ast.Constant(value=str(word)), ast.Constant(value=str(said)) if "REPLACEMENTS" in name:
                    spoken[word] = said
                case _:
                    pass
    return people, spoken
