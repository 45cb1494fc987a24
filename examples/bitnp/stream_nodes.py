"""A model's text arrives in pieces; nodes make sentences of it, and texts and tags of those."""

import asyncio

import aizuchi.compat.bitnp.enable  # noqa: F401

# isort: split
from stream_node import AccumulativeListNode, BracketsParsorNode, LambdaNode, SentenceSepNode

sentences = SentenceSepNode(seps="。！？\n")
brackets = BracketsParsorNode()
kept = AccumulativeListNode()

sentences.connect_to(brackets)
brackets.connect_to(kept)
brackets.connect_to(LambdaNode(lambda node, data: print(data["type"], data["content"])))


async def main() -> None:
    for piece in ("晚上好[点", "头]！今天的", "星星很亮。一起", "看吧[wink]"):
        await sentences.handle(piece)
    await sentences.flush()  # what has no full stop
    print(len(kept.buffer), "parts")


asyncio.run(main())
