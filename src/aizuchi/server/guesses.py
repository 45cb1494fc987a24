"""How many wrong tokens an address may offer, wherever it offers them. No input or output.

One `Guesses` for all routes of a process that check a token, so that a guesser gains nothing by trying them
in turn. When an address has offered too many, a right token is refused from there, too, or one could guess
on. Only whoever has come in from there before still does: behind one proxy, and in one house, one bad client
must not lock out the rest.
"""

from __future__ import annotations

import ipaddress
import logging
import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, TypeVar

from aizuchi.errors import ProtocolError
from aizuchi.server.admission import Allowance, Token, authenticate, fingerprint

log = logging.getLogger(__name__)

K = TypeVar("K")
V = TypeVar("V")

GUESSES: Final = 20
"""Wrong tokens a minute, from one address."""
KEPT: Final = 1_000
"""Addresses that are remembered, and as many pairs of an address and a token that came in from there."""


class TooManyGuesses(ProtocolError):
    """No token is looked at any more for `retry_after_ms`, which is always set."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            f"too many wrong tokens came from your address; try again in {seconds} s",
            code="auth_failed",
            close=4401,
            retry_after_ms=seconds * 1000,
        )
        self.seconds = seconds


class Guesses:
    """Who has guessed. `now` is any monotonic clock's time in seconds."""

    def __init__(self, most: int = GUESSES, kept: int = KEPT) -> None:
        self._most = most
        self._kept = kept
        self._left: OrderedDict[str, Allowance] = OrderedDict()
        self._familiar: OrderedDict[tuple[str, str], None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def check(
        self, tokens: Sequence[Token], offered: Sequence[str], address: str, now: float
    ) -> Token | None:
        """The token that one of the offered secrets is; None counts as a guess if anything was offered.

        Where there are no tokens nothing is counted. Raises TooManyGuesses.
        """
        offered = [each for each in offered if each]
        if not tokens or not offered:
            return None
        place = network(address)
        token = authenticate(tokens, offered)
        known = token is not None and (place, fingerprint(token.secret)) in self._familiar
        allowance = self._left.get(place)
        if allowance is not None and not known and (left := allowance.left(now)) < 1:
            raise TooManyGuesses(math.ceil((1 - left) * 60 / self._most))
        if token is None:
            self._wrong(place, offered, now)
        else:
            _keep(self._familiar, (place, fingerprint(token.secret)), None, self._kept)
        return token

    def _wrong(self, place: str, offered: Sequence[str], now: float) -> None:
        allowance = self._left.get(place) or Allowance(self._most, now)
        _keep(self._left, place, allowance, self._kept)
        allowance.take(1, now)
        # The hash tells an operator whether it is always the same token; the token itself is never logged.
        log.warning("a wrong token from %s (sha256 %s...)", place or "?", fingerprint(offered[0])[:12])


def network(address: str) -> str:
    """Whom an address stands for: of IPv6 its /64, since a single client has as many as it likes."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def _keep(table: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    """Remember it as the newest, and forget the oldest beyond `most`."""
    table[key] = value
    table.move_to_end(key)
    if len(table) > most:
        table.popitem(last=False)
