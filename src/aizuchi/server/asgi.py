"""`uvicorn aizuchi.server.asgi:app`: the same server under somebody else's command line.

Reads the configuration as `aizuchi serve` does (`./aizuchi.yaml`, or the file `AIZUCHI_CONFIG` names).
Ports and certificates are then uvicorn's business. `--ws aizuchi.server.asgi:Socket` gives every protocol
its own socket manners, `--http aizuchi.server.asgi:Http` a limit to requests that never end. Without a token
the application answers on loopback only, since it can't see where it will be bound before somebody comes.
"""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp

from aizuchi.build import house as build_house
from aizuchi.config import load
from aizuchi.server import logs
from aizuchi.server.app import LoopbackOnly, make_app
from aizuchi.server.http import Http as Http
from aizuchi.server.mounts import limits_of
from aizuchi.server.socket import socket_class


def make() -> tuple[ASGIApp, type[asyncio.Protocol]]:
    """The application from the configuration, and its WebSockets. Raises ConfigError."""
    loaded = load()
    settings = loaded.settings
    logs.configure(settings.log.level, settings.log.format)
    house = build_house(loaded)
    made = make_app(house)
    app = made if house.tokens or house.open else LoopbackOnly(made)
    return app, socket_class(limits_of(house.mounts))


app, Socket = make()
