"""A manifest: the Markdown that tells the model who a character is.

It stands at the head of the system prompt as it was written. Where `character.yaml` is silent, or there is
none, a few things are read out of it; ChatAnon's manifests, which are nothing but text, work that way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

NAMES: Final = ("prompt.md", "character_manifest.md", "manifest.md")
"""What a manifest is called, unless `prompt` in the YAML says otherwise; the first that is there counts."""
LONGEST: Final = 80
"""Characters of a title."""
_HEADING: Final = re.compile(r" {0,3}#{1,6}[ \t]+(?P<text>.*?)[ \t]*#*[ \t]*")
_FENCE: Final = re.compile(r" {0,3}(```|~~~)")
_LABEL: Final = re.compile(
    r"(?:role|character|name|角色|人物|名字|姓名|キャラクター)\s*[:：]\s*", re.IGNORECASE
)
_MARKS: Final = re.compile(r"[*_`]+")
TWO_LISTS: Final = ("responses_jp", "responses_cn")
"""ChatAnon's manifests ask for an answer in JSON with these: Japanese to be spoken, Chinese to be read."""
CHATANON: Final = ("happy", "sad", "angry", "fearful", "disgusted", "surprised", "calm")
"""The emotions such an answer may name, besides "auto"."""


def found_in(folder: Path) -> str:
    """The name of the manifest in a folder; empty if there is none. Raises OSError."""
    return next((name for name in NAMES if (folder / name).is_file()), "")


def title(text: str) -> str:
    """The character's name by the first heading, such as `# Role: Ann (an)`; empty if there is no heading."""
    for line in _outside_fences(text):
        heading = _HEADING.fullmatch(line)
        if heading and (name := _MARKS.sub("", _LABEL.sub("", heading["text"], count=1)).strip()):
            return name[:LONGEST].rstrip()
    return ""


def suggests(text: str) -> dict[str, Any]:
    """Keys of `character.yaml` that follow from what a manifest asks the model for."""
    if all(name in text for name in TWO_LISTS):
        return {"language": "ja", "subtitles": "zh", "emotions": list(CHATANON)}
    return {}


def _outside_fences(text: str) -> Iterator[str]:
    fenced = ""
    for line in text.splitlines():
        fence = _FENCE.match(line)
        if fence and fenced in ("", fence[1]):
            fenced = "" if fenced else fence[1]
        elif not fenced:
            yield line
