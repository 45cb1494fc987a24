"""No client hears of an answer that is prepared in private, unless it follows the log."""

from __future__ import annotations

from typing import Any

import pytest

from aizuchi.engine.rules import Hearing, Rules, Speculation
from aizuchi.events import AttemptBegun, AttemptEnded, Entry, TurnEnded
from aizuchi.ports import Final
from aizuchi.wire.native.up import WANTS
from tests.engine.scenes import Scene, play
from tests.fakes import FakeRecognizer, Script, silence, speech
from tests.wire.native_talk import hello

EVERYTHING = sorted(set(WANTS) - {"timeline"})


def told(entries: list[Entry], *want: str) -> list[dict[str, Any]]:
    """All messages that a client with these wishes gets of a conversation; their stamps are all the same."""
    talk = hello(*want)
    return [
        message
        for entry in entries
        for message in talk.down(entry.event, generation=entry.generation, turn=entry.turn)
    ]


def conversation(on: bool, final: str) -> list[Entry]:
    """Somebody says something with a pause in it, and is answered."""
    ear = FakeRecognizer(
        lambda ms: Script([(0.02, Final(final))]), at_pause=lambda ms: "hello", embedded=True
    )

    async def act(scene: Scene) -> None:
        scene.listen(mode="auto")
        await scene.hear(speech(500), silence(200), speech(500), silence(700))
        await scene.until(TurnEnded)

    rules = Rules(hearing=Hearing(silence_ms=600), speculation=Speculation(on=on))
    return play(act, asr=[ear], rules=rules).log


def test_what_is_dropped_changes_no_byte():
    """The user went on, then the words were others: clients get what they get without speculation."""
    with_it, without = conversation(True, "yellow"), conversation(False, "yellow")
    reasons = [entry.event.reason for entry in with_it if isinstance(entry.event, AttemptEnded)]
    assert reasons == ["went_on", "other_words"]
    for want in ([], EVERYTHING):
        assert told(with_it, *want) == told(without, *want)


def test_until_the_commit_nothing_is_said():
    """Also of an answer that is spoken in the end not one message leaves before its turn has begun."""
    log = conversation(True, "Hello.")
    assert [e.event.turn for e in log if isinstance(e.event, AttemptEnded)] == [None, 1]
    names = [type(entry.event).__name__ for entry in log]
    talk = hello(*EVERYTHING)
    before = [m for e in log[: names.index("TurnBegun")] for m in talk.down(e.event, turn=e.turn)]
    assert {str(message["type"]) for message in before} == {"state_update", "asr_partial", "asr_final"}


@pytest.mark.parametrize("follows", [False, True])
def test_whoever_follows_the_log_sees_it(follows: bool):
    """That is what the timeline is for."""
    log = conversation(True, "Hello.")
    messages = told(log, *(["timeline"] if follows else EVERYTHING))
    kinds = {entry["kind"] for message in messages for entry in message.get("entries", ())}
    assert ({"attempt_begun", "attempt_ended"} <= kinds) is follows
    assert sum(isinstance(entry.event, AttemptBegun) for entry in log) == 2
