"""Where Genie runs: a server that GENIE_URL names, else a process of our own in what the setup prepared."""

from __future__ import annotations

import os
import threading
from typing import Final

from aizuchi.config import load
from aizuchi.errors import ConfigError
from aizuchi.providers.tts.genie import GenieVoice, Speaker
from aizuchi.providers.tts.genie_files import DATA_NAME, python_in

PATIENCE: Final = 120.0
"""Seconds for one sentence, for loading a voice, and for Genie to start."""
_OPTIONS: Final[dict[tuple[str, ...], GenieVoice.Options]] = {}
_LOCK: Final = threading.Lock()


def options_with(name: str, speaker: Speaker) -> GenieVoice.Options:
    """The settings of the one client for the place of now, this speaker among its voices. May read files.

    Genie speaks one sentence at a time, for whomever, and loads gigabytes: so all voices of a script share
    a client, which looks into `voices` whenever it speaks. Raises ConfigError that says what is missing.
    """
    url = os.environ.get("GENIE_URL", "").strip()
    where = {"base_url": url} if url else _own()
    settings = {"timeout": PATIENCE, "wait_timeout": PATIENCE, "start_timeout": PATIENCE, "split": False}
    with _LOCK:
        shared = _OPTIONS.get(tuple(where.values()))
        if shared is None:
            shared = GenieVoice.Options.model_validate(where | settings)
        if name not in shared.voices:
            if not url:
                # One voice without its files shall not keep the others from speaking.
                GenieVoice(shared.model_copy(update={"voices": {name: speaker}})).look()
            shared.voices = {**shared.voices, name: speaker}  # whoever reads the old ones is not disturbed
        return _OPTIONS.setdefault(tuple(where.values()), shared)


def _own() -> dict[str, str]:
    folder = load(None).home / "genie"
    python = python_in(folder)
    if not python.is_file():
        raise ConfigError(
            "Genie is not set up: run `python tts/genie/setup.py` (or `aizuchi genie setup`), or name the"
            " address of a Genie server that runs in GENIE_URL",
            zh="Genie 尚未安装：请运行 `python tts/genie/setup.py`（或 `aizuchi genie setup`），"
            "或用 GENIE_URL 指定正在运行的 Genie 服务器",
        )
    data = os.environ.get("GENIE_DATA_DIR", "").strip() or str(folder / DATA_NAME)
    return {"python": str(python), "data": data}
