"""Text in pieces of any size -> whole sentences."""

from __future__ import annotations

import re

from aizuchi.compat.bitnp.stream_node.stream_node import StreamNode


class SentenceSepNode(StreamNode):
    """Cuts at each character of `seps`, which stays at the sentence's end unless `keep_seps` is False.

    What has no end yet waits in `buffer`.
    """

    def __init__(self, seps: str = ",.:;?!，。：；？！\n", keep_seps: bool = True) -> None:
        super().__init__()
        self.seps = seps
        self.keep_seps = keep_seps
        self.buffer = ""

    async def process(self, data: str) -> list[str]:
        """The sentences that this text completes."""
        *sentences, self.buffer = self.cut(self.buffer + data)
        return sentences

    def cut(self, text: str) -> list[str]:
        """The sentences of a text, and last what has no end yet, perhaps empty."""
        if not self.seps:
            return [text]
        pieces = re.split(f"([{re.escape(self.seps)}])", text)
        ends = pieces[1::2] if self.keep_seps else [""] * (len(pieces) // 2)
        return [*(piece + end for piece, end in zip(pieces[::2], ends, strict=False)), pieces[-1]]

    def reset(self) -> None:
        """Forget what waits."""
        self.buffer = ""

    async def flush(self) -> None:
        """Nothing follows: hand on what waits, as a sentence."""
        rest, self.buffer = self.buffer, ""
        if rest:
            await self._pass(rest)
