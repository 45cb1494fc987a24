"""One conversation: what follows from what. Latencies are the fakes', time is virtual."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from aizuchi.engine.rules import BargeIn, Hearing, Rules, StageLimits
from aizuchi.errors import ProviderError, ToolError
from aizuchi.events import (
    Attach,
    Context,
    Dropped,
    Fault,
    Heard,
    HeardPartial,
    Image,
    Interrupt,
    Interrupted,
    Listen,
    Noted,
    Played,
    Sentence,
    Speech,
    SpeechDone,
    SpeechEnded,
    SpeechStarted,
    StateChanged,
    TextDone,
    ToolCall,
    ToolDone,
    ToolResult,
    TurnBegun,
    TurnEnded,
    TurnHeld,
    TurnResumed,
    Typed,
)
from aizuchi.ports import Audio, Final, Passage, Prompt, Retriever, Token, Toolbox, ToolSpec, Usage
from tests import fakes
from tests.engine.scenes import Scene, play
from tests.fakes import FakeModel, FakeRecognizer, FakeVoice, Script, silence, speech, tokens

LONG = "One two three four five. Six seven eight nine ten. Eleven twelve thirteen fourteen."


def rules(mode: Any = "continuous", policy: Any = "after_ms", **more: Any) -> Rules:
    hearing = Hearing(mode=mode, silence_ms=200)
    return Rules(hearing=hearing, barge_in=BargeIn(policy, 200), **more)


def at(scene: Scene, kind: type) -> float:
    """When the first event of a kind happened."""
    return next(entry.at for entry in scene.log if isinstance(entry.event, kind))


# ------------------------------------------------------------------ the ordinary turn


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

    scene = play(act, asr=[ear], rules=rules("push"))
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

    scene = play(act, asr=[ear], rules=rules())
    assert [begun.text for begun in scene.all(TurnBegun)] == ["go forward ten meters"]


# ------------------------------------------------------------------ interrupts


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


# ------------------------------------------------------------------ holding


def test_a_lecture_goes_on_after_a_question():
    """It is held, not ended, and resumed with a generation of its own."""
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
    assert held.at_ms == resumed.at_ms > 0
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


# ------------------------------------------------------------------ tools, images, context


class Box(Toolbox):
    """Two quick tools, one that hangs, one that breaks."""

    def specs(self, context):
        schema = {"type": "object", "properties": {}}
        return [
            ToolSpec("one", "", schema),
            ToolSpec("two", "", schema),
            ToolSpec("hangs", "", schema, timeout=1.0),
            ToolSpec("breaks", "", schema),
        ]

    async def call(self, call, context):
        if call.name == "hangs":
            await asyncio.sleep(100)
        if call.name == "breaks":
            raise ToolError("out of order")
        await asyncio.sleep(0.5)
        return f"{call.name} says {json.loads(call.args or '{}')}"


def calling(*calls: ToolCall) -> FakeModel:
    """Asks for tools first, then tells that it is done."""

    def answer(prompt: Prompt) -> Script:
        if any(message.role == "tool" for message in prompt.messages):
            return tokens("All done.")
        return Script([(0.1, Token("Let me see.")), *[(0.0, call) for call in calls], (0, Usage("tools"))])

    return FakeModel(answer)


def test_tools_run_together_and_their_results_reach_the_model():
    """Two tools of half a second take half a second; a fault is told, not raised."""
    model = calling(
        ToolCall("a", "one", '{"x": 1}'), ToolCall("b", "two", "{}"), ToolCall("c", "breaks", "{}")
    )

    async def act(scene: Scene) -> None:
        scene.type("do it")
        await scene.until(TurnEnded)

    scene = play(act, llm=[model], toolbox=Box())
    results = [m for m in model.prompts[1].messages if m.role == "tool"]
    assert [m.call_id for m in results] == ["a", "b", "c"]
    assert results[0].text == "one says {'x': 1}"
    assert "out of order" in results[2].text
    times = [entry.at for entry in scene.log if isinstance(entry.event, ToolDone)]
    assert max(times) - at(scene, ToolCall) < 0.6
    assert scene.turn_text(1) == "Let me see. All done."
    assert "".join(sentence.shown for sentence in scene.all(Sentence)) == scene.turn_text(1)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (ToolCall("a", "hangs", "{}"), "did not answer within 1 s"),
        (ToolCall("a", "nothing", "{}"), "there is no tool"),
        (ToolCall("a", "one", "{broken"), "not a JSON object"),
        (ToolCall("a", "one", "[1]"), "not a JSON object"),
    ],
)
def test_a_tool_that_can_not_run_is_told_to_the_model(call: ToolCall, says: str):
    """The turn goes on whatever happens to a tool."""
    model = calling(call)

    async def act(scene: Scene) -> None:
        scene.type("do it")
        await scene.until(TurnEnded)

    scene = play(act, llm=[model], toolbox=Box())
    assert says in scene.all(ToolDone)[0].error
    assert scene.all(TurnEnded)[0].outcome == "finished"


def test_rounds_are_bounded():
    """A model that calls tools for ever has to answer without them in the end."""

    def answer(prompt: Prompt) -> Script:
        if not prompt.tools:
            return tokens("Enough.")
        return Script([(0.1, ToolCall("x", "one", "{}")), (0, Usage("tools"))])

    model = FakeModel(answer)

    async def act(scene: Scene) -> None:
        scene.type("do it")
        await scene.until(TurnEnded)

    scene = play(act, llm=[model], toolbox=Box(), rules=Rules(tool_rounds=3))
    assert len(model.prompts) == 4
    assert scene.turn_text(1) == "Enough."


@pytest.mark.parametrize("leaves", [False, True])
def test_tools_that_live_in_the_client(leaves: bool):
    """The call goes out, the result comes in; a client that goes away is told to the model."""
    model = calling(ToolCall("a", "wave", "{}"))

    async def act(scene: Scene) -> None:
        scene.type("wave at me")
        call = await scene.until(ToolCall)
        assert call.place == "client"
        if leaves:
            scene.session.leave("me")
        else:
            scene.session.feed(ToolResult("a", "waved", link="me"))
        await scene.until(TurnEnded)

    wave = ToolSpec("wave", "Wave a hand.", {"type": "object"})
    scene = play(act, llm=[model], tools=[wave])
    done = scene.all(ToolDone)[0]
    assert ("gone" in done.error) if leaves else (done.result == "waved")


def test_images_go_with_the_next_turn():
    """Attached or sent along, they reach the model; what is too large is refused."""
    model = FakeModel()
    image = Image("image/png", b"png")

    async def act(scene: Scene) -> None:
        scene.session.feed(Attach(image, link="me"))
        scene.session.feed(Attach(Image("image/jpeg", b"x" * (9 << 20)), link="me"))
        scene.type("look", images=(Image("image/jpeg", b"jpg"),))
        await scene.until(TurnEnded)

    scene = play(act, llm=[model])
    assert model.prompts[0].messages[-1].images == (image, Image("image/jpeg", b"jpg"))
    assert "9437184 bytes" in scene.all(Fault)[0].message
    assert all(not image.data for typed in scene.all(Typed) for image in typed.images)


def test_too_many_images_are_said():
    """Nothing that was sent along is left out in silence, whichever way it came."""
    model = FakeModel()
    image, large = Image("image/png", b"png"), Image("image/jpeg", b"x" * (9 << 20))

    async def act(scene: Scene) -> None:
        for _ in range(3):
            scene.session.feed(Attach(image, link="me"))
        scene.type("look", images=(image, image, image))
        await scene.until(TurnEnded)
        scene.type("and here", images=(large, image))
        await scene.until(TurnEnded, 2)

    scene = play(act, llm=[model])
    assert [begun.images for begun in scene.all(TurnBegun)] == [4, 1]
    assert [fault.code for fault in scene.all(Fault)] == ["bad_message", "bad_message"]
    assert "at most 4" in scene.all(Fault)[0].message
    assert "9437184 bytes" in scene.all(Fault)[1].message


def test_context_applies_to_the_next_turn_only_and_is_cut():
    """Acceptance 10: an update during a reply is not seen by it."""
    model = FakeModel()

    async def act(scene: Scene) -> None:
        scene.session.feed(Noted(Context("c1", "page", "page one"), link="me"))
        scene.type("explain")
        scene.session.feed(Noted(Context("c2", "page", "page two " + "x" * 5000), link="me"))
        await scene.until(TurnEnded)
        scene.type("and now?")
        await scene.until(TurnEnded, 2)

    scene = play(act, llm=[model])
    said = [" ".join(message.text for message in prompt.messages) for prompt in model.prompts]
    assert "page two" in said[1]
    assert "page one" not in said[1]
    assert scene.all(Fault)[0].code == "context_too_large"


def test_what_comes_right_after_a_question_is_for_the_next_one():
    """Also in the moment in which the prompt is still being made."""
    model = FakeModel()

    class Slow(Retriever):
        async def passages(self, query, *, session, person):
            await asyncio.sleep(0.2)
            return []

    async def act(scene: Scene) -> None:
        scene.session.feed(Noted(Context("c1", "page", "page one"), link="me"))
        scene.type("explain")
        await asyncio.sleep(0.1)
        scene.session.feed(Noted(Context("c2", "page", "page two"), link="me"))
        await scene.until(TurnEnded)

    play(act, llm=[model], retriever=Slow())
    said = " ".join(message.text for message in model.prompts[0].messages)
    assert "page one" in said and "page two" not in said


@pytest.mark.parametrize(("wait", "found"), [(0.1, True), (5.0, False)])
def test_retrieval_has_little_time(wait: float, found: bool):
    """Passages that are late are left out, and the timeline says so."""

    class Slow(Retriever):
        async def passages(self, query, *, session, person):
            await asyncio.sleep(wait)
            return [Passage(f"a passage on {query}")]

    model = FakeModel()

    async def act(scene: Scene) -> None:
        scene.type("foxes")
        await scene.until(TurnEnded)

    scene = play(act, llm=[model], retriever=Slow())
    assert any("a passage on foxes" in message.text for message in model.prompts[0].messages) == found
    assert bool(scene.all(Fault)) != found


def test_a_retriever_is_fed_by_what_the_user_looks_at():
    """A context reaches it as it was kept; what it finds there is in the next prompt, fenced."""

    class Pages(Retriever):
        def __init__(self) -> None:
            self.text = ""

        def noted(self, context, *, session):
            assert isinstance(context, Noted) and session == "s"
            self.text = context.context.text

        async def passages(self, query, *, session, person):
            assert (session, person) == ("s", "p")
            return [Passage(f"found by {query}: {self.text[:9]} {len(self.text)}", "page 3")]

    model = FakeModel()

    async def act(scene: Scene) -> None:
        scene.session.feed(Noted(Context("c1", "page", "mitochondria " + "x" * 5000), link="me"))
        scene.type("cells")
        await scene.until(TurnEnded)

    play(act, llm=[model], retriever=Pages())
    background = model.prompts[0].messages[-2].text
    assert "A passage from page 3 that may help:\n~~~\nfound by cells: mitochond 4000\n~~~" in background


# ------------------------------------------------------------------ fallbacks


def broken(*steps) -> Script:
    return Script([*steps, (0, ProviderError("it broke"))])


def test_a_second_model_takes_over():
    """The fallback is named where the text ends."""
    models = [FakeModel(lambda prompt: broken()), FakeModel(lambda prompt: tokens("Second."))]

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)

    scene = play(act, llm=models)
    assert scene.all(TextDone)[0].fallback == "provider:fake"
    assert scene.turn_text(1) == "Second."


@pytest.mark.parametrize("script", [broken(), Script(hang=True), Script()])
def test_no_model_means_a_spoken_apology(script: Script):
    """The user is not left in silence, and the next turn works."""
    answers = iter([script, tokens("Back again.")])

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)
        scene.type("hello?")
        await scene.until(TurnEnded, 2)

    scene = play(
        act, llm=[FakeModel(lambda prompt: next(answers))], rules=Rules(limits=StageLimits(llm_first=2))
    )
    if script.steps or script.hang:
        assert scene.all(TextDone)[0].fallback == "canned"
        assert "Sorry" in scene.turn_text(1)
        assert scene.all(Speech)
        assert scene.all(Fault)[0].code in ("llm_failed", "llm_timeout")
    assert scene.turn_text(2) == "Back again."


@pytest.mark.parametrize(
    ("plan", "fallback", "code"),
    [
        (lambda sentence, tries: broken() if tries == 1 else None, "short_tts", "tts_failed"),
        (lambda sentence, tries: broken() if tries < 3 else None, "text_only", "tts_failed"),
        (lambda sentence, tries: Script(hang=True) if tries == 1 else None, "text_only", "tts_timeout"),
    ],
    ids=["short", "fails again", "hangs"],
)
def test_no_voice_means_text(plan, fallback: str, code: str):
    """The reply is written out; short-sentence speech is tried once for a long one."""
    text = "1,000; a sentence of more than sixty characters is spoken by its first clause alone. End."
    # In one piece, as from a model that does not stream; else the first clause is cut short anyway.
    model = FakeModel(lambda prompt: Script([(0.1, Token(text)), (0, Usage())]))
    tries: list[Sentence] = []

    def once(sentence: Sentence):
        tries.append(sentence)
        return plan(sentence, len(tries))

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)

    rules = Rules(limits=StageLimits(tts_first=1), first_clause_chars=200)
    scene = play(act, llm=[model], tts=[FakeVoice(once)], rules=rules)
    assert scene.turn_text(1) == text
    assert scene.all(Fault)[0].code == code
    assert scene.all(TextDone)[0].fallback == fallback
    assert scene.all(TurnEnded)[0].outcome == "finished"
    assert [each.spoken for each in tries[1:]] == ["1,000;"] * (code == "tts_failed")
    assert bool(scene.all(Speech)) == (fallback == "short_tts")


def test_a_second_voice_takes_over():
    """Every sentence is spoken by the next voice in the list; nobody hears of the first one."""
    voices = [FakeVoice(lambda sentence: broken()), FakeVoice()]

    async def act(scene: Scene) -> None:
        scene.type("hello")
        await scene.until(TurnEnded)

    scene = play(act, llm=[FakeModel(lambda prompt: tokens("One sentence. And another."))], tts=voices)
    assert not scene.all(Fault)
    assert [speech.sentence for speech in scene.all(Speech) if speech.last] == [0, 1]
    assert scene.all(TextDone)[0].fallback == "provider:fake"


def test_a_recogniser_is_asked_twice_and_then_the_next_one():
    """The same sound is offered again; nothing of it is lost."""
    first = FakeRecognizer(lambda ms: broken(), "first")
    second = FakeRecognizer(lambda ms: Script([(0.1, Final("at last"))]), "second")

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        await scene.hear(speech(600), silence(300))
        await scene.until(TurnBegun)

    scene = play(act, asr=[first, second], rules=rules("auto"))
    assert first.requests == 2
    assert len({*first.heard, *second.heard}) == 1
    assert scene.all(TurnBegun)[0].text == "at last"


def test_no_recogniser_means_did_not_catch_that():
    """The character says so, and typing still works."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        await scene.hear(speech(600), silence(300))
        await scene.until(TurnEnded)
        scene.type("then like this")
        await scene.until(TurnEnded, 2)

    deaf = FakeRecognizer(lambda ms: Script(hang=True))
    scene = play(act, asr=[deaf], rules=rules("auto"))
    assert scene.all(Fault)[0].code == "asr_timeout"
    assert "did not catch" in scene.turn_text(1)
    assert scene.all(TurnEnded)[1].outcome == "finished"


# ------------------------------------------------------------------ links


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


# ------------------------------------------------------------------ resume, drain


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
