"""Where the tests find real recorded speech; none of it is kept in the repository.

Looked for in the folder named by AIZUCHI_SPEECH_DIR, in `../shared/audio` beside the repository, and in
what Debian's package `pocketsphinx-testdata` installs. A test that finds none is skipped and says so; in CI,
where the recordings are, it fails instead.
"""

import os
import tempfile
from functools import cache
from pathlib import Path

from aizuchi.audio import read_wav, write_wav
from tests import needed

# Read at import: the fixtures hide AIZUCHI_ settings from the tests.
NAMED = os.environ.get("AIZUCHI_SPEECH_DIR", "")
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "audio"
DEBIAN = Path("/usr/share/pocketsphinx/test/data")
DEBIANS_NAMES = {
    "go_forward_ten_meters.wav": "goforward.raw",
    "librivox_austen_0870.wav": "librivox/sense_and_sensibility_01_austen_64kb-0870.wav",
}

WORDS = {
    "go_forward_ten_meters.wav": "go forward ten meters",
    "librivox_austen_0870.wav": (
        "and mister john dashwood had then leisure to consider how much there might be prudently in his power"
        " to do for them"
    ),
    "jfk_16k.wav": (
        "and so my fellow americans ask not what your country can do for you ask what you can do for your"
        " country"
    ),
}
"""What is said in them."""


def recording(name: str) -> Path:
    """A recording's path, a WAV file of 16 kHz mono; skips the test (in CI: fails it) if absent."""
    found = _find(name)
    if found is not None:
        return found
    reason = f"no recording {name}: set AIZUCHI_SPEECH_DIR or install Debian's pocketsphinx-testdata"
    needed.missing(reason)


def speech(name: str) -> bytes:
    """The samples of a recording."""
    return read_wav(recording(name), 16_000)[0]


def some_speech() -> list[str]:
    """Names of all recordings at hand, for tests that want many; at least one in CI."""
    names = {p.name for p in _folders_files()} | {n for n in DEBIANS_NAMES if _find(n)}
    return sorted(names) or ["go_forward_ten_meters.wav"]


def _folders_files() -> list[Path]:
    folders = [Path(NAMED)] if NAMED else [BESIDE]
    return [p for folder in folders if folder.is_dir() for p in folder.glob("*.wav")]


@cache
def _find(name: str) -> Path | None:
    for folder in ([Path(NAMED)] if NAMED else []) + [BESIDE]:
        if (folder / name).is_file():
            return folder / name
    there = DEBIAN / DEBIANS_NAMES.get(name, name)
    if not there.is_file():
        return None
    if there.suffix != ".raw":
        return there
    made = Path(tempfile.mkdtemp(prefix="aizuchi-speech-")) / name
    write_wav(made, there.read_bytes(), 16_000)
    return made
