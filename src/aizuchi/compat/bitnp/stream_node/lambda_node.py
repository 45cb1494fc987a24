"""A function as a node."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from aizuchi.compat.bitnp.stream_node.stream_node import StreamNode


class LambdaNode(StreamNode):
    """Calls `func(node, data)`, a plain or an async function; what it returns goes on."""

    def __init__(self, func: Callable[[StreamNode, Any], Any]) -> None:
        super().__init__()
        self.func = func

    async def process(self, data: Any) -> Any:
        result = self.func(self, data)
        return await result if inspect.isawaitable(result) else result
