"""The four states every client shows, and the only ways between them.

    idle ──Listen──▶ listening ──heard──▶ thinking ──first sound──▶ speaking
     ▲  ◀─stop/empty──┘  ▲                 │    ▲                     │
     └───────────────────┴──── done, interrupt, barge-in ─────────────┘

Source of the table: the native protocol, section A2 (T1-T16). `idle -> idle` is the answer to an
interrupt that came too late; `speaking -> speaking` says that a reply is held or goes on; `thinking ->
thinking` that it must wait for its model (`queued`).
"""

from __future__ import annotations

from typing import Final

from aizuchi.events import State

ALLOWED: Final[dict[State, frozenset[State]]] = {
    "idle": frozenset({"idle", "listening", "thinking", "speaking"}),
    "listening": frozenset({"idle", "thinking", "speaking"}),
    "thinking": frozenset({"idle", "listening", "thinking", "speaking"}),
    "speaking": frozenset({"idle", "listening", "speaking"}),
}


def may_follow(previous: State, state: State) -> bool:
    """Whether the table has a way from one state to the other."""
    return state in ALLOWED[previous]
