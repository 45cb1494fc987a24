"""Keeps what passes by."""

from __future__ import annotations

from typing import Any

from aizuchi.compat.bitnp.stream_node.stream_node import StreamNode


class AccumulativeListNode(StreamNode):
    """Everything that came, in order, in `buffer`. The next nodes get None."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer: list[Any] = []

    async def process(self, data: Any) -> None:
        self.buffer.append(data)
