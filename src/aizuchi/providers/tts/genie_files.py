"""What Genie TTS needs on the disk, where it comes from, and what of it is missing.

Source: the package `genie-tts` 2.0.2.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PACKAGE: Final = "genie-tts"
DATA_REPOSITORY: Final = "High-Logic/Genie"
DATA_URL: Final = "https://huggingface.co/High-Logic/Genie/tree/main/GenieData"
DATA_NAME: Final = "GenieData"
MODEL_URL: Final = "https://modelscope.cn/models/IndexError/gptsovits-v2proplus-genie-onnx-export"
CONVERTING: Final = "https://github.com/High-Logic/Genie-TTS"
"""Tells how a model of GPT-SoVITS is converted."""

SHARED: Final = ("chinese-hubert-base/chinese-hubert-base.onnx", "speaker_encoder.onnx")
"""Without these the package does not even start. RoBERTa makes Chinese sound better, and may be missing."""
PRONUNCIATION: Final = {"zh": "G2P/ChineseG2P", "en": "G2P/EnglishG2P"}
MODEL: Final = (
    "t2s_encoder_fp32.onnx",
    "t2s_first_stage_decoder_fp32.onnx",
    "t2s_stage_decoder_fp32.onnx",
    "t2s_shared_fp16.bin",
    "vits_fp32.onnx",
    "vits_fp16.bin",
)
PROMPT_ENCODER: Final = ("prompt_encoder_fp32.onnx", "prompt_encoder_fp16.bin")
"""Models of the generation v2ProPlus have both."""
SOUND: Final = frozenset({".wav", ".flac", ".ogg", ".aiff", ".aif"})
"""What a reference may be."""


def python_in(folder: Path) -> Path:
    """The Python that `aizuchi genie setup` makes there."""
    if sys.platform == "win32":
        return folder / "venv" / "Scripts" / "python.exe"
    return folder / "venv" / "bin" / "python"


def missing_data(data: Path, languages: set[str]) -> Iterator[str]:
    """Files and folders of the shared data that are not there."""
    if not data.is_dir():
        yield str(data)
        return
    wanted = [*SHARED, *(PRONUNCIATION[each] for each in sorted(languages & PRONUNCIATION.keys()))]
    yield from (str(data / name) for name in wanted if not (data / name).exists())


def missing_model(model: Path) -> Iterator[str]:
    """Files of a voice's model that are not there."""
    if not model.is_dir():
        yield str(model)
        return
    yield from (str(model / name) for name in MODEL if not (model / name).is_file())
    halves = [(model / name).is_file() for name in PROMPT_ENCODER]
    if any(halves) and not all(halves):
        yield str(model / PROMPT_ENCODER[halves.index(False)])
