"""Streaming text becomes display text, thoughts and speakable sentences."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aizuchi.emotions import ALIASES, EMOTIONS
from aizuchi.engine.sentences import Cut, Inner, Piece, Sentences, Shown

VOCABULARY = {**{name: name for name in EMOTIONS}, **ALIASES}


def run(deltas: Iterable[str], *, first: int = 24, longest: int = 200, language: str = "") -> list[Piece]:
    sentences = Sentences(
        language=language, emotion_tags=VOCABULARY, first_clause_chars=first, max_chars=longest
    )
    pieces = [piece for delta in deltas for piece in sentences.feed(delta)]
    return pieces + sentences.finish()


def cuts(pieces: Iterable[Piece]) -> list[Cut]:
    return [piece for piece in pieces if isinstance(piece, Cut)]


def shown(pieces: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Shown))


def inner(pieces: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Inner))


# Whole sentences: the cut for speed is off, so that each row shows one rule.
STOPS: list[tuple[str, str, list[str]]] = [
    # -- English: where a sentence ends
    ("one", "Hello there.", ["Hello there."]),
    ("no-stop", "Hello there", ["Hello there"]),
    ("two", "Hello there. How are you?", ["Hello there.", "How are you?"]),
    ("three-kinds", "Stop! Why? Because.", ["Stop!", "Why?", "Because."]),
    ("short-answers", "Yes. No. Maybe.", ["Yes.", "No.", "Maybe."]),
    ("question-and-call", "Really?! I had no idea.", ["Really?!", "I had no idea."]),
    ("many-calls", "No way!!! That is great.", ["No way!!!", "That is great."]),
    ("lower-after-call", "Hmm! ok then", ["Hmm!", "ok then"]),
    ("call-comma", "Yahoo!, he cried. Good.", ["Yahoo!, he cried.", "Good."]),
    ("call-glued-capital", "Wait!What is it?", ["Wait!", "What is it?"]),
    ("call-glued-lower", "what?!no way", ["what?!no way"]),
    ("two-blanks", "First.  Second.", ["First.", "Second."]),
    ("newline-stop", "First.\nSecond.", ["First.", "Second."]),
    ("newline-only", "First line\nSecond line", ["First line", "Second line"]),
    ("paragraphs", "One.\n\nTwo.\n\n\nThree.", ["One.", "Two.", "Three."]),
    ("windows-newlines", "One\r\nTwo\r\n", ["One", "Two"]),
    ("semicolon-stays", "I came; I saw. Then I left.", ["I came; I saw.", "Then I left."]),
    ("colon-stays", "Here it is: a cat. Done.", ["Here it is: a cat.", "Done."]),
    ("glued-domain", "Go to example.com today. Fine.", ["Go to example.com today.", "Fine."]),
    ("glued-file", "Open main.py now. Then run it.", ["Open main.py now.", "Then run it."]),
    ("dotnet", "I like .NET a lot. And Node.js.", ["I like .NET a lot.", "And Node.js."]),
    ("mail", "Write to ann.lee@mail.example.org. Thanks.", ["Write to ann.lee@mail.example.org.", "Thanks."]),
    # -- English: abbreviations
    ("mr", "Mr. Smith is here. Good.", ["Mr. Smith is here.", "Good."]),
    ("mrs-dr", "Mrs. Lee met Dr. Wu. They ate.", ["Mrs. Lee met Dr. Wu.", "They ate."]),
    ("prof", "Ask Prof. Green. She knows.", ["Ask Prof. Green.", "She knows."]),
    ("saint", "I live in St. Ives. It rains.", ["I live in St. Ives.", "It rains."]),
    ("eg", "Take fruit, e.g. Apples. Good?", ["Take fruit, e.g. Apples.", "Good?"]),
    ("ie", "Soon, i.e. Monday. Yes.", ["Soon, i.e. Monday.", "Yes."]),
    ("eg-comma", "Cities, e.g., Rome. Nice.", ["Cities, e.g., Rome.", "Nice."]),
    ("vs", "It is cats vs. Dogs. Always.", ["It is cats vs. Dogs.", "Always."]),
    ("etc-lower", "Pens, paper, etc. are here. Take some.", ["Pens, paper, etc. are here.", "Take some."]),
    ("etc-end", "Pens, paper, etc. Take some.", ["Pens, paper, etc.", "Take some."]),
    ("inc", "Acme Inc. makes it. Buy it.", ["Acme Inc. makes it.", "Buy it."]),
    ("number-5", "Take bus No. 5 home. Bye.", ["Take bus No. 5 home.", "Bye."]),
    ("no-answer", "No. I will not.", ["No.", "I will not."]),
    ("figure", "See Fig. 2 there. Clear?", ["See Fig. 2 there.", "Clear?"]),
    ("am-goes-on", "Wake at 7 a.m. on Monday. Please.", ["Wake at 7 a.m. on Monday.", "Please."]),
    ("pm-ends", "We meet at 5 p.m. The door is open.", ["We meet at 5 p.m.", "The door is open."]),
    ("us-goes-on", "The U.S. Army came. They left.", ["The U.S. Army came.", "They left."]),
    ("us-ends", "I live in the U.S. They do too.", ["I live in the U.S.", "They do too."]),
    ("us-lower", "The U.S. is big. Very.", ["The U.S. is big.", "Very."]),
    ("us-at-end", "I live in the U.S.", ["I live in the U.S."]),
    ("initials", "J. K. Rowling wrote it. I read it.", ["J. K. Rowling wrote it.", "I read it."]),
    ("middle-initial", "Franklin D. Roosevelt won. Twice.", ["Franklin D. Roosevelt won.", "Twice."]),
    ("letter-at-end", "You need vitamin C. It helps.", ["You need vitamin C.", "It helps."]),
    ("plan-b", "This is plan B. Then we go.", ["This is plan B.", "Then we go."]),
    ("phd", "She has a Ph.D. in physics. Wow.", ["She has a Ph.D. in physics.", "Wow."]),
    ("month", "It is due Jan. 5 at noon. Hurry.", ["It is due Jan. 5 at noon.", "Hurry."]),
    ("et-al", "Read Kim et al. Soon.", ["Read Kim et al. Soon."]),
    # -- English: numbers
    ("decimal", "Pi is 3.14 or so. Fine.", ["Pi is 3.14 or so.", "Fine."]),
    ("number-end", "I have 3. You have 4.", ["I have 3.", "You have 4."]),
    ("year-end", "It was 1999. We danced.", ["It was 1999.", "We danced."]),
    ("thousands", "It costs 1,000 coins. Pay up.", ["It costs 1,000 coins.", "Pay up."]),
    ("price", "That is $3.50. Cheap.", ["That is $3.50.", "Cheap."]),
    ("version", "Use v1.2.3 please. Or 2.0.", ["Use v1.2.3 please.", "Or 2.0."]),
    ("time", "At 10:30 we go. Ready?", ["At 10:30 we go.", "Ready?"]),
    ("address-number", "It is 192.168.1.10. Try it.", ["It is 192.168.1.10.", "Try it."]),
    ("lone-number", "3.", ["3."]),
    ("point-five", "It grew by .5 percent. Good.", ["It grew by .5 percent.", "Good."]),
    ("percent", "It is 99.9%. Almost all.", ["It is 99.9%.", "Almost all."]),
    ("minus", "-5 degrees. Cold.", ["-5 degrees.", "Cold."]),
    # -- English: ellipses
    ("dots-lower", "Wait... what was that? Oh.", ["Wait... what was that?", "Oh."]),
    ("dots-capital", "Well... I see.", ["Well...", "I see."]),
    ("ellipsis-lower", "Hmm… maybe so. Yes.", ["Hmm… maybe so.", "Yes."]),
    ("ellipsis-capital", "Hmm… Maybe so.", ["Hmm…", "Maybe so."]),
    ("dots-glued", "So...yes. Good.", ["So...yes.", "Good."]),
    ("leading-dots", "...and then it rained. Bad.", ["and then it rained.", "Bad."]),
    ("dots-question", "You mean...? I do.", ["You mean...?", "I do."]),
    # -- English: quotation marks and brackets
    ("quote-inside", 'She said "Go." Then she left.', ['She said "Go."', "Then she left."]),
    ("quote-lower", '"Really?" she said. Fine.', ['"Really?" she said.', "Fine."]),
    ("quote-curly", "He asked “Why?” Nobody knew.", ["He asked “Why?”", "Nobody knew."]),
    ("quote-single", "It was 'fun.' Really.", ["It was 'fun.'", "Really."]),
    ("bracket-after", "It rained (a lot.) We stayed.", ["It rained (a lot.)", "We stayed."]),
    ("apostrophe", "I don't know. It's late.", ["I don't know.", "It's late."]),
    ("several-in-quote", '"Yes! Come in. Sit." So I sat.', ['"Yes!', "Come in.", 'Sit."', "So I sat."]),
    # -- English: addresses
    ("url-end", "See https://www.example.com/a/b?x=1. Thanks.", ["See example.com.", "Thanks."]),
    ("url-query", "Open http://example.org/?q=me&p=2 now. Ok?", ["Open example.org now.", "Ok?"]),
    ("url-bang", "At https://example.com/!x it is. Yes.", ["At example.com it is.", "Yes."]),
    ("url-angle", "See <https://example.com/a>. Good.", ["See example.com.", "Good."]),
    ("url-cjk", "请看https://example.com/a。谢谢。", ["请看example.com。", "谢谢。"]),
    # -- Chinese
    ("zh-one", "你好。", ["你好。"]),
    ("zh-two", "你好。我很好。", ["你好。", "我很好。"]),
    ("zh-kinds", "真的吗？太好了！走吧。", ["真的吗？", "太好了！", "走吧。"]),
    ("zh-semicolon", "春天来了；花开了。", ["春天来了；", "花开了。"]),
    ("zh-comma-stays", "今天很冷，多穿点。", ["今天很冷，多穿点。"]),
    ("zh-colon-stays", "他说：走吧。", ["他说：走吧。"]),
    ("zh-enumeration", "苹果、梨、桃都有。", ["苹果、梨、桃都有。"]),
    ("zh-repeated", "什么？！不会吧！！", ["什么？！", "不会吧！！"]),
    ("zh-ellipsis", "让我想想……好了。", ["让我想想……", "好了。"]),
    ("zh-ellipsis-short", "嗯…好的。", ["嗯…", "好的。"]),
    ("zh-leading-ellipsis", "……你在吗？", ["你在吗？"]),
    ("zh-ellipsis-stop", "算了……。走吧。", ["算了……。", "走吧。"]),
    ("zh-quote", "他说：“走吧。”我们走了。", ["他说：“走吧。”", "我们走了。"]),
    ("zh-quote-comma", "“好吗？”，他问。我点头。", ["“好吗？”，他问。", "我点头。"]),
    ("zh-quote-two", "“好的。我来。”他笑了。", ["“好的。", "我来。”", "他笑了。"]),
    ("zh-ascii-quote", '他说"走吧。"我们走了。', ['他说"走吧。"', "我们走了。"]),
    ("zh-brackets", "下雨了（很大。）我没去。", ["下雨了（很大。）", "我没去。"]),
    ("zh-corner", "她喊「快跑！」大家跑了。", ["她喊「快跑！」", "大家跑了。"]),
    ("zh-book", "我读了《你好！》这本书。", ["我读了《你好！》", "这本书。"]),
    ("zh-decimal", "价格是3.5元。不贵。", ["价格是3.5元。", "不贵。"]),
    ("zh-time", "会议在10:30开始。别迟到。", ["会议在10:30开始。", "别迟到。"]),
    ("zh-thousands", "共1,000人。真多。", ["共1,000人。", "真多。"]),
    ("zh-fullwidth-number", "圆周率是３．１４。对。", ["圆周率是３．１４。", "对。"]),
    ("zh-ascii-stop", "好的.我们走.", ["好的.", "我们走."]),
    ("zh-ascii-call", "好的!我们走?", ["好的!", "我们走?"]),
    ("zh-newline", "第一行\n第二行", ["第一行", "第二行"]),
    ("zh-blank-after", "你好。 我来了。", ["你好。", "我来了。"]),
    ("zh-orphan-quote", "好的。\n”走吧。", ["好的。", "走吧。"]),
    ("zh-halfwidth-stop", "你好｡走吧｡", ["你好｡", "走吧｡"]),
    # -- Japanese
    ("ja-one", "こんにちは。", ["こんにちは。"]),
    ("ja-two", "元気ですか？はい、元気です。", ["元気ですか？", "はい、元気です。"]),
    ("ja-call", "すごい！やったね。", ["すごい！", "やったね。"]),
    ("ja-quote-goes-on", "「はい。」と言った。", ["「はい。」と言った。"]),
    ("ja-quote-topic", "「行くぞ！」が口癖です。", ["「行くぞ！」が口癖です。"]),
    ("ja-quote-ends", "「はい。」彼は笑った。", ["「はい。」", "彼は笑った。"]),
    ("ja-double-quote", "『本だ。』そうです。", ["『本だ。』", "そうです。"]),
    ("ja-ellipsis", "そうか……わかった。", ["そうか……", "わかった。"]),
    ("ja-comma-stays", "今日は、晴れです。", ["今日は、晴れです。"]),
    ("ja-number", "３．５点でした。残念。", ["３．５点でした。", "残念。"]),
    ("ja-halfwidth", "ﾊｲ｡ﾜｶﾘﾏｼﾀ｡", ["ﾊｲ｡", "ﾜｶﾘﾏｼﾀ｡"]),
    ("ja-question-dots", "えっ？…本当？", ["えっ？…", "本当？"]),
    # -- mixed, and other scripts
    ("mix-en-zh", "Hello. 你好。Bye.", ["Hello.", "你好。", "Bye."]),
    ("mix-word", "我喜欢Python。You too?", ["我喜欢Python。", "You too?"]),
    ("mix-glued", "OK.我知道了。", ["OK.", "我知道了。"]),
    ("mix-dot-name", "我用Node.js写的。很快。", ["我用Node.js写的。", "很快。"]),
    ("mix-abbreviation", "Dr. 王来了。请坐。", ["Dr. 王来了。", "请坐。"]),
    ("mix-wide-call", "Great！Let's go。Now", ["Great！", "Let's go。", "Now"]),
    ("ko", "안녕하세요. 반가워요! 네.", ["안녕하세요.", "반가워요!", "네."]),
    ("fr", "Ça va ? Oui. Très bien !", ["Ça va?", "Oui.", "Très bien!"]),
    ("es", "¿Qué tal? ¡Hola! Bien.", ["¿Qué tal?", "¡Hola!", "Bien."]),
    ("hi", "नमस्ते। आप कैसे हैं?", ["नमस्ते।", "आप कैसे हैं?"]),
    ("ar", "كيف حالك؟ بخير.", ["كيف حالك؟", "بخير."]),
    # -- pictograms and what cannot be said
    ("emoji-end", "Great! 😀", ["Great!", ""]),
    ("emoji-glued", "Great!😀 Next.", ["Great!", "Next."]),
    ("emoji-between", "Great! 😀 Next one.", ["Great!", "Next one."]),
    ("emoji-inside", "I ❤️ you. Yes.", ["I you.", "Yes."]),
    ("emoji-zh", "太好了😀！走吧。", ["太好了！", "走吧。"]),
    ("emoji-only", "😀", [""]),
    ("emoji-family", "Hi 👩‍👩‍👧 there. Yo.", ["Hi there.", "Yo."]),
    ("marks-only", "?!", [""]),
    ("empty", "", []),
    ("blanks", " \n ", []),
    ("leading-blanks", "\n\n  Hello.", ["Hello."]),
    ("trailing-blanks", "Hello. \n\n", ["Hello."]),
    ("control", "Hel\x00lo.\x07 Bye\u200b.", ["Hel lo.", "Bye."]),
    # -- Markdown
    ("bold", "This is **very** good. Yes.", ["This is very good.", "Yes."]),
    ("bold-sentence", "**Look out.** It falls.", ["Look out.", "It falls."]),
    ("bold-zh", "**好的。**我们走。", ["好的。", "我们走。"]),
    ("italic", "It is *so* nice, _really_. Yes.", ["It is so nice, really.", "Yes."]),
    ("strike", "Not ~~one~~ two. Ok.", ["Not one two.", "Ok."]),
    ("snake", "Call my_long_name now. Ok.", ["Call my_long_name now.", "Ok."]),
    ("product", "So 5 * 3 is 15. And 2*3 is 6.", ["So 5 * 3 is 15.", "And 2*3 is 6."]),
    ("inline-code", "Use `a. b` here. Ok.", ["Use a. b here.", "Ok."]),
    ("inline-call", "运行`main.run()`。好了。", ["运行main.run()。", "好了。"]),
    ("heading", "# Tea\nBoil water.", ["Tea", "Boil water."]),
    ("heading-deep", "### 步骤\n烧水。", ["步骤", "烧水。"]),
    ("bullets", "- tea\n- milk\n* sugar", ["tea", "milk", "sugar"]),
    ("bullets-zh", "• 茶\n• 牛奶", ["茶", "牛奶"]),
    ("numbered", "1. Boil water.\n2. Add tea.", ["1. Boil water.", "2. Add tea."]),
    ("numbered-zh", "1.烧水\n2.放茶", ["1.烧水", "2.放茶"]),
    ("checkbox", "- [ ] buy milk\n- [x] eat", ["buy milk", "eat"]),
    ("quote-block", "> Be kind.\n> Be calm.", ["Be kind.", "Be calm."]),
    ("rule", "One.\n\n---\n\nTwo.", ["One.", "Two."]),
    ("rule-stars", "One\n***\nTwo", ["One", "Two"]),
    ("link", "Read [the manual](https://example.com/a.b?c=d). Ok.", ["Read the manual.", "Ok."]),
    ("link-brackets", "See [it](https://example.com/a_(b)). Ok.", ["See it.", "Ok."]),
    ("image", "![a red fox](fox.png) Nice.", ["a red fox Nice."]),
    ("table", "| a | b |\n|---|:-:|\n| 1 | 2 |", ["a, b", "1, 2"]),
    ("html", "One<br>two. Ok.", ["One two.", "Ok."]),
    ("code-block", "Try:\n```python\nx = 1. \ny = 2\n```\nDone.", ["Try:", "", "Done."]),
    ("code-block-zh", "代码：\n```\n你好。再见。\n```\n好了。", ["代码：", "", "好了。"]),
    ("code-unclosed", "Try:\n```\nx = 1. y\n", ["Try:", ""]),
    ("code-glued", "Try this: ```x = 1``` now. Ok.", ["Try this:", "", "now.", "Ok."]),
    ("code-two", "```\na\n```\n```\nb\n```", ["", ""]),
    ("code-backticks", "````\n```\na\n```\n````\nDone.", ["", "Done."]),
    # -- brackets that are no tags
    ("citation", "It is true.[1] Next.", ["It is true.", "Next."]),
    ("citation-inside", "Water is wet [2]. Next.", ["Water is wet.", "Next."]),
    ("citation-leading", "True. [3] Next.", ["True.", "Next."]),
    ("aside", "Sure [laughs] thing. Ok.", ["Sure thing.", "Ok."]),
    ("aside-sentence", "[He laughs. Then stops.] Fine. Ok.", ["Fine.", "Ok."]),
    ("aside-wide", "【旁白】走吧。好。", ["走吧。", "好。"]),
    ("bracket-open", "Take [this. Then go.", ["Take [this. Then go."]),
]

# The first clause is cut short; what follows is whole sentences.
FIRST: list[tuple[str, str, list[str]]] = [
    ("interjection", "Sure, I can help with that, of course.", ["Sure,", "I can help with that, of course."]),
    ("two-words", "Of course, I would love to, really.", ["Of course,", "I would love to, really."]),
    ("long-word", "Absolutely, let me check.", ["Absolutely,", "let me check."]),
    ("tiny-word", "Oh, I see.", ["Oh, I see."]),
    ("tiny-then-long", "Oh, I see what you are asking me.", ["Oh,", "I see what you are asking me."]),
    ("short-sentence", "Hi! I am Aizu, your friend, and more.", ["Hi!", "I am Aizu, your friend, and more."]),
    ("thousands", "It is 12,500 or more. Fine.", ["It is 12,500 or more.", "Fine."]),
    ("date", "On July 4, 1776 it was.", ["On July 4, 1776 it was."]),
    ("colon", "Here you go: tea and milk.", ["Here you go:", "tea and milk."]),
    ("time", "Right now 10:30 is fine.", ["Right now 10:30 is fine."]),
    ("dash", "My friend — you are right.", ["My friend —", "you are right."]),
    ("dash-glued", "My friend—you are right.", ["My friend—", "you are right."]),
    ("hyphen", "A well-known fact is it.", ["A well-known fact is it."]),
    ("quote", '"All right," she said. Ok.', ['"All right,"', "she said.", "Ok."]),
    ("quote-curly", "“All right,” she said. Ok.", ["“All right,”", "she said.", "Ok."]),
    ("quote-single", "'All right,' she said. Ok.", ["'All right,'", "she said.", "Ok."]),
    ("quote-asked", 'Well then, "go on," she said.', ["Well then,", '"go on," she said.']),
    ("emphasis", "*Of course,* she said.", ["Of course, she said."]),
    ("emphasis-low", "_Of course,_ she said.", ["Of course, she said."]),
    ("struck", "~~Of course,~~ she said.", ["Of course, she said."]),
    ("contraction", "I don't know, maybe.", ["I don't know,", "maybe."]),
    ("comma-glued", "Hello there,friend of mine.", ["Hello there,", "friend of mine."]),
    ("comma-number", "In room 4,five people sat.", ["In room 4,five people sat."]),
    ("comma-letters", "Here are x,y and z.", ["Here are x,y and z."]),
    ("comma-address", "See example.com/some,thing now.", ["See example.com/some,thing now."]),
    ("comma-code", "Call my `first,last` now, please.", ["Call my first,last now,", "please."]),
    ("zh-ascii-number", "我有12,500个,真多。", ["我有12,500个,", "真多。"]),
    ("accent", "Mais oui, bien sûr.", ["Mais oui,", "bien sûr."]),
    ("zh-ascii-comma", "今天天气很好,我们走吧。", ["今天天气很好,", "我们走吧。"]),
    ("brackets", "He (yes, he) came, too.", ["He (yes, he) came,", "too."]),
    (
        "joint",
        "I went out to buy bread because we had none.",
        ["I went out to buy bread", "because we had none."],
    ),
    ("joint-early", "You and I should go there now.", ["You and I should go there now."]),
    (
        "hard-limit",
        "The very large brown dog jumped over seventeen sleeping cats in the old garden behind my house.",
        [
            "The very large brown dog jumped over seventeen sleeping cats",
            "in the old garden behind my house.",
        ],
    ),
    ("zh-short", "嗯，好的。", ["嗯，好的。"]),
    ("zh-word", "好的，我来看看，稍等。", ["好的，", "我来看看，稍等。"]),
    ("zh-clause", "今天天气很好，我们走吧，快点。", ["今天天气很好，", "我们走吧，快点。"]),
    ("zh-enumeration", "苹果和大鸭梨、桃子都有。", ["苹果和大鸭梨、桃子都有。"]),
    ("zh-joint", "我昨天晚上没有睡好觉因为太热了。", ["我昨天晚上没有睡好觉", "因为太热了。"]),
    ("zh-quote", "他说“没问题，好”就走。", ["他说“没问题，", "好”就走。"]),
    ("ja-comma", "そうですね、いいと思います、はい。", ["そうですね、", "いいと思います、はい。"]),
    ("ja-hai", "はい、わかりました、行きます。", ["はい、", "わかりました、行きます。"]),
    (
        "ja-joint",
        "今日はとても天気がいいので公園に行きましょう。",
        ["今日はとても天気がいいので", "公園に行きましょう。"],
    ),
    ("list", "1. Tea, milk and sugar.\n2. Bread.", ["1. Tea,", "milk and sugar.", "2. Bread."]),
    ("code-first", "```\na, b c\n```\nSure, done, ok.", ["", "Sure,", "done, ok."]),
    ("tag-between", "Of course, [happy] with joy, yes.", ["Of course,", "with joy, yes."]),
]


@pytest.mark.parametrize(("text", "spoken"), [row[1:] for row in STOPS], ids=[row[0] for row in STOPS])
def test_sentences_end_where_a_reader_would_stop(text: str, spoken: list[str]):
    """One row a rule; cut character by character the sentences are the same, and no text is lost."""
    whole, slow = run([text], first=0), run(text, first=0)
    assert [cut.spoken for cut in cuts(whole)] == spoken
    assert cuts(slow) == cuts(whole)
    assert shown(slow) == shown(whole)
    assert shown(whole).rstrip() == text.strip()


@pytest.mark.parametrize(("text", "spoken"), [row[1:] for row in FIRST], ids=[row[0] for row in FIRST])
def test_first_clause_is_cut_short_for_speed(text: str, spoken: list[str]):
    """The first clause leaves early, where a speaker may pause; later ones are whole."""
    whole, slow = run([text]), run(text)
    assert [cut.spoken for cut in cuts(whole)] == spoken
    assert cuts(slow) == cuts(whole)


@pytest.mark.parametrize(
    "text", ["Of course,", "I don't know,", "好的，", "はい、", "你知道的,", "Sure,", "Absolutely,"]
)
def test_first_clause_leaves_with_its_comma(text: str):
    """A comma behind a word is enough: the first clause does not wait for the model's next token."""
    sentences = Sentences(emotion_tags=VOCABULARY, first_clause_chars=24)
    assert [cut.spoken for cut in cuts(sentences.feed(text))] == [text]


@pytest.mark.parametrize(
    "text", ['"Of course,', "“Of course,", "'Of course,", "*Of course,", "_Of course,", "Room 12,", "Oh,"]
)
def test_first_clause_waits_where_its_end_is_open(text: str):
    """A quotation may close behind the comma, a number may go on, a tiny word says nothing alone."""
    sentences = Sentences(emotion_tags=VOCABULARY, first_clause_chars=24)
    assert cuts(sentences.feed(text)) == []


def test_there_are_enough_cases():
    """The tables hold at least 150 rows, all different."""
    assert len({row[1] for row in STOPS}) >= 150
    for table in (STOPS, FIRST):
        assert len({row[0] for row in table}) == len(table)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[happy] Hi there! Bye.", [("Hi there!", "happy", ("happy",)), ("Bye.", "happy", ())]),
        ("Hi! [sad] Oh no.", [("Hi!", "", ()), ("Oh no.", "sad", ("sad",))]),
        ("Hi![sad] Oh no.", [("Hi!", "", ()), ("Oh no.", "sad", ("sad",))]),
        (
            "I am glad [happy] to see you. Bye.",
            [("I am glad to see you.", "happy", ("happy",)), ("Bye.", "happy", ())],
        ),
        ("[Joy]Hi. [ANGRY]No.", [("Hi.", "happy", ("joy",)), ("No.", "angry", ("angry",))]),
        ("【开心】好。【sad】不。", [("好。", "", ()), ("不。", "sad", ("sad",))]),
        ("太好了[happy]。走吧。", [("太好了。", "happy", ("happy",)), ("走吧。", "happy", ())]),
        ("So glad! [happy]", [("So glad!", "", ()), ("", "happy", ("happy",))]),
        ("[happy]", [("", "happy", ("happy",))]),
        ("[happy][sad] Both. Then.", [("Both.", "happy", ("happy", "sad")), ("Then.", "sad", ())]),
        ("[happy 😀 Hi.", [("[happy Hi.", "", ())]),
        ("[unknown] Hi.", [("Hi.", "", ())]),
    ],
)
def test_emotion_tags_name_the_emotion_of_their_sentence(
    text: str, expected: list[tuple[str, str, tuple[str, ...]]]
):
    """A tag is cut out and names the emotion from its sentence on; unknown ones are left in the text."""
    for deltas in ([text], text):
        found = cuts(run(deltas, first=0))
        assert [(cut.spoken, cut.emotion, cut.tags) for cut in found] == expected


@pytest.mark.parametrize(
    ("text", "display", "thought"),
    [
        ("<think>So?</think>Hello.", "Hello.", "So?"),
        ("<think>a</think>\n\nHello.", "Hello.", "a"),
        ("<THINKING>a [happy] b</THINKING> Hi.", "Hi.", "a [happy] b"),
        ("Hello <think>hm</think> you.", "Hello you.", "hm"),
        ("Hi. <think>never closed", "Hi.", "never closed"),
        ("Hi. <think>half </thi", "Hi.", "half </thi"),
        ("stray</think> Hi.", "stray Hi.", ""),
        ("a < b and <thin air>", "a < b and <thin air>", ""),
        ("<thi", "<thi", ""),
        ("I am [hap", "I am [hap", ""),
        ("[ha[happy]ppy] ok", "[ha ppy] ok", ""),
        ("<thi<think>x</think>nk> ok", "<thi nk> ok", "x"),
        ("Hi [sad] you.\n[happy]\nBye", "Hi you.\nBye", ""),
        ("a\ud83d b", "a\ufffd b", ""),
    ],
)
def test_thoughts_and_tags_never_show(text: str, display: str, thought: str):
    """Thoughts and tags are cut out wherever the deltas were split; what only resembles them stays."""
    for deltas in ([text], text, [text[:3], text[3:]], [text[:5], text[5:]]):
        pieces = run(deltas)
        assert (shown(pieces).rstrip(), inner(pieces)) == (display, thought)


def test_text_is_shown_as_early_as_possible():
    """Only what may still become a tag is held back; display text does not wait for its sentence."""
    sentences = Sentences(emotion_tags=VOCABULARY)
    assert sentences.feed("Hel") == [Shown("Hel")]
    assert sentences.feed("lo [hap") == [Shown("lo")]
    assert sentences.feed("less] ") == [Shown(" [hapless]")]
    assert sentences.feed("<thinking>why") == [Inner("why")]


def test_a_full_stop_waits_for_one_more_character():
    """A figure may go on after the point; a Chinese full stop needs no look ahead."""
    sentences = Sentences(emotion_tags={}, first_clause_chars=0)
    assert not cuts(sentences.feed("It is 3."))
    assert not cuts(sentences.feed("5 km."))
    assert [cut.spoken for cut in cuts(sentences.feed(" "))] == ["It is 3.5 km."]
    assert [cut.spoken for cut in cuts(sentences.feed("好的。"))] == ["好的。"]


@pytest.mark.parametrize(
    ("text", "given_language", "languages"),
    [
        ("Hello. 你好。こんにちは。안녕.", "", ["en", "zh", "ja", "ko"]),
        ("Bonjour. Ça va?", "fr", ["fr", "fr"]),
        ("Hello.", "zh", ["en"]),
        ("我喜欢Python。", "en", ["zh"]),
        ("The word 你好 means hello.", "en", ["en"]),
        ("了解。大丈夫。", "ja", ["ja", "ja"]),
        ("你好。我们走。", "ja", ["zh", "zh"]),
        ("そうです。了解。", "", ["ja", "ja"]),
        ("你好。3.5.", "", ["zh", "zh"]),
    ],
)
def test_language_is_guessed_by_script(text: str, given_language: str, languages: list[str]):
    """Each sentence gets the language its script tells, else the expected one."""
    assert [cut.language for cut in cuts(run([text], first=0, language=given_language))] == languages


def test_names_are_spoken_as_told():
    """Replacements change what is spoken and not what is shown; Latin names only as whole words."""
    sentences = Sentences(
        emotion_tags={},
        replacements={"SQL": "sequel", "爱初": "艾初", "SQLite": "S Q Lite", "live": "ライブ", "Zoë": "Zoey"},
        first_clause_chars=0,
    )
    text = "SQL, SQLite, NoSQL. Zoë, Zoës, Anliveé. 我是爱初。今夜のliveは、oliveじゃない。"
    pieces = sentences.feed(text) + sentences.finish()
    assert [cut.spoken for cut in cuts(pieces)] == [
        "sequel, S Q Lite, NoSQL.",
        "Zoey, Zoës, Anliveé.",
        "我是艾初。",
        "今夜のライブは、oliveじゃない。",
    ]
    assert shown(pieces) == text


@pytest.mark.parametrize("unit", ["word ", "字", "a", "，好", "😀", "(", "!", "[x", "`"])
def test_no_sentence_grows_without_bound(unit: str):
    """Text without stops is cut at clauses, then at blanks, then anywhere."""
    pieces = run([unit * 600], longest=60)
    assert max(len(cut.spoken) for cut in cuts(pieces)) <= 60
    assert max(len(cut.shown) for cut in cuts(pieces)) <= (8_001 if unit == "`" else 121)
    assert "".join(cut.shown for cut in cuts(pieces)).strip() == (unit * 600).strip()


def test_long_sentences_are_cut_at_a_clause():
    """Beyond the bound a sentence is cut at its last clause mark, or between words."""
    text = "This is a rather long clause about tea, and here it goes on about milk and sugar and more."
    spoken = [cut.spoken for cut in cuts(run([text], first=0, longest=60))]
    assert spoken[0] == "This is a rather long clause about tea,"
    assert all(len(part) <= 60 for part in spoken)


def test_a_finished_reply_takes_no_more_text():
    """finish() may be called twice; feeding afterwards is a mistake of the caller and raises."""
    sentences = Sentences(emotion_tags={})
    sentences.feed("Hi")
    assert sentences.finish()
    assert sentences.finish() == []
    with pytest.raises(RuntimeError):
        sentences.feed("more")


FRAGMENTS = st.sampled_from(
    [
        "[happy]",
        "[sad",
        "]",
        "【angry】",
        "【",
        "<think>",
        "</think>",
        "<thi",
        "nk>",
        "[1]",
        "[",
        "ha",
        "ppy]",
        "Mr.",
        "U.S.",
        "3.",
        "5",
        "。",
        "！",
        "？",
        "…",
        "...",
        ". ",
        "! ",
        "，",
        ", ",
        "“",
        "”",
        "「",
        "」",
        '"',
        "(",
        ")",
        "*",
        "**",
        "`",
        "```",
        "\n",
        "```py\n",
        "\n```\n",
        "|",
        "---",
        "# ",
        "- ",
        "1. ",
        "你好",
        "はい",
        "Hello",
        "and ",
        "because ",
        "http://a.b/?c",
        "😀",
        "👩‍👧",
        " ",
        "  ",
        "\r\n",
        "\u2028",
        "a",
        "B.",
        "—",
        "no. ",
        "\ud800",
    ]
)
TEXT = st.lists(FRAGMENTS | st.text(max_size=4), max_size=40).map("".join)


@given(
    text=TEXT, slices=st.lists(st.integers(1, 12), min_size=1, max_size=6), first=st.sampled_from([0, 12, 24])
)
def test_slicing_changes_nothing(text: str, slices: list[int], first: int):
    """Any slicing gives the same display text, thoughts and sentences; nothing is lost or doubled."""
    deltas: list[str] = []
    at = 0
    while at < len(text):
        size = slices[len(deltas) % len(slices)]
        deltas.append(text[at : at + size])
        at += size
    whole, sliced = run([text], first=first, longest=60), run(deltas, first=first, longest=60)
    assert shown(sliced) == shown(whole)
    assert inner(sliced) == inner(whole)
    assert cuts(sliced) == cuts(whole)
    assert "".join(cut.shown for cut in cuts(whole)) == shown(whole)


@given(text=TEXT)
def test_display_text_holds_no_tag_and_no_thought(text: str):
    """Whatever a model writes, no emotion tag, no thought and no half character is shown or spoken."""
    pieces = run([text])
    for part in (shown(pieces).lower(), *(cut.spoken.lower() for cut in cuts(pieces))):
        assert not any(f"[{word}]" in part or f"【{word}】" in part for word in VOCABULARY)
        assert not any(tag in part for tag in ("<think>", "</think>", "<thinking>", "</thinking>"))
        part.encode()


@given(text=st.text())
def test_display_text_is_the_text(text: str):
    """Without tags and thoughts the display text is what the model wrote, but for blanks at its ends."""
    sentences = Sentences(emotion_tags={}, first_clause_chars=24)
    pieces = sentences.feed(text.replace("<", "")) + sentences.finish()
    assert shown(pieces).strip() == text.replace("<", "").strip()
