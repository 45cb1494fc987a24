"""Fetching a model: whole or not at all, whatever the server does."""

import asyncio
import bz2
import io
import re
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.providers import models
from aizuchi.providers.asr.sherpa_folder import SMALLEST
from aizuchi.providers.models import Model

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
MODEL = Model("streaming-zipformer-test", "streaming-transducer", ("en",), 10_000)
NOISE = Random(1).randbytes(SMALLEST)  # does not shrink, so that half an archive is half of it
FILES = ("encoder.onnx", "decoder.onnx", "joiner.onnx", "tokens.txt")


def archive(files: dict[str, bytes] | None = None, *odd: tarfile.TarInfo) -> bytes:
    top = "sherpa-onnx-streaming-zipformer-test"
    files = {f"{top}/{name}": NOISE for name in FILES} if files is None else files
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:bz2") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for info in odd:
            tar.addfile(info)
    return made.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@asynccontextmanager
async def hub(answer: Answer) -> AsyncIterator[Model]:
    """A server on this machine that gives one answer to every request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(30):
                await reader.readuntil(b"\r\n\r\n")
                await answer(writer)
                await writer.drain()
        except (ConnectionError, TimeoutError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield replace(MODEL, url=f"http://127.0.0.1:{port}/model.tar.bz2")


def ok(body: bytes, *, announced: int | None = None) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        length = len(body) if announced is None else announced
        writer.write(
            f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n".encode() + body
        )

    return answer


async def fetch(model: Model, folder: Path) -> list[tuple[int, int | None]]:
    seen: list[tuple[int, int | None]] = []
    async with asyncio.timeout(30):
        await models.download(model.name, folder, lambda done, total: seen.append((done, total)), model=model)
    return seen


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def nothing_left(folder: Path) -> bool:
    return not folder.exists() or not list(folder.iterdir())


pytestmark = pytest.mark.network


async def test_a_model_is_fetched(tmp_path: Path):
    """Progress is told, the files are there, nothing else is; once there it is not fetched again."""
    body = archive()
    async with hub(ok(body)) as model:
        seen = await fetch(
            replace(model, size=len(body), exact=True, sha256=sha256(body).hexdigest()), tmp_path
        )
    assert seen[0] == (0, len(body)) and seen[-1] == (len(body), len(body))
    assert names(tmp_path) == [MODEL.name]
    assert names(tmp_path / MODEL.name) == sorted(FILES)
    assert await fetch(replace(MODEL, url="http://127.0.0.1:9/"), tmp_path) == [(MODEL.size, MODEL.size)]


async def test_a_faulty_one_is_replaced(tmp_path: Path):
    """What was there and not in order gives way, in one step."""
    (tmp_path / MODEL.name).mkdir()
    (tmp_path / MODEL.name / "tokens.txt").write_bytes(b"")
    async with hub(ok(archive())) as model:
        await fetch(model, tmp_path)
    assert names(tmp_path) == [MODEL.name]
    assert (tmp_path / MODEL.name / "encoder.onnx").stat().st_size == SMALLEST


async def not_found(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


async def hang_up(writer: asyncio.StreamWriter) -> None:
    pass


TOP = "sherpa-onnx-streaming-zipformer-test/"
GOOD = {TOP + name: NOISE for name in FILES}
BAD: dict[str, tuple[Answer, str]] = {
    "not found": (not_found, "404"),
    "hangs up": (hang_up, "broke off"),
    "truncated": (ok(archive()[:300], announced=len(archive())), "broke off"),
    "half an archive": (ok(archive()[: len(archive()) // 2]), "archive"),
    "damaged": (ok(b"BZh91AY&SY" + bytes(range(256)) * 20), "archive"),
    "a web page": (ok(b"<html>log in</html>"), "archive"),
    "damaged tar": (ok(bz2.compress(b"nonsense" * 1000)), "archive"),
    "empty": (ok(b""), "archive"),
    "another thing": (ok(archive({TOP + "README.md": b"hello"})), "not what it should be"),
    "path up": (ok(archive({**GOOD, TOP + "../../evil": b"x"})), "outside"),
    "absolute path": (ok(archive({**GOOD, "/evil": b"x"})), "outside"),
    "drive letter": (ok(archive({**GOOD, "C:evil": b"x"})), "outside"),
    "backslashes": (ok(archive({**GOOD, "..\\evil": b"x"})), "outside"),
    "symbolic link": (ok(archive(GOOD, link(TOP + "l", "/etc/passwd"))), "links"),
    "hard link": (ok(archive(GOOD, link(TOP + "l", "../../x", tarfile.LNKTYPE))), "links"),
    "device": (ok(archive(GOOD, link(TOP + "d", "", tarfile.CHRTYPE))), "links"),
    "twice the same": (ok(archive(GOOD, tarfile.TarInfo(TOP + "tokens.txt"))), "archive"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_answer_leaves_nothing(tmp_path: Path, case: str):
    """Whatever comes instead of the model is said, and the folder is as before."""
    answer, words = BAD[case]
    folder = tmp_path / "models"
    async with hub(answer) as model:
        with pytest.raises(ProviderError, match=words):
            await fetch(model, folder)
    assert nothing_left(folder)
    assert names(tmp_path) == ["models"]


async def test_wrong_length_or_sum(tmp_path: Path):
    """An archive that is not the one we know is not unpacked."""
    async with hub(ok(archive())) as model:
        with pytest.raises(ProviderError, match="should have 10000 bytes"):
            await fetch(replace(model, exact=True), tmp_path)
        with pytest.raises(ProviderError, match="SHA-256"):
            await fetch(replace(model, sha256="0" * 64), tmp_path)
    assert nothing_left(tmp_path)


async def test_a_stall_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A server that stops sending is left after the time limit."""
    monkeypatch.setattr(models, "STALL_TIMEOUT", 0.2)

    async def stall(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nBZh9")
        await writer.drain()
        await asyncio.sleep(20)

    async with hub(stall) as model:
        with pytest.raises(ProviderError, match="broke off"):
            await fetch(model, tmp_path)
    assert nothing_left(tmp_path)


async def test_a_cancelled_download(tmp_path: Path):
    """Ctrl-C in the middle leaves nothing behind."""
    begun = asyncio.Event()

    async def slowly(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + bytes(50_000))
        await writer.drain()
        begun.set()
        await asyncio.sleep(20)

    async with hub(slowly) as model, asyncio.TaskGroup() as tg:
        task = tg.create_task(fetch(model, tmp_path))
        await begun.wait()
        task.cancel()
    assert task.cancelled() and nothing_left(tmp_path)


async def test_no_network(tmp_path: Path):
    """Where the hub can't be reached it is said, with what to do instead."""
    async with hub(hang_up) as model:
        pass  # the port is free again: nobody listens
    with pytest.raises(ProviderError, match=r"can't be reached.*model"):
        await fetch(model, tmp_path)
    assert nothing_left(tmp_path)


async def test_no_room(tmp_path: Path):
    """A disk too small is said before anything is fetched; so is a folder that is none."""
    with pytest.raises(ConfigError, match="MB are free"):
        await fetch(replace(MODEL, size=1 << 60), tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="can't be used"):
        await fetch(MODEL, tmp_path / "file")


def test_check(tmp_path: Path):
    """Unknown, absent, faulty and whole models are told apart."""
    known = models.catalogue()[0]
    with pytest.raises(ConfigError, match=known.name):
        models.check("nonsense", tmp_path)
    assert "is not there" in models.check(known.name, tmp_path)[0]
    (tmp_path / known.name).mkdir()
    assert "encoder" in models.check(known.name, tmp_path)[0]
    for name in FILES:
        (tmp_path / known.name / name).write_bytes(bytes(SMALLEST))
    assert models.check(known.name, tmp_path) == []


async def test_a_model_of_one_file_is_fetched(tmp_path: Path):
    """Smart Turn is no archive: its file gets a folder, and only the very file we know is taken."""
    async with hub(ok(NOISE)) as model:
        smart = replace(model, name="smart-turn-test", kind="smart-turn", size=len(NOISE), exact=True)
        with pytest.raises(ProviderError, match="SHA-256"):
            await fetch(replace(smart, sha256="0" * 64), tmp_path)
        assert nothing_left(tmp_path)
        await fetch(replace(smart, sha256=sha256(NOISE).hexdigest()), tmp_path)
    assert names(tmp_path) == ["smart-turn-test"]
    assert (tmp_path / "smart-turn-test" / "smart-turn-test.onnx").read_bytes() == NOISE
    gone = replace(smart, url="http://127.0.0.1:9/")
    assert await fetch(gone, tmp_path) == [(len(NOISE), len(NOISE))]  # it is there, and whole


def test_a_damaged_file_is_told(tmp_path: Path):
    """A Smart Turn file of the wrong length is faulty."""
    name = "smart-turn-v3.2-cpu"
    (tmp_path / name).mkdir()
    assert "it has 0" in models.check(name, tmp_path)[0]
    (tmp_path / name / f"{name}.onnx").write_bytes(NOISE)
    assert "8679182" in models.check(name, tmp_path)[0]


def test_the_catalogue():
    """Names are unique, addresses are https, sums are SHA-256, every kind can be looked for."""
    found = models.catalogue()
    assert len({model.name for model in found}) == len(found)
    for model in found:
        ending = "onnx" if model.kind == models.TURN else "tar.bz2"
        assert model.address.startswith("https://") and model.address.endswith(f"{model.name}.{ending}")
        assert model.size > 1e6 and model.languages
        assert re.fullmatch(r"([0-9a-f]{64})?", model.sha256)
        assert not model.sha256 or model.exact
