"""Does a transcript end like a finished sentence? A table in three languages; each row a rule or a trap."""

from __future__ import annotations

import pytest

from aizuchi.engine.endings import Ending, ending

ENGLISH: dict[Ending, str] = {
    "finished": """
        what time is it
        so what time is it
        what's the weather in paris
        how are you
        where are we
        hello how are you
        who am i
        can you play some music
        could you tell me a story
        is the kitchen light still burning
        do you like apples
        how long does it take
        tell me a story
        go forward ten meters
        please turn the light off again
        turn it down please
        a coffee with milk please
        thank you
        ok thanks
        i want a big one thank you
        yes
        yeah
        no i don't
        of course
        i think so
        never mind
        so do i
        that's all
        I'm hungry.
        Good!
        Really?
        And then?
        He said "come in."
        will it rain tomorrow
        i have not seen him yet
        what does it mean
    """,
    "unfinished": """
        um
        so um
        i was thinking uh
        and
        i went home and
        I went home and.
        i like it because
        i would like to
        i'd like
        i want to go to the
        to the
        the capital of
        a lot of
        one of
        what kind of
        what is the price of
        can you tell me
        tell me
        could you please
        how about
        what if
        what i want
        what is
        what is the way to
        i was born in nineteen eighty and
        my name is
        the weather is
        the reason was
        i'm
        i think we're
        they said that it's
        i don't know if
        my brother and i
        i think he
        this is not
        my number is five five five
        my number is 555 12
        it's one three eight
        the code is 4711
        when i was young
        if you go there
        i bought apples, bananas,
        well...
        Let me think…
        i want it to be very
        i'm going to
        such as
        we are looking at
        give me
        set an alarm for
    """,
    "unknown": """
        i like apples
        i like that
        i saw her
        where are you from
        what are you looking for
        what is it made of
        yes i'd love to
        i think it is
        what time
        how many
        turn on
        come over
        tell me what you are up
        what does it look like
        i like it though
        two plus two is four
        i turned twenty five
        my number is five five five one two three four five six seven
        hey
        ...
        !
    """,
}

CHINESE: dict[Ending, str] = {
    "finished": """
        你吃饭了吗
        那我们走吧
        你呢
        然后呢
        我已经到家了
        今天天气怎么样
        现在几点
        这个多少钱
        为什么天是蓝的
        什么时候开门
        你什么时候来
        我不知道为什么
        开饭时间是几点
        打开客厅的灯
        给我讲个故事
        请把窗户关上
        谢谢
        好的谢谢
        好
        好的
        嗯，好的
        是的
        对
        没有
        不用了
        等一下
        你好
        再见
        算了
        我喜欢苹果。
        真的吗？
        不
        可能
        能不能快一点
        你 听 得 见 吗
    """,
    "unfinished": """
        然后
        我去了北京然后
        我想去但是
        因为
        因为今天下雨
        如果明天不下雨
        我觉得
        我觉得就是
        就是
        那个
        我想买那个
        我想要
        我的名字是
        我叫
        吃饭的时候
        你有空的话
        我和
        我把
        他在
        这是
        帮我
        你能不能
        请问
        告诉我
        我的电话是一三八
        我的号码是13800
        一三八零零
        为了
        除了
        其实呢
        我要一个
        今天非常
        我喜欢苹果，
        嗯……
        我想一下嗯
        我不
        我喜欢和。
        我想知道
        我们最好
        那什么
        比如说
    """,
    "unknown": """
        我喜欢苹果
        我要去银行
        开饭时间早上九点至下午五点
        明天
        红色的
        帮我查一下
        我想去
        我的电话是13800138000
        今天
        嗯
    """,
}

JAPANESE: dict[Ending, str] = {
    "finished": """
        今何時ですか
        そうですね
        東京に行きます
        昨日は寒かったです
        行きましょう
        知りませんでした
        教えてください
        天気を教えて
        ちょっと待って
        電気を消して
        ありがとう
        ありがとうございます
        はい
        いいえ
        うん
        こんにちは
        こんばんは
        おはようございます
        そうだよ
        楽しいよね
        大丈夫かな
        これは何ですか
        今日の天気は？
        パンを買う。
        ラーメンが食べたい
        よく分からない
        なぜ
        いいよ
    """,
    "unfinished": """
        えっと
        えーと
        あの
        あのね
        それでね
        でも
        行きたいけど
        行きたいんですけど
        寒いですが
        雨が降ったから
        忙しいので
        昨日は
        私は
        友達が
        パンを
        駅に
        駅に行って
        学校で
        雨が降ったら
        時間があれば
        食べながら
        例えば
        家に帰るとき
        弁当制で持っていけない場合は
        電話番号は090
        パンとか
        まだ
        高いし
        寝ている時
        いつか
        私の
        パンを、
        昨日…
        友達と。
    """,
    "unknown": """
        うちの中学は弁当制で持っていけない場合は五十円の学校販売のパンを買う
        昨日行った
        今は三時
        もう少し
        きれいな
        それはいい
        パン
        これをどう
        食べる
    """,
}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (line.strip(), wanted)
        for table in (ENGLISH, CHINESE, JAPANESE)
        for wanted, lines in table.items()
        for line in lines.strip().splitlines()
    ],
)
def test_endings(text: str, wanted: Ending):
    """Each row: what a recogniser has so far, and whether it ends like a finished sentence."""
    assert ending(text) == wanted


@pytest.mark.parametrize(
    ("text", "language", "wanted"),
    [
        ("", "", "unknown"),
        ("  ", "en", "unknown"),
        ("안녕하세요", "", "unknown"),
        ("안녕하세요?", "", "finished"),
        ("ich gehe und", "de", "unknown"),  # no words of ours for German
        ("Ich gehe nach Hause.", "de", "finished"),
        ("今日の天気は", "en", "unfinished"),
        ("一番", "ja", "unfinished"),
    ],
)
def test_other_languages_are_judged_by_their_punctuation(text: str, language: str, wanted: Ending):
    """Where we know no words only the marks count; an empty text says nothing."""
    assert ending(text, language) == wanted
