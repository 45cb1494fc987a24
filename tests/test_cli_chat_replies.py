"""What messages mean, one after the other, without a connection or a clock."""

import base64
from typing import Any

import pytest

from aizuchi.cli import chat_replies as came
from aizuchi.cli.chat_replies import SETTLED, Replies

PCM = b"\1\0" * 4
THINKING = {"type": "thinking", "message": "Processing..."}
CHUNK = {
    "type": "audio_chunk",
    "audio_base64": base64.b64encode(PCM).decode(),
    "audio_format": "pcm",
    "audio_sample_rate": 16_000,
}
RESPONSE = {"type": "response", "content_cn": "你好", "content_jp": "やあ", "emotion": "happy"}
SOUND = came.Sounded(PCM, 16_000)
BEGUN = came.Begun()


def text(first: bool = True) -> came.Said:
    return came.Said("你好", "やあ", "happy", first)


def over(chunks: int = 1) -> came.Over:
    return came.Over(PCM * chunks, 16_000)


def of(*types: str) -> list[dict[str, Any]]:
    whole = {"thinking": THINKING, "audio_chunk": CHUNK, "response": RESPONSE}
    return [whole.get(each, {"type": each}) for each in types]


def taken(replies: Replies, messages: list[dict[str, Any]], at: float = 0.0) -> list[came.Happening]:
    return [each for message in messages for each in replies.take(message, at)]


@pytest.mark.parametrize(
    ("messages", "happened"),
    [
        (
            of("thinking", "llm_start", "tts_start", "response", "audio_chunk")
            + of("tts_start", "response", "audio_chunk", "audio_end", "turn_end"),
            [BEGUN, text(), SOUND, text(False), SOUND, over(2)],
        ),
        (
            of("thinking", "llm_end", "audio_chunk", "audio_end", "response", "turn_end"),
            [BEGUN, SOUND, text(), over()],
        ),
        (of("thinking", "response", "turn_end"), [BEGUN, text(), came.Over(b"", 16_000)]),
        (of("thinking", "asr_start", "thinking", "turn_end"), [BEGUN, came.Over(b"", 16_000)]),
        (
            of("thinking", "audio_chunk", "thinking", "audio_chunk", "turn_end"),
            [BEGUN, SOUND, over(), BEGUN, SOUND, over()],
        ),
        ([{"type": "error", "message": "no"}], [came.Problem("no")]),
        (
            [*of("thinking"), {"type": "error", "message": "x"}],
            [BEGUN, came.Over(b"", 16_000), came.Problem("x")],
        ),
        ([{"type": "transcription", "text": "a"}], [came.Heard("a", False)]),
        ([{"type": "transcription", "text": "a", "is_partial": False}], [came.Heard("a", True)]),
        ([{"type": "disconnected", "reason": "reconnect"}], [came.Replaced("reconnect")]),
        ([{"type": "response", "content_cn": "", "content_jp": ""}, {"type": 7}, {}], []),
        ([{"type": "audio_chunk"}, {"type": "audio_chunk", "audio_base64": "?"}], []),
        ([CHUNK | {"audio_format": "mp3"}], []),
        ([CHUNK | {"audio_sample_rate": 24_000}], [came.Sounded(PCM, 24_000)]),
        (
            [RESPONSE | {"audio_base64": CHUNK["audio_base64"], "content_jp": ""}],
            [SOUND, came.Said("你好", "你好", "happy", True)],
        ),
    ],
)
def test_messages(messages: list[dict[str, Any]], happened: list[came.Happening]):
    """Each order that some server sends, and what nobody should."""
    assert taken(Replies(interrupts=False), messages) == happened


def test_a_turn_that_nothing_ends():
    """Of the first servers a turn is over when nothing has come for a while after a text; not before."""
    replies = Replies(interrupts=False)
    taken(replies, of("thinking", "audio_chunk", "audio_end", "response"), 10.0)
    assert replies.deadline == 10.0 + SETTLED and list(replies.tick(11.0)) == []
    assert taken(replies, of("audio_chunk"), 12.0) == [SOUND] and replies.deadline is None
    assert taken(replies, of("audio_end", "response"), 12.5) == [text(False)]
    assert list(replies.tick(12.5 + SETTLED)) == [over(2)] and not replies.running


def test_who_says_turn_end_is_waited_for():
    """A pause of such a server is none of its turn's end."""
    replies = Replies(interrupts=False)
    taken(replies, of("thinking", "response", "turn_end"))
    taken(replies, of("thinking", "response"), 5.0)
    assert replies.deadline is None and replies.running


def test_after_a_word_of_the_user_the_rest_is_not_heard():
    """What still comes of the turn before is neither played nor saved; the next one is."""
    replies = Replies(interrupts=False)
    taken(replies, of("thinking", "audio_chunk"))
    replies.spoken()
    assert taken(replies, of("audio_chunk", "audio_end", "turn_end")) == [over()]
    assert taken(replies, of("audio_chunk", "thinking", "audio_chunk")) == [BEGUN, SOUND]


def test_hush():
    """A reply that nobody wants to hear is silent to its end; between turns there is nothing to silence."""
    replies = Replies(interrupts=False)
    replies.hush()
    taken(replies, of("thinking", "audio_chunk"))
    replies.hush()
    assert taken(replies, of("audio_chunk", "response")) == [text()]


@pytest.mark.parametrize(
    ("interrupts", "pause", "cut"), [(True, 0.0, True), (True, 1.0, False), (False, 0.0, False)]
)
@pytest.mark.parametrize("listening", ["agent_listening", "voice_call_listening"])
def test_an_interrupted_reply(interrupts: bool, pause: float, cut: bool, listening: str):
    """Sound that ends with the reply was cut off, at a server that does such a thing."""
    replies = Replies(interrupts=interrupts)
    taken(replies, of("thinking", "audio_chunk", "audio_end"), 10.0)
    happened = taken(replies, of("turn_end", "asr_start", listening), 10.0 + pause)
    assert happened == [over(), came.Listening(cut)]
