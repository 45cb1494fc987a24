"""sherpa-onnx: folders, arguments, and the loops with a stand-in; no weights are at hand."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.ports import Final, Hints, Partial
from aizuchi.providers import models
from aizuchi.providers.asr.sherpa import SherpaRecognizer
from aizuchi.providers.asr.sherpa_folder import FILES, SMALLEST, find
from aizuchi.providers.crafts.sherpa import FACTORIES, arguments
from tests import needed

STAND_IN = Path(__file__).resolve().parent / "sherpa_stand_in"
TRANSDUCER = ("encoder-epoch-99.onnx", "decoder-epoch-99.onnx", "joiner-epoch-99.onnx", "tokens.txt")
FOLDERS = {
    "sherpa-onnx-streaming-zipformer-en": ("streaming-transducer", TRANSDUCER),
    "sherpa-onnx-zipformer-ru": ("transducer", TRANSDUCER),
    "sherpa-onnx-nemo-parakeet-tdt": ("nemo-transducer", TRANSDUCER),
    "sherpa-onnx-streaming-paraformer-zh-en": (
        "streaming-paraformer",
        ("encoder.onnx", "decoder.onnx", "tokens.txt"),
    ),
    "sherpa-onnx-streaming-zipformer-ctc-small": ("streaming-ctc", ("ctc-epoch-20.onnx", "tokens.txt")),
    "sherpa-onnx-paraformer-zh": ("paraformer", ("model.onnx", "tokens.txt")),
    "sherpa-onnx-sense-voice-zh-en": ("sense-voice", ("model.int8.onnx", "tokens.txt")),
    "sherpa-onnx-whisper-tiny": ("whisper", ("tiny-encoder.onnx", "tiny-decoder.onnx", "tiny-tokens.txt")),
    "sherpa-onnx-moonshine-tiny-en-int8": (
        "moonshine",
        ("preprocess.onnx", "encode.onnx", "uncached_decode.onnx", "cached_decode.onnx", "tokens.txt"),
    ),
    "sherpa-onnx-moonshine-base-en-quantized": (
        "moonshine-v2",
        ("encoder_model.ort", "decoder_model_merged.ort", "tokens.txt"),
    ),
}


def folder(place: Path, name: str, *more: str) -> Path:
    made = place / name
    made.mkdir(parents=True)
    for file in (*FOLDERS.get(name, ("", ()))[1], *more):
        (made / file).write_bytes(bytes(SMALLEST))
    return made


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folders_kind(tmp_path: Path, name: str):
    """The project's own names tell the kind; each argument gets a file of its own."""
    found = find(folder(tmp_path, name))
    assert found.kind == FOLDERS[name][0]
    assert len(set(found.files.values())) == len(FILES[found.kind]) + 1
    assert all(Path(path).is_file() for path in found.files.values())


def test_small_variants_are_preferred(tmp_path: Path):
    """int8 files where both are there, unless told otherwise."""
    name = "sherpa-onnx-streaming-zipformer-en"
    made = folder(tmp_path, name, *(n.replace(".onnx", ".int8.onnx") for n in TRANSDUCER[:3]))
    assert all(".int8." in p for a, p in find(made).files.items() if a != "tokens")
    assert not any(".int8." in p for p in find(made, int8=False).files.values())


def test_what_is_wrong_with_a_folder(tmp_path: Path):
    """Missing, small and empty files, a folder of another thing, and no folder are told apart."""
    made = folder(tmp_path, "sherpa-onnx-streaming-zipformer-en")
    (made / "joiner-epoch-99.onnx").write_bytes(b"version https://git-lfs")
    (made / "tokens.txt").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"joiner-epoch-99\.onnx is no model.*tokens"):
        find(made)
    (made / "joiner-epoch-99.onnx").unlink()
    with pytest.raises(ConfigError, match="joiner"):
        find(made, "streaming-transducer")
    with pytest.raises(ConfigError, match="no model"):
        find(folder(tmp_path, "photos"))
    with pytest.raises(ConfigError, match="set `kind`"):
        find(folder(tmp_path, "mystery", "model.onnx", "tokens.txt"))
    with pytest.raises(ConfigError, match="aizuchi models"):
        find(tmp_path / "nowhere")


@pytest.mark.parametrize("kind", FACTORIES)
def test_the_library_knows_our_arguments(kind: str):
    """Each constructor exists in the real library, takes what we give and lacks nothing it needs."""
    library = needed.module("sherpa_onnx")
    owner, name = FACTORIES[kind]
    signature = inspect.signature(getattr(getattr(library, owner), name))
    files = dict.fromkeys(["tokens", *FILES[kind]], "x")  # pyright: ignore[reportArgumentType]
    given = arguments(
        {"kind": kind, "files": files, "threads": 2, "provider": "cpu", "language": "", "itn": True}
    )
    signature.bind(**given)


async def recognise(options: dict[str, Any], sound: bytes, size: int = 3200) -> list[Partial | Final]:
    async def audio() -> AsyncIterator[bytes]:
        for start in range(0, len(sound), size):
            yield sound[start : start + size]

    recogniser = SherpaRecognizer(SherpaRecognizer.Options.model_validate(options))
    async with asyncio.timeout(60), recogniser, aclosing(recogniser.transcribe(audio(), Hints())) as results:
        return [result async for result in results]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch):
    """The library is absent here and a stand-in there, in the worker process."""
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))
    monkeypatch.syspath_prepend(str(STAND_IN))


@pytest.mark.usefixtures("stand_in")
async def test_a_streaming_model_tells_partials(tmp_path: Path):
    """Text grows while sound comes; the tail of silence lets the last words out; one final text."""
    model = folder(tmp_path, "sherpa-onnx-streaming-zipformer-en")
    *partials, final = await recognise({"model": str(model)}, b"\x01\x10" * 16_000)
    assert final == Final(" ".join(["word"] * 15))
    lengths = [len(partial.text.split()) for partial in partials if isinstance(partial, Partial)]
    assert lengths and lengths == sorted(set(lengths)) and lengths[-1] <= 10


@pytest.mark.usefixtures("stand_in")
async def test_a_pause_is_answered_at_once(tmp_path: Path):
    """By the newest text, also when it is no news; what comes after it goes on as if nothing had been."""
    model = folder(tmp_path, "sherpa-onnx-streaming-zipformer-en")
    recogniser = SherpaRecognizer(SherpaRecognizer.Options.model_validate({"model": str(model)}))
    answered: list[Partial | Final] = []
    seen = asyncio.Event()

    async def audio() -> AsyncIterator[bytes]:
        yield b"\x01\x10" * 8_000
        for count in (1, 2):
            yield b""
            while len(answered) < count:  # the provider looks at its answers when it is given more
                yield b"\x01\x10"
                await asyncio.sleep(0)
        yield b"\x01\x10" * 7_000
        seen.set()

    async with asyncio.timeout(60), recogniser:
        assert recogniser.streams
        async with aclosing(recogniser.transcribe(audio(), Hints())) as results:
            async for result in results:
                answered.append(result)
    assert seen.is_set()
    texts = [each.text for each in answered if isinstance(each, Partial)]
    assert texts.count(" ".join(["word"] * 5)) >= 2
    assert len(answered[-1].text.split()) >= 14


@pytest.mark.usefixtures("stand_in")
async def test_only_streaming_models_stream(tmp_path: Path):
    """One that hears utterances as a whole has nothing to say at a pause; the engine asks it otherwise."""
    model = folder(tmp_path, "sherpa-onnx-sense-voice-zh-en")
    options = SherpaRecognizer.Options.model_validate({"model": str(model)})
    async with asyncio.timeout(60), SherpaRecognizer(options) as recogniser:
        assert not recogniser.streams


@pytest.mark.usefixtures("stand_in")
async def test_a_whole_utterance_model(tmp_path: Path):
    """All sound at the end, one final text with its language; nothing for no sound."""
    model = folder(tmp_path, "sherpa-onnx-sense-voice-zh-en")
    assert await recognise({"model": str(model)}, b"\x01\x10" * 16_000, 3201) == [
        Final("word " * 9 + "word", "en")
    ]
    assert await recognise({"model": str(model)}, b"") == [Final("")]


@pytest.mark.usefixtures("stand_in")
async def test_a_model_that_aborts_the_library(tmp_path: Path):
    """The process dies, the server does not; the request fails with a reason."""
    model = folder(tmp_path, "sherpa-onnx-streaming-zipformer-en", "abort")
    with pytest.raises(ProviderError, match="sherpa process died"):
        await recognise({"model": str(model)}, bytes(3200))


async def test_settings_that_can_not_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """No folder named, a wrong one, or the package missing: a ConfigError that says what to do."""
    monkeypatch.syspath_prepend(str(STAND_IN))
    with pytest.raises(ConfigError, match="aizuchi models"):
        await recognise({}, b"")
    with pytest.raises(ConfigError, match="no folder"):
        await recognise({"model": str(tmp_path / "x")}, b"")


def test_languages_come_from_the_catalogue():
    """A model we know tells its languages; another one does not restrict them; settings win."""

    def languages(**options: Any) -> frozenset[str] | None:
        return SherpaRecognizer(SherpaRecognizer.Options.model_validate(options)).languages

    known = models.catalogue()[0]
    assert languages(model=f"somewhere/{known.name}") == frozenset(known.languages)
    assert languages(model=f"somewhere/sherpa-onnx-{known.name}") == frozenset(known.languages)
    assert languages(model="somewhere/else") is None
    assert languages(model="x", languages=["ru"]) == {"ru"}
