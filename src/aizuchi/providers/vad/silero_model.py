"""Silero's network as a blocking function. Imported in the thread that loads it: numpy and onnxruntime take
a fifth of the server's start, and nothing but sound needs them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aizuchi.errors import ConfigError
from aizuchi.providers.vad.gate import CONTEXT, WINDOW

Floats = NDArray[np.float32]
Judge = Callable[[list[bytes], list[Floats]], tuple[list[float], list[Floats]]]

NEW: Final = np.zeros((2, 1, 128), np.float32)
"""The state of a stream of which nothing was heard yet; never written to."""


def load(model: Path) -> Judge:
    """Probabilities and next states of windows and states, in a batch. Raises ConfigError."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A thread that spins for its next batch would burn a core of an idle server.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session: Any = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        rate = np.array(16_000, np.int64)

        def judge(windows: list[bytes], states: list[Floats]) -> tuple[list[float], list[Floats]]:
            samples = np.frombuffer(b"".join(windows), "<i2").reshape(-1, CONTEXT + WINDOW)
            state = states[0] if len(states) == 1 else np.concatenate(states, axis=1)
            feed = {"input": samples.astype(np.float32) / 32768, "state": state, "sr": rate}
            output, state = session.run(None, feed)
            # Copies: a slice would keep the whole batch's states alive with each stream.
            return output[:, 0].tolist(), [state[:, i : i + 1].copy() for i in range(len(windows))]

        judge([bytes(2 * (CONTEXT + WINDOW))], [NEW])
    except onnxruntime_errors() as error:
        raise ConfigError(f"vad.silero.model: {model.name} is no Silero VAD model: {error}") from error
    return judge


def onnxruntime_errors() -> tuple[type[Exception], ...]:
    """What onnxruntime raises: classes of its own without a common ancestor."""
    state: Any = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")

    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoModel", "NotImplemented")
    own = [getattr(state, name) for name in names if hasattr(state, name)]
    return (*own, RuntimeError, ValueError, IndexError)
