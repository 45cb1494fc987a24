"""Text with [tags] -> texts and tags, in order. The spelling is the one that scripts import."""

from __future__ import annotations

import re

from aizuchi.compat.bitnp.stream_node.stream_node import StreamNode


class BracketsParsorNode(StreamNode):
    """`"well[nod]then"` -> `{"type": "text", "content": "well"}`, `{"type": "tag", "content": "nod"}`, ..."""

    async def process(self, data: str) -> list[dict[str, str]]:
        pieces = re.split(r"\[(.*?)\]", data)
        kinds = (("tag" if number % 2 else "text", piece) for number, piece in enumerate(pieces))
        return [{"type": kind, "content": piece} for kind, piece in kinds if piece or kind == "tag"]
