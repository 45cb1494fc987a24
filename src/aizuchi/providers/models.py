"""Recommended models for `asr: sherpa` and `turn: smart_turn`: what there is, fetching one, checking one.

The former are archives of the sherpa-onnx project's releases page (`asr-models`), the latter is one file. A
download goes into a folder
whose name ends in `.part` and is renamed when everything is right, so that a model's folder is either whole
or absent.

What is checked: an archive's length where we know it, else the length the server announced; its SHA-256
where one is known (stated alike by two independent projects that pin it; we could not fetch it to count
ourselves); the files inside, always. Where no SHA-256 is known, we trust the release page's TLS.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, Literal

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.providers.asr.sherpa_folder import Kind, find

HUB: Final = "https://github.com/k2-fsa/sherpa-onnx/releases/download/asr-models/"
PREFIX: Final = "sherpa-onnx-"
TURN: Final = "smart-turn"
"""The kind of model that is one file and no archive."""
CONNECT_TIMEOUT: Final = 15.0
STALL_TIMEOUT: Final = 30.0
"""Seconds without a byte after which a download is given up."""
CHUNK: Final = 1 << 20
LARGEST: Final = 8 << 30
"""Bytes an archive may unpack to."""

Progress = Callable[[int, int | None], None]
"""Bytes so far, and of how many if that is known."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the catalogue."""

    name: str
    kind: Kind | Literal["smart-turn"]
    languages: tuple[str, ...]
    size: int
    """Bytes of the archive; about so many unless `exact`."""
    exact: bool = False
    sha256: str = ""
    url: str = ""
    """Where its archive is, if not on the hub under its name."""
    about: str = ""

    @property
    def address(self) -> str:
        return self.url or f"{HUB}{PREFIX}{self.name}.tar.bz2"


_TRAINED = "en zh ja ko ar bn da de es fi fr hi id it mr nl no pl pt ru tr uk vi"
_EUROPEAN = "bg hr cs da nl en et fi fr de el hu it lv lt mt pl pt ro sk sl es sv ru uk"
_CATALOGUE: Final = (
    Model(
        "streaming-zipformer-bilingual-zh-en-2023-02-20",
        "streaming-transducer",
        ("zh", "en"),
        511_000_000,
        about="Chinese and English as they are spoken; a good first choice",
    ),
    Model(
        "streaming-zipformer-en-20M-2023-02-17",
        "streaming-transducer",
        ("en",),
        128_000_000,
        about="English as it is spoken, small",
    ),
    Model(
        "streaming-paraformer-bilingual-zh-en",
        "streaming-paraformer",
        ("zh", "en"),
        1_047_000_000,
        about="Chinese and English as they are spoken, large",
    ),
    Model(
        "sense-voice-zh-en-ja-ko-yue-int8-2024-07-17",
        "sense-voice",
        ("zh", "en", "ja", "ko", "yue"),
        163_002_883,
        exact=True,
        sha256="7d1efa2138a65b0b488df37f8b89e3d91a60676e416f515b952358d83dfd347e",
        about="five languages, at the end of each utterance, with punctuation",
    ),
    Model(
        "moonshine-tiny-en-quantized-2026-02-27",
        "moonshine-v2",
        ("en",),
        29_858_559,
        exact=True,
        about="English at the end of each utterance, very small",
    ),
    Model(
        "moonshine-base-en-quantized-2026-02-27",
        "moonshine-v2",
        ("en",),
        111_266_225,
        exact=True,
        about="English at the end of each utterance, small",
    ),
    Model(
        "nemo-parakeet-tdt-0.6b-v3-int8",
        "nemo-transducer",
        tuple(_EUROPEAN.split()),
        487_170_055,
        exact=True,
        about="25 European languages, at the end of each utterance",
    ),
    # Length and SHA-256 are those of the copy in the wheel of pipecat-ai 1.14.0.
    Model(
        "smart-turn-v3.2-cpu",
        TURN,
        tuple(_TRAINED.split()),
        8_679_182,
        exact=True,
        sha256="2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
        url="https://huggingface.co/pipecat-ai/smart-turn-v3/resolve/main/smart-turn-v3.2-cpu.onnx",
        about="for turn: smart_turn; hears whether a speaker has finished",
    ),
)


def catalogue() -> list[Model]:
    """The recommended models."""
    return list(_CATALOGUE)


def named(name: str) -> Model | None:
    """A model by its name, with or without the prefix its archive has."""
    bare = name.removeprefix(PREFIX)
    return next((model for model in _CATALOGUE if model.name == bare), None)


def check(name: str, folder: Path) -> list[str]:
    """What is wrong with the model `folder/name`, in words; empty if nothing is."""
    model = _known(name)
    place = folder / model.name
    if not place.is_dir():
        return [f"{model.name} is not there; aizuchi models download {model.name} fetches it"]
    try:
        _look(place, model)
    except ConfigError as error:
        return [str(error)]
    return []


async def download(name: str, folder: Path, progress: Progress, *, model: Model | None = None) -> Path:
    """Fetch a model into `folder/name`; returns that path. One that is there and in order is left as it is.

    Raises ConfigError for an unknown name or a full disk, ProviderError when the hub can't be reached, breaks
    off or sends something else. Whatever happens, nothing half-written stays. `model` stands in for the
    catalogue's.
    """
    model = model or _known(name)
    target = folder / model.name
    if await asyncio.to_thread(_in_order, target, model):
        progress(model.size, model.size)
        return target
    await asyncio.to_thread(_make_room, folder, model)
    part = Path(await asyncio.to_thread(tempfile.mkdtemp, ".part", f".{model.name}-", folder))
    stop = threading.Event()
    try:
        archive = part / "archive"
        await _fetch(model, archive, progress)
        if model.kind == TURN:
            await asyncio.to_thread(_alone, archive, part / "files", model)
        else:
            await _in_thread(_unpack, archive, part / "files", stop, stop=stop)
        await _in_thread(_put, part, target, model)
    except OSError as error:
        raise ProviderError(
            f"the model could not be written to {folder}: {error.strerror or type(error).__name__}",
            retryable=False,
        ) from error
    finally:
        await asyncio.to_thread(shutil.rmtree, part, True)
    return target


async def _fetch(model: Model, archive: Path, progress: Progress) -> None:
    import httpx

    digest = hashlib.sha256()
    done = 0
    timeout = httpx.Timeout(STALL_TIMEOUT, connect=CONNECT_TIMEOUT)
    host = httpx.URL(model.address).host
    file = await asyncio.to_thread(archive.open, "wb")
    try:
        async with (
            httpx.AsyncClient(follow_redirects=True, timeout=timeout) as client,
            client.stream("GET", model.address) as answer,
        ):
            if answer.status_code != 200:
                raise ProviderError(
                    f"{host} does not give {model.name}: HTTP {answer.status_code}",
                    retryable=answer.status_code >= 500,
                )
            announced = answer.headers.get("content-length", "")
            total = int(announced) if announced.isdigit() else None
            progress(0, total)
            async for chunk in answer.aiter_raw(CHUNK):
                await _in_thread(_write, file, digest, chunk)
                done += len(chunk)
                progress(done, total)
                if done > LARGEST:
                    raise ProviderError(f"{host} sends more than a model", retryable=False)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
        unpack = "" if model.kind == TURN else " unpack it,"
        raise ProviderError(
            f"the model hub {host} can't be reached from here; nothing was changed. Fetch {model.address}"
            f" elsewhere,{unpack} and name the folder in `model`"
        ) from error
    except httpx.HTTPError as error:
        raise ProviderError(
            f"the download from {host} broke off after {done / 1e6:.1f} MB ({type(error).__name__})"
        ) from error
    finally:
        await asyncio.to_thread(file.close)
    if model.exact and done != model.size:
        raise ProviderError(
            f"{model.name} should have {model.size} bytes, {done} came; the archive was not used"
        )
    if model.sha256 and digest.hexdigest() != model.sha256:
        raise ProviderError(f"{model.name} is not the archive we know: its SHA-256 differs", retryable=False)


async def _in_thread(work: Callable[..., None], *args: Any, stop: threading.Event | None = None) -> None:
    """Like `to_thread`, but a cancellation waits for the thread: nothing may be written after the tidying."""
    future = asyncio.get_running_loop().run_in_executor(None, work, *args)
    try:
        await asyncio.shield(future)
    except asyncio.CancelledError:
        if stop is not None:
            stop.set()
        await asyncio.wait({future})  # a megabyte at most is still on its way to the disk
        raise


def _write(file: IO[bytes], digest: hashlib._Hash, chunk: bytes) -> None:
    file.write(chunk)
    digest.update(chunk)


def _unpack(archive: Path, files: Path, stop: threading.Event) -> None:
    """Plain files and folders below `files`, and nothing else: a link or a path that leads out is refused."""
    files.mkdir()
    left = LARGEST
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                path = PurePosixPath(member.name.replace("\\", "/"))
                if path.is_absolute() or ".." in path.parts or ":" in member.name:
                    raise ProviderError(
                        "the archive wants to write outside its folder; it was not used", retryable=False
                    )
                if member.isdir():
                    (files / path).mkdir(parents=True, exist_ok=True)
                    continue
                source = tar.extractfile(member) if member.isreg() else None
                if source is None:
                    raise ProviderError(
                        "the archive holds links or devices; it was not used", retryable=False
                    )
                (files / path).parent.mkdir(parents=True, exist_ok=True)
                with source, (files / path).open("xb") as sink:
                    while block := source.read(CHUNK):
                        left -= len(block)
                        if left < 0:
                            raise ProviderError("the archive unpacks to more than a model", retryable=False)
                        if stop.is_set():
                            return
                        sink.write(block)
    except (tarfile.TarError, EOFError, ValueError, FileExistsError) as error:
        raise ProviderError("what came is no whole tar archive; it was not used") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise ProviderError("what came is a damaged archive; it was not used") from error  # from bz2


def _put(part: Path, target: Path, model: Model) -> None:
    """Check what was unpacked and give it its place, in one step."""
    tops = list((part / "files").iterdir())
    made = tops[0] if len(tops) == 1 and tops[0].is_dir() else part / "files"
    try:
        _look(made, model)
    except ConfigError as error:
        raise ProviderError(f"the archive is not what it should be: {error}", retryable=False) from error
    if target.exists():
        os.replace(target, part / "before")
    os.replace(made, target)


def _make_room(folder: Path, model: Model) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise ConfigError(f"the folder {folder} can't be used: {error.strerror}") from error
    needed = model.size * 3
    if free < needed:
        raise ConfigError(
            f"{model.name} needs about {needed / 1e6:.0f} MB in {folder}, {free / 1e6:.0f} MB are free"
        )


def _alone(archive: Path, files: Path, model: Model) -> None:
    files.mkdir()
    os.replace(archive, files / f"{model.name}.onnx")


def _look(place: Path, model: Model) -> None:
    """Raises ConfigError when a folder does not hold what it should."""
    if model.kind != TURN:
        find(place, model.kind)
        return
    file = place / f"{model.name}.onnx"
    size = file.stat().st_size if file.is_file() else 0
    if size != model.size:
        raise ConfigError(f"{file.name} should have {model.size} bytes, it has {size}")


def _in_order(place: Path, model: Model) -> bool:
    try:
        _look(place, model)
    except ConfigError:
        return False
    return True


def _known(name: str) -> Model:
    model = named(name)
    if model is None:
        names = ", ".join(known.name for known in _CATALOGUE)
        raise ConfigError(f"no model {name!r} is recommended; there are {names}")
    return model
