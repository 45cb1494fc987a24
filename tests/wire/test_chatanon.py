"""The ChatAnon wire, rule by rule; whole conversations stand in the transcripts."""

import json
from typing import Any

import pytest

from aizuchi.emotions import EMOTIONS as CANONICAL
from aizuchi.errors import ProtocolError
from aizuchi.events import (
    Annotated,
    Dropped,
    Fault,
    HeardPartial,
    Interrupted,
    Listen,
    MicAudio,
    Packet,
    Recorded,
    Sentence,
    SpeechDone,
    TurnBegun,
    TurnEnded,
    Typed,
)
from aizuchi.ports import Join
from aizuchi.wire.chatanon import ChatAnonWire, Manners
from aizuchi.wire.chatanon.words import EMOTION
from tests.wire.chatanon_talk import EMOTIONS, Talk, connected, sound, types

TURN = TurnBegun(1, "user", "hi", user_end=0.0)


def packet(sentence: int, ms: int = 40, *, turn: int = 1) -> Packet:
    return Packet(turn, sentence, 0, 0, ms, bytes(ms * 32), "pcm_s16le", 16_000)


def sentence(index: int, text: str = "Well.", **more: Any) -> Sentence:
    return Sentence(1, index, text, text, **more)


# ------------------------------------------------------------------ coming in


def test_the_token_is_for_the_server_to_judge():
    """A connect becomes a Join that wants to be alone and can't come back."""
    (join,) = Talk().up("connect", api_token="secret", character_name="MUTSUMI")
    assert isinstance(join, Join)
    assert (join.token, join.character, join.alone, join.stays) == ("secret", "mutsumi", True, False)


@pytest.mark.parametrize("fields", [{}, {"api_token": None}, {"api_token": 5}, {"api_token": ["t"]}])
def test_no_token_is_the_empty_one(fields: dict[str, Any]):
    """Whatever is no text is no token."""
    (join,) = Talk().up("connect", **fields)
    assert isinstance(join, Join) and join.token == ""


@pytest.mark.parametrize(
    ("company", "asked", "becomes"),
    [
        ({"anon": "A", "mio": "M"}, "", "anon"),
        ({"mio": "M"}, "", ""),
        ({"mio": "M"}, "anon", ""),
        ({"Mio": "M"}, "mIO", "Mio"),
        ({"mio": "M"}, "tomori", "tomori"),
    ],
)
def test_who_is_asked_for(company: dict[str, str], asked: str, becomes: str):
    """The page always asks for anon; where there is none the server's own default answers."""
    wire = ChatAnonWire(lambda: company)
    (join,) = wire.receive(json.dumps({"type": "connect", "api_token": "t", "character_name": asked}), 0.0)
    assert isinstance(join, Join) and join.character == becomes


@pytest.mark.parametrize(
    ("error", "close"),
    [
        (ProtocolError("x", code="auth_failed", close=4401), 1008),
        (ProtocolError("x", code="overloaded", close=1013), 1013),
        (ProtocolError("x", code="server_shutdown", close=1012), 1012),
        (ProtocolError("x"), 1008),
    ],
)
def test_who_is_not_let_in_is_sent_away(error: ProtocolError, close: int):
    """One code for all that the client did; the server's own reasons keep theirs."""
    assert Talk().refuse(error)[-1] == {"close": close}


def test_a_mistake_later_costs_nothing():
    """After the welcome the connection goes on."""
    talk = connected()
    for wrong in (
        "",
        "{",
        "[]",
        "1",
        '{"type": 5}',
        '{"type": "message"}',
        '{"type": "message", "content": 1}',
    ):
        (error,) = talk.raw(wrong)
        assert error["type"] == "error"
    assert types(talk.raw(b"{}")) == ["error"]
    assert talk.up("ping") == [{"type": "pong"}]


# ------------------------------------------------------------------ the dialect


@pytest.mark.parametrize(
    ("dialect", "browser", "start", "order"),
    [
        ("auto", False, "", "union"),
        ("auto", False, "agent_mode_start", "union"),
        ("auto", False, "voice_call_start", "head"),
        ("auto", True, "", "head"),
        ("auto", True, "agent_mode_start", "head"),
        ("seed", True, "voice_call_start", "seed"),
        ("head", False, "agent_mode_start", "head"),
    ],
)
def test_who_gets_which_order(dialect: Any, browser: bool, start: str, order: str):
    """By configuration, else by the handshake and by the names that a client uses."""
    orders = {
        "seed": "thinking audio_chunk audio_end response",
        "union": "thinking llm_start llm_end tts_start audio_chunk audio_end response turn_end",
        "head": "thinking llm_start llm_end tts_start response audio_chunk audio_end turn_end",
    }
    talk = connected(dialect=dialect, browser=browser)
    listening: list[str] = []
    if start:
        listening = types(talk.up(start))
    got = [*talk.down(TURN), *talk.down(sentence(0)), *talk.down(packet(0)), *talk.down(SpeechDone(1, 40))]
    got += talk.down(TurnEnded(1, "finished"))
    family = "voice_call_listening" if "voice" in start else "agent_listening"
    assert types(got) == orders[order].split() + ([*listening[:-2], family] if start else [])


# ------------------------------------------------------------------ a turn


@pytest.mark.parametrize("gap", [0, 50, 500])
def test_the_gap_between_sentences_is_sound(gap: int):
    """Players that know no pause hear it all the same; the pacing counts with it."""
    talk = connected(dialect="seed", sentence_gap_ms=gap)
    talk.down(TURN)
    for index in (0, 1):
        talk.down(sentence(index))
    assert types(talk.down(packet(0))) == ["audio_chunk"]
    got = talk.down(packet(1))
    assert sum(len(each["audio_base64"]) for each in got) * 3 // 4 // 32 in range(gap + 40, gap + 42)
    assert talk.wire.delivery.lead_ms >= gap
    assert talk.wire.delivery.sentence_gap_ms == gap


def test_code_is_shown_and_not_spoken():
    """A sentence without speech has its text, in its place, and no tts_start."""
    talk = connected(browser=True)
    talk.down(TURN)
    talk.down(Sentence(1, 0, "", "x = 1"))
    talk.down(sentence(1))
    got = talk.down(packet(1))
    assert types(got) == ["llm_end", "response", "tts_start", "response", "audio_chunk"]
    assert got[1]["content_cn"] == got[1]["content_jp"] == "x = 1"


def test_a_long_sentence_is_announced_in_short():
    """Fifty characters and three dots."""
    talk = connected(browser=True)
    talk.down(TURN)
    talk.down(sentence(0, "a" * 51))
    assert talk.down(packet(0))[1]["text"] == "a" * 50 + "..."


@pytest.mark.parametrize("dialect", ["seed", "head"])
def test_a_turn_without_a_word_ends_all_the_same(dialect: Any):
    """Somebody waits for its end, and the page has locked its buttons."""
    talk = connected(dialect=dialect)
    talk.down(TURN)
    ends = types(talk.down(TurnEnded(1, "failed")))
    assert ends == (["response"] if dialect == "seed" else ["llm_end", "audio_end", "turn_end"])


def test_nothing_of_a_turn_that_was_cut():
    """What had not begun is never told; what still comes of it is passed over."""
    talk = connected()
    talk.down(TURN)
    talk.down(sentence(0, "One."))
    talk.down(sentence(1, "Two."))
    talk.down(packet(0))
    got = talk.down(Interrupted("client", 1, 1))
    assert types(got) == ["audio_end", "response", "turn_end"] and got[1]["content_cn"] == "One."
    assert not talk.down(packet(1)) and not talk.down(TurnEnded(1, "interrupted"))
    assert not talk.down(Interrupted("client"))


def test_a_hum_is_not_sent():
    """A listener's small sound is a turn beside the turn, and the protocol has no word for it."""
    talk = connected(browser=True)
    talk.up("voice_call_start")
    assert not talk.down(TurnBegun(5, "backchannel"), turn=5)
    assert not talk.down(packet(0, turn=5), turn=5)
    assert not talk.down(TurnEnded(5, "finished"), turn=5)


# ------------------------------------------------------------------ two languages


def both(index: int, ja: str, zh: str = "", **more: Any) -> Sentence:
    return Sentence(1, index, ja, zh or ja, "ja", {"ja": ja} | ({"zh": zh} if zh else {}), **more)


def contents(messages: list[Any]) -> list[tuple[str, str, str]]:
    return [
        (each["content_cn"], each["content_jp"], each["emotion"])
        for each in messages
        if each["type"] == "response"
    ]


def test_the_text_of_a_sentence_waits_for_its_other_language():
    """Sound goes out at once; the response comes when both texts and the feeling are there."""
    talk = connected(browser=True)
    talk.down(TURN)
    talk.down(both(0, "やあ。", partial=True))
    assert types(talk.down(packet(0))) == ["llm_end", "tts_start", "audio_chunk"]
    assert not talk.down(Annotated(1, 0, {"zh": "嗨。"}))
    assert contents(talk.down(Annotated(1, 0, emotion="happy", done=True))) == [("嗨。", "やあ。", "happy")]
    talk.down(both(1, "またね。", partial=True))
    assert not talk.down(Annotated(1, 1, {"zh": "回头见。"}, done=True))
    assert contents(talk.down(packet(1))) == [("回头见。", "またね。", "auto")]


@pytest.mark.parametrize(
    "event", [packet(1), SpeechDone(1, 40), TurnEnded(1, "finished"), Interrupted("x", 1, 1)]
)
def test_it_waits_no_longer_than_its_sound(event: Any):
    """Where the rest comes too late or never, what there is goes out: once, and in order."""
    talk = connected(browser=True)
    talk.down(TURN)
    talk.down(both(0, "やあ。", partial=True))
    talk.down(both(1, "またね。", "回头见。"))
    talk.down(packet(0))
    got = talk.down(event)
    assert contents(got)[0] == ("やあ。", "やあ。", "auto")
    assert not contents(talk.down(Annotated(1, 0, {"zh": "嗨。"}, done=True)))


@pytest.mark.parametrize("dialect", ["seed", "auto"])
def test_a_merged_response_has_all_that_came(dialect: Any):
    """Sentences joined in each language, with whatever was written late."""
    talk = connected(dialect=dialect)
    talk.down(TURN)
    talk.down(both(0, "やあ。", partial=True))
    talk.down(packet(0))
    talk.down(both(1, "またね。", "回头见。"))
    talk.down(Annotated(1, 0, {"zh": "嗨。"}, "sad", done=True))
    talk.down(SpeechDone(1, 40))
    assert contents(talk.down(TurnEnded(1, "finished"))) == [("嗨。回头见。", "やあ。またね。", "sad")]


def test_other_languages_than_its_own():
    """Spoken English under Chinese: what is spoken stands in place of the Japanese, words apart."""
    talk = connected(dialect="seed")
    talk.down(TURN)
    for index, (en, zh) in enumerate((("Hi.", "嗨。"), ("Bye.", "再见。"))):
        talk.down(Sentence(1, index, en, zh, "en", {"en": en, "zh": zh}))
        talk.down(packet(index))
    talk.down(SpeechDone(1, 40))
    assert contents(talk.down(TurnEnded(1, "finished"))) == [("嗨。再见。", "Hi. Bye.", "auto")]


# ------------------------------------------------------------------ failures


def test_the_model_fails_before_a_word():
    """One error and nothing more, as there; the apology is not sent, the next turn is."""
    talk = connected()
    talk.down(TURN)
    assert talk.down(Fault("llm", "llm_failed", "no answer")) == [
        {"type": "error", "message": "LLM error: no answer"}
    ]
    for event in (sentence(0), packet(0), SpeechDone(1, 40), TurnEnded(1, "finished")):
        assert not talk.down(event)
    assert types(talk.down(TurnBegun(2, "user", "hi"), turn=2)) == ["thinking", "llm_start"]


def test_the_model_fails_in_the_middle():
    """What there is comes to its end, since an error would leave the rest to be read as the next answer."""
    talk = connected()
    talk.down(TURN)
    talk.down(sentence(0))
    assert not talk.down(Fault("llm", "llm_failed", "cut off"))
    talk.down(packet(0))
    assert types(talk.down(TurnEnded(1, "finished"))) == ["audio_end", "response", "turn_end"]


@pytest.mark.parametrize(
    ("event", "turn", "said"),
    [
        (Fault("gateway", "bad_message", "too long"), None, "too long"),
        (Fault("gateway", "turn_failed", "internal error"), 1, "internal error"),
        (Dropped("user", "the conversation is ending"), None, "the conversation is ending"),
    ],
)
def test_what_else_is_an_error(event: Any, turn: int | None, said: str):
    """Whoever waits for an answer learns that none comes."""
    talk = connected()
    if turn:
        talk.down(TURN)
    assert talk.down(event, turn=turn) == [{"type": "error", "message": said}]


def test_a_failing_voice_is_no_error():
    """The text comes without sound."""
    talk = connected(browser=True)
    talk.down(TURN)
    talk.down(sentence(0))
    assert not talk.down(Fault("tts", "tts_failed", "no voice"))
    got = types(talk.down(TurnEnded(1, "finished")))
    assert got == ["llm_end", "tts_start", "response", "audio_end", "turn_end"]


def test_the_microphone_is_closed_after_the_mode_has_ended():
    """An error of the recogniser ends the mode; the first message after it closes the engine's microphone."""
    talk = connected()
    talk.up("voice_call_start")
    assert talk.down(Fault("asr", "asr_failed", "deaf"), turn=None) == [
        {"type": "error", "message": "Voice call error: deaf"}
    ]
    assert talk.up("voice_call_audio_chunk", audio_base64=sound(20)) == [Listen(False)]
    assert talk.up("voice_call_audio_chunk", audio_base64=sound(20)) == []


# ------------------------------------------------------------------ sound coming in


def test_long_chunks_are_cut_and_odd_bytes_dropped():
    """The engine takes 200 ms at a time and whole samples."""
    talk = connected()
    talk.up("voice_call_start")
    pieces = talk.up("voice_call_audio_chunk", audio_base64=sound(450))
    assert [len(each.pcm) // 32 for each in pieces if isinstance(each, MicAudio)] == [200, 200, 50]
    (recorded,) = [
        each for each in connected().up("audio_message", audio_base64="AAAA") if isinstance(each, Recorded)
    ]
    assert recorded.pcm == b"\0\0"


@pytest.mark.parametrize(
    "kind", ["audio_message", "audio_stream_start", "audio_stream_chunk", "audio_stream_end"]
)
def test_other_voice_messages_are_passed_over_in_a_call(kind: str):
    """As by the original, which knows nothing but chunks there."""
    talk = connected()
    talk.up("voice_call_start")
    assert talk.up(kind, audio_base64=sound(20)) == []


def test_writing_during_a_call():
    """A written message is answered, and the call goes on."""
    talk = connected()
    talk.up("voice_call_start")
    assert talk.up("message", content="hi") == [Typed("hi")]
    assert talk.up("voice_call_audio_chunk", audio_base64=sound(20)) == [MicAudio(bytes(640))]


def test_another_character_during_a_call():
    """The fresh session must be told to listen, too; a reply that ran is closed for the client."""
    talk = connected()
    talk.up("voice_call_start")
    talk.down(TURN)
    ask, listen = talk.up("switch_character", character_name="mutsumi")
    assert ask.args == {"name": "mutsumi"} and listen == Listen(True, "continuous")
    assert types(talk.answer(character="mutsumi"))[-2:] == ["turn_end", "character_switched"]
    assert talk.answer(error="others take part") == [
        {"type": "error", "message": "Failed to switch character"}
    ]


def test_partial_text_stays_away_from_a_reply():
    """What is heard over a reply is told only once it has interrupted it."""
    talk = connected()
    talk.up("voice_call_start")
    talk.down(TURN)
    assert not talk.down(HeardPartial(2, "but"), turn=None)
    talk.down(Interrupted("barge_in", 1, 1))
    assert types(talk.down(HeardPartial(2, "but"), turn=None)) == ["transcription"]


# ------------------------------------------------------------------ words


def test_every_emotion_has_a_word():
    """The eight of the protocol, and one of them for each canonical name."""
    assert set(EMOTION) == set(CANONICAL) and set(EMOTION.values()) == EMOTIONS


def test_socket_manners():
    """A long recording fits into a message, and any worker may have it."""
    assert ChatAnonWire.LIMITS.max_message == 16 << 20 and ChatAnonWire.LIMITS.handshake_timeout == 30
    assert not ChatAnonWire.SHARD.pinned
    delivery = ChatAnonWire(dict, Manners()).delivery
    assert (delivery.rate, delivery.codec) == (16_000, "pcm_s16le")
    assert delivery.lead_ms <= 1_000 and 20 <= delivery.frame_ms <= 200
