"""Who may call now, who waits in which place: the queue in front of a stage, told as small stories."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aizuchi.engine.desk import RETRY_MS, Desk, Moves, Ticket
from aizuchi.engine.priority import ORDERS, Preset, Priority, priority

WORDS: dict[str, tuple[Priority, bool]] = {
    "i": ("interactive", False),
    "I": ("interactive", True),
    "l": ("lecture", False),
    "L": ("lecture", True),
    "b": ("background", False),
}
"""One letter a call; a capital one belongs to a reply that sounds already."""


class Story:
    """A desk whose tickets have names: a letter of WORDS and a number, such as i1."""

    def __init__(self, limit: int, *, waiting: int = 9, preset: Preset = "interactive_first") -> None:
        self.desk = Desk(limit, waiting=waiting, preset=preset)
        self.now = 0.0
        self.names: dict[Ticket, str] = {}
        self.running: list[str] = []
        self.shed: list[str] = []
        self.revoked: list[str] = []
        self.refused: list[str] = []

    def ask(self, *names: str) -> None:
        for name in names:
            of, urgent = WORDS[name[0]]
            ticket, moves = self.desk.ask(of, self.now, urgent=urgent)
            if ticket is None:
                self.refused.append(name)
            else:
                self.names[ticket] = name
            self._moved(moves)

    def leave(self, *names: str) -> None:
        for name in names:
            ticket = next(each for each, its in self.names.items() if its == name)
            moves = self.desk.leave(ticket, self.now)
            if name in self.running:
                self.running.remove(name)
            self._moved(moves)

    def _moved(self, moves: Moves) -> None:
        self.running += [self.names[each] for each in moves.admitted]
        self.shed += [self.names[each] for each in moves.shed]
        self.revoked += [self.names[each] for each in moves.revoked]

    @property
    def waiting(self) -> list[str]:
        return [self.names[ticket] for ticket, _ in self.desk.places()]


@pytest.mark.parametrize(
    ("preset", "asked", "order"),
    [
        ("interactive_first", "i1 i2 i3", "i1 i2 i3"),
        ("interactive_first", "l1 i1 l2 i2", "i1 i2 l1 l2"),
        ("lecture_first", "i1 l1 i2 l2", "l1 l2 i1 i2"),
        ("interactive_first", "b1 l1 i1", "i1 l1 b1"),
        ("lecture_first", "b1 i1 l1", "l1 i1 b1"),
        ("interactive_first", "i1 I1 l1", "I1 i1 l1"),
        ("interactive_first", "i1 L1", "L1 i1"),
        ("lecture_first", "l1 i1 I1 L1", "I1 L1 l1 i1"),
    ],
)
def test_order(preset: Preset, asked: str, order: str):
    """Replies that sound go first, then the classes of the preset, then whoever came first."""
    story = Story(1, preset=preset)
    story.ask("i0", *asked.split())
    assert story.running == ["i0"]
    assert story.waiting == order.split()
    for before in ["i0", *order.split()][:-1]:
        story.leave(before)
    assert story.running == order.split()[-1:]


def test_places():
    """The first that waits is 1; ahead of it are those that run; without any experience there is no guess."""
    story = Story(2)
    story.ask("i1", "i2", "i3", "i4")
    assert [(place.position, place.ahead, place.eta_ms) for _, place in story.desk.places()] == [
        (1, 2, None),
        (2, 3, None),
    ]


def test_guess_of_the_time():
    """The guess is the running mean of the calls' lengths; two that run at once halve it."""
    for limit, etas in ((1, [4000, 8000]), (2, [2000, 4000])):
        story = Story(limit)
        story.ask("i0")
        story.now += 4.0
        story.leave("i0")
        story.ask(*(f"i{number}" for number in range(1, limit + 3)))
        assert [place.eta_ms for _, place in story.desk.places()] == etas
        assert story.desk.retry_after_ms() == etas[-1] + etas[0]
    story.now += 9.0
    story.leave("i1")
    assert next(place.eta_ms for _, place in story.desk.places()) == round((4 + 0.2 * 5) / 2 * 1000)


def test_a_call_that_only_waited_has_no_length():
    """Who gives up in the queue says nothing about how long calls take."""
    story = Story(1)
    story.ask("i1", "i2")
    story.now += 50
    story.leave("i2")
    assert story.desk.retry_after_ms() == RETRY_MS


@pytest.mark.parametrize(
    ("waiting", "asked", "left", "shed", "refused"),
    [
        (2, "i1 i2 i3", "i1 i2", "", "i3"),
        (2, "i1 b1 i2", "i1 i2", "b1", ""),
        (2, "b1 b2 l1 i1", "i1 l1", "b2 b1", ""),
        (2, "i1 i2 I1", "I1 i1", "i2", ""),
        (2, "i1 l1 b1", "i1 l1", "", "b1"),
        (0, "i1", "", "", "i1"),
    ],
)
def test_a_full_queue(waiting: int, asked: str, left: str, shed: str, refused: str):
    """The queue is bounded: the last of the worst class makes way for a better one, else the new one goes."""
    story = Story(1, waiting=waiting)
    story.ask("i0", *asked.split())
    assert (story.waiting, story.shed, story.refused) == (left.split(), shed.split(), refused.split())


def test_giving_up_moves_the_others():
    """Who leaves the queue frees no place, and everybody behind moves up."""
    story = Story(1)
    story.ask("i0", "i1", "i2")
    story.leave("i1")
    assert (story.running, story.waiting) == (["i0"], ["i2"])
    story.leave("i1")
    assert (story.running, story.waiting) == (["i0"], ["i2"])


@pytest.mark.parametrize(
    ("limit", "asked", "revoked"),
    [
        (1, "b1 i1", "b1"),
        (1, "b1 l1", "b1"),
        (2, "b1 b2 i1", "b2"),
        (2, "b1 b2 i1 i2 i3", "b2 b1"),
        (2, "b1 i1", ""),
        (1, "b1 b2", ""),
        (1, "i1 l1", ""),
    ],
)
def test_background_work_makes_way(limit: int, asked: str, revoked: str):
    """One background call is revoked for each reply that would wait, those begun last first; no reply is."""
    story = Story(limit)
    story.ask(*asked.split())
    assert story.revoked == revoked.split()


def test_a_revoked_place_is_free_once_it_was_left():
    """The vendor's limit holds also while a revoked call is being closed."""
    story = Story(1)
    story.ask("b1", "i1")
    assert story.waiting == ["i1"]
    story.leave("b1")
    assert (story.running, story.waiting) == (["i1"], [])
    assert not story.desk.free
    story.leave("i1")
    assert story.desk.free


def test_lectures_are_told_and_music_is_played():
    """The class follows from a turn's cause; whoever is answered is interactive."""
    assert {priority("lecture"), priority("music")} == {"lecture"}
    assert {priority("user"), priority("greeting"), priority("tool"), priority("viewer")} == {"interactive"}
    assert all(order[-1] == "background" for order in ORDERS.values())


@given(
    limit=st.integers(1, 3),
    waiting=st.integers(0, 4),
    preset=st.sampled_from(list(ORDERS)),
    steps=st.lists(st.tuples(st.sampled_from([*WORDS, "-"]), st.integers(0, 30)), max_size=40),
)
def test_any_story(limit: int, waiting: int, preset: Preset, steps: Iterable[tuple[str, int]]):
    """Bounds hold, no place stays free while somebody waits, and nobody overtakes within a class."""
    story = Story(limit, waiting=waiting, preset=preset)
    asked = 0
    for step, which in steps:
        if step != "-":
            asked += 1
            story.ask(f"{step}{asked}")
        elif there := [*story.running, *story.waiting]:
            story.leave(there[which % len(there)])
        assert story.desk.running == len(story.running) <= limit
        assert story.desk.waiting == len(story.waiting) <= waiting
        assert not story.waiting or len(story.running) == limit
        for kind in WORDS:
            same = [int(name[1:]) for name in story.waiting if name[0] == kind]
            assert same == sorted(same)
        if any(name[0] != "b" for name in story.waiting):
            waits = sum(name[0] != "b" for name in story.waiting)
            spared = [name for name in story.running if name[0] == "b" and name not in story.revoked]
            going = [name for name in story.running if name in story.revoked]
            assert not spared or len(going) >= waits
