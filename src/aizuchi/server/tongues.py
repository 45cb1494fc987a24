"""Languages by their names, and what the embedded parts say of themselves, for people and in two languages.

The providers describe themselves in English, in their own files; what is missing here stays English, and a
test sees that nothing of ours is missing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from aizuchi.texts import Lang, Texts

TEXTS: Final = Texts(
    {
        "any": ("any language", "任何语言"),
        "none": ("none", "无"),
        "many": ("{count} languages, such as {names}", "{count} 种语言，如{names}"),
        "comma": (", ", "、"),
    }
)

NAMES: Final = {
    "en": ("English", "英语"),
    "zh": ("Chinese", "中文"),
    "ja": ("Japanese", "日语"),
    "es": ("Spanish", "西班牙语"),
    "fr": ("French", "法语"),
    "de": ("German", "德语"),
    "ko": ("Korean", "韩语"),
    "yue": ("Cantonese", "粤语"),
    "ru": ("Russian", "俄语"),
    "pt": ("Portuguese", "葡萄牙语"),
    "it": ("Italian", "意大利语"),
}
"""The ones most asked for come first; of many languages those are named."""
ALL: Final = 5
"""So many languages are named in full."""
SOME: Final = 3

ABOUT_ZH: Final = {
    "Silero VAD, shared by all sessions": "Silero VAD，所有会话共用",
    "for turn: smart_turn; hears whether a speaker has finished": "供 turn: smart_turn 使用；听出是否说完",
    "Smart Turn, on this machine": "Smart Turn，在本机运行",
    "loudness against the room's noise": "按高出环境噪声的音量判断",
    "pocketsphinx, good for short clear sentences, poor at longer ones": (
        "pocketsphinx，清楚的短句还行，长句错误较多"
    ),
    "pocketsphinx, only what its grammar knows": "pocketsphinx，只识别语法所列的句子",
    "a script of prepared answers, no language model": "预先写好的脚本，不是语言模型",
    "espeak-ng, a robotic voice": "espeak-ng，机械的嗓音",
    "espeak-ng, a robotic voice, no Japanese without the extra ja": (
        "espeak-ng，机械的嗓音，不装附加组件 ja 时不会日语"
    ),
    "a test tone for each sentence, no speech": "每句话一个测试音，不是语音",
    "Chinese and English as they are spoken; a good first choice": "中文与英语，边说边识别；首选",
    "English as it is spoken, small": "英语，边说边识别，体积小",
    "Chinese and English as they are spoken, large": "中文与英语，边说边识别，体积大",
    "five languages, at the end of each utterance, with punctuation": "五种语言，说完一句后识别，带标点",
    "English at the end of each utterance, very small": "英语，说完一句后识别，体积极小",
    "English at the end of each utterance, small": "英语，说完一句后识别，体积小",
    "25 European languages, at the end of each utterance": "25 种欧洲语言，说完一句后识别",
}


def about(text: str, lang: Lang) -> str:
    """What a provider or a model says of itself, in `lang` where we have it."""
    return ABOUT_ZH.get(text, text) if lang == "zh" else text


def spoken(languages: Collection[str] | None, lang: Lang) -> str:
    """Languages by name; of many, their number and those most asked for. None and "*" are any."""
    if languages is None or "*" in languages:
        return TEXTS.say(lang, "any")
    order = list(NAMES)
    codes = sorted(languages, key=lambda code: (order.index(code) if code in NAMES else len(order), code))
    if not codes:
        return TEXTS.say(lang, "none")
    comma = TEXTS.say(lang, "comma")
    named = [NAMES[code][lang == "zh"] if code in NAMES else code for code in codes]
    if len(codes) <= ALL:
        return comma.join(named)
    return TEXTS.say(lang, "many", count=len(codes), names=comma.join(named[:SOME]))
