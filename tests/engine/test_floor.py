"""Who may speak: one row a rule."""

from __future__ import annotations

import pytest

from aizuchi.engine import floor
from aizuchi.engine.rules import BargeIn
from aizuchi.events import Cause


@pytest.mark.parametrize(
    ("cause", "situation", "decision"),
    [
        ("user", "nothing", "begin"),
        ("user", "user_voice", "begin"),
        ("user", "reply", "yield"),
        ("user", "show", "hold"),
        ("reminder", "reply", "wait"),
        ("reminder", "show", "hold"),
        ("reminder", "user_voice", "wait"),
        ("viewer", "reply", "wait"),
        ("proactive", "reply", "ignore"),
        ("proactive", "user_voice", "ignore"),
        ("greeting", "show", "ignore"),
        ("lecture", "show", "yield"),
        ("lecture", "reply", "wait"),
        ("music", "nothing", "begin"),
    ],
)
def test_claims(cause: Cause, situation: floor.Running, decision: floor.Decision):
    """A turn that wants to begin."""
    assert floor.claim(cause, situation) == decision


def test_every_cause_knows_every_situation():
    """The table has no holes, and nothing silences a user who is speaking."""
    for cause, row in floor.CLAIMS.items():
        assert set(row) == {"nothing", "user_voice", "reply", "show"}, cause
        assert row["nothing"] == "begin"
        assert cause == "user" or row["user_voice"] in ("wait", "ignore")


@pytest.mark.parametrize(
    ("policy", "sign", "voiced", "situation", "decision"),
    [
        ("immediate", "onset", 60, "reply", "yield"),
        ("after_ms", "onset", 60, "reply", "ignore"),
        ("after_ms", "voiced", 199, "reply", "ignore"),
        ("after_ms", "voiced", 200, "reply", "yield"),
        ("after_ms", "word", 100, "reply", "ignore"),
        ("after_word", "voiced", 900, "reply", "ignore"),
        ("after_word", "word", 100, "reply", "yield"),
        ("never", "word", 900, "reply", "ignore"),
        ("after_ms", "voiced", 200, "show", "hold"),
        ("never", "onset", 0, "nothing", "begin"),
    ],
)
def test_voice(policy, sign: floor.Sign, voiced: float, situation: floor.Running, decision: floor.Decision):
    """The user's voice over what runs, by policy."""
    assert floor.voice(BargeIn(policy, after_ms=200), sign, voiced, situation) == decision


def test_situations():
    """A lecture and music can be held; everything else that speaks is a reply."""
    assert floor.running("music", user_speaks=True) == "show"
    assert floor.running("user", user_speaks=True) == "reply"
    assert floor.running(None, user_speaks=True) == "user_voice"
    assert floor.running(None, user_speaks=False) == "nothing"
