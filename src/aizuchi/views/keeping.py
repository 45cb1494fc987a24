"""The folder of recordings: whose is what, how much stays, how a person gets or ends theirs.

    FOLDER/<person>/<time>-<session>.jsonl, .user.wav, .reply.wav

The name of a person's folder holds a checksum, so that two people whose names look alike to a file system
stay apart. Everything here blocks and is called from a thread or the command line.
"""

from __future__ import annotations

import hashlib
import logging
import re
import zipfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from aizuchi.errors import ConfigError

log = logging.getLogger(__name__)

TIMELINE_END: Final = ".jsonl"
USER_END: Final = ".user.wav"
REPLY_END: Final = ".reply.wav"
ENDS: Final = (TIMELINE_END, USER_END, REPLY_END)
EMPTY: Final[Mapping[str, str]] = MappingProxyType({})


def plain(name: str, longest: int = 40) -> str:
    """A name as it may stand in a file name on any system."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:longest].strip("_") or "x"


def folder_of(person: str) -> str:
    """The name of a person's folder."""
    checksum = hashlib.sha256(person.encode("utf-8", "replace")).hexdigest()
    return f"{plain(person)}-{checksum[:12]}"


def export(person: str, folder: Path, out: Path, more: Mapping[str, str] = EMPTY) -> list[str]:
    """Pack all recordings of a person into the zip file `out`; returns the names inside, oldest first.

    `more` are texts by name that go with them. Without either nothing is written and the list is empty.
    Raises ConfigError when `out` exists or can't be written.
    """
    files = sorted(_files(folder / folder_of(person)))
    if not files and not more:
        return []
    try:
        with zipfile.ZipFile(out, "x", zipfile.ZIP_DEFLATED) as archive:
            for file in files:
                archive.write(file, file.name)
            for name, text in more.items():
                archive.writestr(name, text)
    except FileExistsError:
        raise ConfigError(f"{out} exists already; name another file") from None
    except OSError as error:
        raise ConfigError(f"cannot write {out}: {error.strerror or error}") from error
    return [*(file.name for file in files), *more]


def delete(person: str, folder: Path) -> int:
    """Delete all recordings of a person; returns how many files that were. Raises ConfigError if one stays.

    A conversation that is being recorded meanwhile writes on; end it first.
    """
    place = folder / folder_of(person)
    count = 0
    for file in list(_files(place)):
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(
                f"cannot delete {file.name} ({error.strerror or error}); is the server running?"
            ) from error
        count += 1
    _remove_empty(place)
    return count


def tidy(
    folder: Path, *, max_bytes: int, max_age: float, now: float, keep: Collection[Path], fresh: float = 0.0
) -> int:
    """Delete recordings that are too old, then the oldest until the rest fits; returns how many went.

    `keep` holds the stems (path without its end) of recordings that are being written; those that changed
    less than `fresh` seconds ago may be another process's. Only files of
    ours are counted and touched. Problems are logged, not raised.
    """
    recordings: dict[Path, tuple[float, int, list[Path]]] = {}
    if not folder.is_dir():
        return 0
    for place in folder.iterdir():
        for file in _files(place):
            try:
                facts = file.stat()
            except OSError:
                continue
            stem = file.with_name(_stem(file.name))
            changed, size, files = recordings.get(stem, (0.0, 0, []))
            recordings[stem] = max(changed, facts.st_mtime), size + facts.st_size, [*files, file]
    total = sum(size for _, size, _ in recordings.values())
    gone = 0
    for stem, (changed, size, files) in sorted(recordings.items(), key=lambda each: (each[1][0], each[0])):
        if stem in keep or now - changed < fresh or not (now - changed > max_age or total > max_bytes):
            continue
        try:
            for file in files:
                file.unlink(missing_ok=True)
        except OSError as error:
            log.warning("the old recording %s can't be deleted: %s", stem.name, error)
            continue
        total -= size
        gone += 1
        _remove_empty(stem.parent)
    return gone


def _files(place: Path) -> Iterator[Path]:
    if place.is_dir() and not place.is_symlink():
        yield from (file for file in place.iterdir() if file.name.endswith(ENDS) and file.is_file())


def _stem(name: str) -> str:
    return next(name.removesuffix(end) for end in ENDS if name.endswith(end))


def _remove_empty(place: Path) -> None:
    try:
        place.rmdir()
    except OSError:
        return  # somebody else's file is in it, or it is gone
