"""One conversation: what follows from what. Latencies are the fakes', time is virtual."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from aizuchi.character import Character
from aizuchi.engine.rules import Hearing, Rules, Speculation
from aizuchi.events import (
    Context,
    Dropped,
    Fault,
    Forget,
    Heard,
    HeardPartial,
    Listen,
    Noted,
    Played,
    Speech,
    SpeechDone,
    SpeechEnded,
    SpeechStarted,
    TextDone,
    TurnBegun,
    TurnEnded,
    TurnHeld,
    TurnResumed,
)
from aizuchi.ports import Final
from tests import fakes
from tests.engine.scenes import LONG, Scene, at, play, rules
from tests.fakes import FakeModel, FakeRecognizer, FakeVoice, Script, silence, speech, tokens


def test_a_text_turn():
    """Text in, thinking, text and sound out, idle again when it was played."""

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)

    scene = play(act)
    assert scene.states[:3] == ["thinking", "speaking", "idle"]
    assert scene.turn_text(1) == "Hello there. How are you today?"
    (ended,) = scene.all(TurnEnded)
    assert (ended.outcome, ended.heard) == ("finished", "Hello there. How are you today?")
    names = scene.names()
    assert names.index("Sentence") < names.index("Speech")
    assert names.index("TextDone") < names.index("SpeechDone") < names.index("TurnEnded")


def test_idle_comes_when_the_sound_was_played_and_not_before():
    """The fake speaks 60 ms a character; the turn lasts as long as its sound."""

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)

    scene = play(act)
    (ended,) = scene.all(TurnEnded)
    assert ended.audio_ms == pytest.approx(60 * 30, abs=60)
    assert at(scene, TurnEnded) - at(scene, Speech) == pytest.approx(ended.audio_ms / 1000, abs=0.2)


def test_the_next_sentence_is_made_while_the_present_one_plays():
    """All sound is on the timeline long before it has been heard."""

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)

    scene = play(act)
    last = max(entry.at for entry in scene.log if isinstance(entry.event, Speech))
    assert last < at(scene, TurnEnded) - 1.0


def test_synthesis_stays_a_few_seconds_ahead():
    """A long reply is not spoken into the void: the voice waits for the ear."""
    long = " ".join(f"This is sentence number {n} of a very long reply." for n in range(20))

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(Speech)
        await asyncio.sleep(5)
        sounds = scene.all(Speech)
        made = sum(len(each.pcm) / 32 for each in sounds)
        assert made < (5 + 3 + 4) * 1000
        scene.session.interrupt("enough")

    play(act, llm=[FakeModel(lambda prompt: tokens(long))], rules=Rules(ahead=3.0))


def test_a_one_shot_client_does_not_wait_for_an_ear_that_can_not_hear_yet():
    """Its sound is made as fast as the voice can, and played from when it is complete."""
    long = " ".join(f"This is sentence number {n} of a very long reply." for n in range(10))

    async def act(scene: Scene) -> None:
        scene.session.join("me", ("mouth", "ear"), paced=False)
        scene.type("hello")
        await scene.until(TurnEnded)

    scene = play(act, llm=[FakeModel(lambda prompt: tokens(long))], rules=Rules(ahead=3.0))
    (ended,) = scene.all(TurnEnded)
    assert ended.audio_ms > 20_000
    assert at(scene, SpeechDone) < 10
    assert at(scene, TurnEnded) - at(scene, SpeechDone) == pytest.approx(ended.audio_ms / 1000, abs=0.2)


def test_a_voice_turn():
    """Speech in: partials while it lasts, the end-point by silence, the final text, the reply."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        await scene.hear(silence(400), speech(1200), silence(400))
        await scene.until(TurnEnded)

    scene = play(act, rules=rules("auto"))
    assert scene.states[:4] == ["listening", "thinking", "speaking", "idle"]
    assert scene.all(HeardPartial)
    (heard,) = scene.all(Heard)
    assert heard.text == "hello there"
    (ended,) = scene.all(SpeechEnded)
    assert at(scene, SpeechEnded) - ended.voice_end == pytest.approx(0.2, abs=0.03)
    (begun,) = scene.all(TurnBegun)
    assert begun.voice_end == ended.voice_end
    assert begun.text == "hello there"


def test_no_first_syllable_is_lost():
    """The recogniser gets the sound from before the onset was certain, and all that follows."""
    ear = FakeRecognizer()

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        await scene.hear(silence(1000), speech(800), silence(300))
        await scene.until(Heard)

    play(act, asr=[ear], rules=rules("auto"))
    sound = ear.heard[0]
    assert sound.count(speech(1)[:2]) >= 800 * 16
    assert len(sound) / 32 >= 800 + 280


def test_push_mode_takes_everything_between_the_two():
    """While the button is held no silence ends the utterance."""
    ear = FakeRecognizer()

    async def act(scene: Scene) -> None:
        scene.listen(mode="push")
        await scene.hear(speech(300), silence(900), speech(300))
        assert not scene.all(SpeechEnded)
        scene.listen(False)
        await scene.until(TurnEnded)

    scene = play(act, asr=[ear], rules=rules("push", speculation=Speculation(on=False)))
    assert len(ear.heard[0]) / 32 == 1500
    assert scene.all(SpeechEnded)[0].reason == "client"


@pytest.mark.parametrize("mode", ["push", "auto", "continuous"])
def test_nothing_said_is_no_turn(mode: str):
    """An opened and closed microphone gives an empty final text and the state before."""

    async def act(scene: Scene) -> None:
        scene.listen(mode=mode)
        await scene.hear(silence(300))
        scene.listen(False)
        await scene.until(Heard)

    scene = play(act, asr=[FakeRecognizer(lambda ms: Script([(0.1, Final(""))]))])
    assert scene.all(Heard)[0].text == ""
    assert not scene.all(TurnBegun)
    assert scene.session.state == "idle"


def test_the_longest_utterance_is_bounded():
    """Somebody who never stops is answered after the maximum."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        await scene.hear(speech(3000))
        await scene.until(TurnBegun)

    limits = Rules(hearing=Hearing(mode="auto", max_utterance_ms=2000))
    scene = play(act, rules=limits)
    assert scene.all(SpeechEnded)[0].reason == "maximum"


def test_continuous_listens_again_after_the_reply():
    """Hands-free: the microphone stays open and the state says so."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        for number in (1, 2):
            await scene.hear(speech(500), silence(300))
            await scene.until(TurnEnded, number)

    scene = play(act, rules=rules())
    assert scene.states[:7] == [
        "listening",
        "thinking",
        "speaking",
        "listening",
        "thinking",
        "speaking",
        "listening",
    ]


def test_someone_who_goes_on_speaking_is_answered_once():
    """What was said before a short pause waits for what comes after it."""
    texts = iter(["go forward", "ten meters"])
    ear = FakeRecognizer(lambda ms: Script([(0.5, Final(next(texts)))]))

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        await scene.hear(speech(500), silence(240), speech(500), silence(300))
        await scene.until(TurnBegun)

    scene = play(act, asr=[ear], rules=rules(speculation=Speculation(on=False)))
    assert [begun.text for begun in scene.all(TurnBegun)] == ["go forward ten meters"]


def test_without_an_ear_replies_are_text():
    """No sound is made that nobody hears."""
    voice = FakeVoice()

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)

    scene = play(act, roles=("mouth",), tts=[voice])
    assert voice.requests == 0
    assert scene.all(TurnEnded)[0].heard == "Hello there. How are you today?"


def test_the_newest_mouth_wins():
    """A second device that listens takes the microphone over."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        scene.session.join("other", ("mouth", "ear"))
        scene.session.feed(Listen(True, "continuous", link="other"))
        await scene.hear(speech(500), silence(400))
        assert not scene.all(SpeechStarted)

    play(act, rules=rules())


def test_a_witness_may_only_look():
    """Its microphone stays closed and the timeline says why."""

    async def act(scene: Scene) -> None:
        scene.session.join("eye", ("witness",))
        scene.session.feed(Listen(True, link="eye"))

    scene = play(act)
    assert scene.all(Dropped)[0].reason == "this link may not speak"


def test_only_the_reference_ear_reports():
    """The one that last gave input decides how far the reply was heard."""

    async def act(scene: Scene) -> None:
        scene.session.join("other", ("mouth", "ear"))
        scene.type("hello")
        await scene.until(TextDone)
        scene.session.feed(Played(1, whole=True, link="other"))
        assert not scene.all(TurnEnded)
        scene.session.feed(Played(1, whole=True, link="me"))
        await scene.until(TurnEnded)

    scene = play(act)
    assert [played.link for played in scene.all(Played)] == ["me"]


def test_a_session_lives_on_from_its_snapshot():
    """History, numbers and context come back; the generation has risen."""
    model = FakeModel()
    kept: list[dict] = []

    async def act(scene: Scene) -> None:
        scene.session.feed(Noted(Context("c", "page", "the page"), link="me"))
        scene.type("remember me")
        await scene.until(TurnEnded)
        kept.append(json.loads(json.dumps(scene.session.snapshot())))

    async def again(scene: Scene) -> None:
        assert scene.session.generation == kept[0]["generation"] + 1
        assert scene.session.history_len == 2
        scene.type("who am I?")
        await scene.until(TurnEnded)

    first = play(act)
    second = play(again, llm=[model], restored=kept[0])
    assert second.log[0].seq > first.log[-1].seq - 10
    said = [message.text for message in model.prompts[0].messages]
    assert "remember me" in said
    assert any("the page" in text for text in said)


def test_draining_lets_the_turn_end_and_takes_no_other():
    """A server that stops does not cut off a sentence."""

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(Speech)
        await scene.session.drain(30.0)
        assert scene.all(TurnEnded)[0].outcome == "finished"
        scene.type("too late")

    scene = play(act)
    assert scene.all(Dropped)[-1].reason == "the conversation is ending"


def test_draining_leaves_nobody_waiting():
    """What waits is dropped with a reason; a voice that comes too late leaves the floor to what it held."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        scene.session.begin("lecture")
        await scene.until(Speech)
        await scene.hear(speech(400))
        await scene.until(TurnHeld)
        scene.session.begin("reminder")
        async with asyncio.TaskGroup() as group:
            draining = group.create_task(scene.session.drain(60.0))
            await scene.hear(silence(300))
            await scene.until(TurnResumed)
            await draining
        assert scene.all(TurnEnded)[0].outcome == "finished"
        assert scene.session.state == "idle"

    scene = play(act, llm=[FakeModel(lambda prompt: tokens(LONG))], rules=rules("auto"))
    assert [(drop.what, drop.reason) for drop in scene.all(Dropped)] == [
        ("reminder", "the conversation is ending"),
        ("user", "the conversation is ending"),
    ]
    assert [begun.cause for begun in scene.all(TurnBegun)] == ["lecture"]


def test_closing_in_mid_reply_leaves_nothing():
    """All streams are closed and the last entry says why."""
    model, voice = FakeModel(lambda prompt: Script(hang=True)), FakeVoice()

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await asyncio.sleep(0.5)

    scene = play(act, llm=[model], tts=[voice])
    assert model.open == voice.open == 0
    assert scene.names()[-1] == "SessionClosed"
    assert "TurnEnded" in scene.names()


def test_too_much_text_is_refused_and_said():
    """Bad input costs a Fault, not the session."""

    async def act(scene: Scene) -> None:
        scene.type("x" * 9000)
        scene.type("  ")
        scene.type("hello")
        await scene.until(TurnEnded)

    scene = play(act)
    assert "9000 characters" in scene.all(Fault)[0].message
    assert scene.all(Dropped)[0].reason == "it was empty"
    assert fakes.HERO.name == "hero"


GREETED = replace(fakes.HERO, greeting="Hello, I am here.")


def test_a_greeting_opens_a_fresh_conversation():
    """The character speaks first, once, in a turn of its own that nobody asked for."""

    async def act(scene: Scene) -> None:
        scene.session.greet()
        scene.session.greet()
        await scene.until(TurnEnded)
        scene.type("hello")
        await scene.until(TurnEnded, 2)
        scene.session.greet()
        await asyncio.sleep(5)

    scene = play(act, character=GREETED)
    assert [(begun.cause, begun.text) for begun in scene.all(TurnBegun)] == [
        ("greeting", ""),
        ("user", "hello"),
    ]
    assert scene.turn_text(1) == "Hello, I am here."
    assert scene.all(Speech)[0].turn == 1


@pytest.mark.parametrize("character", [fakes.HERO, GREETED])
def test_nobody_is_greeted_twice(character: Character):
    """Not in a restored conversation, and never by a character that has no greeting."""

    async def act(scene: Scene) -> None:
        scene.session.greet()
        await asyncio.sleep(5)

    restored = None if character is fakes.HERO else {"turns": 0}
    assert not play(act, character=character, restored=restored).all(TurnBegun)


def test_what_is_forgotten_is_not_told_to_the_model_again():
    """After `Forget` the next prompt begins anew; a reply that ran meanwhile is forgotten, too."""
    model = fakes.FakeModel()

    async def act(scene: Scene) -> None:
        scene.type("my name is Ann")
        await scene.until(TurnEnded)
        scene.type("and I am seven")
        await scene.until(TurnBegun, 2)
        scene.session.feed(Forget(link="me"))
        await scene.until(TurnEnded, 2)
        assert scene.session.history_len == 0
        scene.type("who am I?")
        await scene.until(TurnEnded, 3)

    play(act, llm=[model])
    said = [message.text for message in model.prompts[-1].messages if message.role == "user"]
    assert said == ["who am I?"]
