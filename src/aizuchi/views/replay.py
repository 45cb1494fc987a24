"""A saved timeline for the eye: a waterfall of each turn, and its entries again at their own pace.

turn 2  user: "go forward ten meters"                      finished, 1.9 s of sound
you speak    ██████████████                                               1640 ms
silence                    ░░░                                             204 ms
recogniser                    ▒▒                                           151 ms
...
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from aizuchi.events import Entry
from aizuchi.views.figures import TurnFigures
from aizuchi.views.saved import Saved, load

LABEL = 12
FIGURE = 11
NARROWEST = 40


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a turn's waterfall; times in seconds on the session's clock."""

    label: str
    start: float
    end: float
    mark: str
    style: str


def bars(figures: TurnFigures) -> list[Bar]:
    """What of a turn happened when, in the order of the pipeline; what did not happen is left out."""
    user_end = figures.user_end
    stop = figures.interrupted if figures.interrupted is not None else figures.ended
    wanted = (
        ("you speak", figures.speech_onset, figures.voice_end, "█", "cyan"),
        ("silence", figures.voice_end, user_end, "░", "yellow"),
        ("recogniser", user_end, figures.asr_final, "▒", "magenta"),
        ("prepared", figures.prepared, figures.begun, "░", "green"),
        ("model", figures.llm_asked, figures.llm_done, "▒", "blue"),
        ("first clause", figures.first_token, figures.first_sentence, "▒", "yellow"),
        ("voice", figures.tts_asked, figures.tts_done, "▒", "magenta"),
        ("sound", figures.first_audio, stop, "█", "green"),
        ("interrupt", figures.interrupted, figures.interrupted, "✕", "red"),
        ("tidied up", figures.interrupted, figures.ended, "░", "red"),
    )
    return [
        Bar(label, start, end, mark, style)
        for label, start, end, mark, style in wanted
        if start is not None and end is not None and end >= start
    ]


def waterfall(saved: Saved, width: int = 100) -> Iterator[Text]:
    """The whole recording, line by line, none wider than `width` columns (40 at least)."""
    width = max(width, NARROWEST)
    header = saved.header
    title = f"session {saved.session}  {header.get('person', '')}  {header.get('began', '')}"
    yield _cut(Text(title, style="bold"), width)
    for problem, count in (("entries were left out", saved.dropped), ("lines are unreadable", saved.broken)):
        if count:
            yield _cut(Text(f"{count} {problem}", style="red"), width)
    metrics = saved.metrics
    turns = list(metrics.turns)
    if not turns:
        yield _cut(Text("no turn ended in this recording"), width)
    for figures in turns:
        yield Text()
        yield from _turn(figures, width)
    heard = f"{metrics.utterances} utterances, {metrics.empty_recognitions} of them not understood"
    yield Text()
    yield _cut(Text(f"{len(turns)} turns, {heard}", style="dim"), width)


def _turn(figures: TurnFigures, width: int) -> Iterator[Text]:
    said = f'{figures.cause}: "{figures.said}"' if figures.said else figures.cause
    notes = [figures.outcome or "running"]
    if figures.audio_ms or figures.done_ms:
        notes.append(f"{(figures.audio_ms or figures.done_ms) / 1000:.1f} s of sound")
    notes += [f"fallback {figures.fallback}"] if figures.fallback else []
    notes += [", ".join(figures.faults)] if figures.faults else []
    right = ", ".join(notes)
    left = f"turn {figures.turn}  {said}"
    room = max(12, width - cell_len(right) - 2)
    left = left if cell_len(left) <= room else set_cell_size(left, room - 1) + "…"
    yield _cut(Text(f"{set_cell_size(left, room)}  {right}", style="bold"), width)

    lines = bars(figures)
    if not lines:
        return
    begin, end = min(bar.start for bar in lines), max(bar.end for bar in lines)
    columns = width - LABEL - FIGURE - 2
    scale = columns / max(end - begin, 1e-6)
    for bar in lines:
        first = min(columns - 1, int((bar.start - begin) * scale))
        last = min(columns, max(first + 1, round((bar.end - begin) * scale)))
        line = Text(f"{bar.label:<{LABEL}} ")
        line.append(" " * first)
        line.append(bar.mark * (last - first), style=bar.style)
        line.append(" " * (columns - last))
        point = bar.start == bar.end
        figure = f"at {bar.start - begin:.2f} s" if point else f"{(bar.end - bar.start) * 1000:.0f} ms"
        line.append(f" {figure:>{FIGURE}}")
        yield line
    spans = (
        ("first token", figures.first_token),
        ("first sound", figures.first_audio),
    )
    since = figures.voice_end if figures.voice_end is not None else figures.user_end
    what = "voice" if figures.voice_end is not None else "text"
    known = [
        f"{name} {(at - since) * 1000:.0f} ms" for name, at in spans if at is not None and since is not None
    ]
    if known:
        yield _cut(Text(f"{'':<{LABEL}} from the end of the {what}: {', '.join(known)}", style="dim"), width)


def _cut(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis")
    return text


async def replay(
    path: Path | str,
    speed: float = 1.0,
    *,
    now: Callable[[], float] = time.monotonic,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[Entry]:
    """The entries of a file at the pace at which they came, `speed` times as fast.

    Pauses are measured from the first entry, so that a slow reader does not shift the rest. Raises
    ConfigError for a file that is no timeline, ValueError for a speed that is not above 0.
    """
    if not speed > 0:
        raise ValueError(f"speed must be above 0, {speed} was given")
    saved = await asyncio.to_thread(load, path)
    if not saved.entries:
        return
    began, first = now(), saved.entries[0].at
    for entry in saved.entries:
        wait = began + (entry.at - first) / speed - now()
        if wait > 0:
            await pause(wait)
        yield entry
