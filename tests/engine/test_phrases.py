"""Fixed phrases are synthesised once and then said from memory."""

from __future__ import annotations

import asyncio
import itertools
import random
from dataclasses import replace
from typing import Any

import pytest

from aizuchi.engine.chain import Chain
from aizuchi.engine.encoding import Encoder, Encodings
from aizuchi.engine.encoding import Phrases as PacketPhrases
from aizuchi.engine.outbox import Outbox
from aizuchi.engine.phrases import Phrases
from aizuchi.engine.rules import Rules
from aizuchi.errors import ProviderError
from aizuchi.events import Answered, Fault, Interrupted, Packet, Sentence, Speech, TurnEnded
from aizuchi.opus import OpusEncoder
from aizuchi.ports import Audio, Delivery, Style
from tests import fakes
from tests.engine.scenes import Scene, play
from tests.fakes import FakeModel, FakeStreamingVoice, FakeVoice, Script

GREETED = replace(fakes.HERO, greeting="Hello, I am here. Welcome.")
SENTENCE = Sentence(1, 0, "Sorry.", "Sorry.", "en")
SOUND = Audio(b"\1\0" * 500, 16_000)


def greeting(voice: FakeVoice, phrases: Phrases | None, **scene: Any) -> Scene:
    async def act(scene: Scene) -> None:
        scene.session.greet()
        await scene.until(TurnEnded)

    return play(act, character=GREETED, tts=Chain("tts", [voice], phrases=phrases), **scene)


def sound(scene: Scene) -> list[Speech]:
    return [replace(each, turn=0) for each in scene.all(Speech)]


def test_the_second_greeting_costs_nothing():
    """Same sound, same slices, no request, nothing to be billed."""
    voice, phrases = FakeVoice(), Phrases()
    first, second = greeting(voice, phrases), greeting(voice, phrases)
    assert voice.requests == len(first.all(Sentence)) > 1
    assert sound(first) == sound(second) and sound(first)
    assert all(one.pcm is other.pcm for one, other in zip(first.all(Speech), second.all(Speech), strict=True))
    assert not [each for each in second.all(Answered) if each.stage == "tts"]
    assert second.all(TurnEnded)[0].heard == GREETED.greeting


def test_without_a_memory_it_is_synthesised_each_time():
    """The memory is the server's to give."""
    voice = FakeVoice()
    greeting(voice, None)
    before = voice.requests
    greeting(voice, None)
    assert voice.requests == 2 * before


def test_a_phrase_is_there_when_its_voice_is_not():
    """An apology can be heard although the vendor no longer answers."""
    down: list[bool] = []

    def plan(sentence: Sentence) -> Script | None:
        return Script([(0, ProviderError("down"))]) if down else None

    voice, phrases = FakeVoice(plan), Phrases()
    greeting(voice, phrases)
    down.append(True)
    again = greeting(voice, phrases)
    assert not again.all(Fault) and sound(again)


def test_a_voice_that_is_back_speaks_again():
    """What its stand-in said in the meantime is for when it is away again."""
    down = [True]

    def plan(sentence: Sentence) -> Script | None:
        return Script([(0, ProviderError("down"))]) if down else None

    voice, stand_in, phrases = FakeVoice(plan), FakeVoice(), Phrases()
    stand_in.name = "other"  # pyright: ignore

    async def act(scene: Scene) -> None:
        scene.session.greet()
        await scene.until(TurnEnded)

    def greet() -> None:
        play(act, tts=Chain("tts", [voice, stand_in], phrases=phrases), character=GREETED)

    greet()
    assert (sentences := stand_in.requests) > 1
    down.clear()
    asked = voice.requests
    greet()
    assert voice.requests == asked + sentences and stand_in.requests == sentences
    greet()
    assert voice.requests == asked + sentences


def rustle(sentence: Sentence) -> Script:
    """Sound that differs from sentence to sentence."""
    noise = random.Random(sentence.spoken)
    return Script([(0.01, Audio(noise.randbytes(6_400), 16_000)) for _ in range(4)])


@pytest.mark.parametrize("strategy", ["sentence", "stream"])
def test_an_apology_is_known_in_both_strategies(strategy: Any):
    """Fixed words never go by a stream: they are said by themselves, once, and then from memory."""
    voice, phrases = FakeStreamingVoice(), Phrases()
    model = FakeModel(lambda prompt: Script([(0, ProviderError("down"))]))

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)

    for _ in range(2):
        tts = Chain("tts", [voice], phrases=phrases)
        scene = play(act, tts=tts, llm=[model], rules=Rules(tts_strategy=strategy))
        assert scene.all(Speech)
    assert voice.requests == len(phrases) > 1 and not voice.pieces


def test_a_phrase_is_encoded_once_for_all_sessions():
    """Said in three sessions, it goes through the Opus encoder in the first alone, and sounds alike."""
    packets = PacketPhrases()
    phrases, voice, encoded = Phrases(announce=packets.announce), FakeVoice(rustle), [0]
    delivery = Delivery(codec="opus", rate=16_000, frame_ms=20, lead_ms=200)

    def encoder(rate: int) -> Encoder:
        opus = OpusEncoder(rate)

        def encode(pcm: bytes) -> bytes:
            encoded[0] += 1
            return opus.encode(pcm)

        return encode

    said: list[list[bytes]] = []
    counts: list[int] = []
    for _ in range(3):
        scene = greeting(voice, phrases)
        box = Outbox(delivery, Encodings(encoder, phrases=packets).of(delivery))
        out: list[bytes] = []
        for entry in itertools.takewhile(lambda entry: not isinstance(entry.event, Interrupted), scene.log):
            box.put(entry, entry.at)
        for step in range(500):
            while (entry := box.take(scene.log[-1].at + step * 0.02)) is not None:
                if isinstance(entry.event, Packet) and entry.event.data:
                    out.append(entry.event.data)
        said.append(out)
        counts.append(encoded[0])
    assert counts[0] == len(said[0]) > 50
    assert counts[1:] == [counts[0]] * 2
    assert said[1:] == [said[0]] * 2


def test_replies_of_a_model_are_not_kept():
    """Only what is fixed; else the memory would fill with what is said once."""
    phrases = Phrases()

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)
        await asyncio.sleep(1)

    play(act, llm=[FakeModel()], tts=Chain("tts", [FakeVoice()], phrases=phrases))
    assert len(phrases) == 0


def test_what_broke_off_is_not_kept():
    """Half a phrase is no phrase."""
    half = Script([(0, SOUND), (0, ProviderError("broke"))])
    phrases = Phrases()
    greeting(FakeVoice(lambda sentence: half), phrases)
    assert len(phrases) == 0


def test_another_way_of_speaking_is_another_phrase():
    """Voice, pace and language are part of what was said."""
    phrases, voice = Phrases(), FakeVoice()
    phrases.keep(voice, SENTENCE, Style(), [SOUND])
    assert phrases.find([voice], SENTENCE, Style()) == (voice, (SOUND,))
    assert phrases.find([voice], SENTENCE, Style(speed=1.2)) is None
    assert phrases.find([voice], SENTENCE, Style({"fake": "deep"})) is None
    assert phrases.find([voice], replace(SENTENCE, language="zh"), Style()) is None
    assert phrases.find([voice], replace(SENTENCE, turn=9, index=4), Style()) is not None


def test_the_memory_is_bounded():
    """What was not used for longest goes first."""
    phrases, voice = Phrases(most_bytes=2_500), FakeVoice()
    texts = [replace(SENTENCE, spoken=text) for text in ("one", "two", "three")]
    for text in texts[:2]:
        phrases.keep(voice, text, Style(), [SOUND])
    phrases.find([voice], texts[0], Style())
    phrases.keep(voice, texts[2], Style(), [SOUND])
    assert [phrases.find([voice], text, Style()) is not None for text in texts] == [True, False, True]
    phrases.keep(voice, replace(SENTENCE, spoken="huge"), Style(), [Audio(bytes(9_000), 16_000)])
    assert len(phrases) == 2
