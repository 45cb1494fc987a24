"""What happens when a provider does not do its part; time is virtual."""

from __future__ import annotations

import pytest

from aizuchi.engine.rules import Rules, Speculation, StageLimits
from aizuchi.errors import ProviderError
from aizuchi.events import (
    Fault,
    Sentence,
    Speech,
    TextDone,
    TurnBegun,
    TurnEnded,
)
from aizuchi.ports import Final, Token, Usage
from tests.engine.scenes import Scene, play, rules
from tests.fakes import FakeModel, FakeRecognizer, FakeVoice, Script, silence, speech, tokens


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

    scene = play(act, asr=[first, second], rules=rules("auto", speculation=Speculation(on=False)))
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
