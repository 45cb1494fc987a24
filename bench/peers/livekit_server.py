"""LiveKit Agents behind a bare WebSocket, with no room: 16 kHz s16le in, 24 kHz out. In its own venv.

    python bench/peers/livekit_server.py PORT VENDOR

Silero with 200 ms of silence, an end-of-turn delay of 200 ms from the last voice, interruption by voice of
100 ms, an uploading recogniser, model and voice from the vendor's OpenAI-style addresses. Where a room would
play the sound, this socket does: at the pace of hearing, 200 ms ahead at most, able to pause.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import asyncio
import logging
import sys
from collections import deque
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.io import AudioInput, AudioOutput, AudioOutputCapabilities
from livekit.plugins import openai, silero
from websockets.asyncio.server import ServerConnection, serve

IN_RATE, OUT_RATE = 16_000, 24_000
FRAME = OUT_RATE // 50 * 2
LEAD = 0.2


class Microphone(AudioInput):
    """What the socket brings."""

    def __init__(self) -> None:
        super().__init__(label="socket")
        self.frames: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=500)

    async def __anext__(self) -> rtc.AudioFrame:
        pcm = await self.frames.get()
        if pcm is None:
            raise StopAsyncIteration
        return rtc.AudioFrame(pcm, IN_RATE, 1, len(pcm) // 2)


class Speaker(AudioOutput):
    """What the socket takes, a frame of 20 ms at a time."""

    def __init__(self, socket: ServerConnection) -> None:
        can = AudioOutputCapabilities(pause=True)
        super().__init__(label="socket", capabilities=can, sample_rate=OUT_RATE)
        self._socket = socket
        self._waiting: deque[bytes] = deque()
        self._rest = b""
        self._whole = False
        self._open = False
        self._sent = 0
        self._heard_at = 0.0
        self._paused = False
        self._news = asyncio.Event()

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self._open, self._whole = True, False
        pcm = self._rest + bytes(frame.data)
        self._waiting.extend(pcm[at : at + FRAME] for at in range(0, len(pcm) - FRAME + 1, FRAME))
        self._rest = pcm[len(pcm) // FRAME * FRAME :]
        self._news.set()

    def flush(self) -> None:
        super().flush()
        if self._rest:
            self._waiting.append(self._rest)
            self._rest = b""
        self._whole = True
        self._news.set()

    def clear_buffer(self) -> None:
        self._waiting.clear()
        self._rest = b""
        self._end(interrupted=True)

    def pause(self) -> None:
        super().pause()
        self._paused = True

    def resume(self) -> None:
        super().resume()
        self._paused = False
        self._news.set()

    def _end(self, interrupted: bool) -> None:
        if self._open:
            self._open = False
            played, self._sent = self._sent / 2 / OUT_RATE, 0
            self.on_playback_finished(playback_position=played, interrupted=interrupted)

    async def run(self) -> None:
        """Send what is due, for as long as the socket lasts."""
        loop = asyncio.get_running_loop()
        while True:
            if self._paused or not self._waiting:
                if self._open and self._whole and not self._waiting and loop.time() >= self._heard_at:
                    self._end(interrupted=False)
                self._news.clear()
                try:
                    async with asyncio.timeout(0.02):
                        await self._news.wait()
                except TimeoutError:
                    pass
                continue
            now = loop.time()
            if self._heard_at - now > LEAD:
                await asyncio.sleep(self._heard_at - now - LEAD)
                continue
            pcm = self._waiting.popleft()
            self._heard_at = max(now, self._heard_at) + len(pcm) / 2 / OUT_RATE
            self._sent += len(pcm)
            await self._socket.send(pcm)


async def talk(socket: ServerConnection) -> None:
    vendor: dict[str, Any] = {"api_key": "bench", "base_url": VENDOR}
    session = AgentSession(
        stt=openai.STT(**vendor, model="whisper-1"),
        vad=VAD,
        llm=openai.LLM(**vendor, model="mock"),
        tts=openai.TTS(**vendor, model="tts-1", response_format="pcm"),
        turn_handling={
            "turn_detection": "vad",
            "endpointing": {"min_delay": 0.2, "max_delay": 0.2},
            "interruption": {"mode": "vad", "min_duration": 0.1},
        },
        aec_warmup_duration=None,
    )
    microphone, speaker = Microphone(), Speaker(socket)
    session.input.audio, session.output.audio = microphone, speaker
    async with asyncio.TaskGroup() as group:
        playing = group.create_task(speaker.run())
        await session.start(Agent(instructions="You are a friendly voice."), record=False)
        async for message in socket:
            if isinstance(message, bytes):
                microphone.frames.put_nowait(message)
        await session.aclose()
        playing.cancel()


async def main(port: int) -> None:
    async with serve(talk, "127.0.0.1", port, compression=None, max_size=None):
        await asyncio.Event().wait()


if __name__ == "__main__":
    VENDOR = f"http://127.0.0.1:{sys.argv[2]}/v1"
    logging.basicConfig(level=logging.WARNING)
    VAD = silero.VAD.load(min_silence_duration=0.2, min_speech_duration=0.05)
    asyncio.run(main(int(sys.argv[1])))
