"""Who may come in, and how fast they may talk. No input or output; `now` is any monotonic clock."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from aizuchi.ports import Limits


@dataclass(frozen=True, slots=True)
class Token:
    """A secret that lets a client in, and whom it stands for."""

    secret: str = field(repr=False)
    person: str = ""
    """Whose conversations it opens; empty: a name made from the secret's hash."""
    name: str = ""
    """For people reading logs; never the secret."""

    @property
    def who(self) -> str:
        return self.person or "token-" + fingerprint(self.secret)[:16]


def fingerprint(secret: str) -> str:
    """A secret's SHA-256 in hex: good for keeping, useless for coming in."""
    # A client's JSON may hold half a surrogate pair, which plain UTF-8 refuses.
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare two secrets in a time that tells nothing; an empty one equals nothing."""
    return hmac.compare_digest(fingerprint(one), fingerprint(other)) and bool(one)


def authenticate(tokens: Sequence[Token], offered: Sequence[str]) -> Token | None:
    """The token that one of the offered secrets is. All are compared, whichever matches first."""
    found: Token | None = None
    for token in tokens:
        for secret in offered:
            if same(token.secret, secret) and found is None:
                found = token
    return found


def bearer(header: str) -> str:
    """The secret of an `Authorization: Bearer ...` header; empty if it holds none."""
    scheme, _, secret = header.strip().partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


Verdict = Literal["pass", "warn", "drop", "close"]


class Allowance:
    """So much a minute, of whatever: a token bucket that, once empty, stays shut until it is a tenth full.

    Shut for a while rather than open by drops: a few words of every sentence are worth nothing.
    """

    def __init__(self, per_minute: float, now: float) -> None:
        self._most = float(per_minute)
        self._left = self._most
        self._at = now
        self._shut = False

    def take(self, amount: float, now: float) -> Verdict:
        """`warn` is the first refusal since it was open, `drop` each further one."""
        self._fill(now)
        if self._shut and self._left >= self._most / 10:
            self._shut = False
        if not self._shut and self._left >= amount:
            self._left -= amount
            return "pass"
        first, self._shut = not self._shut, True
        return "warn" if first else "drop"

    def full(self, now: float) -> bool:
        return self.left(now) >= self._most

    def left(self, now: float) -> float:
        self._fill(now)
        return self._left

    @property
    def opens_in_ms(self) -> int:
        """Until it opens again, counted from the last `take`."""
        return max(0, round((self._most / 10 - self._left) / self._most * 60_000))

    def _fill(self, now: float) -> None:
        self._left = min(self._most, self._left + (now - self._at) * self._most / 60)
        self._at = now


class Pace:
    """A token bucket for one link's messages.

    A message beyond the rate is dropped; the first of a second is answered (`warn`), the rest are
    not, since answering a flood makes two. A client that goes on until a whole further burst has been
    dropped within `patience` seconds is shown the door. `per_minute` is a second bound, for the long run;
    beyond it messages are dropped and nobody is shown the door.
    """

    def __init__(
        self, limits: Limits, now: float, *, patience: float = 10.0, per_minute: int | None = None
    ) -> None:
        self._minute = None if per_minute is None else Allowance(per_minute, now)
        self._rate = limits.messages_per_second
        self._burst = float(limits.burst)
        self._patience = patience
        self._left = self._burst
        self._at = now
        self._warned: float | None = None
        self._dropped = 0
        self._since = now

    @property
    def opens_in_ms(self) -> int | None:
        """When messages are taken again, if the latest was too much for a minute; None: soon."""
        return None if self._minute is None else self._minute.opens_in_ms or None

    def judge(self, now: float) -> Verdict:
        """One message has come."""
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left >= 1:
            self._left -= 1
            return "pass" if self._minute is None else self._minute.take(1, now)
        if now - self._since > self._patience:
            self._since, self._dropped = now, 0
        self._dropped += 1
        if self._dropped > self._burst:
            return "close"
        if self._warned is None or now - self._warned >= 1:
            self._warned = now
            return "warn"
        return "drop"
