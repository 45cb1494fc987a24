"""Who may speak. Sans-I/O: two tables and the functions that read them.

*Claims* are turns that want to begin; a hum makes none, since it never has the floor. *Voice* is the
user's sound over a running reply. The answer is one word; the session acts on it.

begin    nothing is in the way
yield    what runs is interrupted
hold     what runs is paused and goes on afterwards (music, a lecture)
wait     the claim queues until the floor is free
ignore   the claim is dropped, and the timeline says so
"""

from __future__ import annotations

from typing import Final, Literal

from aizuchi.engine.rules import BargeIn
from aizuchi.events import Cause

Decision = Literal["begin", "yield", "hold", "wait", "ignore"]
Running = Literal["nothing", "user_voice", "reply", "show"]
"""What has the floor: nobody, the user who is speaking, a reply, or something long that can be held."""
Sign = Literal["onset", "voiced", "word"]

SHOWS: Final[frozenset[Cause]] = frozenset({"lecture", "music"})

CLAIMS: Final[dict[Cause, dict[Running, Decision]]] = {
    #             nobody               the user speaks         a reply             a show
    "user": {"nothing": "begin", "user_voice": "begin", "reply": "yield", "show": "hold"},
    "reminder": {"nothing": "begin", "user_voice": "wait", "reply": "wait", "show": "hold"},
    "tool": {"nothing": "begin", "user_voice": "wait", "reply": "wait", "show": "hold"},
    "viewer": {"nothing": "begin", "user_voice": "wait", "reply": "wait", "show": "hold"},
    "group": {"nothing": "begin", "user_voice": "wait", "reply": "wait", "show": "hold"},
    "greeting": {"nothing": "begin", "user_voice": "ignore", "reply": "ignore", "show": "ignore"},
    "proactive": {"nothing": "begin", "user_voice": "ignore", "reply": "ignore", "show": "ignore"},
    "lecture": {"nothing": "begin", "user_voice": "wait", "reply": "wait", "show": "yield"},
    "music": {"nothing": "begin", "user_voice": "wait", "reply": "wait", "show": "yield"},
}

VOICE: Final[dict[str, frozenset[Sign]]] = {
    # policy -> the signs of speech that take the floor; of `pause` the half that is left where nothing sounds
    # that could be paused
    "pause": frozenset({"voiced", "word"}),
    "immediate": frozenset({"onset", "voiced", "word"}),
    "after_ms": frozenset({"voiced"}),
    "after_word": frozenset({"word"}),
    "never": frozenset(),
}


def running(cause: Cause | None, *, user_speaks: bool) -> Running:
    """Names the situation: the cause of the turn that has the floor, None for no turn."""
    if cause is None:
        return "user_voice" if user_speaks else "nothing"
    return "show" if cause in SHOWS else "reply"


def claim(cause: Cause, situation: Running) -> Decision:
    """What happens to a turn that wants to begin."""
    return CLAIMS[cause][situation]


def voice(policy: BargeIn, sign: Sign, voiced_ms: float, situation: Running) -> Decision:
    """What the user's voice does to what runs; `voiced_ms` is how much of it there was so far."""
    if situation in ("nothing", "user_voice"):
        return "begin"
    if sign == "voiced" and voiced_ms < policy.after_ms:
        return "ignore"
    if sign not in VOICE[policy.policy]:
        return "ignore"
    return "hold" if situation == "show" else "yield"
