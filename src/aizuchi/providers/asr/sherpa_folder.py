"""A folder with a model for sherpa-onnx -> its kind and its files.

The library ends the process when a file is missing or of the wrong kind, so we look before it does. Which
kind a folder holds is told by the names that the project's own model archives use.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

from aizuchi.errors import ConfigError

Kind = Literal[
    "streaming-transducer",
    "streaming-paraformer",
    "streaming-ctc",
    "transducer",
    "nemo-transducer",
    "paraformer",
    "sense-voice",
    "whisper",
    "moonshine",
    "moonshine-v2",
]

_TRANSDUCER: Final = {"encoder": "*encoder*", "decoder": "*decoder*", "joiner": "*joiner*"}
FILES: Final[Mapping[Kind, Mapping[str, str]]] = {
    "streaming-transducer": _TRANSDUCER,
    "streaming-paraformer": {"encoder": "*encoder*", "decoder": "*decoder*"},
    "streaming-ctc": {"model": "*"},
    "transducer": _TRANSDUCER,
    "nemo-transducer": _TRANSDUCER,
    "paraformer": {"paraformer": "*model*"},
    "sense-voice": {"model": "*model*"},
    "whisper": {"encoder": "*encoder*", "decoder": "*decoder*"},
    "moonshine": {
        "preprocessor": "preprocess*",
        "encoder": "encode*",
        "uncached_decoder": "uncached_decode*",
        "cached_decoder": "cached_decode*",
    },
    "moonshine-v2": {"encoder": "encoder_model*", "decoder": "decoder_model*"},
}
"""Kind -> name of the library's argument -> pattern of the file, without its ending; `tokens` is in all."""
_ENDINGS: Final = (".onnx", ".ort")
SMALLEST: Final = 4096
"""Bytes; a smaller weights file is a pointer that stands for it, or a page that says "not found"."""


class Found(NamedTuple):
    kind: Kind
    files: dict[str, str]
    """Name of the library's argument -> path."""


def find(folder: Path, kind: Kind | None = None, *, int8: bool = True) -> Found:
    """Look into a folder. Raises ConfigError that says what is missing; `int8` prefers the small variants."""
    if not folder.is_dir():
        raise ConfigError(
            f"asr sherpa: {folder} is no folder; `aizuchi models` lists models and fetches them"
        )
    kind = kind or _guess(folder)
    problems: list[str] = []
    files: dict[str, str] = {}
    for argument, pattern in FILES[kind].items():
        path = _weights(folder, pattern, int8)
        if path is None:
            problems.append(f"no {pattern}.onnx in {folder.name}")
        elif path.stat().st_size < SMALLEST:
            problems.append(f"{path.name} is no model, only {path.stat().st_size} bytes")
        else:
            files[argument] = str(path)
    tokens = next(iter(sorted(folder.glob("*tokens.txt"), key=lambda p: len(p.name))), None)
    if tokens is None or tokens.stat().st_size == 0:
        problems.append(f"no tokens.txt in {folder.name}, or it is empty")
    if problems or tokens is None:
        raise ConfigError(f"asr sherpa, a model of kind {kind}: {'; '.join(problems)}")
    return Found(kind, {"tokens": str(tokens), **files})


def _weights(folder: Path, pattern: str, int8: bool) -> Path | None:
    found = [path for ending in _ENDINGS for path in folder.glob(pattern + ending)]
    return min(found, key=lambda p: ((".int8." in p.name) != int8, len(p.name), p.name), default=None)


def _guess(folder: Path) -> Kind:
    def has(pattern: str) -> bool:
        return _weights(folder, pattern, True) is not None

    name = folder.resolve().name.lower()
    streaming = "streaming" in name
    if has("preprocess*"):
        return "moonshine"
    if has("encoder_model*"):
        return "moonshine-v2"
    if has("*joiner*"):
        nemo = "nemo" in name or "parakeet" in name
        return "streaming-transducer" if streaming else "nemo-transducer" if nemo else "transducer"
    if has("*encoder*") and has("*decoder*"):
        return "streaming-paraformer" if "paraformer" in name else "whisper"
    if has("*"):
        if "sense" in name:
            return "sense-voice"
        if streaming and "ctc" in name:
            return "streaming-ctc"
        if "paraformer" in name:
            return "paraformer"
        raise ConfigError(f"asr sherpa: what kind of model {folder.name} is can't be told; set `kind`")
    raise ConfigError(f"asr sherpa: {folder} holds no model (no .onnx or .ort file)")
