"""Pipecat behind a bare WebSocket: 16 kHz s16le in, 24 kHz out. In its own venv.

    python bench/peers/pipecat_server.py PORT VENDOR

Silero with 200 ms of silence and a speech onset of 100 ms, no further wait for more speech, an uploading
recogniser, model and voice from the vendor's OpenAI-style addresses, frames of 20 ms out.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.frames.frames import Frame, InputAudioRawFrame, OutputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.openai.stt import OpenAISTTService
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

IN_RATE, OUT_RATE = 16_000, 24_000
app = FastAPI()


class Bare(FrameSerializer):
    """Sound and nothing else."""

    async def serialize(self, frame: Frame) -> str | bytes | None:
        return frame.audio if isinstance(frame, OutputAudioRawFrame) else None

    async def deserialize(self, data: str | bytes) -> Frame | None:
        return None if isinstance(data, str) else InputAudioRawFrame(data, IN_RATE, 1)


@app.websocket("/ws")
async def talk(socket: WebSocket) -> None:
    await socket.accept()
    transport = FastAPIWebsocketTransport(
        websocket=socket,
        params=FastAPIWebsocketParams(
            audio_in_enabled=True, audio_out_enabled=True, audio_out_10ms_chunks=2, serializer=Bare()
        ),
    )
    vad = SileroVADAnalyzer(params=VADParams(stop_secs=0.2, start_secs=0.1))
    turns = UserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.0)])
    user = LLMUserAggregatorParams(vad_analyzer=vad, user_turn_strategies=turns)
    context = LLMContextAggregatorPair(LLMContext([]), user_params=user)
    vendor = {"api_key": "bench", "base_url": VENDOR}
    pipeline = Pipeline(
        [
            transport.input(),
            OpenAISTTService(**vendor, settings=OpenAISTTService.Settings(model="mock")),
            context.user(),
            OpenAILLMService(**vendor, settings=OpenAILLMService.Settings(model="mock")),
            OpenAITTSService(**vendor, settings=OpenAITTSService.Settings(model="mock", voice="alloy")),
            transport.output(),
            context.assistant(),
        ]
    )
    params = PipelineParams(audio_in_sample_rate=IN_RATE, audio_out_sample_rate=OUT_RATE)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(PipelineWorker(pipeline, params=params))
    await runner.run()


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}


if __name__ == "__main__":
    port, VENDOR = int(sys.argv[1]), f"http://127.0.0.1:{sys.argv[2]}/v1"
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
