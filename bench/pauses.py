"""Do the layers help? Sentences with a silence cut in: false cut-offs and dead air, layer by layer.

    python -m bench.pauses [--model smart-turn-v3.2-cpu.onnx] [--seed 1]

Sentences in three languages are spoken by espeak-ng, which tells its word times; at the `|` a silence of
250 to 900 ms is cut in, so that the voice itself does not know that it will pause. A scripted recogniser
gives the words that were said, 150 ms late, and at once when the speaker pauses. All else is the real thing:
Silero's scores, the end-pointer, `engine/pauses.py`, and Smart Turn where its file is given.

Where the recordings of real people are at hand, their own pauses are told too: silence alone and Smart Turn,
with nobody who recognises words. That is what the model was made for; silence cut into fluent speech is not.

A *false cut-off* is an end decided in the cut-in silence; *dead air* is the time from the last voice to the
decision. A rule can always buy one with the other, so the lines with silence alone say what each costs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from aizuchi.audio import Resampler, read_wav
from aizuchi.engine.endpointing import Endpointing, Over, Paused, WentOn
from aizuchi.engine.pauses import Pauses
from aizuchi.engine.rules import Hearing, Rules, TurnEnd
from aizuchi.events import Sentence
from aizuchi.ports import Audio, Score, Style, TurnModel, Word
from aizuchi.providers.tts.espeak import EspeakVoice
from aizuchi.providers.vad.silero import SileroVad
from bench.speech import ROOT

RECORDED = (
    *("jfk_16k.wav", "en_sentence.wav", "librivox_austen_0870.wav", "ja_sentence.wav", "zh_sentence.wav"),
    *("zh_asr_example.wav", "go_forward_ten_meters.wav"),
)
LATE_MS = 150
"""By so much the recogniser's words come late while the speaker goes on."""
MODEL_MS = 60
"""So long the model takes, in sound."""

SAID = {
    "en": """
        i would like to | go to the station
        can you tell me | what the weather is like
        my name is | peter and i live in london
        i bought some apples and | a bottle of milk
        the meeting is on | thursday at nine
        um | what time is it
        i think that we should | take the train
        please remind me to | call my mother tomorrow
        it was raining | but we went out anyway
        i went home | and then i cooked dinner
        i like the red one | more than the blue one
        what time is it | in tokyo
        could you turn the light on | in the kitchen
        because | i was tired i went to bed
        my number is five five | three one nine
        tell me a story | about a dragon
    """,
    "zh": """
        我想去北京然后 | 再去上海
        你能不能 | 告诉我明天的天气
        我的名字是 | 小明
        我觉得 | 这个办法很好
        因为今天下雨 | 所以我没有出门
        吃饭的时候 | 不要说话
        我买了苹果和 | 香蕉
        那个 | 现在几点了
        帮我 | 打开客厅的灯
        我昨天去了图书馆 | 借了两本书
        我吃完饭了 | 准备去散步
        今天天气怎么样 | 会下雨吗
        如果明天不下雨 | 我们就去爬山
        我的电话是一三八 | 零零一二三四
        我喜欢这本书 | 但是太贵了
        给我讲一个 | 有意思的故事
    """,
    "ja": """
        昨日は | 友達と映画を見ました
        えっと | 今何時ですか
        駅に行って | 電車に乗ります
        行きたいけど | 時間がありません
        雨が降ったから | 家にいました
        私の名前は | 田中です
        パンと牛乳を | 買ってください
        明日の天気を | 教えてください
        京都は好きですが | 大阪も好きです
        時間があれば | 手伝ってください
        昨日本を読みました | とても面白かったです
        今何時ですか | 会議は三時からです
        電気を消して | 窓を閉めてください
        来週の月曜日 | 学校に行きます
        でも | 高いと思います
        東京に住んでいる | 友達に会いました
    """,
}


@dataclass
class Spoken:
    """One sentence with its silence, as scores, and when which words were said."""

    language: str
    scores: list[Score]
    words: list[tuple[float, str]]
    """End of a word in ms of the sound -> the text up to there."""
    gap: tuple[float, float]
    """Begin and end of the silence, in ms; empty if there is none."""
    until: float
    """End of the voice, in ms."""

    def text(self, at: float) -> str:
        return next((text for end, text in reversed(self.words) if end <= at), "")


async def spoken(
    voice: EspeakVoice, vad: SileroVad, language: str, line: str, pause: float, dice: random.Random
) -> Spoken:
    before, after = (part.strip() for part in line.split("|"))
    join = " " if language == "en" else ""
    text, place = before + join + after, len(before + join)
    sentence = Sentence(1, 0, text, text, language)
    pieces, words = list[Audio](), list[Word]()
    async with aclosing(cast("Any", voice.say(sentence, Style()))) as items:
        async for item in items:
            if isinstance(item, Audio):
                pieces.append(item)
            elif isinstance(item, Word):
                words.append(item)
    resampler = Resampler(pieces[0].rate, 16_000)
    pcm = resampler.push(b"".join(each.pcm for each in pieces)) + resampler.flush()
    first = next(word for word in words if word.start >= place)
    cut = first.at_ms * 32
    noise = b"".join(dice.randint(-3, 3).to_bytes(2, "little", signed=True) for _ in range(16_000 * 4))
    quiet = noise[: round(pause) * 32]
    sound = pcm[:cut] + quiet + pcm[cut:] + noise[: 3_000 * 32]
    ends = [
        (w.at_ms + w.ms + (pause if w.start >= place else 0), text[: w.start + len(w.text)].strip())
        for w in words
    ]
    return await _scored(vad, language, sound, ends, (cut / 32, cut / 32 + pause))


async def recorded(vad: SileroVad) -> list[Spoken]:
    """Real people's sentences with the pauses they made; none if the recordings are not there."""
    folder = Path(os.environ.get("AIZUCHI_SPEECH_DIR") or ROOT.parent / "shared" / "audio")
    found = [folder / name for name in RECORDED if (folder / name).is_file()]
    quiet = bytes(3_000 * 32)
    return [await _scored(vad, "", read_wav(path, 16_000)[0] + quiet, [], (0.0, 0.0)) for path in found]


async def _scored(
    vad: SileroVad, language: str, sound: bytes, words: list[tuple[float, str]], gap: tuple[float, float]
) -> Spoken:
    async def audio() -> AsyncIterator[bytes]:
        for start in range(0, len(sound), 640):
            yield sound[start : start + 640]

    async with aclosing(cast("Any", vad.scores(audio()))) as scored:
        scores = [score async for score in scored]
    voiced = at = 0.0
    for score in scores:
        at += len(score.pcm) / 32
        if score.probability >= 0.35:
            voiced = at - score.quiet_ms
    return Spoken(language, scores, words, gap, voiced)


async def converse(said: list[Spoken], rules: Rules, model: TurnModel | None) -> tuple[int, list[float]]:
    """One speaker's sentences, one after the other: how often they were cut off, and the dead air of each."""
    cuts, dead = 0, list[float]()
    work = list[tuple[float, Coroutine[Any, Any, None]]]()
    at = 0.0
    pauses = Pauses(rules, model, lambda event: None, lambda task: work.append((at + MODEL_MS, task)))
    for each in said:
        endpointing = Endpointing(rules.hearing)
        mic: Any = SimpleNamespace(mode="continuous", endpointing=endpointing)
        utterance: Any = _utterance()
        at, decided = 0.0, False
        for score in each.scores:
            at += len(score.pcm) / 32
            for due, task in [one for one in work if one[0] <= at]:
                work.remove((due, task))
                await task
            was, paused = endpointing.speaking, endpointing.paused
            told = endpointing.feed(len(score.pcm) / 32, score.probability, score.quiet_ms)
            if endpointing.speaking and not was:
                utterance = _utterance()
                pauses.began(mic, at / 1000)
            utterance.sound += score.pcm
            text = each.text(at if paused else at - LATE_MS)
            new, utterance.text = text != utterance.text, max(text, utterance.text, key=len)
            for decision in told:
                match decision:
                    case Paused():
                        pauses.look(mic, utterance)
                    case WentOn(pause_ms=ms):
                        pauses.went_on(ms)
                    case Over(at=voice_end):
                        utterance.ended = True
                        pauses.over(mic, utterance, voice_end, "silence")
                        if voice_end * 1000 < each.until - 100:
                            cuts += 1
                        elif not decided:
                            decided = True
                            dead.append(at - each.until)
                    case _:
                        pass
            if new and endpointing.paused and not utterance.ended:
                pauses.look(mic, utterance)
        for _, task in work:
            task.close()
        work.clear()
    return cuts, dead


def _utterance() -> Any:
    made = SimpleNamespace(number=1, text="", ended=False, sound=b"")
    made.tail = lambda ms: made.sound[-ms * 32 :]
    return made


def lines(model: TurnModel | None) -> list[tuple[str, Rules, TurnModel | None]]:
    def rules(silence: int, **layers: bool) -> Rules:
        off = {"transcript": False, "habits": False, "model": False}
        return Rules(hearing=Hearing(silence_ms=silence), turn_end=TurnEnd(**{**off, **layers}))

    made: list[tuple[str, Rules, TurnModel | None]] = []
    made += [(f"silence {ms}", rules(ms), None) for ms in (300, 400, 500, 600, 800, 1000)]
    for ms in (400, 500, 600):
        made += [
            (f"{ms} + habits", rules(ms, habits=True), None),
            (f"{ms} + transcript", rules(ms, transcript=True), None),
            (f"{ms} + transcript, habits", rules(ms, transcript=True, habits=True), None),
        ]
        if model is not None:
            made += [
                (f"{ms} + model", rules(ms, model=True), model),
                (f"{ms} + all", rules(ms, transcript=True, habits=True, model=True), model),
            ]
    return made


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="", help="a smart-turn .onnx")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    model: TurnModel | None = None
    if args.model:
        from aizuchi.providers.turn.smart_turn import SmartTurnModel

        model = SmartTurnModel(SmartTurnModel.Options.model_validate({"model": args.model}))
        await model.__aenter__()
        await model.finished(bytes(3200))
    dice = random.Random(args.seed)
    speakers = {"quick": (250, 500), "slow": (450, 900)}
    async with EspeakVoice(EspeakVoice.Options.model_validate({})) as voice, SileroVad() as vad:
        sessions = [
            [
                await spoken(voice, vad, language, line, dice.uniform(*pauses), dice)
                for line in text.strip().splitlines()
            ]
            for pauses in speakers.values()
            for language, text in SAID.items()
        ]
        real = await recorded(vad)
    count = sum(map(len, sessions))
    print(f"{count} sentences, 2 speakers x 3 languages, seed {args.seed}")
    print(f"{'':28} false cut-offs            dead air, ms")
    print(f"{'':28} all      en  zh  ja       p50   p90   mean")
    for name, rules, its in lines(model):
        cuts, dead, by = 0, list[float](), dict.fromkeys(SAID, 0)
        for session in sessions:
            cut, air = await converse(session, rules, its)
            cuts += cut
            by[session[0].language] += cut
            dead += air
        tenth = statistics.quantiles(dead, n=10)[8]
        shares = "  ".join(f"{each:2}" for each in by.values())
        mean = statistics.mean(dead)
        print(
            f"{name:28} {100 * cuts / count:4.1f} %   {shares}   {statistics.median(dead):7.0f} "
            f"{tenth:5.0f} {mean:6.0f}"
        )
    if real:
        print(f"{len(real)} recordings of real people")
        for ms in (300, 400, 500, 600, 800, 1000):
            for name, its in (("silence", None), *([("model", model)] if model else [])):
                layers = TurnEnd(transcript=False, habits=False, model=its is not None)
                rules = Rules(hearing=Hearing(silence_ms=ms), turn_end=layers)
                cuts, dead = await converse(real, rules, its)
                print(f"{name} {ms:4}: {cuts} false cut-offs, dead air mean {statistics.mean(dead):.0f} ms")
    if model is not None:
        await model.__aexit__(None, None, None)


if __name__ == "__main__":
    asyncio.run(main())
