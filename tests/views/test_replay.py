"""A recording is shown within the width there is, and told again at its own pace."""

from pathlib import Path

import pytest
from rich.cells import cell_len

from aizuchi.events import Entry, TurnBegun, TurnEnded
from aizuchi.views.recorder import Recorder
from aizuchi.views.replay import bars, replay, waterfall
from aizuchi.views.saved import Saved, load
from tests.views.stories import Clock, Tale, whole


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tale = Tale()
    with Recorder(tmp_path) as recorder:
        recorder(tale)
        whole(tale)
    return next(tmp_path.rglob("*.jsonl"))


@pytest.mark.parametrize("width", [10, 40, 80, 200])
def test_no_line_is_too_wide(path: Path, width: int):
    """Every line fits, down to forty columns."""
    lines = [line.plain for line in waterfall(load(path), width)]
    assert max(cell_len(line) for line in lines) <= max(width, 40)


def test_waterfall_shows_each_stage_in_its_place(path: Path):
    """The bars of a spoken turn follow each other as the stages did, with their lengths."""
    lines = [line.plain for line in waterfall(load(path), 120)]
    text = "\n".join(lines)
    rows: dict[str, str] = {}
    for line in lines:
        rows.setdefault(line[:12].strip(), line)
    for label, figure in (("silence", "200 ms"), ("recogniser", "150 ms"), ("first clause", "80 ms")):
        assert rows[label].endswith(figure), rows[label]
    starts = [
        rows[label].index(mark) for label, mark in (("you speak", "█"), ("silence", "░"), ("voice", "▒"))
    ]
    assert starts == sorted(starts) and len(set(starts)) == 3
    assert 'user: "go forward ten meters"' in text and "finished, 0.1 s of sound" in text
    assert "from the end of the voice: first token 660 ms, first sound 1000 ms" in text
    assert "✕" in text and "interrupted" in text


def test_wide_letters_are_counted_as_wide():
    """Chinese text is cut by columns, not by characters."""
    begun = TurnBegun(1, "user", "今天天气怎么样" * 30, user_end=0.0)
    entries = [
        Entry(0, 0.0, 1, 1, begun),
        Entry(1, 1.0, 1, 1, TurnEnded(1, "finished")),
    ]
    saved = Saved({"aizuchi_timeline": 1}, entries)
    assert all(cell_len(line.plain) <= 60 for line in waterfall(saved, 60))


def test_an_empty_recording_is_said():
    """Nothing recorded is no error."""
    text = "\n".join(line.plain for line in waterfall(Saved({"aizuchi_timeline": 1}, broken=2), 80))
    assert "no turn ended" in text and "2 lines are unreadable" in text


def test_every_turn_has_bars(path: Path):
    """No bar ends before it begins."""
    for figures in load(path).metrics.turns:
        lines = bars(figures)
        assert lines and all(bar.end >= bar.start for bar in lines)


async def test_replay_keeps_the_pace(path: Path):
    """At double speed each entry comes at half its time, and a slow reader does not shift the rest."""
    clock = Clock()
    began = clock()
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        clock.now += seconds

    seen: list[tuple[float, float]] = []
    async for entry in replay(path, 2.0, now=clock, pause=pause):
        seen.append((entry.at, clock() - began))
        if entry.seq == 3:
            clock.now += 0.2
    late = [(at, when) for at, when in seen if when > at / 2 + 1e-6]
    assert len(seen) == len(load(path).entries)
    assert all(when >= at / 2 - 1e-6 for at, when in seen)
    assert len(late) <= 3 and pauses
    assert seen[-1][1] == pytest.approx(7.0 / 2)


async def test_replay_refuses_a_speed_that_never_ends(path: Path):
    """Zero or less is no pace."""
    with pytest.raises(ValueError, match="above 0"):
        await anext(replay(path, 0))
