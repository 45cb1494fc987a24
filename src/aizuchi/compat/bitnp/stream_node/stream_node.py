"""What all nodes share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class StreamNode(ABC):
    """Takes data, makes something of it, hands that to the nodes it is connected to.

    A list is taken apart and handled item by item, unless `extract` is False. Everything is awaited in
    order, so that whoever is slow downstream holds back what comes after.
    """

    def __init__(self) -> None:
        self.next_nodes: list[StreamNode] = []
        self.extract = True

    @abstractmethod
    async def process(self, data: Any) -> Any:
        """What goes on to the next nodes; also when it is None."""

    async def handle(self, data: Any) -> None:
        if self.extract and type(data) is list:
            for item in data:
                await self.handle(item)
            return
        await self._pass(await self.process(data))

    def connect_to(self, next_node: StreamNode) -> None:
        """Results go there too, after the nodes that were connected before."""
        self.next_nodes.append(next_node)

    async def _pass(self, result: Any) -> None:
        for node in self.next_nodes:
            await node.handle(result)
