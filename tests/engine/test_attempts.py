"""Answers prepared in private: what is begun, spoken and dropped, and that nobody hears of the latter.

The end-point waits 600 ms; a pause is told after 80. The fakes recognise at once at a pause, the model's
first word takes 100 ms, the voice's first sound 50.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from aizuchi.engine.chain import Chain
from aizuchi.engine.permits import Call, Permits
from aizuchi.engine.rules import BargeIn, Hearing, Rules, Speculation, TurnEnd
from aizuchi.errors import ProviderError
from aizuchi.events import (
    Answered,
    Attach,
    AttemptBegun,
    AttemptEnded,
    Context,
    Fault,
    Image,
    Interrupt,
    Interrupted,
    Noted,
    Requested,
    Sentence,
    Speech,
    SpeechEnded,
    StateChanged,
    TextDelta,
    TextDone,
    ToolCall,
    ToolDone,
    TurnBegun,
    TurnEnded,
)
from aizuchi.ports import Audio, Final, Prompt, Toolbox, ToolSpec, Usage
from tests.engine.scenes import Scene, play
from tests.fakes import (
    HERO,
    FakeModel,
    FakeRecognizer,
    FakeStreamingVoice,
    FakeVoice,
    Script,
    silence,
    speech,
    tokens,
)

LONG = " ".join(f"This is sentence number {n} of a very long reply." for n in range(40))


def rules(mode: Any = "auto", **speculation: Any) -> Rules:
    silence_alone = TurnEnd(transcript=False, habits=False, model=False)
    hearing = Hearing(mode=mode, silence_ms=600)
    return Rules(hearing=hearing, turn_end=silence_alone, speculation=Speculation(**speculation))


def hearing(*texts: str, final: str | None = None) -> FakeRecognizer:
    """A recogniser that streams: at each pause the next text, at the end the last, or `final`."""
    left: Iterator[str] = iter(texts)
    newest = [""]

    def at_pause(ms: int) -> str:
        newest[0] = next(left, newest[0])
        return newest[0]

    return FakeRecognizer(
        lambda ms: Script([(0.02, Final(newest[0] if final is None else final))]),
        at_pause=at_pause,
        embedded=True,
    )


async def say(scene: Scene, *sounds: bytes) -> None:
    scene.listen(mode="auto")
    await scene.hear(silence(200), *(sounds or (speech(800), silence(700))))
    await scene.until(TurnBegun)


def of_attempts(scene: Scene, stage: str) -> list[Requested]:
    return [each for each in scene.all(Requested) if each.attempt is not None and each.stage == stage]


def reasons(scene: Scene) -> list[str]:
    return [ended.reason for ended in scene.all(AttemptEnded)]


def test_a_confirmed_answer_is_spoken_at_once():
    """Model and voice have done their work within the wait; all of it comes in the moment of the commit."""
    model, voice = FakeModel(), FakeVoice()

    async def act(scene: Scene) -> None:
        await say(scene)
        await scene.until(TurnEnded)

    scene = play(act, asr=[hearing("hello")], llm=[model], tts=[voice], rules=rules())
    (ended,) = scene.all(AttemptEnded)
    begun = next(entry for entry in scene.log if isinstance(entry.event, TurnBegun))
    sound = next(entry for entry in scene.log if isinstance(entry.event, Speech))
    over = next(entry for entry in scene.log if isinstance(entry.event, SpeechEnded))
    assert sound.at == begun.at
    assert sound.at - over.at < 0.06
    assert ended.turn == 1
    assert ended.saved_ms == pytest.approx(540, abs=25)
    assert model.requests == 1
    assert scene.all(TurnEnded)[0].heard == "Hello there. How are you today?"
    assert scene.states[:4] == ["listening", "thinking", "speaking", "idle"]
    names = [type(entry.event).__name__ for entry in scene.log if entry.turn == 1]
    wanted = ["TurnBegun", "StateChanged", "AttemptEnded", "TextDelta", "TextDelta", "TextDelta", "Sentence"]
    assert names[: len(wanted)] == wanted


def test_nothing_is_prepared_where_there_is_too_much_to_do():
    """It is the first work that can be left out; the answer itself comes all the same."""

    async def act(scene: Scene) -> None:
        await say(scene)
        await scene.until(TurnEnded)

    scene = play(act, asr=[hearing("hello")], rules=rules(), strained=lambda: True)
    assert not scene.all(AttemptBegun)
    assert [ended.outcome for ended in scene.all(TurnEnded)] == ["finished"]


def test_the_same_conversation_without_speculation_waits_for_each():
    """The switch gives back what was: nothing is asked before the end is certain."""

    async def act(scene: Scene) -> None:
        await say(scene)
        await scene.until(Speech)

    scene = play(act, asr=[hearing("hello")], rules=rules(on=False))
    assert not scene.all(AttemptBegun)
    over = next(entry for entry in scene.log if isinstance(entry.event, SpeechEnded))
    asked = [entry for entry in scene.log if isinstance(entry.event, Requested)]
    assert [entry.at > over.at for entry in asked[:2]] == [False, True]  # recogniser, model
    sound = next(entry for entry in scene.log if isinstance(entry.event, Speech))
    assert sound.at - over.at > 0.15


def test_until_the_commit_there_is_nothing_but_bookkeeping():
    """Before the turn has begun the timeline has no text, sound, state, fault or tool of it."""

    async def act(scene: Scene) -> None:
        await say(scene)
        await scene.until(TurnEnded)

    scene = play(act, asr=[hearing("hello")], rules=rules())
    names = scene.names()
    first, begun = names.index("AttemptBegun"), names.index("TurnBegun")
    between = {*names[first:begun]} - {"MicNoted", "Heard", "HeardPartial", "SpeechEnded"}
    assert between <= {"AttemptBegun", "Requested", "Answered"}
    assert all(entry.turn is None for entry in scene.log[first:begun])


def test_whoever_goes_on_is_not_answered_too_early():
    """The first attempt is dropped when the voice comes back, the second one answers all of it."""
    model = FakeModel()

    async def act(scene: Scene) -> None:
        await say(scene, speech(600), silence(300), speech(600), silence(700))
        assert model.open == 0 or len(scene.all(TurnBegun)) == 1
        await scene.until(TurnEnded)

    scene = play(act, asr=[hearing("go", "go forward")], llm=[model], rules=rules())
    assert reasons(scene) == ["went_on", ""]
    assert [begun.text for begun in scene.all(AttemptBegun)] == ["go", "go forward"]
    assert [begun.text for begun in scene.all(TurnBegun)] == ["go forward"]
    assert model.prompts[-1].messages[-1].text == "go forward"
    assert [m.text for m in model.prompts[-1].messages if m.role == "user"] == ["go forward"]


@pytest.mark.parametrize(
    ("final", "kept"), [("Hello!", True), ("HELLO", True), ("hello you", False), ("yellow", False)]
)
def test_only_punctuation_may_differ_in_the_end(final: str, kept: bool):
    """Other words are answered anew; the turn's text is the final one either way."""
    model = FakeModel()

    async def act(scene: Scene) -> None:
        await say(scene)
        await scene.until(TurnEnded)

    scene = play(act, asr=[hearing("hello", final=final)], llm=[model], rules=rules())
    assert reasons(scene) == ["" if kept else "other_words"]
    assert model.requests == (1 if kept else 2)
    assert scene.all(TurnBegun)[0].text == final
    assert scene.all(TurnEnded)[0].outcome == "finished"
    assert scene.session.history.messages[0].text == final


def test_an_attempt_is_told_what_the_turn_would_be_told():
    """The conversation so far, what the user looks at, and at its end what they have said."""
    model = FakeModel()

    async def act(scene: Scene) -> None:
        scene.session.feed(Noted(Context("c", "page", "the page"), link="me"))
        scene.type("first")
        await scene.until(TurnEnded)
        scene.listen(mode="auto")
        await scene.hear(speech(500), silence(700))
        await scene.until(TurnEnded, 2)

    def told(on: bool) -> Prompt:
        model.prompts.clear()
        play(act, asr=[hearing("second")], llm=[model], rules=rules(on=on))
        assert len(model.prompts) == 2
        return model.prompts[-1]

    assert told(on=True) == told(on=False)


@pytest.mark.parametrize("how", ["context", "picture", "ear"])
def test_what_would_change_the_prompt_drops_it(how: str):
    """The turn asks again: an answer that has not seen what the user sees is none."""
    model = FakeModel()

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        await scene.hear(speech(800), silence(300))
        await scene.until(AttemptBegun)
        match how:
            case "context":
                scene.session.feed(Noted(Context("c", "page", "the page"), link="me"))
            case "picture":
                scene.session.feed(Attach(Image("image/png", b"x"), link="me"))
            case _:
                scene.session.join("other", ("mouth",))
                scene.session.links.leave("me")
                scene.session.join("me", ("mouth",))
        await scene.hear(silence(400))
        await scene.until(TurnEnded)

    scene = play(act, asr=[hearing("hello")], llm=[model], rules=rules())
    assert reasons(scene) == ["superseded"]
    assert model.requests == 2
    assert scene.all(TurnEnded)[0].outcome == "finished"


@pytest.mark.parametrize("how", ["type", "interrupt", "close", "drain", "leave"])
def test_what_ends_an_utterance_ends_its_attempt(how: str):
    """At once, and soon after nothing of it is open."""
    model = FakeModel(lambda prompt: Script(hang=True))

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        await scene.hear(speech(800), silence(200))
        await scene.until(AttemptBegun)
        assert model.open == 1
        match how:
            case "type":
                scene.type("something else")
            case "interrupt":
                scene.session.feed(Interrupt("click", link="me"))
            case "close":
                scene.session.close("over")
            case "drain":
                await scene.session.drain(0.1)
            case _:
                scene.session.leave("me")
                await asyncio.sleep(2)
        assert reasons(scene) and not any(ended.turn for ended in scene.all(AttemptEnded))
        await asyncio.sleep(0.1)
        assert model.open == (1 if how in ("type", "leave") else 0)

    play(act, asr=[hearing("hello")], llm=[model], rules=rules())
    assert model.open == 0


def test_a_button_that_is_held_speculates_at_pauses_too():
    """Letting go of it is the confirmation."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="push")
        await scene.hear(speech(500), silence(400))
        scene.listen(False)
        await scene.until(Speech)

    scene = play(act, asr=[hearing("hello")], rules=rules("push"))
    begun = next(entry for entry in scene.log if isinstance(entry.event, TurnBegun))
    sound = next(entry for entry in scene.log if isinstance(entry.event, Speech))
    assert scene.all(AttemptEnded)[0].turn == 1
    assert sound.at == begun.at


def test_an_attempt_that_nobody_confirms_expires():
    """A button held in silence does not keep a request open for ever, nor does it ask again and again."""
    model = FakeModel(lambda prompt: Script(hang=True))

    async def act(scene: Scene) -> None:
        scene.listen(mode="push")
        await scene.hear(speech(500), silence(8_000))
        assert model.open == 0

    scene = play(act, asr=[hearing("hello")], llm=[model], rules=rules("push", seconds=2.0))
    assert reasons(scene) == ["expired"]
    assert model.requests == 1


def test_only_the_first_sentence_is_spoken_ahead():
    """The voice is paid for one sentence at most; the others are made once the turn has begun."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        await scene.hear(speech(800), silence(560))
        assert len(of_attempts(scene, "tts")) == 1
        await scene.hear(silence(140))
        await scene.until(TurnEnded)

    scene = play(act, asr=[hearing("hello")], rules=rules())
    asked = [each for each in scene.all(Requested) if each.stage == "tts"]
    assert [(each.sentence, each.attempt) for each in asked] == [(0, 1), (1, None)]


def test_the_text_ahead_is_bounded():
    """A model that talks like a waterfall is not read on, and nothing of it is lost afterwards."""
    model = FakeModel(lambda prompt: tokens(LONG, first=0.01, gap=0.0))

    async def act(scene: Scene) -> None:
        await say(scene)
        await scene.until(TextDone)

    scene = play(act, asr=[hearing("hello")], llm=[model], rules=rules(tokens=30))
    (ended,) = scene.all(AttemptEnded)
    assert ended.turn == 1
    assert 30 <= ended.tokens <= 35
    assert scene.turn_text(1) == LONG
    assert [each.index for each in scene.all(Sentence)] == list(range(40))


class Lamp(Toolbox):
    """Notes when it was switched."""

    def __init__(self) -> None:
        self.switched: list[float] = []

    def specs(self, context: Any) -> list[ToolSpec]:
        return [ToolSpec("lamp", "", {"type": "object"})]

    async def call(self, call: ToolCall, context: Any) -> str:
        self.switched.append(asyncio.get_running_loop().time())
        return "on"


def test_no_tool_runs_before_the_commit():
    """A call met on the way waits there; with the commit it runs, once."""
    lamp, when = Lamp(), list[float]()

    def answer(prompt: Prompt) -> Script:
        if any(message.calls for message in prompt.messages):
            return tokens("It is on.")
        return Script([(0.05, ToolCall("c", "lamp", "{}")), (0.0, Usage("tools"))])

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        await scene.hear(speech(800), silence(500))
        assert len(of_attempts(scene, "llm")) == 1
        assert not lamp.switched
        await scene.hear(silence(200))
        await scene.until(TurnBegun)
        when.append(asyncio.get_running_loop().time())
        await scene.until(TurnEnded)

    scene = play(act, asr=[hearing("light")], llm=[FakeModel(answer)], toolbox=lamp, rules=rules())
    assert len(lamp.switched) == 1
    assert len(scene.all(ToolCall)) == len(scene.all(ToolDone)) == 1
    names = scene.names()
    assert names.index("TurnBegun") < names.index("ToolCall") < names.index("ToolDone")
    assert scene.turn_text(1) == "It is on."


def test_nobody_is_kept_company_before_they_wait():
    """The filler's time runs from the commit: an attempt that takes long has nobody to fill it for."""
    slow = FakeModel(lambda prompt: tokens("Here I am.", first=2.0))
    hero = replace(HERO, fillers={"en": ("Let me see.",)}, filler_after=0.5)

    async def act(scene: Scene) -> None:
        scene.listen(mode="push")
        await scene.hear(speech(500), silence(1000))
        assert not of_attempts(scene, "tts")
        scene.listen(False)
        await scene.until(TurnEnded)

    scene = play(act, asr=[hearing("hello")], llm=[slow], rules=rules("push"), character=hero)
    begun = next(entry.at for entry in scene.log if isinstance(entry.event, TurnBegun))
    filler = next(entry for entry in scene.log if isinstance(entry.event, Sentence))
    assert isinstance(filler.event, Sentence) and filler.event.spoken == "Let me see."
    assert filler.at - begun == pytest.approx(0.5, abs=0.02)


def test_a_dropped_call_never_runs():
    """They went on: the lamp stays as it is."""
    lamp = Lamp()
    calls = Script([(0.05, ToolCall("c", "lamp", "{}")), (0.0, Usage("tools"))])

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        await scene.hear(speech(500), silence(300), speech(500))
        assert reasons(scene) == ["went_on"]
        scene.session.feed(Interrupt("click", link="me"))
        await asyncio.sleep(2)

    play(act, asr=[hearing("light")], llm=[FakeModel(lambda prompt: calls)], toolbox=lamp, rules=rules())
    assert not lamp.switched


@pytest.mark.parametrize("stage", ["llm", "tts"])
def test_a_failed_attempt_is_no_fault(stage: str):
    """Nobody is told; the turn asks again as if nothing had been, and is told of its own faults only."""
    answers = iter([Script([(0.05, ProviderError("it broke"))])])

    def once(_: Any) -> Script | None:
        return next(answers, None)

    model = FakeModel(lambda prompt: (once(prompt) if stage == "llm" else None) or tokens("Fine."))
    voice = FakeVoice(once if stage == "tts" else lambda sentence: None)

    async def act(scene: Scene) -> None:
        await say(scene)
        await scene.until(TurnEnded)

    scene = play(act, asr=[hearing("hello")], llm=[model], tts=[voice], rules=rules())
    assert reasons(scene) == ["failed"]
    assert not scene.all(Fault)
    assert scene.all(Speech)
    assert scene.turn_text(1) == "Fine."
    failed = [each for each in scene.all(Answered) if each.outcome == "failed"]
    assert [each.attempt for each in failed] == [1]


def test_a_failure_counts_for_the_breaker_whoever_asked():
    """A provider that is down is left alone, and turns go to the next one from the start."""
    broken = FakeModel(lambda prompt: Script([(0.01, ProviderError("down"))]))
    broken.name = "broken"  # type: ignore[misc]

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        for number in (1, 2, 3):
            await scene.hear(speech(500), silence(700))
            await scene.until(TurnEnded, number)

    scene = play(act, asr=[hearing("hello")], llm=[broken, FakeModel()], rules=rules("continuous"))
    assert broken.requests == 3
    assert [ended.turn for ended in scene.all(AttemptEnded)] == [1, 2, 3]


def test_pauses_within_sentences_cost_less_and_less():
    """Four pauses of 120 ms: the first is tried, the others are too short by then."""

    async def act(scene: Scene) -> None:
        pieces = [sound for _ in range(4) for sound in (speech(300), silence(120))]
        await say(scene, *pieces, speech(300), silence(700))

    scene = play(act, asr=[hearing("a", "a b", "a b c", "a b c d", "a b c d e")], rules=rules())
    assert [begun.text for begun in scene.all(AttemptBegun)] == ["a", "a b c d e"]
    assert scene.all(AttemptEnded)[-1].turn == 1


def test_a_spent_budget_ends_it_for_the_session():
    """What was dropped is counted with its prompt; turns go on as ever."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        await scene.hear(speech(500), silence(300), speech(500), silence(700))
        await scene.until(TurnEnded)

    ear = hearing("one", "one two")
    scene = play(act, asr=[ear], rules=rules("continuous", budget_tokens=20))
    assert reasons(scene) == ["went_on"]
    assert scene.all(TurnEnded)[0].outcome == "finished"


def test_a_model_that_gives_its_reply_in_one_piece_is_not_asked_early():
    """There is little to gain and all to pay."""

    class Slow(FakeModel):
        @property
        def streams(self) -> bool:
            return False

    async def act(scene: Scene) -> None:
        await say(scene)

    assert not play(act, asr=[hearing("hello")], llm=[Slow()], rules=rules()).all(AttemptBegun)


@pytest.mark.parametrize("whole", [True, False])
def test_a_voice_that_takes_a_stream_is_given_the_first_sentence(whole: bool):
    """All of it, and no word of the second; what it says of it is kept, and said once, from the beginning."""
    voice = FakeStreamingVoice(whole=whole)
    given: list[str] = []

    async def act(scene: Scene) -> None:
        scene.session.timeline.follow(
            lambda entry: (
                given.append("".join(voice.pieces[0])) if isinstance(entry.event, TurnBegun) else None
            )
        )
        await say(scene)
        await scene.until(TurnEnded)

    rule = replace(rules(), tts_strategy="stream")
    scene = play(act, asr=[hearing("hello")], tts=[voice], rules=rule)
    assert given == ["Hello there."]
    (ended,) = scene.all(AttemptEnded)
    assert ended.audio_ms == len("Hello there.") * 60
    assert scene.all(TurnEnded)[0].heard == "Hello there. How are you today?"
    places = [each.at_ms for each in scene.all(Speech)]
    assert places == sorted(places) and len(voice.pieces) == 1


@pytest.mark.parametrize("strategy", ["sentence", "stream"])
def test_sound_that_is_kept_is_bounded(strategy: Any):
    """A voice that never ends its first sentence fills no memory; after the commit it goes on."""

    def endless(sentence: Any = None) -> Script:
        return Script([(0.005, Audio(bytes(3200), 16_000))] * 400)

    voice = FakeStreamingVoice(endless, stream=endless) if strategy == "stream" else FakeVoice(endless)
    rule = replace(rules(), tts_strategy=strategy, ahead=3.0)

    async def act(scene: Scene) -> None:
        await say(scene)
        await scene.until(Speech, 300)

    (ended,) = play(act, asr=[hearing("hello")], tts=[voice], rules=rule).all(AttemptEnded)
    assert ended.turn == 1 and 3000 <= ended.audio_ms <= 3200


def test_nothing_is_prepared_while_somebody_speaks():
    """Over a reply words interrupt or they do not; an answer is prepared once the user has the floor."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="continuous")
        scene.type("a long story")
        await scene.until(Speech)
        await scene.hear(speech(100), silence(200))
        assert not scene.all(AttemptBegun)
        await scene.hear(speech(500), silence(300))
        assert len(scene.all(AttemptBegun)) == 1
        await scene.hear(silence(400))
        await scene.until(TurnBegun, 2)

    manners = replace(rules(), barge_in=BargeIn("after_ms", 200))
    scene = play(act, asr=[hearing("stop it")], llm=[FakeModel(lambda p: tokens(LONG))], rules=manners)
    assert scene.all(AttemptEnded)[-1].turn == 2


def test_a_reminder_does_not_slip_in_front():
    """It waits while the user speaks; what was prepared comes first, then the reminder."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        await scene.hear(speech(800), silence(300))
        await scene.until(AttemptBegun)
        scene.session.begin("reminder")
        await scene.hear(silence(400))
        await scene.until(TurnEnded, 2)

    scene = play(act, asr=[hearing("hello")], rules=rules())
    assert [begun.cause for begun in scene.all(TurnBegun)] == ["user", "reminder"]
    assert scene.all(AttemptEnded)[0].turn == 1


def test_interrupted_right_after_the_commit_there_is_silence():
    """P1 holds for what was prepared, too: what the guard has not let through yet never comes."""
    model = FakeModel(lambda prompt: tokens(LONG, first=0.01, gap=0.0))
    voice = FakeVoice()

    async def act(scene: Scene) -> None:
        scene.session.timeline.follow(
            lambda entry: scene.session.interrupt("client") if isinstance(entry.event, Speech) else None
        )
        await say(scene)
        await asyncio.sleep(5)
        assert model.open == voice.open == 0

    scene = play(act, asr=[hearing("hello")], llm=[model], tts=[voice], rules=rules(tokens=30))
    cut = next(n for n, entry in enumerate(scene.log) if type(entry.event).__name__ == "Interrupted")
    assert not [e for e in scene.log[cut:] if isinstance(e.event, TextDelta | Speech | Sentence | TextDone)]
    assert scene.all(TurnEnded)[0].outcome == "interrupted"


@pytest.mark.parametrize("kind", [TurnBegun, StateChanged])
def test_interrupted_in_the_moment_of_the_commit(kind: type):
    """Whoever is told first that the turn has begun may end it before it has said a word."""
    model = FakeModel()

    async def act(scene: Scene) -> None:
        def cut(entry: Any) -> None:
            if isinstance(entry.event, kind) and entry.turn == 1 and not scene.all(Interrupted):
                scene.session.interrupt("client")

        scene.session.timeline.follow(cut)
        await say(scene)
        await asyncio.sleep(2)
        assert model.open == 0

    scene = play(act, asr=[hearing("hello")], llm=[model], rules=rules())
    assert [ended.outcome for ended in scene.all(TurnEnded)] == ["interrupted"]
    assert not scene.all(TextDelta) and not scene.all(Speech)
    assert len(scene.all(AttemptEnded)) == 1


def test_its_own_place_does_not_stand_in_its_way():
    """With room for one request the attempt has it, and keeps it through the pause."""

    async def act(scene: Scene) -> None:
        await say(scene)
        await scene.until(TurnEnded)

    slow = FakeModel(lambda prompt: tokens("Fine.", first=1.0))
    scene = play(
        act, asr=[hearing("hello")], llm=Chain("llm", [slow], permits=Permits("llm", 1)), rules=rules()
    )
    assert [ended.turn for ended in scene.all(AttemptEnded)] == [1]
    assert slow.requests == 1


def test_it_waits_for_nobody_and_nobody_for_it():
    """While all places are taken nothing is prepared; the turn queues like any other."""
    permits = Permits("llm", 1)

    async def act(scene: Scene) -> None:
        async with permits.held(Call(), note=lambda event: None):
            await say(scene)
        await scene.until(TurnEnded)

    scene = play(act, asr=[hearing("hello")], llm=Chain("llm", [FakeModel()], permits=permits), rules=rules())
    assert not scene.all(AttemptBegun)
    assert scene.all(TurnEnded)[0].outcome == "finished"


def test_an_empty_final_text_ends_it():
    """Nothing was said after all: back to rest, and nobody was answered."""

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        await scene.hear(speech(800), silence(900))
        await asyncio.sleep(1)

    scene = play(act, asr=[hearing("hm", final="")], rules=rules())
    assert reasons(scene) == ["other_words"]
    assert not scene.all(TurnBegun)
    assert scene.all(StateChanged)[-2].state == "idle"


def test_a_slow_flush_is_waited_for_only_until_the_pause_has_doubled():
    """Some recognisers have nothing new to say: then the words they had are taken."""

    class Mute(FakeRecognizer):
        async def transcribe(self, audio: AsyncIterator[bytes], hints: Any) -> AsyncIterator[Any]:
            async for item in super().transcribe(self._loud(audio), hints):
                yield item

        async def _loud(self, audio: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            told = False
            async for pcm in audio:
                if pcm:
                    yield pcm
                    if not told:
                        told = True
                        yield b""

    ear = Mute(lambda ms: Script([(0.02, Final("hello"))]), at_pause=lambda ms: "hello")

    async def act(scene: Scene) -> None:
        await say(scene)

    scene = play(act, asr=[ear], rules=rules())
    begun = next(entry.at for entry in scene.log if isinstance(entry.event, AttemptBegun))
    assert begun == pytest.approx(0.2 + 0.8 + 0.16, abs=0.03)
    assert scene.all(AttemptEnded)[0].turn == 1
