"""What a vendor's prompt cache can keep: two prompts that follow each other begin alike."""

from __future__ import annotations

from itertools import pairwise

from aizuchi.engine.history import History
from aizuchi.engine.prompt import build
from aizuchi.engine.tokens import of_message
from aizuchi.events import Context, Entry, Event, TextDelta, TurnBegun, TurnEnded
from aizuchi.ports import Message, Passage, ToolSpec
from tests import fakes

BUDGET = 600
TOOLS = [ToolSpec("clock", "tells the time", {"type": "object"}), ToolSpec("weather", "", {"type": "object"})]
SAYING = "This is what was said in turn {turn}, and it is about as long as such things are."


def talk(turns: int, budget: int = BUDGET) -> list[tuple[Message, ...]]:
    """The prompt of each turn of a long conversation, with a page and passages that change every turn."""
    history, prompts = History(), list[tuple[Message, ...]]()
    seq = 0

    def say(turn: int, event: Event) -> None:
        nonlocal seq
        seq += 1
        history.read(Entry(seq, float(seq), turn, turn, event))

    for turn in range(1, turns + 1):
        say(turn, TurnBegun(turn, "user", SAYING.format(turn=turn)))
        prompts.append(
            build(
                fakes.HERO,
                history=history.trimmed(budget),
                contexts=[Context("c", "page", f"page {turn}", page=turn)],
                passages=[Passage(f"passage {turn}")],
                tools=TOOLS,
            ).messages
        )
        text = SAYING.format(turn=turn)
        say(turn, TextDelta(text))
        say(turn, TurnEnded(turn, "finished", text, text))
    return prompts


def tokens(messages: tuple[Message, ...]) -> int:
    return sum(map(of_message, messages))


def common(one: tuple[Message, ...], other: tuple[Message, ...]) -> tuple[Message, ...]:
    alike = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
    return one[:alike]


def test_a_prompt_begins_with_all_of_the_one_before_but_its_end():
    """Only the newest message of the user and what stands before it, page and passages, is new."""
    prompts = talk(12, budget=100_000)
    for before, now in pairwise(prompts):
        assert common(before, now) == before[:-2]


def test_most_of_a_long_conversation_can_be_kept():
    """Also beyond the budget: cuts are seldom, and over 120 turns four fifths of all tokens begin alike."""
    prompts = talk(120)
    kept = [tokens(common(before, now)) for before, now in pairwise(prompts)]
    beginning = tokens(prompts[0][:1])
    cuts = sum(each <= beginning for each in kept[1:])
    assert 5 <= cuts <= 25
    assert sum(kept) / sum(map(tokens, prompts[1:])) > 0.75
    assert all(tokens(prompt[1:]) <= BUDGET + 120 for prompt in prompts)


def test_very_many_exchanges_go_in_steps_too():
    """The number of exchanges that is remembered is bounded, and does not move with every turn."""
    prompts = talk(260, budget=1_000_000)
    moved = sum(len(now) <= len(before) for before, now in pairwise(prompts))
    assert moved == 1
