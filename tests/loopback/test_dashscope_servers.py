"""DashScope's loopback servers, by the vendor's official package: it blocks and calls back from threads."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests import needed
from tests.loopback import cosyvoice_server, enrollment_server, qwen_tts_server
from tests.loopback.cosyvoice_server import CosyVoiceServer
from tests.loopback.enrollment_server import EnrollmentServer
from tests.loopback.qwen_tts_server import QwenTtsServer

pytestmark = pytest.mark.network

LIMIT = 30.0
RATE = 24_000


@pytest.fixture
def sdk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    module: Any = needed.module("dashscope")
    for name in ("api_key", "base_http_api_url"):
        monkeypatch.setattr(module, name, getattr(module, name))
    yield module


async def elsewhere(work: Any, *args: Any) -> Any:
    async with asyncio.timeout(60):
        return await asyncio.to_thread(work, *args)


# -- CosyVoice


def _listener(base: type) -> Any:
    class Listener(base):
        def __init__(self) -> None:
            self.bytes = 0
            self.words: list[str] = []
            self.error: Any = None
            self.done = threading.Event()
            self.sounds = threading.Event()

        def on_data(self, data: bytes) -> None:
            self.bytes += len(data)
            self.sounds.set()

        def on_event(self, message: str) -> None:
            output = json.loads(message)["payload"].get("output") or {}
            if output.get("type") == "sentence-end":
                self.words += [word["text"] for word in output["sentence"]["words"]]

        def on_error(self, message: Any) -> None:
            self.error = message

        def on_complete(self) -> None:
            self.done.set()

    return Listener()


async def test_cosyvoice(sdk: Any):
    """Text in pieces becomes sound with the times of its words; a task can be cancelled."""
    tts: Any = needed.module("dashscope.audio.tts_v2")
    sdk.api_key = cosyvoice_server.KEY
    async with CosyVoiceServer() as server:

        def made(**more: Any) -> Any:
            listener = _listener(tts.ResultCallback)
            speaker = tts.SpeechSynthesizer(
                model="cosyvoice-v3-flash",
                voice="longanyang",
                format=tts.AudioFormat.PCM_24000HZ_MONO_16BIT,
                url=server.url,
                callback=listener,
                **more,
            )
            return speaker, listener

        def stream() -> Any:
            speaker, listener = made(additional_params={"word_timestamp_enabled": True})
            speaker.streaming_call("Hello there.")
            speaker.streaming_call(" How are you?")
            speaker.streaming_complete(30_000)
            return listener

        listener = await elsewhere(stream)
        assert listener.error is None and listener.done.is_set()
        assert listener.bytes / 2 / RATE * 1000 == 24 * cosyvoice_server.MS
        assert listener.words == ["Hello", "there", "How", "are", "you"]

        def cancel() -> None:
            speaker, listener = made()
            speaker.streaming_call("Hello there. " * 50)
            assert listener.sounds.wait(LIMIT)
            speaker.streaming_cancel()

        server.faults = ["slow"]
        await elsewhere(cancel)
        assert server.tasks[1].cancels == 1


# -- Qwen-TTS


class Talk:
    """A session of the package, with what came."""

    def __init__(self, module: Any, url: str) -> None:
        talk = self
        self.types: list[str] = []
        self.errors: list[str] = []
        self.bytes = 0
        self.seen = {
            kind: threading.Event() for kind in ("response.audio.delta", "response.done", "session.finished")
        }

        class Callback(module.QwenTtsRealtimeCallback):
            def on_event(self, message: Any) -> None:
                talk.take(message)

        self.session = module.QwenTtsRealtime(model="qwen3-tts-flash-realtime", callback=Callback(), url=url)
        self.session.connect()

    def take(self, event: dict[str, Any]) -> None:
        self.types.append(event["type"])
        if event["type"] == "response.audio.delta":
            self.bytes += len(base64.b64decode(event["delta"]))
        if event["type"] == "error":
            self.errors.append(event["error"]["message"])
        if event["type"] in self.seen:
            self.seen[event["type"]].set()

    def wait(self, kind: str) -> None:
        assert self.seen[kind].wait(LIMIT), self.types
        self.seen[kind].clear()

    def finish(self) -> None:
        self.session.finish()
        self.wait("session.finished")
        self.session.close()

    @property
    def ms(self) -> float:
        return self.bytes / 2 / RATE * 1000


async def test_qwen_tts(sdk: Any):
    """Both modes, a cleared buffer, a cancelled response, and an update that comes too late."""
    module: Any = needed.module("dashscope.audio.qwen_tts_realtime")
    sdk.api_key = qwen_tts_server.KEY
    async with QwenTtsServer() as server:
        url = f"{server.host}{qwen_tts_server.PATH}"

        def streamed() -> Talk:
            talk = Talk(module, url)
            talk.session.update_session(voice="Cherry", mode="server_commit", language_type="Chinese")
            for piece in ("Hello", " there.", " How are you"):
                talk.session.append_text(piece)
            talk.finish()
            return talk

        talk = await elsewhere(streamed)
        assert talk.ms == 23 * qwen_tts_server.MS and not talk.errors
        assert talk.types[0] == "session.created" and talk.types.count("response.done") == 2

        def committed() -> Talk:
            talk = Talk(module, url)
            talk.session.update_session(voice="Cherry", mode="commit", speech_rate=1.2)
            talk.session.append_text("dropped")
            talk.session.clear_appended_text()
            talk.session.append_text("Long text. " * 50)
            talk.session.commit()
            talk.wait("response.audio.delta")
            talk.session.cancel_response()
            talk.wait("response.done")
            talk.bytes = 0
            talk.session.append_text("Hi.")
            talk.session.commit()
            talk.wait("response.done")
            talk.session.update_session(voice="Serena")
            talk.finish()
            return talk

        server.trouble = ["slow"]
        talk = await elsewhere(committed)
        assert {"input_text_buffer.cleared", "input_text_buffer.committed"} <= set(talk.types)
        assert talk.errors == ["Session update error: session already started or finished or failed."]
        # 100 samples of the cancelled response may still have come.
        assert 3 * qwen_tts_server.MS <= talk.ms <= 3 * qwen_tts_server.MS + 5
        assert server.sessions[1].cancels == 1


# -- cloned voices


@pytest.fixture
async def enrolling(sdk: Any) -> AsyncIterator[EnrollmentServer]:
    async with EnrollmentServer() as server:
        sdk.api_key, sdk.base_http_api_url = (
            enrollment_server.KEY,
            f"http://127.0.0.1:{server.port}/api/v1",
        )
        yield server


async def test_enrollment(enrolling: EnrollmentServer):
    """A voice from its making to its end, and a refusal in the package's own exception."""
    module: Any = needed.module("dashscope.audio.tts_v2.enrollment")

    def life() -> tuple[Any, ...]:
        service = module.VoiceEnrollmentService()
        id_ = service.create_voice("cosyvoice-v3-flash", "anon", "https://example.com/a.wav")
        listed = service.list_voices(prefix="an")
        states = [service.query_voice(id_)["status"] for _ in range(2)]
        service.update_voice(id_, "https://example.com/b.wav")
        service.delete_voice(id_)
        with pytest.raises(module.VoiceEnrollmentException, match="VoiceNotFound"):
            service.delete_voice(id_)
        return id_, listed, states, service.list_voices()

    id_, listed, states, left = await elsewhere(life)
    assert [each["voice_id"] for each in listed] == [id_]
    assert states == ["DEPLOYING", "OK"] and left == [] and not enrolling.voices
