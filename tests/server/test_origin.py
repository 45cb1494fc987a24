"""The origin rule, row by row."""

import socket

import pytest

from aizuchi.server.origin import allowed, is_loopback, own_host, own_names

LISTED = ["https://stage.example", "http://dev.example:5173/"]


@pytest.mark.parametrize(
    ("origin", "host", "peer", "fine"),
    [
        (None, "a.example", "203.0.113.5", True),
        ("", "a.example", "203.0.113.5", True),
        ("http://127.0.0.1:12393", "127.0.0.1:12393", "127.0.0.1", True),
        ("http://localhost:5173", "127.0.0.1:12393", "127.0.0.1", True),
        ("http://[::1]:3000", "192.168.1.5:12393", "192.168.1.9", True),
        ("http://app.localhost", "127.0.0.1", "127.0.0.1", True),
        ("https://192.168.1.5:12393", "192.168.1.5:12393", "192.168.1.9", True),
        ("https://192.168.1.5", "192.168.1.5:443", "192.168.1.9", True),
        ("http://192.168.1.5", "192.168.1.5", "192.168.1.9", True),
        ("http://192.168.1.5:81", "192.168.1.5:80", "192.168.1.9", False),
        ("http://192.168.1.6:12393", "192.168.1.5:12393", "192.168.1.9", False),
        ("https://stage.example", "192.168.1.5", "203.0.113.5", True),
        ("HTTPS://Stage.Example", "192.168.1.5", "203.0.113.5", True),
        ("http://dev.example:5173", "192.168.1.5", "203.0.113.5", True),
        ("http://stage.example", "192.168.1.5", "203.0.113.5", False),
        ("https://evil.example", "127.0.0.1:12393", "127.0.0.1", False),
        ("https://stage.example.evil.example", "127.0.0.1", "127.0.0.1", False),
        ("http://localhost.evil.example", "127.0.0.1", "127.0.0.1", False),
        # A rebound name: its page's host is what it sends as Host, and still it is a stranger.
        ("http://evil.example:12393", "evil.example:12393", "127.0.0.1", False),
        ("null", "127.0.0.1", "127.0.0.1", True),
        ("null", "127.0.0.1", "::1", True),
        ("null", "127.0.0.1", "::ffff:127.0.0.1", True),
        ("null", "192.168.1.5", "192.168.1.9", False),
        ("null", "192.168.1.5", None, False),
        ("file://", "127.0.0.1", "127.0.0.1", True),
        ("file:///home", "192.168.1.5", "192.168.1.9", False),
        ("nonsense", "nonsense", "127.0.0.1", False),
        ("http://", "", "127.0.0.1", False),
        ("http://[", "[", "127.0.0.1", False),
        ("http://a:99999", "a:99999", "127.0.0.1", False),
        ("chrome-extension://abcdef", "127.0.0.1", "127.0.0.1", False),
    ],
)
def test_rule(origin: str | None, host: str, peer: str | None, fine: bool):
    """Programs, loopback, own addresses and listed origins may come; strangers' pages may not."""
    assert allowed(origin, host=host, peer=peer, listed=LISTED) is fine


def test_a_name_counts_where_tokens_guard():
    """Behind a reverse proxy, with tokens, the server's own name is its own host."""
    named = {"origin": "https://talk.example", "host": "talk.example", "peer": "127.0.0.1"}
    assert allowed(**named, any_name=True) and not allowed(**named, any_name=False)
    assert not allowed("https://evil.example", host="talk.example", any_name=True)


def test_this_machine_is_known_by_name():
    """The host name and its mDNS form are our own."""
    name = socket.gethostname().lower().partition(".")[0]
    assert f"{name}.local" in own_names()
    assert own_host(f"{name}.local:12393", any_name=False)


def test_everybody_when_listed_so():
    """A star lists every origin."""
    assert allowed("https://anything.example", listed=["*"])


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        (None, False),
        ("192.168.0.1", False),
        ("localhost.example", False),
    ],
)
def test_loopback(host: str | None, loopback: bool):
    """Only addresses and names that never leave the machine are loopback; the wildcard is not."""
    assert is_loopback(host) is loopback
