"""Tokens and the token bucket, as tables."""

import pytest

from aizuchi.ports import Limits
from aizuchi.server.admission import Allowance, Pace, Token, authenticate, bearer, fingerprint, same

TOKENS = [Token("one", "alice"), Token("two", ""), Token("", "nobody")]


@pytest.mark.parametrize(
    ("offered", "who"),
    [
        (["one"], "alice"),
        (["wrong", "one"], "alice"),
        (["two"], "token-" + fingerprint("two")[:16]),
        ([""], None),
        ([], None),
        (["ONE"], None),
        (["one "], None),
        (["\ud800"], None),
        (["x" * 100_000], None),
    ],
)
def test_authenticate(offered: list[str], who: str | None):
    """A right secret gives its token, whoever else was tried; an empty one never lets anybody in."""
    token = authenticate(TOKENS, offered)
    assert (token.who if token else None) == who


def test_nothing_equals_the_empty_secret():
    """Two missing secrets are not the same secret."""
    assert not same("", "") and same("a", "a") and not same("a", "")


def test_secrets_do_not_show():
    """A token's repr, which may reach a log, holds no secret."""
    assert "one" not in repr(TOKENS[0])


@pytest.mark.parametrize(
    ("header", "secret"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", ""), ("Bearer", ""), ("", "")],
)
def test_bearer(header: str, secret: str):
    """Only a bearer header holds a secret."""
    assert bearer(header) == secret


def test_a_burst_then_the_rate():
    """After the burst one message per tick passes; what is too much is warned of once a second."""
    pace = Pace(Limits(messages_per_second=10, burst=5), 0.0)
    assert [pace.judge(0.0) for _ in range(7)] == ["pass"] * 5 + ["warn", "drop"]
    assert [pace.judge(0.1), pace.judge(0.1)] == ["pass", "drop"]
    assert [pace.judge(1.1) for _ in range(6)] == ["pass"] * 5 + ["warn"]


def test_only_lasting_abuse_is_ended():
    """A further whole burst dropped within the patience closes; the same spread over a long time does not."""
    limits = Limits(messages_per_second=1, burst=3)
    flood = Pace(limits, 0.0)
    verdicts = [flood.judge(0.0) for _ in range(7)]
    assert verdicts[:3] == ["pass"] * 3 and verdicts[6] == "close" and "close" not in verdicts[:6]
    patient = Pace(limits, 0.0)
    for minute in range(30):
        assert "close" not in [patient.judge(minute * 60.0) for _ in range(6)]


def test_a_steady_microphone_passes():
    """Fifty chunks a second for a minute, in clumps of ten, are never too much for the defaults."""
    pace = Pace(Limits(), 0.0)
    assert all(pace.judge(clump * 0.2) == "pass" for clump in range(300) for _ in range(10))


@pytest.mark.parametrize(
    ("steps", "verdicts"),
    [
        ([(0, 30), (0, 30), (0, 1)], ["pass", "pass", "warn"]),
        ([(0, 60), (0, 1), (0, 1), (5, 1), (6, 1)], ["pass", "warn", "drop", "drop", "pass"]),
        ([(0, 60), (0, 1), (7, 3), (7, 5), (7, 1)], ["pass", "warn", "pass", "warn", "drop"]),
        ([(0, 60), (0, 1), (60, 60), (60, 1)], ["pass", "warn", "pass", "warn"]),
        ([(0, 100), (0, 1)], ["warn", "pass"]),
    ],
)
def test_allowance(steps: list[tuple[float, float]], verdicts: list[str]):
    """Sixty a minute: rows of when and how much; shut once, it opens when a tenth is there again."""
    allowance = Allowance(60, 0.0)
    assert [allowance.take(amount, now) for now, amount in steps] == verdicts


def test_an_allowance_tells_when_it_opens():
    """Six seconds for a tenth of a minute's worth, less what is left."""
    allowance = Allowance(60, 0.0)
    allowance.take(58, 0.0)
    allowance.take(3, 0.0)
    assert allowance.opens_in_ms == 4000
    assert not allowance.full(57.0) and allowance.full(58.0)


def test_a_pace_tells_when_it_opens():
    """Too many in a minute: until a tenth of them may come. Without such a bound there is nothing to tell."""
    most = Limits(messages_per_second=100, burst=100)
    pace = Pace(most, now=0.0, per_minute=20)
    assert [pace.judge(0.0) for _ in range(21)].count("pass") == 20
    assert pace.opens_in_ms == 6_000
    assert Pace(most, now=0.0).opens_in_ms is None
