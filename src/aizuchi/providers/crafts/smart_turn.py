"""The Smart Turn craft: the end of an utterance in, the probability that its speaker has finished out.

Options: `{model, threads}`. Input: 16 kHz mono s16le, of which the last 8 seconds count; shorter sound is
preceded by silence, as the model was trained. One item: the probability.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np

from aizuchi.providers.crafts.log_mel import MELS, RATE, Floats, log_mel
from aizuchi.providers.workshop import Call, Trouble

SECONDS: Final = 8
SAMPLES: Final = SECONDS * RATE
SHAPE: Final = (1, MELS, SECONDS * 100)


def samples(pcm: bytes) -> Floats:
    """The last eight seconds, silence first."""
    given = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2")[-SAMPLES:]
    whole = np.zeros(SAMPLES, np.float32)
    if len(given):
        whole[-len(given) :] = given.astype(np.float32) / 32768
    return whole


class SmartTurn:
    threads: ClassVar[int] = 1

    def __init__(self, options: Mapping[str, Any]) -> None:
        onnxruntime: Any = importlib.import_module("onnxruntime")
        state: Any = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")
        # onnxruntime raises classes of its own without a common ancestor.
        names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented")
        own = tuple(getattr(state, name) for name in names if hasattr(state, name))
        self._failures = (*own, RuntimeError, ValueError, IndexError, TypeError)
        how = onnxruntime.SessionOptions()
        how.intra_op_num_threads = options["threads"]
        how.inter_op_num_threads = 1
        how.log_severity_level = 3
        how.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                options["model"], how, providers=["CPUExecutionProvider"]
            )
            self._input = self._session.get_inputs()[0].name
            self._probability(bytes(2 * RATE))
        except self._failures as error:
            raise Trouble(f"this is no Smart Turn model: {error}", retryable=False) from error

    def about(self) -> Any:
        return None

    def serve(self, request: Any, call: Call) -> None:
        sound = bytearray()
        while (pcm := call.read()) is not None:
            sound = (sound + pcm)[-2 * SAMPLES :]
        try:
            call.send(self._probability(bytes(sound)))
        except self._failures as error:
            raise Trouble(f"Smart Turn failed: {error}") from error

    def _probability(self, pcm: bytes) -> float:
        features = log_mel(samples(pcm)).reshape(SHAPE)
        found = np.asarray(self._session.run(None, {self._input: features})[0], np.float64)
        if found.size != 1 or not 0.0 <= float(found.ravel()[0]) <= 1.0:
            raise ValueError(f"it gives {found.shape} instead of one probability")
        return float(found.ravel()[0])
