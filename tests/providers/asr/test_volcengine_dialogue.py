"""What Volcengine's answers mean, in tables; no connection."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aizuchi.errors import ProviderError
from aizuchi.providers.asr.volcengine_dialogue import Dialogue
from aizuchi.providers.asr.volcengine_frames import decode


def frame(said: Any, *, last: bool = False) -> bytes:
    payload = json.dumps(said).encode()
    return bytes((0x11, 0x92 if last else 0x90, 0x10, 0)) + len(payload).to_bytes(4, "big") + payload


def failure(code: int, why: bytes = b"{}") -> bytes:
    return b"\x11\xf0\x10\x00" + code.to_bytes(4, "big") + len(why).to_bytes(4, "big") + why


def heard(text: str, start: Any = 0, definite: bool = False) -> dict[str, Any]:
    return {"text": text, "start_time": start, "end_time": 9, "definite": definite}


def dialogue(*, over: bool = False) -> Dialogue:
    made = Dialogue("there", "log-1", ["s3cret"])
    made.first(b"{}")
    made.piece(b"", last=over)
    return made


@pytest.mark.parametrize(
    ("results", "text"),
    [
        ([{"text": "so far"}], "so far"),
        ([{"text": "so"}, {"text": ""}], "so"),
        ([{"text": "a", "utterances": [heard("a")]}, {"text": "", "utterances": []}], ""),
        ([{"utterances": [heard("One.", 0, True), heard("two", 5)]}], "One. two"),
        ([{"utterances": [heard("One.", 0, True)]}] * 2, "One."),
        ([{"utterances": [heard("One.", 0, True)]}, {"utterances": [heard("two", 5)]}], "One. two"),
        ([{"utterances": [heard("won", 0, True)]}, {"utterances": [heard("One.", 0, True)]}], "One."),
        ([{"utterances": [heard("One.", 0, True)]}, {"utterances": [heard("one", 0)]}], "One."),
        ([{"utterances": [heard("你好。", 0, True), heard("再见", 5)]}], "你好。再见"),
        ([{"utterances": [heard("你好。", 0, True), heard("bye", 5)]}], "你好。 bye"),
        (
            [{"text": "안녕. 잘 가", "utterances": [heard("안녕.", 0, True), heard("잘 가", 5)]}],
            "안녕. 잘 가",
        ),
        ([{"utterances": [heard("One.", None, True), heard("Two.", -1, True)]}], "One. Two."),
        ([[{"text": "x", "utterances": [heard("One.", 0, True)]}]], "One."),
        ([None, 7, {"text": 7, "utterances": [None, {"text": []}, {"text": " "}]}], ""),
    ],
)
def test_results_become_one_text(results: list[Any], text: str):
    """Settled sentences stay, come again, or are corrected; open ones are replaced."""
    taken = dialogue()
    for result in results:
        taken.receive(frame({"result": result}))
    assert taken.text == text and taken.answered and not taken.finished


def test_the_last_answer_may_be_empty():
    """The flag ends it, not what is in it."""
    taken = dialogue(over=True)
    taken.receive(frame({"result": {"text": "so far"}}))
    taken.receive(b"\x11\x93\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00")
    assert taken.finished and taken.text == "so far"


@pytest.mark.parametrize(
    ("code", "retryable", "advice"),
    [
        (45000001, False, "asr.volcengine.request"),
        (45000002, True, "no sound"),
        (45000081, True, "too slowly"),
        (45000151, False, "base_url"),
        (45000292, False, "account"),
        (55000001, True, "try again"),
        (55000031, True, "overloaded"),
        (7, True, "try again"),
    ],
)
def test_errors_say_what_to_do(code: int, retryable: bool, advice: str):
    """With the vendor's code, its reason, its log id, and never a key."""
    with pytest.raises(ProviderError, match=advice) as caught:
        dialogue().receive(failure(code, b'{"error": "so s3cret\\n it is"}'))
    assert caught.value.retryable == retryable
    assert f"({code}, log id log-1): so ... it is;" in str(caught.value)


@pytest.mark.parametrize("why", [b"plain words", b"\xff\xfe", b"", b"[1]", b"9" * 5000])
def test_any_reason_will_do(why: bytes):
    """JSON, text or nothing."""
    with pytest.raises(ProviderError) as caught:
        dialogue().receive(failure(55000001, why))
    assert len(str(caught.value)) < 500


def test_nothing_to_hear_is_no_failure():
    """Once all sound is there; the older code of an answer ends it in the same way."""
    for message in (failure(45000002), frame({"code": 1013, "message": "no valid speech"})):
        taken = dialogue(over=True)
        taken.receive(message)
        assert taken.finished and taken.text == ""
    taken = dialogue()
    taken.receive(frame({"code": 1013}))
    assert not taken.finished
    with pytest.raises(ProviderError, match="45000001"):
        taken.receive(frame({"code": 45000001}))


@pytest.mark.parametrize(
    "message", ["text", b"", b"\xff" * 20, frame([]), frame("x"), b"\x11\x90\x10\x00" + bytes(3)]
)
def test_nonsense(message: str | bytes):
    """Another try may help."""
    with pytest.raises(ProviderError, match="no answer") as caught:
        dialogue().receive(message)
    assert caught.value.retryable


def test_an_end_before_the_end():
    """A last answer while sound still goes out would lose the rest of it."""
    with pytest.raises(ProviderError, match="before the sound was over"):
        dialogue().receive(frame({}, last=True))


def test_numbers():
    """They count from 1; the last one is negative."""
    taken = Dialogue("there", "", [])
    sent = [taken.first(b"{}"), taken.piece(b"ab", last=False), taken.piece(b"", last=True)]
    assert [(each.sequence, each.last) for each in map(decode, sent)] == [(1, False), (2, False), (-3, True)]
