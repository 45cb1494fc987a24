"""What every provider behind a vendor's WebSocket has: an address, connections to it, errands beside them."""

from __future__ import annotations

import os
from collections.abc import Callable
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from aizuchi.errors import ConfigError
from aizuchi.ports import Provider
from aizuchi.providers.errands import Errands
from aizuchi.providers.sockets import LARGEST, Sockets


class LineOptions(Provider.Options):
    """How the vendor is reached."""

    verify_tls: bool = Field(default=True, description="check the server's certificate")
    connect_timeout: float = Field(
        default=5.0, gt=0, le=60, description="seconds to reach the server, and again until it is ready"
    )


class Line:
    """One provider's connections. Open it, use `sockets` and `errands`, close it.

    `name` is the provider's in the configuration, as `tts.minimax`; `example` an address that would do;
    `refused`, `idle`, `most`, `own` and `largest` are those of `Sockets`. Raises ConfigError for an address
    that is none.
    """

    def __init__(
        self,
        name: str,
        url: str,
        headers: dict[str, str],
        options: LineOptions,
        *,
        example: str,
        refused: str,
        idle: float,
        most: int | None = None,
        own: Callable[[], dict[str, str]] = dict,
        largest: int = LARGEST,
    ) -> None:
        self.name = name
        self.host = checked(name, url, example)
        self.patience = options.connect_timeout
        """Seconds that the beginning of a request may take on a connection."""
        self.errands = Errands()
        self.sockets = Sockets(
            url,
            headers | {"user-agent": "aizuchi"},
            connect=options.connect_timeout,
            idle=idle,
            refused=refused,
            verify_tls=options.verify_tls,
            most=most,
            own=own,
            largest=largest,
        )

    async def open(self) -> None:
        await self.errands.__aenter__()

    async def close(self) -> None:
        await self.errands.__aexit__(None, None, None)
        self.sockets.close()


def checked(name: str, url: str, example: str) -> str:
    """The host of a WebSocket address. Raises ConfigError when it is none."""
    try:
        address = urlsplit(url)
        host, _ = address.hostname, address.port
    except ValueError:
        host, address = None, urlsplit("")
    if address.scheme not in ("ws", "wss") or not host:
        raise ConfigError(
            f"{name}.base_url is not an address; expected something like {example}",
            zh=f"{name}.base_url 不是地址；应类似 {example}",
        )
    return host


def key_of(given: SecretStr, variable: str) -> str:
    """The key of the configuration, else of the environment; empty if there is none."""
    return (given.get_secret_value() or os.environ.get(variable, "")).strip()


def no_key(name: str, *variables: str, where: str = "") -> ConfigError:
    """What is said when a vendor's own server is asked without a key. `where` is the page that makes one."""
    said, zh = " and ".join(variables), " 与 ".join(variables)
    made, zh_made = (f"; made at {where}", f"，可在 {where} 创建") if where else ("", "")
    return ConfigError(
        f"{name} has no key: set {said} in the environment or in .env{made}",
        zh=f"{name} 没有密钥：请在环境变量或 .env 中设置 {zh}{zh_made}",
    )
