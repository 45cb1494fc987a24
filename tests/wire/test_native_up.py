"""What a client of the native protocol may send: table A4, the handshake, and what is refused."""

import base64
import json
import logging
from typing import Any

import pytest

from aizuchi.errors import ProtocolError
from aizuchi.events import (
    Attach,
    Context,
    Happened,
    Image,
    Interrupt,
    Interrupted,
    Listen,
    MicAudio,
    Noted,
    Packet,
    Played,
    SpeechDone,
    StateChanged,
    Steer,
    ToolResult,
    Typed,
)
from aizuchi.ports import Delivery, Join, Leave, ToolSpec
from aizuchi.wire.native import NativeWire
from tests.wire.native_talk import SESSION, Talk, bare, hello

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
JPEG = b"\xff\xd8\xff" + bytes(8)
CHUNK = bytes(640)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def open_talk() -> Talk:
    """A v0.2 client that has opened its microphone by itself, so that sound comes alone."""
    talk = hello("stream")
    talk.up("start_listen")
    return talk


# ------------------------------------------------------------------ the table

TABLE: list[tuple[str, dict[str, Any], list[Any]]] = [
    ("start_listen", {}, [Listen(True)]),
    ("start_listen", {"mode": "push"}, [Listen(True, "push")]),
    ("start_listen", {"format": {"codec": "pcm_s16le", "sample_rate": 16000, "channels": 1}}, [Listen(True)]),
    ("audio_chunk", {"data": b64(CHUNK)}, [MicAudio(CHUNK)]),
    ("audio_chunk", {"data": b64(bytes(6400))}, [MicAudio(bytes(6400))]),
    ("audio_chunk", {"data": b64(CHUNK), "format": {"sample_rate": 8000}}, [MicAudio(CHUNK, 8000)]),
    ("audio_chunk", {"data": b64(CHUNK), "last": True}, [MicAudio(CHUNK, last=True)]),
    ("audio_chunk", {"data": "", "last": True}, [MicAudio(b"", last=True)]),
    ("audio_chunk", {"data": ""}, []),
    ("stop_listen", {}, [Listen(False)]),
    ("text_input", {"text": "hello"}, [Typed("hello")]),
    ("text_input", {"text": "你好 👋"}, [Typed("你好 👋")]),
    (
        "text_input",
        {"text": "", "images": [{"mime": "image/png", "data": b64(PNG)}]},
        [Typed("", (Image("image/png", PNG),))],
    ),
    ("interrupt", {}, [Interrupt("client")]),
    ("interrupt", {"reason": "user_click"}, [Interrupt("user_click")]),
    ("interrupt", {"reason": "barge_in"}, [Interrupt("barge_in_client")]),
    ("interrupt", {"reason": "lost"}, [Interrupt("lost_client")]),
    ("interrupt", {"reason": "superseded"}, [Interrupt("superseded_client")]),
    ("ui_event", {"name": "page_turn", "payload": {"page": 3}}, [Happened("page_turn", {"page": 3})]),
    ("ui_event", {"name": "click"}, [Happened("click")]),
    ("lecture_control", {"action": "next"}, [Steer("next")]),
    ("lecture_control", {"action": "goto", "page": 3}, [Steer("goto", 3)]),
    ("image", {"mime": "image/jpeg", "data": b64(JPEG)}, [Attach(Image("image/jpeg", JPEG))]),
    ("playback_started", {"generation_id": 1, "sentence_index": 0}, []),
    ("playback_done", {"generation_id": 1, "seq": 99}, []),
    ("tool_result", {"call_id": "c", "result": "42"}, [ToolResult("c", "42")]),
    ("tool_result", {"call_id": "c", "result": {"a": [1, None]}}, [ToolResult("c", '{"a":[1,null]}')]),
    ("tool_result", {"call_id": "c", "result": None}, [ToolResult("c", "null")]),
    ("tool_result", {"call_id": "c", "error": "no light"}, [ToolResult("c", error="no light")]),
    ("tool_result", {"call_id": "c", "error": ""}, [ToolResult("c", error="the tool failed")]),
    ("bye", {}, [Leave()]),
    ("from_the_future", {"colour": "blue"}, []),
]


@pytest.mark.parametrize(("type_", "fields", "events"), TABLE, ids=lambda value: str(value)[:40])
def test_message_becomes_event(type_: str, fields: dict[str, Any], events: list[Any]):
    """Each message of A4 is one event, or none where there is nothing to ask for."""
    assert open_talk().up(type_, **fields) == events


def test_context_is_taken_and_acknowledged():
    """`context_update` becomes `Noted`, and the client is told how much was kept."""
    fields = {
        "context_id": "p3",
        "scope": "page",
        "page": 3,
        "title": "Cells",
        "text": "Text",
        "version": 7,
    }
    noted, ack = open_talk().up("context_update", **fields)
    assert noted == Noted(Context("p3", "page", "Text", "Cells", 3, "", "7"))
    assert bare(ack) == {"type": "context_ack", "context_id": "p3", "version": 7, "chars": 4}


def test_long_context_is_cut_and_said():
    """Beyond the limit the text is cut, the client is told so, and the rest serves."""
    noted, error, ack = open_talk().up("context_update", context_id="a", scope="segment", text="x" * 4001)
    assert len(noted.context.text) == 4000
    assert (error["code"], error["recoverable"], ack["chars"]) == ("context_too_large", True, 4000)


def test_ping_is_answered_at_once():
    """`ping` is echoed with its `t`, whatever kind of value that is."""
    talk = open_talk()
    assert [bare(m) for m in talk.up("ping", t=12.5)] == [{"type": "pong", "t": 12.5}]
    assert [bare(m) for m in talk.up("ping")] == [{"type": "pong"}]


# ------------------------------------------------------------------ refusals

BAD: list[tuple[str, dict[str, Any]]] = [
    ("start_listen", {"format": {"codec": "opus"}}),
    ("start_listen", {"format": {"channels": 2}}),
    ("start_listen", {"format": {"sample_rate": 7999}}),
    ("start_listen", {"format": {"sample_rate": 48001}}),
    ("start_listen", {"mode": "always"}),
    ("audio_chunk", {}),
    ("audio_chunk", {"data": 5}),
    ("audio_chunk", {"data": "not base64!"}),
    ("audio_chunk", {"data": "é"}),
    ("audio_chunk", {"data": b64(bytes(641))}),
    ("audio_chunk", {"data": b64(bytes(6402))}),
    ("text_input", {}),
    ("text_input", {"text": ""}),
    ("text_input", {"text": " \n"}),
    ("text_input", {"text": "x" * 8001}),
    ("text_input", {"text": "x", "images": [{"mime": "image/gif", "data": b64(PNG)}]}),
    ("text_input", {"text": "x", "images": [{"mime": "image/png", "data": b64(JPEG)}]}),
    ("text_input", {"text": "x", "images": [{"mime": "image/png", "data": b64(PNG)}] * 5}),
    ("image", {"mime": "image/png", "data": b64(PNG + bytes(8 << 20))}),
    ("image", {"mime": "image/png", "data": "?"}),
    ("ui_event", {}),
    ("lecture_control", {"action": "jump"}),
    ("lecture_control", {"action": "goto"}),
    ("ui_event", {"name": "x", "payload": []}),
    ("ui_event", {"name": "x", "payload": {"a": "x" * (16 << 10)}}),
    ("context_update", {"context_id": "a", "scope": "book", "text": ""}),
    ("context_update", {"context_id": "a", "scope": "page"}),
    ("playback_started", {"generation_id": -1, "sentence_index": 0}),
    ("playback_done", {"seq": 1}),
    ("tool_result", {"call_id": "c"}),
    ("tool_result", {"result": "x"}),
    ("tool_result", {"call_id": "c", "result": "x" * (65 << 10)}),
    ("resume", {"session_id": "s-0"}),
    ("hello", {}),
    ("webrtc_offer", {"sdp": ""}),
    ("webrtc_ice", {"candidate": ""}),
]


@pytest.mark.parametrize(("type_", "fields"), BAD, ids=lambda value: str(value)[:40])
def test_bad_message_is_refused_and_changes_nothing(type_: str, fields: dict[str, Any]):
    """An invalid message is `bad_message`, recoverable, and the next one is served as ever."""
    talk = open_talk()
    with pytest.raises(ProtocolError) as caught:
        talk.up(type_, **fields)
    assert (caught.value.code, caught.value.close) == ("bad_message", None)
    assert talk.up("text_input", text="still there") == [Typed("still there")]


def test_refusal_is_an_error_message():
    """A refusal names code, reason and whether the session lives."""
    talk = open_talk()
    (frame,) = talk.wire.refuse(ProtocolError("no"), 0.0)
    assert bare(json.loads(frame)) == {
        "type": "error",
        "code": "bad_message",
        "message": "no",
        "recoverable": True,
        "stage": "gateway",
    }
    (frame,) = talk.wire.refuse(ProtocolError("no", code="auth_failed", close=4401), 0.0)
    assert json.loads(frame)["recoverable"] is False


def test_no_secret_is_repeated():
    """A hello that is refused does not have its token in the reason."""
    for fields in ({"token": ["s3cret"]}, {"token": "s3cret", "mode": "s3cret"}, {"token": {"s3cret": 1}}):
        with pytest.raises(ProtocolError) as caught:
            Talk().up("hello", **fields)
        assert "s3cret" not in str(caught.value)


# ------------------------------------------------------------------ hello


def test_hello_becomes_join():
    """All that a hello says stands in the Join; the token is not shown when it is printed."""
    (join,) = Talk().up(
        "hello",
        protocol="dh.v1",
        token="t-1",
        character="mio",
        mode="continuous",
        want=["stream", "metrics", "timeline", "tts_stream", "greeting", "telepathy"],
        tools=[{"name": "lamp", "description": "Switch it", "parameters": {"type": "object"}, "timeout": 3}],
        resume={"session_id": "s-0", "last_seq": 7, "resume_token": "r-0"},
        echo_cancelled=True,
    )
    assert join == Join(
        protocol="dh.v1",
        token="t-1",
        character="mio",
        mode="continuous",
        session="s-0",
        resume_token="r-0",
        tools=(ToolSpec("lamp", "Switch it", {"type": "object"}, "client", 3.0),),
        measures=True,
        follows=True,
        cancels_echo=True,
        streams=True,
        greeted=True,
    )
    assert "t-1" not in repr(join) and "r-0" not in repr(join)


@pytest.mark.parametrize(
    ("fields", "roles"),
    [
        ({}, ("mouth", "ear")),
        ({"audio": "binary"}, ("mouth", "ear")),
        ({"audio": "none"}, ("mouth",)),
        ({"role": "witness", "resume": {"session_id": "s"}}, ("witness",)),
    ],
)
def test_roles(fields: dict[str, Any], roles: tuple[str, ...]):
    """A text-only client has no ear, so that no voice is paid for it."""
    (join,) = Talk().up("hello", **fields)
    assert join.roles == roles


@pytest.mark.parametrize(
    ("fields", "delivery"),
    [
        ({}, Delivery(paced=False)),
        ({"want": ["stream"]}, Delivery()),
        ({"want": ["stream"], "audio": "binary"}, Delivery()),
        ({"want": ["stream"], "audio": "none"}, Delivery(codec="none")),
        ({"want": ["stream", "hold"]}, Delivery(lead_ms=800, can_hold=True)),
    ],
)
def test_delivery_follows_the_wishes(fields: dict[str, Any], delivery: Delivery):
    """One-shot clients get their sound unpaced; those that can hold may have more ahead."""
    talk = Talk()
    talk.up("hello", **fields)
    assert talk.wire.delivery == delivery


@pytest.mark.parametrize("tools", [[{"name": "a b"}], [{"name": "a"}] * 2, [{"name": "a", "timeout": 0}]])
def test_odd_tools_are_refused(tools: list[Any]):
    """A tool needs a name of its own that models accept, and a time limit above zero."""
    with pytest.raises(ProtocolError):
        Talk().up("hello", tools=tools)


def test_other_protocol_is_refused():
    """Another protocol version closes with 4406, with a token required or not."""
    for token_required in (False, True):
        with pytest.raises(ProtocolError) as caught:
            Talk(token_required=token_required).up("hello", protocol="dh.v9", token="t")
        assert (caught.value.code, caught.value.close) == ("protocol_version", 4406)


def test_bad_hello_may_be_mended():
    """Without tokens a hello that does not hold is refused, and a better one is taken."""
    talk = Talk()
    with pytest.raises(ProtocolError) as caught:
        talk.up("hello", mode="shout")
    assert caught.value.close is None
    (join,) = talk.up("hello", mode="push")
    assert join.mode == "push"


# ------------------------------------------------------------------ who knocks


@pytest.mark.parametrize(
    "message",
    [
        '{"type": "text_input", "text": "hi"}',
        '{"type": "ping"}',
        "{",
        '{"type": "news"}',
        b"",
        b"\x01" + bytes(20),
        '{"type": "hello", "mode": 5}',
        '{"type": "resume", "session_id": "s"}',
        '{"type": "bye"}',
    ],
)
def test_only_hello_opens_where_tokens_are_needed(message: str | bytes):
    """Whatever comes before a valid hello is `auth_failed`, 4401."""
    with pytest.raises(ProtocolError) as caught:
        Talk(token_required=True).raw(message)
    assert (caught.value.code, caught.value.close) == ("auth_failed", 4401)


def test_hello_without_token_goes_to_the_server():
    """The secret may have come in a header, so the server decides."""
    assert isinstance(Talk(token_required=True).up("hello")[0], Join)


@pytest.mark.parametrize(
    ("message", "then"),
    [
        ({"type": "text_input", "text": "hi"}, [Typed("hi")]),
        ({"type": "start_listen"}, [Listen(True)]),
        ({"type": "audio_chunk", "data": b64(CHUNK)}, [Listen(True), MicAudio(CHUNK)]),
        ({"type": "interrupt"}, [Interrupt("client")]),
    ],
)
def test_first_message_opens_a_session(message: dict[str, Any], then: list[Any]):
    """Without tokens a v0.1 client may begin with anything: it joins, then its message is served."""
    talk = Talk()
    assert talk.raw(json.dumps(message | {"seq": 0})) == [Join(protocol="dh.v1"), *then]
    assert talk.wire.delivery == Delivery(paced=False)
    (ack,) = talk.welcome()
    assert (ack["type"], ack["session_id"], ack["resumed"]) == ("hello_ack", SESSION, False)


def test_what_opens_no_session():
    """A ping is answered and an unknown message passed over before anybody has come."""
    talk = Talk()
    (pong,) = talk.up("ping", t=1)
    assert (pong["type"], pong["session_id"]) == ("pong", "")
    assert talk.up("from_the_future") == []
    with pytest.raises(ProtocolError):
        talk.binary(CHUNK)


def test_resume_may_be_the_first_message():
    """`resume` stands for a hello that resumes, with what a hello may say."""
    (join,) = Talk().up(
        "resume", session_id="s-0", last_seq=3, generation_id=2, resume_token="r", want=["stream"]
    )
    assert (join.session, join.resume_token) == ("s-0", "r")
    (join,) = Talk(token_required=True).up("resume", session_id="s-0", last_seq=3, resume_token="r")
    assert join.session == "s-0"


def test_strange_session_is_refused():
    """A session id that is not this connection's closes with 4404; the right one and none are fine."""
    talk = open_talk()
    assert talk.up("interrupt", session_id=SESSION) and talk.up("interrupt", session_id="")
    with pytest.raises(ProtocolError) as caught:
        talk.up("interrupt", session_id="s-2")
    assert (caught.value.code, caught.value.close) == ("bad_session", 4404)
    with pytest.raises(ProtocolError) as caught:
        Talk().up("text_input", text="hi", session_id="s-2")
    assert (caught.value.code, caught.value.close) == ("bad_session", 4404)


def test_witness_takes_no_part():
    """A witness may ping and go; its going ends its own link only, and is no error."""
    talk = hello("stream", role="witness", resume={"session_id": SESSION})
    for type_, fields in [("text_input", {"text": "x"}), ("interrupt", {}), ("start_listen", {})]:
        with pytest.raises(ProtocolError):
            talk.up(type_, **fields)
    with pytest.raises(ProtocolError):
        talk.binary(CHUNK)
    assert talk.up("ping")[0]["type"] == "pong"
    with pytest.raises(ProtocolError) as caught:
        talk.up("bye")
    assert caught.value.close == 1000 and list(talk.wire.refuse(caught.value, 0.0)) == []


# ------------------------------------------------------------------ numbers


def test_repeated_message_is_ignored():
    """A number that came already is not served again, in either kind of frame."""
    talk = open_talk()
    message = json.dumps({"type": "interrupt", "seq": talk.next_up})
    assert talk.raw(message) == [Interrupt("client")]
    assert talk.raw(message) == []
    assert talk.binary(CHUNK) == []
    assert talk.binary(CHUNK) == [MicAudio(CHUNK)]


def test_refused_message_may_be_sent_again():
    """What was refused changed nothing: the same number is taken when the message has been mended."""
    talk = open_talk()
    with pytest.raises(ProtocolError):
        talk.raw(json.dumps({"type": "text_input", "seq": 2}))
    assert talk.raw(json.dumps({"type": "text_input", "seq": 2, "text": "hi"})) == [Typed("hi")]
    with pytest.raises(ProtocolError):
        talk.raw(json.dumps({"type": "text_input", "seq": -1, "text": "hi"}))


def test_messages_without_a_number_are_taken():
    """Small clients forget `seq`; theirs are served in the order they come."""
    talk = open_talk()
    assert talk.raw('{"type": "stop_listen"}') == talk.raw('{"type": "stop_listen"}') == [Listen(False)]


@pytest.mark.parametrize("seq", [2**53 + 1, 10**400, -1, True, "9", 1.5])
def test_an_odd_number_of_an_unknown_message_counts_for_nothing(seq: object):
    """What is passed over can't make the messages after it look like repetitions."""
    talk = open_talk()
    assert talk.raw(json.dumps({"type": "from_the_future", "seq": seq})) == []
    assert talk.raw(json.dumps({"type": "interrupt", "seq": 2})) == [Interrupt("client")]


def test_gaps_are_logged_once(caplog: pytest.LogCaptureFixture):
    """A missing number is said once and served all the same; a careless client does not fill the log."""
    talk = open_talk()
    with caplog.at_level(logging.INFO):
        for seq in (10, 20, 30):
            assert talk.raw(json.dumps({"type": "interrupt", "seq": seq}))
    assert [record.getMessage() for record in caplog.records] == [
        "session s-1: client messages 2 to 9 are missing"
    ]


# ------------------------------------------------------------------ sound


def test_binary_sound():
    """A binary frame is sound at the rate that was said last, and bit 0 says that nothing follows."""
    talk = hello("stream", audio="binary")
    talk.up("start_listen", format={"sample_rate": 48_000})
    assert talk.binary(CHUNK) == [MicAudio(CHUNK, 48_000)]
    assert talk.binary(b"", last=True) == [MicAudio(b"", 48_000, last=True)]


@pytest.mark.parametrize(
    "frame", [b"", bytes(11), b"\x02" + bytes(11), b"\x01" + bytes(12), b"\x01" + bytes(6413)]
)
def test_bad_binary_frames(frame: bytes):
    """Short, foreign, odd and over-long frames are refused."""
    with pytest.raises(ProtocolError):
        open_talk().raw(frame)


def test_microphone_opens_by_itself():
    """T2: a client that never sends `start_listen` is listened to whenever sound comes in idle."""
    talk = hello("stream")
    chunk = {"data": b64(CHUNK)}
    assert talk.up("audio_chunk", **chunk) == [Listen(True), MicAudio(CHUNK)]
    talk.down(StateChanged("listening", "idle"))
    assert talk.up("audio_chunk", **chunk) == [MicAudio(CHUNK)]
    talk.down(StateChanged("thinking", "listening"))
    assert talk.up("audio_chunk", **chunk) == [MicAudio(CHUNK)]
    talk.down(StateChanged("idle", "thinking", "done"))
    assert talk.up("audio_chunk", **chunk) == [Listen(True), MicAudio(CHUNK)]
    assert talk.up("audio_chunk", **chunk) == [MicAudio(CHUNK)]


@pytest.mark.parametrize(("mode", "opens"), [("push", False), ("auto", False), ("continuous", True)])
def test_microphone_stays_closed_after_stop(mode: str, opens: bool):
    """T2: once `start_listen` was sent, only a continuous microphone opens by itself again."""
    talk = hello("stream", mode=mode)
    talk.up("start_listen")
    talk.down(StateChanged("listening", "idle"))
    talk.up("stop_listen")
    talk.down(StateChanged("idle", "listening", "empty"))
    assert (talk.up("audio_chunk", data=b64(CHUNK))[0] == Listen(True)) is opens


# ------------------------------------------------------------------ playback


def played_talk(audio: str) -> tuple[Talk, list[int]]:
    """A client that got two sentences of two chunks each; the numbers of the chunks."""
    talk, seqs = hello("stream", audio=audio), list[int]()
    for index in range(4):
        packet = Packet(
            1, index // 2, index, index * 20, 20, CHUNK, "pcm_s16le", 16_000, index % 2 == 0, index % 2 == 1
        )
        seqs.append(talk.down(packet)[-1]["seq"])
    return talk, seqs


@pytest.mark.parametrize("audio", ["base64", "binary"])
def test_playback_reports(audio: str):
    """The chunk a client names is a place in the turn's sound; the last one is all of it."""
    talk, seqs = played_talk(audio)
    assert talk.up("playback_started", generation_id=1, sentence_index=1) == [Played(1, sentence=1)]
    assert talk.up("playback_done", generation_id=1, seq=seqs[1]) == [Played(1, at_ms=40)]
    assert talk.up("playback_done", generation_id=1, seq=seqs[3]) == [Played(1, at_ms=80)]
    (end,) = talk.down(SpeechDone(1, 80))
    assert talk.up("playback_done", generation_id=1, seq=seqs[3]) == [Played(1, whole=True)]
    assert talk.up("playback_done", generation_id=1, seq=end["seq"]) == [Played(1, whole=True)]
    assert talk.up("playback_done", generation_id=1, chunk_seq=seqs[0]) == [Played(1, at_ms=20)]


def test_playback_report_takes_no_number():
    """The `seq` of `playback_done` is a chunk's, so the next message is no repetition."""
    talk = hello("stream")
    assert talk.raw('{"type": "playback_done", "generation_id": 1, "seq": 500}') == []
    assert talk.up("interrupt") == [Interrupt("client")]


def test_playback_of_a_dead_generation_is_still_a_fact():
    """What was played before the interrupt is told under the old generation, and counts."""
    talk, seqs = played_talk("base64")
    talk.down(Interrupted("client", 1, 1), generation=2)
    assert talk.up("playback_done", generation_id=1, seq=seqs[0]) == [Played(1, at_ms=20)]
    assert talk.up("playback_done", generation_id=2, seq=seqs[0]) == []


def test_limits_come_from_the_server():
    """The server's figures in the welcome take the place of the wire's own."""
    talk = Talk()
    talk.up("hello")
    talk.welcome(limits={"max_text": 3, "chunk_ms": 40, "max_context_chars": 2})
    assert talk.up("text_input", text="abc") == [Typed("abc")]
    for type_, fields in [("text_input", {"text": "abcd"}), ("audio_chunk", {"data": b64(bytes(1282))})]:
        with pytest.raises(ProtocolError):
            talk.up(type_, **fields)
    assert talk.up("context_update", context_id="a", scope="page", text="abc")[0].context.text == "ab"


def test_path_and_limits():
    """The route of the document; one picture of the size we allow fits into a message."""
    assert (NativeWire.path, NativeWire.subprotocols) == ("/digital-human/ws", ("dh.v1",))
    assert NativeWire.LIMITS.max_message > (8 << 20) * 4 / 3 + 1024
