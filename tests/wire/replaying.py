"""What the golden transcripts of the wires share: their files, and entries and inputs as they stand there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from aizuchi.events import Entry, Input, Packet
from aizuchi.timeline_json import entry_from_json, entry_to_json

FOLDER = Path(__file__).parent / "transcripts"
Lines = list[dict[str, Any]]


def files(protocol: str) -> list[Path]:
    return sorted(FOLDER.glob(f"{protocol}-*.jsonl"))


def entry(told: dict[str, Any]) -> Entry:
    """An entry of a transcript; silence stands for a packet's sound."""
    made = entry_from_json(told)
    assert made is not None, told
    if isinstance(made.event, Packet):
        pcm = bytes(made.event.ms * made.event.rate // 500)
        made = replace(made, event=replace(made.event, data=pcm))
    return made


def plain(event: Any) -> dict[str, Any]:
    """An input without what its entry would add."""
    assert isinstance(event, Input)
    told = entry_to_json(Entry(0, 0.0, None, 0, event))
    return {name: value for name, value in told.items() if name not in ("seq", "at", "turn", "generation")}


def read(path: Path) -> Lines:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def rewrite(paths: Iterable[Path], replay: Callable[[Lines], Iterator[dict[str, Any]]]) -> None:
    """Write the outcomes anew, for a person to read in the diff."""
    for path in paths:
        rows = [json.dumps(line, ensure_ascii=False) for line in replay(read(path))]
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
