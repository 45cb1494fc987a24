"""Genie TTS: GPT-SoVITS voices on this machine's processor, by its own HTTP server.

One sentence at a time: the server has one pipeline for everybody, and a request that comes while it speaks
would take that one's place. So requests wait for each other here, and one that nobody wants any more is
stopped before the next begins. Sound comes a sentence at a time, 32 kHz PCM (whatever its label says), with
a silence of any length behind it, which is made the same everywhere.

Source: the package `genie-tts` 2.0.2, its server and its player.
"""

from __future__ import annotations

import asyncio
import sys
from array import array
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from aizuchi.errors import Busy, ConfigError, ProviderError
from aizuchi.events import Sentence
from aizuchi.ports import Audio, Style, Voice
from aizuchi.providers.errands import Errand, Errands
from aizuchi.providers.tts import genie_files as files
from aizuchi.providers.tts.genie_server import GenieServer, NotLoaded, environment

RATE: Final = 32_000
LARGEST: Final = 64 << 20
"""Bytes of sound for one sentence."""
STOPPING = 5.0
"""Seconds that the server may take to stop; our own process is then ended."""
_LANGUAGES: Final = {"chinese": "zh", "english": "en", "japanese": "ja", "jp": "ja"}


class Speaker(BaseModel):
    """One voice: its model and the recording that it takes after."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(description="folder of the ONNX model; a path on the machine that Genie runs on")
    language: str = Field(default="zh", description="zh, en or ja")
    reference: str = Field(description="a recording of the voice: wav, flac, ogg or aiff")
    reference_text: str = Field(description="what is said in it")
    reference_language: str = Field(default="", description="its language; empty: the model's")


class GenieVoice(Voice):
    """GPT-SoVITS voices by Genie TTS, in a process of its own."""

    name = "genie"

    class Options(Voice.Options):
        base_url: str = Field(
            default="", description="address of a Genie server that runs already; empty: we start one"
        )
        python: str = Field(
            default="", description="the Python that has genie_tts; `aizuchi genie setup` prepares one"
        )
        data: str = Field(
            default="GenieData", description="the folder GenieData; `aizuchi genie setup` fetches it"
        )
        voices: dict[str, Speaker] = Field(
            default_factory=dict,
            description="the voices by name: model, language, reference, reference_text, reference_language",
        )
        voice: str = Field(
            default="", description="used for characters that name no voice for genie; empty: the first"
        )
        split: bool = Field(
            default=True, description="let Genie cut long sentences, so that their sound begins sooner"
        )
        silence_ms: int = Field(
            default=200, ge=0, le=2000, description="silence behind each sentence, in milliseconds"
        )
        timeout: float = Field(
            default=60.0, gt=0, le=600, description="seconds that a sentence, or a piece of one, may take"
        )
        wait_timeout: float = Field(
            default=30.0,
            gt=0,
            le=600,
            description="seconds to wait for other sentences; one is spoken at a time",
        )
        waiting: int = Field(
            default=8, ge=0, le=1000, description="sentences that may wait; more are refused"
        )
        start_timeout: float = Field(
            default=120.0, gt=0, le=1200, description="seconds until the server answers after its start"
        )
        verify_tls: bool = Field(default=True, description="check the server's certificate")

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._options = options
        if options.base_url:
            _check_address(options.base_url)
        self._server = GenieServer(
            options.base_url,
            options.python,
            environment(Path(options.data).expanduser().absolute()),
            start_timeout=options.start_timeout,
            timeout=options.timeout,
            verify_tls=options.verify_tls,
        )
        self._errands = Errands()
        self._keeping: Errand | None = None
        self._lane = asyncio.Lock()
        self._waiting = 0
        self._loaded: set[str] = set()
        self._start = 0
        """Of which start of the process `_loaded` tells."""

    async def __aenter__(self) -> Self:
        """Raises ConfigError that lists what is missing, and where it comes from."""
        if not self._options.voices:
            raise ConfigError(
                "tts.genie has no voices: each needs a model and a reference; see `aizuchi genie check`",
                zh="tts.genie 没有配置 voices：每个音色需要模型与参考音频；参见 `aizuchi genie check`",
            )
        if self._options.voice and self._options.voice not in self._options.voices:
            raise ConfigError(f"tts.genie.voice: {self._options.voice!r} is not among tts.genie.voices")
        if self._server.own:
            await asyncio.to_thread(self.look)
        self._server.open()
        await self._errands.__aenter__()
        if self._server.own:
            self._keeping = self._errands.start("tts.genie", self._server.run(), failed=self._server.kill)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keeping is not None:
            await self._keeping.end()
        await self._errands.__aexit__(None, None, None)
        await self._server.close()

    def look(self) -> None:
        """Read what a process of our own needs. Raises ConfigError that lists what is missing."""
        options = self._options
        if not options.python:
            raise ConfigError(
                "tts.genie needs `python`, the Python that has genie_tts, or the `base_url` of a server that"
                " runs; `aizuchi genie setup` prepares the former and prints the line",
                zh="tts.genie 需要 python（装有 genie_tts 的 Python），或正在运行的服务器的 base_url；"
                "`aizuchi genie setup` 会准备前者并给出配置",
            )
        languages = {_iso(each.language) for each in options.voices.values()}
        missing = list(files.missing_data(Path(options.data).expanduser(), languages))
        said = [f"{', '.join(missing)} (from {files.DATA_URL})"] if missing else []
        for speaker in options.voices.values():
            if gone := list(files.missing_model(Path(speaker.model).expanduser())):
                said.append(f"{', '.join(gone)} (a model converted for Genie, such as {files.MODEL_URL})")
            reference = Path(speaker.reference).expanduser()
            if not reference.is_file():
                said.append(f"{reference} (a recording of the voice)")
            elif reference.suffix.lower() not in files.SOUND:
                said.append(f"{reference} as one of {' '.join(sorted(files.SOUND))}")
        if said:
            raise ConfigError(
                f"tts.genie lacks files: {'; '.join(said)}. `aizuchi genie setup` fetches what it can",
                zh=f"tts.genie 缺少文件：{'；'.join(said)}。`aizuchi genie setup` 可下载其中能下载的部分",
            )

    async def warm(self) -> bool:
        """Says whether the server answers."""
        return await self._server.answers()

    @property
    def ready(self) -> bool:
        return self._server.ready

    @property
    def local(self) -> bool:
        return True

    @property
    def languages(self) -> frozenset[str] | None:
        codes = {_iso(speaker.language) for speaker in self._options.voices.values()}
        return frozenset(codes) if codes and codes <= {"zh", "en", "ja"} else None

    @property
    def about(self) -> str:
        where = self._options.base_url or "a process of its own"
        return f"Genie TTS at {where}, {len(self._options.voices)} voices"

    def voices(self) -> list[str]:
        """The names that a character may choose."""
        return [f"{name}  {speaker.language}" for name, speaker in self._options.voices.items()]

    async def say(self, sentence: Sentence, style: Style) -> AsyncGenerator[Audio, None]:
        """Speak one sentence, when those before it are done.

        Raises ProviderError: no such voice, too many wait, the server can't be reached, fails or hangs.
        """
        text = sentence.spoken.strip()
        if not any(letter.isalnum() for letter in text):
            return
        name = style.voices.get(self.name) or self._options.voice or next(iter(self._options.voices), "")
        if name not in self._options.voices:
            raise ProviderError(f"tts.genie.voices has no voice {name!r}", retryable=False)
        if not self._errands.open:
            raise ProviderError("tts.genie is not open", retryable=False)
        heard = _Heard()
        fetching = self._errands.start("tts.genie", self._fetch(name, text, heard), failed=heard.news.set)
        ending, empty = Ending(RATE, self._options.silence_ms), True
        try:
            while True:
                while heard.pieces:
                    if pcm := ending.push(heard.pieces.popleft()):
                        empty = False
                        yield Audio(pcm, RATE)
                if fetching.failure is not None:
                    raise fetching.failure
                if heard.over:
                    break
                heard.news.clear()
                await heard.news.wait()  # bounded by the limits of `_fetch`
            if empty:
                raise ProviderError("genie answered without any sound; its log says why")
            if silence := ending.end():
                yield Audio(silence, RATE)
        finally:
            await fetching.end()

    async def _fetch(self, name: str, text: str, heard: _Heard) -> None:
        await self._turn()
        whole = asked = False
        try:
            await self._server.up()
            for again in (True, False):
                await self._load(name)
                asked = True
                try:
                    await self._speak(name, text, heard)
                    break
                except NotLoaded:
                    self._loaded.discard(name)
                    if not again:
                        raise
            whole = True
            if not heard.size:  # it says nothing of a model that it could not load
                self._loaded.discard(name)
            heard.over = True
            heard.news.set()
        finally:
            if whole or not asked or not self._errands.open:
                self._lane.release()
            else:  # it goes on by itself, and the next request would be mixed up with it
                self._errands.start("tts.genie", self._hush(), failed=self._server.kill)

    async def _speak(self, name: str, text: str, heard: _Heard) -> None:
        payload = {"character_name": name, "text": text, "split_sentence": self._options.split}
        async with aclosing(self._server.stream("/tts", payload)) as chunks:
            async for chunk in chunks:
                heard.size += len(chunk)
                if heard.size > LARGEST:
                    raise ProviderError("genie does not stop sending sound", retryable=False)
                heard.pieces.append(chunk)
                heard.news.set()

    async def _turn(self) -> None:
        """Wait for the lane."""
        if self._lane.locked() and self._waiting >= self._options.waiting:
            raise Busy(f"genie speaks one sentence at a time, and {self._waiting} wait already")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._options.wait_timeout):
                await self._lane.acquire()
        except TimeoutError:
            raise Busy(
                f"genie speaks one sentence at a time, and was busy for {self._options.wait_timeout:g} s"
            ) from None
        finally:
            self._waiting -= 1

    async def _load(self, name: str) -> None:
        """See that the server knows the voice."""
        if self._start != self._server.starts:
            self._loaded.clear()
            self._start = self._server.starts
        if name in self._loaded:
            return
        speaker = self._options.voices[name]
        own = self._server.own
        await self._server.post(
            "/load_character",
            {
                "character_name": name,
                "onnx_model_dir": _path(speaker.model, own),
                "language": speaker.language,
            },
        )
        await self._server.post(
            "/set_reference_audio",
            {
                "character_name": name,
                "audio_path": _path(speaker.reference, own),
                "audio_text": speaker.reference_text,
                "language": speaker.reference_language or speaker.language,
            },
        )
        self._loaded.add(name)

    async def _hush(self) -> None:
        """Stop what it says, so that the lane is free; a process that does not obey is ended."""
        try:
            await self._server.post("/stop", {}, within=STOPPING)
        except ProviderError:
            self._server.kill()
        finally:
            self._lane.release()


class _Heard:
    """What has come of a sentence."""

    def __init__(self) -> None:
        self.pieces: deque[bytes] = deque()
        self.size = 0
        self.over = False
        self.news = asyncio.Event()


class Ending:
    """Holds quiet sound back until something follows it, so that the end of a sentence can be made even."""

    QUIET: Final = 10
    """Amplitude up to which a sample is silence."""

    def __init__(self, rate: int, silence_ms: int) -> None:
        self._silence = rate * silence_ms // 1000 * 2
        self._held = b""

    def push(self, pcm: bytes) -> bytes:
        """Everything up to the last sample that can be heard."""
        held = self._held + pcm
        whole = len(held) & ~1
        samples = array("h", held[:whole])
        if sys.byteorder == "big":
            samples.byteswap()
        last = len(samples)
        while last and -self.QUIET <= samples[last - 1] <= self.QUIET:
            last -= 1
        self._held = held[last * 2 :]
        return held[: last * 2]

    def end(self) -> bytes:
        """The silence behind it."""
        held = self._held[: len(self._held) & ~1]
        return held[: self._silence].ljust(self._silence, b"\0")


def _iso(language: str) -> str:
    return _LANGUAGES.get(language.lower(), language.lower().split("-")[0])


def _path(given: str, own: bool) -> str:
    """On our own machine a path means what it means to us; on another one we know nothing of it."""
    return str(Path(given).expanduser().absolute()) if own else given


def _check_address(base_url: str) -> None:
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(
            "tts.genie.base_url is not an address; expected something like http://127.0.0.1:8000"
        )
