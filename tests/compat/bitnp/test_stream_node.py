"""Nodes that text flows through."""

import asyncio
from typing import Any

import pytest

from aizuchi.compat.bitnp.stream_node import (
    AccumulativeListNode,
    BracketsParsorNode,
    LambdaNode,
    SentenceSepNode,
    StreamNode,
)


def text(content: str) -> dict[str, str]:
    return {"type": "text", "content": content}


def tag(content: str) -> dict[str, str]:
    return {"type": "tag", "content": content}


async def test_sentences():
    """A sentence goes on when its separator comes; the rest waits until it is flushed or forgotten."""
    sep, kept = SentenceSepNode(), AccumulativeListNode()
    sep.connect_to(kept)
    await sep.handle("你好，我是")
    await sep.handle("树莓娘。再")
    assert (kept.buffer, sep.buffer) == (["你好，", "我是树莓娘。"], "再")
    await sep.flush()
    await sep.flush()
    assert (kept.buffer[2:], sep.buffer) == (["再"], "")
    await sep.handle("见")
    sep.reset()
    await sep.handle("！")
    assert kept.buffer[3:] == ["！"]


@pytest.mark.parametrize(
    ("keep", "sentences"), [(True, ["a,", ",", "b]", "\n"]), (False, ["a", "", "b", ""])]
)
async def test_separators(keep: bool, sentences: list[str]):
    """Any characters may separate, those of regular expressions too; each run gives empty sentences."""
    sep = SentenceSepNode(seps=",]\n", keep_seps=keep)
    assert await sep.process("a,,b]\nc") == sentences
    assert sep.buffer == "c"


async def test_brackets():
    """Texts and tags in order; no empty text; a bracket that is not closed is text."""
    node = BracketsParsorNode()
    assert await node.process("好[点头]的[wink]") == [text("好"), tag("点头"), text("的"), tag("wink")]
    assert await node.process("[a][b]") == [tag("a"), tag("b")]
    assert await node.process("[a") == [text("[a")]
    assert await node.process("") == []


async def test_the_guides_chain(capsys: pytest.CaptureFixture[str]):
    """Separator, brackets, then two ends: both get everything in order."""
    sep, brackets, kept = (
        SentenceSepNode(seps=",.:;? ，。：；？"),
        BracketsParsorNode(),
        AccumulativeListNode(),
    )
    sep.connect_to(brackets)
    brackets.connect_to(kept)
    brackets.connect_to(LambdaNode(lambda self, x: print(x)))
    for piece in ("你好，我是树莓娘[点头]你好,woshi", "树莓娘[wink]？？？我是谁呀", "我是树莓[摇头]娘", " "):
        await sep.handle(piece)
    assert kept.buffer == [
        text("你好，"),
        text("我是树莓娘"),
        tag("点头"),
        text("你好,"),
        text("woshi树莓娘"),
        tag("wink"),
        text("？"),
        text("？"),
        text("？"),
        text("我是谁呀我是树莓"),
        tag("摇头"),
        text("娘 "),
    ]
    assert capsys.readouterr().out.splitlines() == [str(each) for each in kept.buffer]


async def test_lambdas():
    """Plain and async functions get the node and the data; what they return goes on, None too."""

    async def later(node: StreamNode, data: int) -> int:
        await asyncio.sleep(0)
        return data * 10

    first, second, third = LambdaNode(later), LambdaNode(lambda _, data: data + 1), AccumulativeListNode()
    end = AccumulativeListNode()
    first.connect_to(second)
    second.connect_to(third)
    assert third.connect_to(end) is None  # pyright: ignore
    await first.handle([1, [2, 3]])
    assert third.buffer == [11, 21, 31]
    assert end.buffer == [None, None, None]


async def test_a_list_as_it_is():
    """Without `extract` a list is one thing; a tuple always is."""
    node = AccumulativeListNode()
    node.extract = False
    await node.handle([1, 2])
    node.extract = True
    await node.handle((3, 4))
    await node.handle([])
    assert node.buffer == [[1, 2], (3, 4)]


async def test_a_slow_node_holds_back():
    """Nodes are awaited one after the other."""
    order: list[str] = []

    async def slow(_: StreamNode, data: Any) -> None:
        await asyncio.sleep(0)
        order.append(f"slow {data}")

    head = LambdaNode(lambda _, data: data)
    head.connect_to(LambdaNode(slow))
    head.connect_to(LambdaNode(lambda _, data: order.append(f"quick {data}")))
    await head.handle([1, 2])
    assert order == ["slow 1", "quick 1", "slow 2", "quick 2"]


def test_abstract():
    """A node says what it makes."""
    with pytest.raises(TypeError):
        StreamNode()  # pyright: ignore
