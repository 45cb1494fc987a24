"""What the model remembers: messages folded from the timeline, cut to what was heard."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aizuchi.engine.exchange import CANCELLED, IMAGE, INTERRUPTED, RUNNING
from aizuchi.engine.history import NOTICE, History
from aizuchi.engine.tokens import IMAGE_TOKENS, estimate, of_message
from aizuchi.events import (
    SYSTEM,
    Author,
    Entry,
    Event,
    Image,
    Interrupted,
    Sentence,
    Speech,
    TextDelta,
    TextDone,
    ToolCall,
    ToolDone,
    TurnBegun,
    TurnEnded,
    TurnHeld,
    TurnResumed,
)
from aizuchi.ports import Message

PICTURE = Image("image/png", b"png")


def told(*events: tuple[int | None, Event] | Event, history: History | None = None) -> History:
    """A history that has read `events`; a bare event belongs to its own turn, else to turn 1."""
    history = History() if history is None else history
    for seq, each in enumerate(events):
        turn, event = each if isinstance(each, tuple) else (getattr(each, "turn", 1), each)
        history.read(Entry(seq, 0.0, turn, 1, event))
    return history


def begun(turn: int, text: str = "", **more: Any) -> TurnBegun:
    return TurnBegun(turn, "user", text, **more)


def user(text: str, **more: Any) -> Message:
    return Message("user", text, **more)


def assistant(text: str, *calls: ToolCall) -> Message:
    return Message("assistant", text, calls=calls)


def tool(id_: str, text: str, name: str = "clock") -> Message:
    return Message("tool", text, call_id=id_, name=name)


CALL_A, CALL_B = ToolCall("a", "clock", "{}"), ToolCall("b", "clock", '{"city":"Rome"}')


def test_finished_turn_keeps_the_whole_reply():
    """A finished turn is the user's message and all that was written."""
    history = told(
        begun(1, "Hi"),
        TextDelta("Hello "),
        TextDelta("there."),
        TextDone("Hello there."),
        TurnEnded(1, "finished"),
    )
    assert history.messages == (user("Hi"), assistant("Hello there."))
    assert len(history) == 2


def test_running_turn_shows_its_user_message():
    """The prompt of a turn is built right after it began: its question is there, no reply yet."""
    assert told(begun(1, "Hi")).messages == (user("Hi"),)


def test_interrupt_cuts_at_once():
    """`Interrupted` cuts the reply before `TurnEnded` comes, because the next turn may begin between them."""
    history = told(
        begun(1, "Tell me"),
        TextDelta("Once upon a time. There was a king."),
        Interrupted("client", 1, 1, "Once upon a time. ", "Once upon a time. There was a king."),
        begun(2, "Stop"),
    )
    expected = (user("Tell me"), assistant(f"Once upon a time. {INTERRUPTED}"), user("Stop"))
    assert history.messages == expected
    told(
        (1, TextDelta(" late words")),
        TurnEnded(1, "interrupted", "Once upon a time. ", "Once upon a time. There was a king."),
        history=history,
    )
    assert history.messages == expected


def test_what_becomes_known_later_of_the_ear_counts():
    """The end of an interrupted turn may tell more exactly what was heard."""
    history = told(
        begun(1, "Go"),
        TextDelta("One. Two. Three."),
        Interrupted("client", 1, 1, "One. ", "One. Two. Three."),
        TurnEnded(1, "interrupted", "One. Two. ", "One. Two. Three."),
    )
    assert history.messages[-1] == assistant(f"One. Two. {INTERRUPTED}")


@pytest.mark.parametrize("outcome", ["interrupted", "superseded"])
def test_a_reply_nobody_heard_leaves_nothing(outcome: Any):
    """A turn that was stopped before a sound leaves only the user's message."""
    history = told(begun(1, "Hi"), TextDelta("Hello."), TurnEnded(1, outcome, "", "Hello."))
    assert history.messages == (user("Hi"),)


def test_interrupt_without_a_turn_changes_nothing():
    """An interrupt while nobody speaks cuts no reply."""
    history = told(begun(1, "Hi"), TextDelta("Hello."), TurnEnded(1, "finished"), Interrupted("client"))
    assert history.messages == (user("Hi"), assistant("Hello."))


@pytest.mark.parametrize(("heard", "kept"), [("One. ", "One."), ("", "One. Two.")])
def test_failed_turn_keeps_what_was_heard_or_shown(heard: str, kept: str):
    """A failed turn keeps what was heard; where nothing could sound, what was shown. It is not marked."""
    history = told(begun(1, "Hi"), TextDelta("One. Two."), TurnEnded(1, "failed", heard, "One. Two."))
    assert history.messages == (user("Hi"), assistant(kept))


def test_text_is_taken_from_the_end_where_no_deltas_came():
    """A responder may give its text only at the end."""
    history = told(begun(1), TurnEnded(1, "finished", "Good morning.", "Good morning."))
    assert history.messages == (assistant("Good morning."),)


def test_tool_rounds_stand_before_the_reply():
    """Calls made together form one message with the text before them; results follow in their order."""
    history = told(
        begun(1, "Time?"),
        TextDelta("Let me look. "),
        (1, CALL_A),
        (1, CALL_B),
        (1, ToolDone("b", "clock", "noon")),
        (1, ToolDone("a", "clock", error="no clock")),
        TextDelta("It is noon in Rome."),
        TurnEnded(1, "finished"),
    )
    assert history.messages == (
        user("Time?"),
        assistant("Let me look.", CALL_A, CALL_B),
        tool("a", "error: no clock"),
        tool("b", "noon"),
        assistant("It is noon in Rome."),
    )


def test_later_calls_form_a_round_of_their_own():
    """A call after the results of others belongs to the model's next answer."""
    history = told(
        begun(1, "Time?"),
        (1, CALL_A),
        (1, ToolDone("a", "clock", "one")),
        (1, CALL_B),
        (1, ToolDone("b", "clock", "two")),
        TurnEnded(1, "finished"),
    )
    assert history.messages == (
        user("Time?"),
        assistant("", CALL_A),
        tool("a", "one"),
        assistant("", CALL_B),
        tool("b", "two"),
    )


def test_a_call_without_a_result_is_cancelled():
    """An interrupted turn keeps its calls even if nothing was heard, and every call has a result."""
    history = told(begun(1, "Time?"), (1, CALL_A))
    assert history.messages[-1] == tool("a", RUNNING)
    told(Interrupted("client", 1, 1), history=history)
    assert history.messages == (user("Time?"), assistant("", CALL_A), tool("a", CANCELLED))


def test_a_detached_tool_may_answer_late():
    """A result that comes after its turn has ended takes the place of the note."""
    history = told(
        begun(1, "Time?"), (1, CALL_A), TurnEnded(1, "interrupted"), (1, ToolDone("a", "clock", "noon"))
    )
    assert history.messages[-1] == tool("a", "noon")


def test_heard_text_is_shared_out_over_tool_rounds():
    """What was heard is counted from the first word of the turn, across its tool rounds."""
    events = (
        begun(1, "Time?"),
        TextDelta("Let me look. "),
        (1, CALL_A),
        (1, ToolDone("a", "clock", "noon")),
        TextDelta("It is noon. Sleep well."),
    )
    late = told(*events, TurnEnded(1, "interrupted", "Let me look. It is noon. "))
    assert late.messages[1:] == (
        assistant("Let me look.", CALL_A),
        tool("a", "noon"),
        assistant(f"It is noon. {INTERRUPTED}"),
    )
    early = told(*events, TurnEnded(1, "interrupted", "Let me "))
    assert early.messages[1:] == (assistant("Let me", CALL_A), tool("a", "noon"), assistant(INTERRUPTED))


def test_overlapping_turns_stay_in_order_of_their_beginning():
    """A lecture held for a question keeps its place, cut to the sentences that had begun to sound."""
    history = told(
        begun(1),
        (1, TextDelta("First. Second. Third.")),
        *(Sentence(1, at, text, text) for at, text in enumerate(["First. ", "Second. ", "Third."])),
        Speech(1, 0, 0, b"", 16_000),
        Speech(1, 1, 900, b"", 16_000),
        Speech(1, 2, 1_900, b"", 16_000),
        TurnHeld(1, 1_200),
        begun(2, "Wait, why?"),
        (2, TextDelta("Because.")),
        TurnEnded(2, "finished"),
    )
    assert history.messages == (assistant("First. Second."), user("Wait, why?"), assistant("Because."))
    told(TurnResumed(1, 1_200), TurnEnded(1, "finished"), history=history)
    assert history.messages[0] == assistant("First. Second. Third.")


def test_names_of_viewers_and_notices_are_told_apart():
    """A viewer's message bears the name; a notice of the system says that it is one."""
    history = told(
        begun(1, "Hello!", author=Author("viewer", "Kim")),
        begun(2, "Drink water", author=SYSTEM),
        begun(3, "Thanks"),
    )
    assert history.messages == (
        user("Hello!", name="Kim"),
        user(NOTICE.format(text="Drink water")),
        user("Thanks"),
    )


def test_only_the_newest_pictures_are_kept():
    """Older pictures become a note; the newest message keeps all of its own."""
    history = History()
    for turn, count in ((1, 1), (2, 1), (3, 1)):
        history.attach(turn, (PICTURE,) * count)
        told(begun(turn, f"look {turn}", images=count), history=history)
    assert [(m.text, len(m.images)) for m in history.messages] == [
        (f"look 1 {IMAGE}", 0),
        ("look 2", 1),
        ("look 3", 1),
    ]
    history.attach(4, (PICTURE,) * 4)
    told(begun(4, images=4), history=history)
    assert [len(message.images) for message in history.messages] == [0, 0, 0, 4]


def test_pictures_that_were_not_passed_on_are_noted():
    """A turn that had pictures which nobody attached says so."""
    assert told(begun(1, "look", images=2)).messages == (user(f"look {IMAGE} {IMAGE}"),)


def test_unknown_turns_are_passed_over():
    """Entries of turns that never began here, or of none, change nothing and raise nothing."""
    history = told(
        (None, TextDelta("x")), (9, TextDelta("x")), (9, CALL_A), (9, ToolDone("a", "clock")),
        TurnEnded(9, "finished"), Interrupted("client", 9), TurnHeld(9, 1), TurnResumed(9, 1),
        Speech(9, 0, 0, b"", 16_000), (None, TextDone("x")),
    )  # fmt: skip
    assert history.messages == ()


def test_history_survives_a_dump():
    """What `load` restores says the same to a model; pictures are noted as text, new turns follow."""
    history = told(begun(1, "Time?"), (1, CALL_A), (1, ToolDone("a", "clock", "noon")), TextDelta("Noon."))
    told(TurnEnded(1, "finished"), history=history)
    history.attach(2, (PICTURE,))
    told(begun(2, "And this?", images=1, author=Author("viewer", "Kim")), history=history)
    restored = History()
    restored.load(json.loads(json.dumps(history.dump())))
    assert restored.messages == (*history.messages[:-1], user(f"And this? {IMAGE}", name="Kim"))
    told(begun(3, "Bye"), history=restored)
    assert restored.messages[-1] == user("Bye")
    assert restored.trimmed(1) == (user("Bye"),)


def test_loading_rubbish_never_raises():
    """Rows that are no messages are left out; no result stays without its call, no call without a result."""
    history = History()
    for rubbish in (
        None,
        5,
        "x",
        {"role": "user"},
        [1, None, [], {"role": "king"}, {"role": "tool", "call_id": "z"}],
    ):
        history.load(rubbish)
        assert len(history) == 0
    history.load([{"role": "assistant", "text": 7, "calls": [{"id": "a", "name": "clock"}, 3, {"id": 1}]}])
    assert history.messages == (assistant("", ToolCall("a", "clock", "")), tool("a", CANCELLED))


def long_history() -> History:
    history = History()
    for turn in range(1, 6):
        told(begun(turn, f"question {turn} " + "x" * 80), (turn, TextDelta("y" * 100)), history=history)
        told(TurnEnded(turn, "finished"), history=history)
    return history


def test_oldest_exchanges_go_first():
    """The budget is kept by dropping whole exchanges from the old end, and some more at once."""
    history = long_history()
    one = sum(map(of_message, history.messages[:2]))
    assert history.trimmed(10_000) == history.messages
    assert history.trimmed(3 * one) == history.messages[-4:]
    told(begun(6, "z" * 10), history=history)
    assert history.trimmed(3 * one) == history.messages[-5:], "it begins where it began the last time"


def test_the_newest_user_message_always_stays():
    """However small the budget, the question is asked."""
    history = told(begun(6, "z" * 4_000), history=long_history())
    assert history.trimmed(10) == history.messages[-1:]
    proactive = told(
        (7, begun(7)), (7, TextDelta("w" * 400)), TurnEnded(7, "finished"), history=long_history()
    )
    assert [m.role for m in proactive.trimmed(1)] == ["user"]


def test_trimming_shortens_an_exchange_by_whole_rounds():
    """In an exchange that alone exceeds the budget a call and its results go together."""
    history = told(
        begun(1, "Time?"),
        (1, CALL_A),
        (1, ToolDone("a", "clock", "x" * 400)),
        (1, CALL_B),
        (1, ToolDone("b", "clock", "short")),
        TextDelta("Done."),
    )
    assert history.trimmed(60) == (
        user("Time?"),
        assistant("", CALL_B),
        tool("b", "short"),
        assistant("Done."),
    )


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("你好", 2), ("こんにちは", 5), ("hi 你好", 3)],
)
def test_tokens_are_estimated_by_script(text: str, tokens: int):
    """A quarter for a Latin character, one for a wide one."""
    assert estimate(text) == tokens


def test_a_picture_costs_a_flat_sum():
    """Pictures count alike, whatever their size."""
    assert of_message(user("", images=(PICTURE, PICTURE))) - of_message(user("")) == 2 * IMAGE_TOKENS


TURNS = st.integers(1, 4)
HEARD = st.sampled_from(["", "One", "One two. ", "One two. Three.", "else"])
EVENTS = st.one_of(
    st.builds(begun, TURNS, st.sampled_from(["", "Hi"])).map(lambda event: (event.turn, event)),
    st.tuples(TURNS, st.builds(TextDelta, st.sampled_from(["One ", "two. ", "Three."]))),
    st.tuples(TURNS, st.builds(ToolCall, st.sampled_from("abc"), st.just("clock"), st.just("{}"))),
    st.tuples(TURNS, st.builds(ToolDone, st.sampled_from("abc"), st.just("clock"), st.just("noon"))),
    st.tuples(TURNS, st.builds(TurnHeld, TURNS, st.integers(0, 3_000))),
    st.tuples(TURNS, st.builds(TurnResumed, TURNS, st.just(0))),
    st.tuples(
        TURNS, st.builds(Interrupted, st.just("x"), TURNS, st.just(1), HEARD, st.just("One two. Three."))
    ),
    st.tuples(
        TURNS,
        st.builds(TurnEnded, TURNS, st.sampled_from(["finished", "interrupted", "failed"]), HEARD, HEARD),
    ),
)


@given(events=st.lists(EVENTS, max_size=40), budget=st.integers(0, 200))
def test_calls_and_results_never_part(events: list[tuple[int, Event]], budget: int):
    """Whatever comes in whatever order, a call is followed by its one result, also trimmed or restored."""
    history = told(*events)
    restored = History()
    restored.load(history.dump())
    assert restored.dump() == history.dump()
    for messages in (history.messages, history.trimmed(budget), restored.messages, restored.trimmed(budget)):
        due: list[str] = []
        for message in messages:
            if message.role == "tool":
                assert due.pop(0) == message.call_id
            else:
                assert not due
                due = [call.id for call in message.calls]
        assert not due
    if any(message.role == "user" for message in history.messages):
        assert any(message.role == "user" for message in history.trimmed(budget))
