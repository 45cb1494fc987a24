"""The one origin rule of all sockets and of the HTTP interface.

A browser says in `Origin` whose page wants to connect. Programs send none and may come in (tokens guard
against those). A page may come in from this server's own host, from a loopback name, or from a listed
origin; a page without an origin (`file://`, `null`: Electron, a saved page) only from this machine.

"Own host" is what the request's `Host` says, and an attacker's name may be made to point here (DNS
rebinding). So a name counts as our own only if it is an address, a loopback name or this machine's own
name; other names, as behind a reverse proxy, need a token on the server, `--open`, or a listing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from functools import cache
from urllib.parse import urlsplit

LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost"})
DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def is_loopback(host: str | None) -> bool:
    """Whether a name or address means this very machine."""
    if not host:
        return False
    name = host.strip("[]").rstrip(".").lower()
    if name in LOOPBACK_NAMES or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


@cache
def own_names() -> frozenset[str]:
    """This machine's host name, alone and as mDNS tells it."""
    name = socket.gethostname().lower()
    short = name.partition(".")[0]
    return frozenset(each for each in (name, short, f"{short}.local") if each)


def _split(value: str, scheme: str = "http") -> tuple[str, int | None] | None:
    """Host and port of an origin or of a `Host` header; None if it is neither."""
    try:
        parts = urlsplit(value if "://" in value else f"{scheme}://{value}")
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname.rstrip("."), port) if parts.hostname else None


def own_host(host: str, *, any_name: bool) -> bool:
    """Whether a `Host` header names this server in a way that no stranger can arrange."""
    split = _split(host)
    if split is None:
        return False
    if any_name or is_loopback(split[0]) or split[0] in own_names():
        return True
    try:
        ipaddress.ip_address(split[0])
    except ValueError:
        return False
    return True


def allowed(
    origin: str | None,
    *,
    host: str = "",
    peer: str | None = None,
    listed: Sequence[str] = (),
    any_name: bool = False,
) -> bool:
    """Whether a request with this `Origin` may be served.

    `host` is its `Host` header, `peer` the client's address, `listed` the configured origins ("*" for
    every one), `any_name` whether unknown host names are trusted.
    """
    if not origin:
        return True
    origin = origin.strip().lower()
    if "*" in listed:
        return True
    if origin == "null" or origin.startswith("file:"):
        return is_loopback(peer) or origin in listed
    theirs = _split(origin)
    if theirs is None or "://" not in origin:
        return False
    if is_loopback(theirs[0]):
        return True
    if any(origin == each.strip().lower().rstrip("/") for each in listed):
        return True
    scheme = origin.partition("://")[0]
    return theirs == _split(host.lower(), scheme) and own_host(host, any_name=any_name)
