"""One recogniser stream: time limits, retries, texts that belong together."""

from __future__ import annotations

import asyncio

import pytest

from aizuchi.engine.chain import Chain
from aizuchi.engine.utterance import Utterance, joined
from aizuchi.errors import ProviderError, StageTimeout
from aizuchi.events import Answered, Event, Heard, HeardPartial
from aizuchi.ports import Final, Hints, Partial
from tests.fakes import FakeRecognizer, Script, speech
from tests.virtual import run


def recognise(*recognizers: FakeRecognizer, speak: float = 1.0) -> tuple[Heard | ProviderError, list[Event]]:
    """Say something for a while, end, and wait for the text or the error."""
    told: list[Event] = []

    async def main() -> Heard | ProviderError:
        utterance = Utterance(1, Chain("asr", recognizers), Hints(), patience=2.0, tell=told.append)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(catch(utterance))
            for _ in range(int(speak / 0.02)):
                utterance.push(speech(20))
                await asyncio.sleep(0.02)
            utterance.end(0.0, 0.0)
            return await task

    async def catch(utterance: Utterance) -> Heard | ProviderError:
        try:
            return await utterance.recognise()
        except ProviderError as error:
            return error

    return run(main()), told


def test_a_long_utterance_has_all_the_time_it_needs():
    """The limit counts from the end of the speech, not from its beginning."""
    heard, told = recognise(FakeRecognizer(), speak=30.0)
    assert isinstance(heard, Heard)
    assert isinstance(told[-1], Answered)
    assert told[-1].audio_ms == 30_000


def test_partials_replace_each_other_and_are_told_once():
    """An unchanged hypothesis is no news."""
    script = Script([(0, Partial("a")), (0, Partial("a")), (0, Partial("a b")), (0, Final("a b"))])
    _, told = recognise(FakeRecognizer(lambda ms: script), speak=0.2)
    assert [event.text for event in told if isinstance(event, HeardPartial)] == ["a", "a b"]


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (Script(hang=True), StageTimeout),
        (Script([(3.0, Final("late"))]), StageTimeout),
        (Script(), ProviderError),
        (Script([(0, ProviderError("no"))]), ProviderError),
        (Script([(0, ZeroDivisionError())]), ProviderError),
    ],
)
def test_what_fails_is_tried_again_and_then_given_up(script: Script, kind: type[ProviderError]):
    """Twice on the same sound, then the error."""
    ear = FakeRecognizer(lambda ms: script)
    error, _ = recognise(ear)
    assert type(error) is kind
    assert ear.requests == 2
    assert ear.open == 0


def test_what_can_never_work_is_not_tried_again():
    """A refused key stays refused."""
    ear = FakeRecognizer(lambda ms: Script([(0, ProviderError("refused", retryable=False))]))
    recognise(ear)
    assert ear.requests == 1


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([], ""),
        (["go", "on"], "go on"),
        (["你好", "世界"], "你好世界"),
        (["打开", "TV"], "打开 TV"),
    ],
)
def test_joining(pieces: list[str], text: str):
    """With a space, except between Chinese or Japanese."""
    assert joined(pieces) == text
