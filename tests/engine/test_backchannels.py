"""Which texts ask for nothing."""

import pytest

from aizuchi.engine.backchannels import only_backchannel

SMALL = """
    mm-hm|Mm-hmm.|mhm|uh-huh|Uh huh|Yeah.|yeah, yeah|Yes!|ok|Okay.|right|I see.|Oh, I see|got it
    |haha|Hmm...|um, yeah
    |[cough]|(coughs)|<noise>|*laughs*|[BLANK_AUDIO]|(笑)|（笑い）|【咳】|…|。|-
    |嗯|嗯嗯|嗯。|对|对对对|对，对|是的|哦，好的|哈哈哈|呃|嗯哼|對
    |原来如此|真的吗？
    |うん|うんうん|はい|はい、はい。|へえー|なるほど|そうですね|ええ|あー|えっと|そうなんですか？
    |はい (笑)|ふーん
"""
WORDS = """
    stop|wait|no|No!|hold on|hello|yeah but|yes, stop|okay stop
    |what|why|right now|I see a dog|mm-hm wait|ok google
    |等等|不对|不|停|你好|对了|是谁|好吃|嗯，等一下
    |对不起|什么|等一下|好难|不是
    |待って|いいえ|違う|ううん|はい、でも|うん、待って
    |何|ストップ|やめて|そうじゃない
"""


def rows(text: str) -> list[str]:
    return [each.strip() for each in text.split("|") if each.strip()]


@pytest.mark.parametrize("text", [*rows(SMALL), "", "  "])
def test_small_sounds_ask_for_nothing(text: str):
    """Back-channels, fillers, laughs and coughs, alone or together."""
    assert only_backchannel(text)


@pytest.mark.parametrize("text", rows(WORDS))
def test_words_want_something(text: str):
    """One word among them is enough."""
    assert not only_backchannel(text)


def test_a_character_may_know_more():
    """Its own words count besides the common ones, in any script and also joined to others."""
    assert not only_backchannel("roger that") and not only_backchannel("收到")
    assert only_backchannel("Roger that, yeah", ["roger that"])
    assert only_backchannel("嗯收到", ["收到"])
    assert not only_backchannel("收到了吗", ["收到"])
