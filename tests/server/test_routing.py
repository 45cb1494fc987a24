"""From a request's head to a worker, as tables."""

from collections import Counter

import pytest

from aizuchi.ports import Shard
from aizuchi.server.routing import TALKING, Board, Key, by_address, complete, keys

SHARDS = {
    "/native": Shard(),
    "/device": Shard(query=("device-id",), headers=("device-id", "authorization")),
    "/agent": Shard(query=("session", "token"), headers=("authorization",)),
    "/late": Shard(pinned=True),
    "/left/{name}": Shard((), room="meeting"),
    "/right/{name}": Shard((), room="meeting"),
}


def head(target: str, *lines: str) -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: x", *lines, "", ""]).encode("latin-1")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (head("/"), ()),
        (head("/health?session=s1"), ()),
        (head("/native"), ()),
        (head("/native?session=s1"), (Key("session", "s1"),)),
        (head("/native?x=1&SESSION=s%2D1&session=s2"), (Key("session", "s-1"),)),
        (head("/native?session="), ()),
        (head("/native?token=t"), ()),
        (head("/agent?token=t"), (Key("same", "t"),)),
        (head("/agent", "Authorization: Bearer t"), (Key("same", "t"),)),
        (head("/agent", "AUTHORIZATION:bearer   t "), (Key("same", "t"),)),
        (head("/agent", "Authorization: Basic dDp0"), (Key("same", "Basic dDp0"),)),
        (
            head("/agent?token=t&session=s", "Authorization: Bearer u"),
            (Key("session", "s"), Key("same", "t"), Key("same", "u")),
        ),
        (
            head("/device", "Device-Id: aa:bb", "Authorization: Bearer t"),
            (Key("same", "aa:bb"), Key("same", "t")),
        ),
        (head("/device?device-id=aa:bb", "device-id: cc"), (Key("same", "aa:bb"), Key("same", "cc"))),
        (head("/late?token=t"), (Key("pinned", "/late"),)),
        (head("/left/some?session=1"), (Key("session", "meeting/some"),)),
        (head("/right/%E8%8E%93"), (Key("session", "meeting/莓"),)),
        (head("/left/"), ()),
        (head("/left/a/b"), ()),
        (head("/device", "Device-Id: one", "Device-Id: two"), (Key("same", "one"),)),
        (b"GET /device HTTP/1.1\r\nDevice-Id: half", (Key("same", "half"),)),
        (b"GET", ()),
        (b"", ()),
        (b"\x16\x03\x01\x02\x00\x01", ()),
        (b"\xff\xfe GET /late", ()),
        (b"GET /agent?token=%ff%zz&&= HTTP/1.1\r\n: x\r\n\r\n", (Key("same", "\ufffd%zz"),)),
    ],
)
def test_keys(text: bytes, found: tuple[Key, ...]):
    """The wire's own order decides; what can't be read is no key."""
    assert keys(text, SHARDS) == found


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET / HTTP/1.1\n\n", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", False),
        (b"G", False),
        (b"\x16\x03\x01", True),
        (b"\r\n", True),
    ],
)
def test_complete(text: bytes, whole: bool):
    """What will never be a request need not be waited for."""
    assert complete(text) is whole


def board(*workers: int) -> Board:
    made = Board()
    for each in workers:
        made.come(each)
    return made


def same(value: str) -> tuple[Key, ...]:
    return (Key("same", value),)


def test_nobody_there():
    """Without workers there is no answer, for no key."""
    assert Board().pick() is None
    assert Board().pick([Key("pinned", "/late")]) is None


def test_the_least_loaded():
    """Requests without keys go where least is to do, counting what was handed over a moment ago."""
    made = board(0, 1, 2)
    given: Counter[int] = Counter()
    for _ in range(9):
        worker = made.pick()
        assert worker is not None
        made.gave(worker)
        given[worker] += 1
    assert given == {0: 3, 1: 3, 2: 3}
    made.report(0, connections=3, talking=1, taken=3)
    made.report(1, connections=3, talking=0, taken=3)
    made.report(2, connections=3 + TALKING - 1, talking=0, taken=3)
    for expected in (1, 1, 1, 2):
        assert made.pick() == expected
        made.gave(expected)


def test_a_key_finds_its_worker_again():
    """Equal keys meet at one worker; a thousand of them spread over all."""
    made = board(0, 1, 2)
    chosen = {key: made.pick(same(str(key))) for key in range(1000)}
    assert chosen == {key: made.pick(same(str(key))) for key in range(1000)}
    assert all(count > 250 for count in Counter(chosen.values()).values())


def test_a_death_moves_only_its_own_keys():
    """The others stay where they are, and all come back with the worker."""
    made = board(0, 1, 2)
    before = {key: made.pick(same(str(key))) for key in range(300)}
    made.gone(1)
    after = {key: made.pick(same(str(key))) for key in range(300)}
    assert {key for key in before if before[key] != after[key]} == {k for k in before if before[k] == 1}
    made.come(1)
    assert before == {key: made.pick(same(str(key))) for key in range(300)}


def test_a_session_is_where_it_is():
    """The worker that has it, else the next key, else one where all who seek it meet."""
    made = board(0, 1, 2)
    for worker in (0, 1, 2):
        made.sessions["s"] = worker
        assert made.pick([Key("session", "s"), Key("same", "t")]) == worker
    made.gone(2)
    assert made.pick([Key("session", "s"), Key("same", "t")]) == made.pick(same("t"))
    assert len({made.pick([Key("session", "lost")]) for _ in range(5)}) == 1


def test_a_session_that_moved_on_is_not_dropped():
    """A worker that lets go of a session late does not speak for the one that has it now."""
    made = board(0, 1)
    made.sessions["s"] = 0
    made.sessions["s"] = 1
    made.dropped("s", 0)
    assert made.sessions == {"s": 1}
    made.dropped("s", 1)
    assert made.sessions == {}


def test_a_pinned_path_stays():
    """It keeps its worker when others come, and moves once when that one dies."""
    made = board(0)
    pinned = [Key("pinned", "/late")]
    assert made.pick(pinned) == 0
    for each in range(1, 9):
        made.come(each)
    assert made.pick(pinned) == 0
    made.gone(0)
    other = made.pick(pinned)
    made.come(0)
    assert made.pick(pinned) == other != 0


def test_by_address():
    """Where heads can't be read a client's connections stay together."""
    made = board(0, 1, 2)
    assert made.pick(by_address("10.0.0.1")) == made.pick(by_address("10.0.0.1"))


def test_reports_of_the_dead():
    """What a worker said last does not bring it back."""
    made = board(0)
    made.gone(1)
    made.report(1, connections=1, talking=0, taken=1)
    made.gave(1)
    assert list(made.loads) == [0]


def test_a_room_stays_where_it_is():
    """A room comes back to no worker by itself: who is in it stays, and who comes joins them."""
    made = board(0, 1)
    name = next(f"meeting/{n}" for n in range(99) if made.pick([Key("session", f"meeting/{n}")]) == 0)
    key = [Key("session", name)]
    made.gone(0)
    assert made.pick(key) == 1
    made.sessions[name] = 1
    made.come(0)
    assert made.pick(key) == 1
    made.dropped(name, 1)
    assert made.pick(key) == 0
