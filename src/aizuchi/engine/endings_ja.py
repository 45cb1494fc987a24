"""Japanese words that want more, or want nothing more, at the end of a transcript. See `endings.py`.

The verb stands last in Japanese, and after it the particles that say what the sentence was. Plain verbs
(買う, 行った) may end a sentence as well as describe the noun that follows: they tell nothing.
"""

from __future__ import annotations

import re
from typing import Final

from aizuchi.engine.sentences.stops import words

_UNFINISHED: Final = words("""
    けど けれど けれども だけど ですけど ますけど んですけど ですが ますが でしたが ましたが から だから
    ですから ますから ので なので のに だし ですし たら だったら れば なら ながら たり とか など や は が を
    に へ と も で て より という っていう といった って とは では には とも での への からの までの それで
    でも そして しかし ところが あと また たとえば 例えば もし もしも つまり それから それに ただ だって
    じゃあ なので ために ための ような みたいな ように とき 時に ときに 場合 場合は 場合に あいだ 間に
    うちに まえに 前に 後に あとで 途中で えっと えーと えーっと ええと えと あの あのー あのう その そのー
    うーん うーんと んー んーと まあ なんか なんていうか 何ていうか あのね えっとね それでね でね あのさ
    でさ それでさ だけでなく 及び または あるいは この こんな そんな あんな どんな 一番 とても すごく もっと
    ずっと 私の 僕の 俺の あなたの 名前は ますし ないし いし るし たし する時 した時 ない時 いる時 の時
    いつか どこか だれか 誰か 何か なにか まだ 静か 確か
""")
_FINISHED: Final = words("""
    です ます でした ました ません ませんでした ましょう でしょう だろう か ね よ よね かな だな よな わ ぞ
    ぜ のか かしら だ だった だよ だね のだ んだ ください 下さい ちょうだい くれ なさい お願い お願いします
    おねがいします ありがとう ありがとうございます ありがとうございました さようなら さよなら おやすみ
    おやすみなさい はい いいえ いや うん ううん そう そうそう いい いいよ もういい 了解 わかった 分かった
    わかりました 分かりました ごめん ごめんなさい おはよう おはようございます こんにちは こんばんは
    こんにちわ もしもし じゃあね またね バイバイ 大丈夫 だいじょうぶ オーケー なるほど 本当 ほんと 教えて
    見せて 待って やめて 止めて とめて 助けて 手伝って 話して 読んで 歌って 聞かせて 聞いて 言って 呼んで
    開けて 閉めて つけて 消して 再生して 来て 貸して って何 とは何 何 なに なんで どうして いつ どこ だれ 誰
    どれ いくら どう したい ほしい 欲しい 食べたい 行きたい 知りたい したくない 知らない 分からない
    わからない なぜ
""")
_DIGITS: Final = re.compile(
    r"[0-9０-９零〇一二三四五六七八九]+$|(?:ゼロ|れい|いち|に|さん|よん|ご|ろく|なな|はち|きゅう){3,}$"
)
_LONG_NUMBER: Final = 10
_NOT_WORDS: Final = re.compile(r"[\s，,、。.!！?？；;：:「」『』\"']+")
_LONGEST: Final = 12


def ends(text: str) -> bool | None:
    """True: finished, False: unfinished, None: its words do not tell. Punctuation at the end was cut off."""
    clause = _NOT_WORDS.split(text)[-1]
    whole = _NOT_WORDS.sub("", text)
    digits = _DIGITS.search(whole)
    if digits is not None and 3 <= len(digits[0]) < _LONG_NUMBER:
        return False
    for size in range(min(_LONGEST, len(clause)), 0, -1):
        tail = clause[-size:]
        # The longer one decides: こんにちは is whole although it ends in は, あのね is not although in ね.
        if tail in _FINISHED:
            return None if tail in _ALONE and clause != tail else True
        if tail in _UNFINISHED:
            return False
    return None


_ALONE: Final = words("いや そう いい うん はい どう いつ どこ 何 なに 本当 ほんと なぜ")
"""Finished only by themselves: within a sentence they may stand before more."""
