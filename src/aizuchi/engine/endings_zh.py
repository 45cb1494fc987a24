"""Chinese words that want more, or want nothing more, at the end of a transcript. See `endings.py`.

Chinese has no spaces, so endings are compared as text; the longer one that fits decides.
"""

from __future__ import annotations

import re
from typing import Final

from aizuchi.engine.sentences.stops import words

_UNFINISHED: Final = words("""
    然后 然后我 但是 可是 不过 因为 所以 而且 并且 或者 或 如果 要是 假如 虽然 尽管 即使 只要 只有 除了 除非
    为了 由于 关于 至于 以及 就是 就是说 也就是说 比如 比如说 例如 比方说 那么 那个 这个这个 那 嗯 呃 额 唔
    哦对了 对了 怎么说呢 的话 的时候 之前的 之后的 和 跟 与 把 被 在 从 向 往 对于 朝 比 最 很 非常 特别 更
    太 比较 有点 有一点 一个 一只 一张 一些 这种 那种 各种 每个 某个 我想 我想要 想要 我要 我觉得 我认为
    我以为 我希望 我是说 他说 她说 我说 他们说 我叫 我姓 名字是 名字叫 我的 你的 他的 她的 我们的 你们的
    我需要 我打算 我准备 我喜欢 不是很 应该 必须 能够 可能 也许 大概 其实 其实呢 另外 还有 首先 其次 最后
    第一 第二 一边 又 也 都 就 才 还 帮我 给我 请 请问 请你 请帮我 你能 你能不能 能不能 可不可以 可以帮我
    你可以 告诉我 是不是 有没有 会不会 要不要帮 我是 他是 她是 这是 那是 地址是 号码是 电话是 密码是 时间是
    问题是 原因是 但 而 并 且 及 之 于 将 使 让 叫 不 没 别 不太 不怎么 越 连 甚至 到底 究竟 究竟是 到底是
""")
_FINISHED: Final = words("""
    吗 呢 吧 呀 啦 嘛 哦 喔 咯 了 谢谢 谢谢你 谢谢您 多谢 再见 拜拜 晚安 早安 你好 您好 大家好 好 好的 好啊
    行 可以 可以的 对 对的 对啊 是 是的 是啊 不是 不是的 不对 不行 不用 不要 不要了 不知道 知道 明白 没有
    没事 没关系 没问题 当然 当然可以 不客气 对不起 抱歉 停 停下 停止 等等 等一下 稍等 稍等一下 算了 怎么样
    怎么办 怎么走 怎么说 怎么做 怎么回事 什么 为什么 干什么 什么时候 什么意思 多少 多少钱 多久 多远 多大
    几点 几岁 几号 哪里 哪儿 在哪 哪个 谁 是谁 好不好 行不行 对不对 是不是啊 可不可以啊 真的 真的吗 一样
    而已 为止 来着 罢了
""")
_ANSWERS: Final = words("不 没 可能 也许 大概 还没 还没有 我的 你的")
"""Whole as an answer, and the beginning of something else at the end of more."""
_NOT_AFTER: Final = {
    "了": ("为", "除"),
    "呢": ("其实", "说"),
    "知道": ("想", "要", "你"),
    "什么": ("那",),
    "好": ("最", "正", "刚", "只", "爱", "幸"),
    "行": ("银", "进", "自", "举", "执", "旅", "流"),
    "吧": ("酒", "网"),
}
"""Before the word these make another one of it, or leave it open: 最好, 银行, 我想知道."""
_QUESTION: Final = re.compile(
    r"什么|怎么|怎样|哪[里儿个些天位]|谁|多少|多[久远大高长]|几[点岁号个天]|为何|如何|能不能|可不可以|是不是|有没有|会不会|要不要|行不行|好不好"
)
_COMMAND: Final = re.compile(
    r"^(?:请|麻烦你?|帮我|给我|替我|打开|关掉|关闭|关上|播放|暂停|停止|开始|设置|提醒我|告诉我|讲|唱|读|说|搜索|查|翻译|介绍|解释)"
)
_SUBORDINATE: Final = re.compile(r"^(?:如果|要是|因为|虽然|尽管|当|每次|等到|假如)")
_CONCLUDED: Final = re.compile(r"就|所以|但|会|才|都|那")
_DIGITS: Final = re.compile(r"[0-9０-９零〇一二三四五六七八九幺]+$")
_LONG_NUMBER: Final = 11
"""A Chinese mobile number has so many digits."""
_NOT_WORDS: Final = re.compile(r"[\s，,、。.!！?？；;：:“”\"']+")


def ends(text: str) -> bool | None:
    """True: finished, False: unfinished, None: its words do not tell. Punctuation at the end was cut off."""
    clause = _NOT_WORDS.split(text)[-1]
    whole = _NOT_WORDS.sub("", text)
    digits = _DIGITS.search(whole)
    if digits is not None and 3 <= len(digits[0]) < _LONG_NUMBER:
        return False
    if whole in _ANSWERS:
        return True
    told = _last_words(clause) if whole != "嗯" else None  # by itself it may mean yes
    return told if told is not None else _shape(whole)


def _last_words(clause: str) -> bool | None:
    for size in range(min(6, len(clause)), 0, -1):
        tail = clause[-size:]
        before = clause[:-size]
        if tail in _FINISHED:
            if tail in ("是", "对") and before:
                return None
            if before.endswith(_NOT_AFTER.get(tail, ("\n",))):
                return None if tail in ("行", "吧") else False
            return True
        if tail in _UNFINISHED:
            return False
    return None


def _shape(whole: str) -> bool | None:
    if _SUBORDINATE.match(whole) and not _CONCLUDED.search(whole[2:]):
        return False
    if len(whole) >= 4 and _QUESTION.search(whole) and not whole.endswith(("得", "地", "一下")):
        return True
    if _COMMAND.match(whole) and len(whole) >= 5 and not whole.endswith(("的", "得", "地", "一下", "个")):
        return True
    return None
