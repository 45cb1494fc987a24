"""Silence at once, and what is held meanwhile; time is virtual."""

from __future__ import annotations

import asyncio

import pytest

from aizuchi.engine.rules import Rules
from aizuchi.errors import ProviderError
from aizuchi.events import (
    Context,
    Dropped,
    Fault,
    Interrupt,
    Interrupted,
    Noted,
    Played,
    Sentence,
    Speech,
    SpeechStarted,
    StateChanged,
    TurnBegun,
    TurnEnded,
    TurnHeld,
    TurnResumed,
)
from aizuchi.ports import Audio
from tests.engine.scenes import LONG, Scene, at, play, rules
from tests.fakes import FakeModel, FakeRecognizer, FakeVoice, Script, silence, speech, tokens


def test_the_hard_interrupt_in_its_order():
    """Generation first, then Interrupted, then idle; the tidying comes after."""

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(Speech)
        before = scene.session.generation
        mark = len(scene.log)
        scene.session.feed(Interrupt("click", link="me"))
        assert scene.session.generation == before + 1
        names = [type(entry.event).__name__ for entry in scene.log[mark:]]
        assert names == ["Interrupt", "Interrupted", "StateChanged"]
        assert scene.log[-1].generation == before + 1
        await scene.until(TurnEnded)

    scene = play(act, llm=[FakeModel(lambda prompt: tokens(LONG))])
    (interrupted,) = [each for each in scene.all(Interrupted) if each.turn]
    assert (interrupted.turn, interrupted.of_generation) == (1, 1)
    assert scene.all(TurnEnded)[0].outcome == "interrupted"


@pytest.mark.parametrize("moment", [0.0, 0.05, 0.101, 0.12, 0.3])
def test_vendor_streams_are_closed_at_any_moment(moment: float):
    """Also before the first token, and in the middle of a sentence's synthesis."""
    model, voice = FakeModel(lambda prompt: tokens(LONG)), FakeVoice(first=0.2)

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await asyncio.sleep(moment)
        scene.session.interrupt("click")
        await scene.until(TurnEnded)
        assert model.open == voice.open == 0

    scene = play(act, llm=[model], tts=[voice])
    assert scene.all(TurnEnded)[0].outcome == "interrupted"


def test_an_interrupt_too_late_is_answered_with_idle():
    """A click after the end is safe and acknowledged."""

    async def act(scene: Scene) -> None:
        scene.session.feed(Interrupt("click", link="me"))

    scene = play(act)
    change = scene.all(StateChanged)[0]
    assert (change.previous, change.state) == ("idle", "idle")


def test_text_over_a_reply_interrupts_it():
    """The last speaker wins."""

    async def act(scene: Scene) -> None:
        scene.type("one")
        await scene.until(Speech)
        scene.type("two")
        await scene.until(TurnEnded, 2)

    scene = play(act)
    assert [ended.outcome for ended in scene.all(TurnEnded)] == ["interrupted", "finished"]


@pytest.mark.parametrize(
    ("policy", "ms", "interrupts"),
    [
        ("immediate", 100, True),
        ("after_ms", 100, False),
        ("after_ms", 500, True),
        ("after_word", 1200, True),
        ("never", 1200, False),
    ],
)
def test_barge_in_by_policy(policy: str, ms: int, interrupts: bool):
    """Speech over a reply takes the floor when the policy says so; else the reply goes on."""
    model = FakeModel(lambda prompt: tokens(LONG))

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        scene.type("hello")
        await scene.until(Speech)
        await scene.hear(speech(ms), silence(400))
        await scene.until(TurnEnded)

    scene = play(act, llm=[model], rules=rules(policy=policy))
    reasons = [each.reason for each in scene.all(Interrupted)]
    assert ("barge_in" in reasons) == interrupts
    if interrupts:
        assert scene.states[2:5] == ["speaking", "idle", "listening"]
    elif policy != "never":
        assert any(each.what == "utterance" for each in scene.all(Dropped))


def test_the_words_that_interrupt_are_kept():
    """Acceptance 2: nothing of the first 300 ms of a barge-in is lost, and it is answered."""
    ear = FakeRecognizer()

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        scene.type("hello")
        await scene.until(Speech)
        await scene.hear(speech(900), silence(300))
        await scene.until(TurnBegun, 2)

    scene = play(act, asr=[ear], llm=[FakeModel(lambda prompt: tokens(LONG))], rules=rules())
    assert ear.heard[-1].count(speech(1)[:2]) >= 900 * 16
    assert scene.all(TurnBegun)[1].text == "hello there"
    assert len(scene.all(SpeechStarted)) == 1


def test_what_was_heard_is_remembered():
    """The model is told that it was cut off, and where."""
    answers = iter([LONG, "Fine."])
    model = FakeModel(lambda prompt: tokens(next(answers)))

    async def act(scene: Scene) -> None:
        scene.type("count")
        await scene.until(Speech)
        await asyncio.sleep(24 * 0.06 + 0.2)
        scene.session.interrupt("click")
        scene.type("why did you stop?")
        await scene.until(TurnEnded, 2)

    play(act, llm=[model])
    said = [message for message in model.prompts[1].messages if message.role == "assistant"]
    assert "One two three four five." in said[0].text
    assert "Eleven" not in said[0].text
    assert "interrupt" in said[0].text


def test_text_that_no_voice_had_begun_was_not_heard():
    """With an ear on the line it is the sound that counts, also before its first sample."""

    async def act(scene: Scene) -> None:
        scene.type("count")
        await scene.until(Sentence, 2)
        scene.session.interrupt("click")
        await scene.until(TurnEnded)

    model = FakeModel(lambda prompt: tokens(LONG))
    scene = play(act, llm=[model], tts=[FakeVoice(first=3.0)])
    assert not scene.all(Speech)
    assert scene.all(Interrupted)[0].heard == scene.all(TurnEnded)[0].heard == ""
    assert [message.role for message in scene.session.history.messages] == ["user"]
    scene = play(act, llm=[model], roles=("mouth",))
    assert scene.all(Interrupted)[0].heard.startswith("One two three four five.")


def test_word_times_make_history_exact():
    """A voice that tells its words cuts the memory within the sentence."""

    async def act(scene: Scene) -> None:
        scene.type("count")
        await scene.until(Speech)
        await asyncio.sleep(14 * 0.06)
        scene.session.interrupt("click")
        await scene.until(TurnEnded)

    scene = play(act, llm=[FakeModel(lambda prompt: tokens(LONG))], tts=[FakeVoice(words=True)])
    assert scene.all(TurnEnded)[0].heard == "One two three"


def test_what_was_heard_does_not_grow_while_a_vendor_takes_its_time_to_close():
    """The clock of a dead turn stands still: silence was when it was interrupted."""

    class Slow(FakeVoice):
        async def say(self, sentence, style):
            try:
                async for item in super().say(sentence, style):
                    yield item
                if sentence.index == 1:
                    await asyncio.get_running_loop().create_future()
            finally:
                await asyncio.sleep(3.0 * sentence.index)

    async def act(scene: Scene) -> None:
        scene.type("count")
        await scene.until(Speech)
        await asyncio.sleep(0.5)
        scene.session.interrupt("click")
        await scene.until(TurnEnded)

    scene = play(act, llm=[FakeModel(lambda prompt: tokens(LONG))], tts=[Slow()])
    assert at(scene, TurnEnded) - at(scene, Interrupted) > 2.9
    assert scene.all(TurnEnded)[0].heard == scene.all(Interrupted)[0].heard == ""


def test_a_sentence_that_broke_off_takes_no_other_along():
    """A voice that dies in mid-sentence speaks the next one; what it had not spoken yet was not heard."""
    sound = Audio(bytes(3200), 16_000)

    def plan(sentence: Sentence) -> Script:
        if sentence.index == 0:
            return Script([(0.0, sound), (0.1, ProviderError("lost"))])
        return Script([(1.5, sound), (0.0, sound)])

    async def act(scene: Scene) -> None:
        scene.type("count")
        await scene.until(Fault)
        await asyncio.sleep(1.0)
        scene.session.interrupt("click")
        await scene.until(TurnEnded)

    scene = play(act, llm=[FakeModel(lambda prompt: tokens(LONG))], tts=[FakeVoice(plan)])
    assert len(scene.all(Sentence)) == 3
    assert scene.all(TurnEnded)[0].heard == "One two three four five. "


def test_a_change_of_the_reference_ear_does_not_stop_the_voice():
    """A one-shot client asked, a streaming one gives some input: the reply is still made and ends."""
    long = " ".join(f"This is sentence number {n} of a very long reply." for n in range(10))

    async def act(scene: Scene) -> None:
        scene.session.join("me", ("mouth", "ear"), paced=False)
        scene.session.join("other", ("mouth", "ear"))
        scene.type("hello")
        await scene.until(Speech)
        scene.session.feed(Noted(Context("c", "page", "text"), link="other"))
        await scene.until(TurnEnded)

    scene = play(act, llm=[FakeModel(lambda prompt: tokens(long))], rules=Rules(ahead=1.0))
    assert scene.all(TurnEnded)[0].outcome == "finished"


def test_an_ear_that_lies_does_not_stop_the_voice():
    """It says for ever that it has heard nothing; the reply ends all the same."""
    long = " ".join(f"This is sentence number {n} of a very long reply." for n in range(10))

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(Speech)
        while not scene.all(TurnEnded) and len(scene.log) < 20_000:
            scene.session.feed(Played(1, at_ms=0, link="me"))
            await asyncio.sleep(0.05)

    scene = play(act, llm=[FakeModel(lambda prompt: tokens(long))], rules=Rules(ahead=1.0))
    (ended,) = scene.all(TurnEnded)
    assert ended.outcome == "finished"


def test_a_lecture_goes_on_after_a_question():
    """It is held, not ended, and resumed at the sentence that was cut, with a generation of its own."""
    answers = iter([LONG, "The answer."])

    async def act(scene: Scene) -> None:
        scene.session.begin("lecture")
        await scene.until(Speech)
        await asyncio.sleep(1.0)
        scene.type("a question")
        await scene.until(TurnResumed)
        await scene.until(TurnEnded, 2)

    scene = play(act, llm=[FakeModel(lambda prompt: tokens(next(answers)))])
    held, resumed = scene.all(TurnHeld)[0], scene.all(TurnResumed)[0]
    assert held.turn == resumed.turn == 1
    assert held.at_ms > resumed.at_ms == 0
    assert [ended.turn for ended in scene.all(TurnEnded)] == [2, 1]
    entry = next(each for each in scene.log if isinstance(each.event, TurnResumed))
    assert entry.generation == 3


def test_a_click_ends_what_is_held_too():
    """Silence means silence: the lecture does not come back by itself."""

    async def act(scene: Scene) -> None:
        scene.session.begin("lecture")
        await scene.until(Speech)
        scene.type("a question")
        await scene.until(Speech, 30)
        scene.session.interrupt("click")
        await asyncio.sleep(30)

    scene = play(act, llm=[FakeModel(lambda prompt: tokens(LONG))])
    assert not scene.all(TurnResumed)
    assert len(scene.all(TurnEnded)) == 2


def test_turns_that_must_wait_do_so_in_order_and_boundedly():
    """Reminders queue behind a reply; more than the rule allows are shed and said."""

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(Speech)
        for _ in range(6):
            scene.session.begin("reminder")
        scene.session.begin("proactive")
        await scene.until(TurnEnded, 5)

    scene = play(act, rules=Rules(waiting_turns=4))
    assert [begun.cause for begun in scene.all(TurnBegun)] == ["user", *["reminder"] * 4]
    assert [each.what for each in scene.all(Dropped)] == ["reminder", "reminder", "proactive"]
