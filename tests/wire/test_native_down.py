"""What the native protocol tells its clients: table A5, the interrupt's order, the kinds of client."""

import base64
from typing import Any

import pytest

from aizuchi import events
from aizuchi.events import (
    Annotated,
    Cue,
    Entry,
    Event,
    Fault,
    Heard,
    HeardPartial,
    Interrupted,
    LectureMoved,
    Measured,
    Packet,
    Sentence,
    Slide,
    SpeechDone,
    StateChanged,
    TextDelta,
    TextDone,
    Thought,
    ToolCall,
    ToolDone,
    TurnBegun,
    TurnEnded,
    TurnHeld,
    TurnResumed,
    WordTime,
)
from aizuchi.wire.native import NativeWire
from aizuchi.wire.native.outward import MAX_CLIP
from aizuchi.wire.native.up import WANTS
from tests.wire.native_talk import SESSION, Talk, bare, hello

PCM = b"\1\0" * 320
DATA = base64.b64encode(PCM).decode()


def packet(index: int = 0, *, sentence: int = 0, turn: int = 1, pcm: bytes = PCM, **fields: Any) -> Packet:
    return Packet(turn, sentence, index, index * 20, 20, pcm, "pcm_s16le", 16_000, **fields)


def types(messages: list[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in messages]


# ------------------------------------------------------------------ the table

TABLE: list[tuple[str, Event, list[dict[str, Any]]]] = [
    (
        "",
        StateChanged("thinking", "listening"),
        [{"type": "state_update", "state": "thinking", "previous": "listening"}],
    ),
    (
        "",
        StateChanged("idle", "speaking", "done", degraded=True),
        [
            {
                "type": "state_update",
                "state": "idle",
                "previous": "speaking",
                "reason": "done",
                "degraded": True,
            }
        ],
    ),
    (
        "stream",
        HeardPartial(3, "go for"),
        [{"type": "asr_partial", "text": "go for", "utterance_id": "utterance-3"}],
    ),
    ("", HeardPartial(3, "go for"), []),
    (
        "",
        Heard(3, "go forward", confidence=0.5),
        [{"type": "asr_final", "text": "go forward", "utterance_id": "utterance-3", "confidence": 0.5}],
    ),
    ("stream", Heard(1, ""), [{"type": "asr_final", "text": "", "utterance_id": "utterance-1"}]),
    ("stream", TextDelta("Hi"), [{"type": "assistant_text_delta", "delta": "Hi", "index": 0}]),
    ("", TextDelta("Hi"), []),
    (
        "stream",
        TextDone("Hi", "length", "text_only"),
        [{"type": "assistant_text_end", "text": "Hi", "finish_reason": "length", "fallback": "text_only"}],
    ),
    ("", TextDone("Hi"), [{"type": "assistant_text", "text": "Hi"}]),
    (
        "stream",
        packet(),
        [
            {
                "type": "tts_audio_chunk",
                "data": DATA,
                "codec": "pcm_s16le",
                "sample_rate": 16000,
                "channels": 1,
                "chunk_index": 0,
                "sentence_index": 0,
            }
        ],
    ),
    (
        "stream",
        packet(4, sentence=1, pcm=b"", last=True),
        [
            {
                "type": "tts_audio_chunk",
                "data": "",
                "codec": "pcm_s16le",
                "sample_rate": 16000,
                "channels": 1,
                "chunk_index": 4,
                "sentence_index": 1,
                "last": True,
            }
        ],
    ),
    ("stream", SpeechDone(1, 440), [{"type": "tts_audio_end", "duration_ms": 440}]),
    ("", SpeechDone(1, 440), []),
    (
        "",
        Fault("llm", "busy", "too much", retry_after_ms=500),
        [
            {
                "type": "error",
                "code": "busy",
                "message": "too much",
                "recoverable": True,
                "stage": "llm",
                "retry_after_ms": 500,
            }
        ],
    ),
    (
        "",
        Fault("vad", "vad_failed", "x"),
        [{"type": "error", "code": "vad_failed", "message": "x", "recoverable": True, "stage": "asr"}],
    ),
    (
        "emotion",
        Sentence(1, 2, "Hi", "Hi", emotion="happy"),
        [{"type": "emotion_tag", "emotion": "happy", "intensity": 1.0, "sentence_index": 2}],
    ),
    ("emotion", Sentence(1, 2, "Hi", "Hi"), []),
    ("stream", Sentence(1, 2, "Hi", "Hi", emotion="happy"), []),
    (
        "subtitles",
        Sentence(1, 0, "Hi", "Hi", subtitles={"zh": "你好"}),
        [{"type": "assistant_subtitle", "sentence_index": 0, "language": "zh", "text": "你好"}],
    ),
    (
        "subtitles",
        Annotated(1, 3, {"zh": "你好"}, "sad", done=True),
        [{"type": "assistant_subtitle", "sentence_index": 3, "language": "zh", "text": "你好"}],
    ),
    (
        "emotion",
        Annotated(1, 3, {"zh": "你好"}, "sad"),
        [{"type": "emotion_tag", "emotion": "sad", "intensity": 1.0, "sentence_index": 3}],
    ),
    ("stream", Annotated(1, 3, {"zh": "你好"}, "sad"), []),
    ("thoughts", Thought("hm"), [{"type": "thought_delta", "delta": "hm"}]),
    ("stream", Thought("hm"), []),
    (
        "tools",
        ToolCall("c", "time", '{"zone": "UTC"}'),
        [
            {
                "type": "tool_status",
                "call_id": "c",
                "name": "time",
                "state": "running",
                "arguments": {"zone": "UTC"},
            }
        ],
    ),
    (
        "tools",
        ToolCall("c", "time", "[1"),
        [{"type": "tool_status", "call_id": "c", "name": "time", "state": "running", "arguments": "[1"}],
    ),
    (
        "tools",
        ToolDone("c", "time", "noon"),
        [{"type": "tool_status", "call_id": "c", "name": "time", "state": "done", "result": "noon"}],
    ),
    (
        "tools",
        ToolDone("c", "time", error="late"),
        [{"type": "tool_status", "call_id": "c", "name": "time", "state": "failed", "result": "late"}],
    ),
    ("stream", ToolCall("c", "time", "{}"), []),
    (
        "metrics",
        Measured(
            1, 7, "finished", "Hi", {"first_token_ms": 310.5, "tokens": 12, "interrupt_ms": None, "seq": 9}
        ),
        [
            {
                "type": "metrics",
                "of_generation": 7,
                "outcome": "finished",
                "first_token_ms": 310.5,
                "tokens": 12,
            }
        ],
    ),
    ("hold", TurnHeld(1, 320), [{"type": "playback_pause", "at_ms": 320}]),
    ("lecture", Slide(3, "/lectures/a/3.png"), [{"type": "slide", "page": 3, "url": "/lectures/a/3.png"}]),
    (
        "lecture",
        LectureMoved("asked", 3, 2, 9),
        [{"type": "lecture_update", "state": "asked", "page": 3, "place": 2, "pages": 9}],
    ),
    ("stream", Slide(3), []),
    ("stream", LectureMoved("playing", 3, 2, 9), []),
    ("hold", TurnResumed(1, 320), [{"type": "playback_resume", "at_ms": 320}]),
    ("stream", TurnHeld(1, 320), []),
    ("stream", TurnBegun(1, "user", "hi"), []),
]


@pytest.mark.parametrize(("wants", "event", "messages"), TABLE, ids=lambda value: str(value)[:50])
def test_event_becomes_message(wants: str, event: Event, messages: list[dict[str, Any]]):
    """Each row of A5: what is sent, to whom it is sent, and to whom it is not."""
    assert [bare(message) for message in hello(*wants.split()).down(event)] == messages


def test_envelope():
    """Every message bears session, number, generation and turn of its entry, and a time."""
    talk = hello("stream")
    (message,) = talk.down(TextDelta("a"), generation=5, turn=3)
    assert message["session_id"] == SESSION and message["generation_id"] == 5
    assert (message["turn_id"], message["seq"]) == ("turn-3", 1)
    (message,) = talk.down(StateChanged("idle", "idle"), generation=6, turn=None)
    assert "turn_id" not in message and message["seq"] == 2


def test_deltas_are_counted_per_reply():
    """`index` counts from 0 in each reply."""
    talk = hello("stream")
    got = [talk.down(TextDelta("a"), turn=turn, generation=turn)[0]["index"] for turn in (1, 1, 2, 2, 2)]
    assert got == [0, 1, 0, 1, 2]


def test_nothing_is_said_before_the_welcome():
    """An entry that comes too early makes no message."""
    assert list(NativeWire(token_required=False).send(Entry(0, 0.0, 1, 1, TextDelta("a")), 0.0)) == []


@pytest.mark.parametrize("want", [[], ["stream"], list(WANTS)], ids=str)
def test_every_event_is_survived(want: list[str]):
    """Every event of the table suits every client; what the protocol has no word for is not said."""
    talk = hello(*want)
    silent: list[Event] = [
        events.MicNoted(200),
        events.Answered("llm", "x", "done"),
        events.Dropped("a", "b"),
    ]
    for event in [event for _, event, _ in TABLE] + silent:
        got = types(talk.down(event))
        assert event not in silent or got == (["timeline"] if "timeline" in want else [])


# ------------------------------------------------------------------ sound


def test_text_comes_with_the_first_frame():
    """A sentence's first chunk bears its text, later ones do not."""
    talk = hello("stream")
    talk.down(Sentence(1, 0, "Hi.", "Hi. "))
    assert talk.down(packet(0, first=True))[0]["text"] == "Hi."
    assert "text" not in talk.down(packet(1))[0]


def test_a_bilingual_chunk_bears_what_is_spoken():
    """In its usual spelling; the text of the reply has the other language."""
    talk = hello("stream")
    talk.down(Sentence(1, 0, "はなだよ。", "我是花。", "ja", {"ja": "花だよ。", "zh": "我是花。"}))
    assert talk.down(packet(0, first=True))[0]["text"] == "花だよ。"


def test_nothing_late_of_a_dead_reply():
    """A subtitle that was on its way when the reply was cut does not leave."""
    talk = hello("stream", "subtitles")
    talk.down(Interrupted("client", 1, 1), generation=2)
    assert not talk.down(Annotated(1, 0, {"zh": "你好"}), generation=1)


def test_binary_frames_have_a_heading():
    """Each sentence's frames are preceded by a chunk without data; flag bit 0 ends the sentence."""
    talk = hello("stream", audio="binary")
    talk.down(Sentence(1, 0, "Hi.", "Hi."))
    heading, frame = talk.down(packet(0, first=True))
    assert bare(heading) == {
        "type": "tts_audio_chunk",
        "codec": "pcm_s16le",
        "sample_rate": 16_000,
        "channels": 1,
        "chunk_index": 0,
        "sentence_index": 0,
        "text": "Hi.",
    }
    assert (frame["data"], frame["last"], frame["generation_id"]) == (PCM, False, 1)
    (frame,) = talk.down(packet(1, last=True))
    assert frame["last"] is True
    assert types(talk.down(packet(2, sentence=1, first=True))) == ["tts_audio_chunk", "frame"]


def test_resumed_frames_have_a_heading_again():
    """After a hold the same sentence goes on under a new generation, and the frames are introduced anew."""
    talk = hello("stream", "hold", audio="binary")
    talk.down(packet(0, first=True), generation=1)
    talk.down(TurnResumed(1, 20), generation=4)
    heading, frame = talk.down(packet(1), generation=4)
    assert (heading["generation_id"], frame["generation_id"], heading["chunk_index"]) == (4, 4, 1)


def test_text_only_session_gets_no_sound():
    """With `audio: none` neither frames nor their end are sent."""
    talk = hello("stream", audio="none")
    assert talk.down(packet()) == talk.down(SpeechDone(1, 20)) == []


@pytest.mark.parametrize("audio", ["base64", "binary"])
def test_one_shot_client_gets_one_clip(audio: str):
    """Without `stream` the reply is one text and one clip, after which nothing is left over."""
    talk = hello(audio=audio)
    talk.down(TextDelta("Hi"))
    assert types(talk.down(TextDone("Hi"))) == ["assistant_text"]
    assert talk.down(packet(0, first=True)) == talk.down(packet(1, last=True)) == []
    (clip,) = talk.down(SpeechDone(1, 40))
    assert bare(clip) == {
        "type": "tts_audio",
        "data": base64.b64encode(PCM + PCM).decode(),
        "codec": "pcm_s16le",
        "sample_rate": 16_000,
        "channels": 1,
        "last": True,
    }
    assert talk.up("playback_done", generation_id=1, seq=clip["seq"]) == [events.Played(1, whole=True)]
    assert talk.down(TurnEnded(1, "finished")) == []


def test_long_reply_comes_in_clips():
    """A clip stays under the message size that clients take; all clips joined are the whole sound."""
    talk, got = hello(), list[dict[str, Any]]()
    pcm = bytes(range(256)) * 250
    for index in range(30):
        got += talk.down(packet(index, pcm=pcm))
    got += talk.down(SpeechDone(1, 600))
    assert [clip["last"] for clip in got] == [False, False, True]
    assert all(len(clip["data"]) < (1 << 20) - 1024 for clip in got)
    assert b"".join(base64.b64decode(clip["data"]) for clip in got) == pcm * 30
    assert len(pcm) * 30 > 2 * MAX_CLIP


def test_clip_has_one_rate():
    """When another voice takes over in mid-reply its sound is a clip of its own."""
    talk = hello()
    talk.down(packet(0))
    (first,) = talk.down(Packet(1, 1, 1, 20, 20, PCM, "pcm_s16le", 22_050))
    (second,) = talk.down(SpeechDone(1, 40))
    assert (first["sample_rate"], second["sample_rate"]) == (16_000, 22_050)


# ------------------------------------------------------------------ mouth shapes and words


def test_visemes_precede_their_sound():
    """What is known of a sentence before its sound leaves goes before it, in one message a sentence."""
    talk = hello("stream", "visemes", "words")
    for sentence in (0, 1):
        for at_ms, shape in ((0, "PP"), (80, "aa")):
            assert talk.down(Cue(1, sentence, at_ms, 80, "viseme", shape)) == []
        talk.down(WordTime(1, sentence, 0, 160, "pa"))
    shapes, words, chunk = talk.down(packet(0, first=True))
    assert bare(shapes) == {
        "type": "viseme_timeline",
        "sentence_index": 0,
        "unit": "ms",
        "visemes": [{"t": 0, "d": 80, "id": "PP"}, {"t": 80, "d": 80, "id": "aa"}],
    }
    assert bare(words) == {
        "type": "word_timeline",
        "sentence_index": 0,
        "words": [{"t": 0, "d": 160, "text": "pa"}],
    }
    assert chunk["type"] == "tts_audio_chunk"
    assert types(talk.down(packet(1))) == ["tts_audio_chunk"]
    assert types(talk.down(packet(2, sentence=1)))[:2] == ["viseme_timeline", "word_timeline"]


def test_late_visemes_come_in_pieces():
    """Shapes that a voice tells while it speaks go before the next frame, the rest at the end."""
    talk = hello("stream", "visemes")
    assert types(talk.down(packet(0))) == ["tts_audio_chunk"]
    talk.down(Cue(1, 0, 20, 20, "viseme", "aa", 0.5))
    late, _ = talk.down(packet(1))
    assert late["visemes"] == [{"t": 20, "d": 20, "id": "aa", "weight": 0.5}]
    talk.down(Cue(1, 0, 40, 20, "viseme", "sil"))
    assert types(talk.down(SpeechDone(1, 60))) == ["viseme_timeline", "tts_audio_end"]


def test_other_cues_are_not_visemes():
    """A gesture is no mouth shape."""
    talk = hello("stream", "visemes")
    talk.down(Cue(1, 0, 0, 80, "gesture", "nod"))
    assert types(talk.down(packet(0))) == ["tts_audio_chunk"]


# ------------------------------------------------------------------ the interrupt


def speaking(*want: str, **fields: Any) -> Talk:
    """A client in the middle of a reply: turn 1, generation 1."""
    talk = hello(*want, **fields)
    talk.down(TurnBegun(1, "user", "hi"))
    talk.down(TextDelta("One. "))
    talk.down(Sentence(1, 0, "One.", "One. "))
    talk.down(packet(0, first=True))
    return talk


def interrupt(talk: Talk, reason: str = "client", heard: str = "One. ") -> list[dict[str, Any]]:
    """What an interrupt makes: the entries of the engine in their order."""
    got = talk.down(Interrupted(reason, 1, 1, heard, "One. Two."), generation=2)
    return got + talk.down(StateChanged("idle", "speaking", reason), generation=2)


def test_interrupt_ends_the_text_then_acknowledges():
    """A3, 4b and 5: the end of the text with the old id, directly before the state with the new one."""
    end, state = interrupt(speaking("stream"))
    assert bare(end) == {"type": "assistant_text_end", "text": "One. ", "finish_reason": "interrupted"}
    assert (end["generation_id"], state["generation_id"]) == (1, 2)
    assert (state["type"], state["state"], state["reason"]) == ("state_update", "idle", "interrupt")


def test_nothing_of_the_dead_turn_follows():
    """P1: reply material of the old generation is passed over, whoever still brings it."""
    talk = speaking(*WANTS, audio="binary")
    interrupt(talk)
    dead: list[Event] = [
        TextDelta("Two."),
        Thought("x"),
        Sentence(1, 1, "Two.", "Two.", emotion="sad", subtitles={"zh": "二"}),
        Cue(1, 1, 0, 20, "viseme", "aa"),
        WordTime(1, 1, 0, 20, "Two"),
        packet(1),
        TextDone("One. Two."),
        SpeechDone(1, 40),
    ]
    assert [message for event in dead for message in talk.down(event, generation=1)] == []
    facts: list[Event] = [ToolDone("c", "x", "y"), TurnEnded(1, "interrupted")]
    late = [message for event in facts for message in talk.down(event, generation=1)]
    assert late and all(message["generation_id"] == 2 for message in late)


def test_visemes_that_waited_die_with_their_turn():
    """Cues gathered for sound that never left are not sent with the next reply."""
    talk = speaking("stream", "visemes")
    talk.down(Cue(1, 0, 0, 20, "viseme", "aa"))
    interrupt(talk)
    assert types(talk.down(packet(0, turn=2), generation=3, turn=2)) == ["tts_audio_chunk"]


def test_text_that_had_ended_ends_again_with_what_was_heard():
    """Interrupted while only sound was left: the client learns how much of the text was heard (A3, 4b)."""
    talk = speaking("stream", "words")
    talk.down(TextDone("One. Two."))
    end, state = interrupt(talk, heard="One. ")
    assert (end["type"], end["finish_reason"], end["text"]) == ("assistant_text_end", "interrupted", "One. ")
    assert (end["generation_id"], state["generation_id"]) == (1, 2)
    (heard,) = talk.down(TurnEnded(1, "interrupted", "One. ", "One. Two."), generation=2)
    assert bare(heard) == {"type": "heard", "of_generation": 1, "text": "One. "}
    assert heard["generation_id"] == 2


def test_interrupt_before_any_text():
    """While the model still thinks there is no text to end."""
    talk = hello("stream")
    talk.down(TurnBegun(1, "user", "hi"))
    assert types(interrupt(talk, heard="")) == ["state_update"]


def test_interrupt_in_idle_is_acknowledged():
    """T12: a late click is answered by the state again."""
    talk = hello("stream")
    assert talk.down(Interrupted("client"), generation=4, turn=None) == []
    (state,) = talk.down(StateChanged("idle", "idle", "client"), generation=4, turn=None)
    assert (state["reason"], state["generation_id"]) == ("interrupt", 4)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("user_click", "interrupt"),
        ("barge_in_client", "interrupt"),
        ("barge_in", "barge_in"),
        ("superseded", "superseded"),
        ("done", "interrupt"),
    ],
)
def test_reason_of_an_interrupt(reason: str, told: str):
    """A client's own word for its interrupt is `interrupt` to all; the engine's own words stay."""
    assert interrupt(speaking("stream"), reason)[-1]["reason"] == told


def test_reason_is_the_interrupts_only_once():
    """A later state with the same word is not taken for an interrupt's."""
    talk = speaking("stream")
    interrupt(talk, "done")
    (state,) = talk.down(StateChanged("idle", "speaking", "done"), generation=3)
    assert state["reason"] == "done"


def test_one_shot_client_is_only_told_the_state():
    """A v0.1 client was sent nothing yet, or all; its collected sound is thrown away."""
    talk = speaking()
    assert types(interrupt(talk)) == ["state_update"]
    assert talk.down(TurnEnded(1, "interrupted", "One.", "One. Two."), generation=2) == []
    talk.down(packet(0, turn=2), generation=3, turn=2)
    (clip,) = talk.down(SpeechDone(2, 20), generation=3, turn=2)
    assert base64.b64decode(clip["data"]) == PCM


def test_held_turn_that_dies_ends_its_text():
    """A turn that died while it was held has no interrupt of its own; its end says so."""
    talk = speaking("stream", "metrics")
    talk.down(TurnHeld(1, 20))
    end, heard = talk.down(TurnEnded(1, "interrupted", "One. ", "One. Two."), generation=5)
    assert (end["finish_reason"], end["text"], end["of_generation"]) == ("interrupted", "One. ", 1)
    assert (heard["type"], heard["of_generation"]) == ("heard", 1)


def test_failed_turn_ends_its_text():
    """Each reply that was begun is ended: with what there is, and the word error."""
    (end,) = speaking("stream").down(TurnEnded(1, "failed", "One. ", "One. Tw"))
    assert bare(end) == {"type": "assistant_text_end", "text": "One. Tw", "finish_reason": "error"}
    text, clip = speaking().down(TurnEnded(1, "failed", "One. ", "One. Tw"))
    assert (text["type"], text["text"], clip["type"]) == ("assistant_text", "One. Tw", "tts_audio")


def test_metrics_follow_with_the_new_id():
    """The dead turn's figures bear the present generation and name their own."""
    talk = speaking("stream", "metrics")
    interrupt(talk)
    (metrics,) = talk.down(Measured(1, 1, "interrupted", "One. ", {"interrupt_ms": 3}), generation=2)
    assert (metrics["generation_id"], metrics["of_generation"], metrics["interrupt_ms"]) == (2, 1, 3)


# ------------------------------------------------------------------ tools of the client, the log


def test_client_runs_its_own_tools():
    """A call of a tool the client brought goes out even if it did not ask for `tools`."""
    talk = hello("stream", tools=[{"name": "lamp"}])
    (call,) = talk.down(ToolCall("c-1", "lamp", '{"on": true}', "client"))
    assert bare(call) == {
        "type": "tool_status",
        "call_id": "c-1",
        "name": "lamp",
        "state": "requested",
        "arguments": {"on": True},
        "place": "client",
    }
    assert talk.down(ToolCall("c-2", "blinds", "{}", "client")) == []
    assert talk.up("tool_result", call_id="c-1", result="ok") == [events.ToolResult("c-1", "ok")]


def test_others_only_see_that_a_tool_runs():
    """Another client's tool is not this one's to run."""
    (call,) = hello("tools").down(ToolCall("c", "lamp", "{}", "client"))
    assert call["state"] == "running" and "place" not in call


def test_follower_gets_the_entries():
    """With `timeline` each entry is sent as JSON; of a sentence's frames only the first and the last."""
    talk = hello("timeline", "stream")
    state, log = talk.down(StateChanged("listening", "idle"))
    assert (state["type"], log["type"]) == ("state_update", "timeline")
    assert log["entries"][0]["kind"] == "state_changed" and log["entries"][0]["state"] == "listening"
    assert types(talk.down(events.MicNoted(1000))) == ["timeline"]
    assert types(talk.down(packet(0, first=True))) == ["tts_audio_chunk", "timeline"]
    assert types(talk.down(packet(1))) == ["tts_audio_chunk"]


def test_log_does_not_stand_between_end_and_state():
    """Also for a follower the end of the text goes directly before the state."""
    got = types(interrupt(speaking("stream", "timeline")))
    assert got == ["timeline", "assistant_text_end", "state_update", "timeline"]


# ------------------------------------------------------------------ welcome


def test_hello_is_acknowledged():
    """`hello_ack` names session, protocol, limits and features, and the key for a resume."""
    talk = Talk()
    talk.up("hello")
    (ack,) = talk.welcome()
    assert (ack["protocol"], ack["character"], ack["resumed"]) == ("dh.v1", "mio", False)
    assert (ack["resume_token"], ack["limits"]["queue"], ack["features"]) == ("r-1", 4, ["text"])
    assert ack["server"].startswith("aizuchi/") and ack["seq"] == 0


def test_resume_is_acknowledged():
    """A7: acknowledgement, state, and the text the lost connection cut off, all under the new generation."""
    talk = Talk()
    talk.up("hello", resume={"session_id": SESSION, "last_seq": 9, "resume_token": "r-1"})
    got = talk.welcome(generation=6, resumed=True, history=4, unfinished="One. ", unfinished_generation=5)
    assert types(got) == ["hello_ack", "resume_ack", "state_update", "assistant_text_end"]
    assert got[0]["resumed"] is True and (got[1]["history_len"], got[1]["state"]) == (4, "idle")
    assert bare(got[2]) == {"type": "state_update", "state": "idle", "previous": "idle", "reason": "resumed"}
    assert bare(got[3]) == {
        "type": "assistant_text_end",
        "text": "One. ",
        "finish_reason": "interrupted",
        "of_generation": 5,
    }
    assert {message["generation_id"] for message in got} == {6}


def test_resume_of_a_reply_nobody_heard():
    """A reply that was lost before any of it was heard is ended, too: what was shown of it is void."""
    talk = Talk()
    talk.up("hello", resume={"session_id": SESSION})
    end = talk.welcome(generation=6, resumed=True, unfinished_generation=5)[-1]
    assert (end["type"], end["text"], end["of_generation"]) == ("assistant_text_end", "", 5)


def test_resume_that_came_too_late():
    """A session that is gone is replaced by a new one, and the client is told."""
    talk = Talk()
    talk.up("resume", session_id="s-0", last_seq=0)
    ack, error = talk.welcome(expired=True)
    assert (ack["resumed"], error["code"], error["recoverable"]) == (False, "resume_expired", False)
