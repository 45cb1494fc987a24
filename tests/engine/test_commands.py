"""Words of command to a lecture, in three languages, and what is none."""

import pytest

from aizuchi.engine.commands import command


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Next page!", ("next", None)),
        ("next, please", ("next", None)),
        ("Go back.", ("prev", None)),
        ("Pause.", ("pause", None)),
        ("hold on", ("pause", None)),
        ("Please continue", ("resume", None)),
        ("Repeat this page.", ("replay", None)),
        ("Go to page 12", ("goto", 12)),
        ("start the lecture", ("play", None)),
        ("下一页。", ("next", None)),
        ("翻到上一页", ("prev", None)),
        ("暂停一下！", ("pause", None)),
        ("请继续讲", ("resume", None)),
        ("再讲一遍", ("replay", None)),
        ("跳到第十二页", ("goto", 12)),
        ("第3页", ("goto", 3)),
        ("第二十页", ("goto", 20)),
        ("开始讲课", ("play", None)),
        ("次のページ", ("next", None)),
        ("３ページ", ("goto", 3)),
        ("続けてください。", ("resume", None)),
    ],
)
def test_commands(text: str, meant: object):
    """Marks, case and courtesies aside."""
    assert command(text) == meant


@pytest.mark.parametrize(
    "text",
    ["", "What is on the next page?", "下一页讲什么？", "stop it hurts", "page", "第页", "next " * 20, "嗯"],
)
def test_questions(text: str):
    """Whatever is more than a command is for the model."""
    assert command(text) is None
