"""Wrong tokens by address, as tables; then through the doors that share the count."""

import logging

import httpx
import pytest
from websockets.asyncio.client import connect

from aizuchi.server.admission import Token
from aizuchi.server.gate import Capacity
from aizuchi.server.guesses import Guesses, TooManyGuesses, network
from aizuchi.server.mounts import mounts
from tests.server.fakes import make_house
from tests.server.sockets import serving, ws
from tests.wire.independent_chatanon import Client, anon

TOKENS = [Token("right", "ann"), Token("other", "bob")]
UNHURRIED = Capacity(overload_lag_ms=60_000)
"""A busy machine is no reason to refuse anybody here."""


def wrong(guesses: Guesses, address: str, times: int, now: float = 0.0) -> None:
    for number in range(times):
        assert guesses.check(TOKENS, [f"wrong{number}"], address, now) is None


def test_an_address_that_guesses_has_to_wait():
    """After so many not even a right token is looked at until a guess is free again; others come in."""
    guesses = Guesses(most=3)
    wrong(guesses, "192.0.2.1", 3)
    for offered in ("wrong", "right"):
        with pytest.raises(TooManyGuesses) as caught:
            guesses.check(TOKENS, [offered], "192.0.2.1", 0.0)
        assert caught.value.seconds == 20 and caught.value.close == 4401
        assert "right" not in str(caught.value)
    assert guesses.check(TOKENS, ["right"], "192.0.2.2", 0.0) == TOKENS[0]
    assert guesses.check(TOKENS, ["right"], "192.0.2.1", 20.5) == TOKENS[0]


def test_who_came_in_from_there_before_still_does():
    """One bad client behind a proxy does not lock out the others, who are known by their tokens."""
    guesses = Guesses(most=3)
    assert guesses.check(TOKENS, ["right"], "192.0.2.1", 0.0) == TOKENS[0]
    wrong(guesses, "192.0.2.1", 3)
    assert guesses.check(TOKENS, ["right"], "192.0.2.1", 0.0) == TOKENS[0]
    with pytest.raises(TooManyGuesses):
        guesses.check(TOKENS, ["other"], "192.0.2.1", 0.0)


@pytest.mark.parametrize("offered", [[], [""], ["", ""]])
def test_nothing_is_no_guess(offered: list[str]):
    """Who offers no token, and a server that has none, count nothing."""
    guesses = Guesses(most=1)
    for _ in range(5):
        assert guesses.check(TOKENS, offered, "192.0.2.1", 0.0) is None
        assert guesses.check([], ["x"], "192.0.2.1", 0.0) is None
    assert len(guesses) == 0


def test_memory_is_bounded():
    """The oldest addresses are forgotten."""
    guesses = Guesses(most=1, kept=10)
    for number in range(100):
        wrong(guesses, f"192.0.2.{number}", 1)
    assert len(guesses) == 10
    with pytest.raises(TooManyGuesses):
        guesses.check(TOKENS, ["right"], "192.0.2.99", 0.0)


@pytest.mark.parametrize(
    ("address", "stands_for"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_network(address: str, stands_for: str):
    """A client of IPv6 has a whole network to guess from."""
    assert network(address) == stands_for


def test_the_log_has_a_hash_and_no_token(caplog: pytest.LogCaptureFixture):
    """An operator sees that somebody guesses, and whether it is always the same."""
    with caplog.at_level(logging.WARNING):
        Guesses().check(TOKENS, ["hunter2"], "192.0.2.1", 0.0)
    assert "192.0.2.1" in caplog.text and "f52fbd32b2b3" in caplog.text and "hunter2" not in caplog.text


@pytest.mark.network
async def test_all_doors_count_together():
    """ChatAnon, the native protocol and `/api/`: what is tried at one is gone at the others."""
    tokens = [Token("right", "ann"), Token("mine", "bob")]
    house = make_house(tokens=tokens, guesses=Guesses(most=1), capacity=UNHURRIED)
    async with serving(house, table=mounts()) as base:
        async with anon(ws(base, "/ws"), "mine", character=None):
            pass
        async with connect(ws(base, "/ws")) as socket:
            client = Client(socket)
            await client.send("connect", api_token="wrong")
            assert (await client.receive())["message"] == "Invalid API token"
        async with connect(ws(base, "/ws")) as socket:
            client = Client(socket)
            await client.send("connect", api_token="right")
            said = (await client.receive())["message"]
            assert said.startswith("Too many invalid API tokens; try again in ")
            assert (await client.closed())[0] == 1008
        async with connect(ws(base, "/digital-human/ws")) as socket:
            await socket.send('{"type": "hello", "token": "right"}')
            assert "too many wrong tokens" in str(await socket.recv())
        async with httpx.AsyncClient(base_url=base, trust_env=False) as http:
            answer = await http.get("/api/sessions", headers={"Authorization": "Bearer right"})
            assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0
            known = await http.get("/api/sessions", headers={"Authorization": "Bearer mine"})
            assert known.status_code == 200
        async with anon(ws(base, "/ws"), "mine", character=None) as client:
            assert await client.command("ping") == {"type": "pong"}
