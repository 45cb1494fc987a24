"""Where an answer is cut, and which tags it has."""

import pytest

from aizuchi.compat.bitnp.agent.basic_chatting_agent import SEPS
from aizuchi.compat.bitnp.agent.spoken_sep_node import CLOSING, SpokenSepNode
from aizuchi.compat.bitnp.agent.tags import PageTags, pages
from aizuchi.compat.bitnp.stream_node import AccumulativeListNode

CUTS = [
    ("你好。我是树莓娘！", ["你好。", "我是树莓娘！"]),
    ("一，二,三。", ["一，二,三。"]),
    ("第一行\n第二行", ["第一行\n", "第二行"]),
    ("真的吗？？？是的……", ["真的吗？？？", "是的……"]),
    ("Pi is 3.14. Yes.", ["Pi is 3.14.", " Yes."]),
    ("At 12:30: tea", ["At 12:30:", " tea"]),
    ("It isn't. See https://a.example/x.", ["It isn't.", " See https://a.example/x."]),
    ("He said 'hi.' Then", ["He said 'hi.'", " Then"]),
    ("好！[wink]", ["好！", "[wink]"]),
    ("[翻页: 3]看这里。", ["[翻页: 3]看这里。"]),
    ("他说：“好。”走了。", ["他说：", "“好。”", "走了。"]),
    ("a [ b. c", ["a [ b. c"]),
    ("a [ b.\nc.", ["a [ b.\n", "c."]),
    ("[" + "a" * 70 + ". b.", ["[" + "a" * 70 + ".", " b."]),
    ("[[点头]好。", ["[[点头]好。"]),
    ("。。。", ["。。。"]),
    ("1.", ["1."]),
]


async def cut(*pieces: str) -> list[str]:
    sep, kept = SpokenSepNode(seps=SEPS), AccumulativeListNode()
    sep.connect_to(kept)
    for piece in pieces:
        await sep.handle(piece)
    await sep.flush()
    return kept.buffer


@pytest.mark.parametrize(("text", "sentences"), CUTS)
async def test_cut(text: str, sentences: list[str]):
    """At once."""
    assert await cut(text) == sentences


@pytest.mark.parametrize(("text", "sentences"), CUTS)
async def test_cut_in_pieces(text: str, sentences: list[str]):
    """Character by character the words are the same, none is lost, and no sentence is longer."""
    made = await cut(*text)
    assert "".join(made) == text
    spoken = [each for each in made if any(char.isalnum() for char in each)]
    whole = [each for each in sentences if any(char.isalnum() for char in each)]
    assert len(spoken) == len(whole)
    # A quotation mark may close a sentence that has gone already.
    pairs = [(here.lstrip(CLOSING), there.lstrip(CLOSING)) for here, there in zip(spoken, whole, strict=True)]
    assert all(there.startswith(here) for here, there in pairs)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[PPT_3]", [3]),
        ("a [翻页:1] b [翻页 2][翻页: 12] [翻页：7]", [1, 2, 12, 7]),
        ("[PPT_0][PPT_101][PPT_9999999999999]", []),
        ("[PPT_] [ppt_1] PPT_1 [PPT_1", []),
    ],
)
def test_pages(text: str, found: list[int]):
    """Slides from 1 to 100, in every spelling that prompts have had."""
    assert pages(text) == found
    tags = PageTags()
    assert [page for char in text for page in tags.push(char)] == found


def test_a_tag_over_two_pieces():
    """It is found with the piece that ends it, once."""
    tags = PageTags()
    assert [tags.push(piece) for piece in ("看[PP", "T_", "2]和", "[PPT_3]", "。")] == [[], [], [2], [3], []]
