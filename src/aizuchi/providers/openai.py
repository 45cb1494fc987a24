"""What the three OpenAI-compatible providers share: options, one HTTP client, errors in our words.

Many servers speak this protocol (`llm/dialects.py` names those we know of), so nothing here assumes that
the one at the other end is OpenAI's. httpx is imported when a provider is built, so that a server without
one of these providers does not load it.

Errors: `Refused` for an HTTP status that is not 2xx, `Lost` when the connection could not be made or broke.
Both are `ProviderError`s whose message names the host, never a key.
"""

from __future__ import annotations

import asyncio
import email.utils
import functools
import ipaddress
import json
import os
import random
import re
import socket
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.request import getproxies

from pydantic import Field, SecretStr

from aizuchi.errors import ConfigError, ProviderError, StageTimeout
from aizuchi.ports import Provider

if TYPE_CHECKING:
    import httpx

OFFICIAL = "https://api.openai.com/v1"
RETRY_AFTER_MAX = 2.0
"""Seconds; a vendor that asks for more is left to the next provider of the stage."""
_ENDPOINTS = ("/chat/completions", "/audio/transcriptions", "/audio/speech")
_KEY_LIKE = re.compile(r"\b(?:sk|pk|rk|ark|ak)-[A-Za-z0-9_*.\-]{4,}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_BODY_LIMIT = 16 << 10
# Codes of a refused request that no waiting mends: OpenAI's, and GLM's for an account in arrears.
_NEEDS_A_PERSON = {"insufficient_quota", "billing_hard_limit_reached", "1113"}

Trouble = Literal["key", "account", "money", "plan", "model", "request", "content", "rate", "busy"]
"""What a vendor's own error code means. Only the last two may pass by themselves."""
_MAY_PASS: tuple[Trouble, ...] = ("rate", "busy")


@dataclass(frozen=True, slots=True)
class Vendor:
    """Whose server it is, where a provider is made for one vendor: what stands in for an option."""

    name: str
    """As it is chosen in YAML."""
    address: str
    """Up to where the endpoints begin."""
    keys: tuple[str, ...]
    """Variables that hold the key; the first one that is set."""
    addresses: tuple[str, ...] = ()
    """Variables that hold another address."""
    hosts: tuple[str, ...] = ()
    """Further hosts of the vendor's that want a key."""


OPENAI = Vendor("openai", OFFICIAL, ("OPENAI_API_KEY",), ("OPENAI_BASE_URL",))


class ApiOptions(Provider.Options):
    """Where the server is and how to reach it."""

    base_url: str = Field(
        default="",
        description="address up to and with /v1; empty: OPENAI_BASE_URL from the environment, else OpenAI's",
    )
    api_key: SecretStr = Field(
        default=SecretStr(""),
        description="the key; empty: OPENAI_API_KEY from the environment. Servers of your own may need none",
    )
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="extra HTTP headers, by name; never printed"
    )
    proxy: SecretStr = Field(
        default=SecretStr(""),
        description="proxy address; empty: the environment's, but never for a server on this machine",
    )
    verify_tls: bool = Field(default=True, description="check the server's certificate")
    connect_timeout: float = Field(default=5.0, gt=0, le=60, description="seconds to reach the server")
    retries: int = Field(
        default=2, ge=0, le=5, description="further tries, only before anything has been answered"
    )
    retry_wait: float = Field(
        default=0.25,
        ge=0,
        le=5,
        description="seconds before a further try, doubled each time; varied by a quarter",
    )


class Refused(ProviderError):
    """The server answered with an error status."""

    def __init__(
        self, message: str, *, status: int, detail: str, retryable: bool, retry_after_ms: int | None
    ) -> None:
        super().__init__(message, retryable=retryable, retry_after_ms=retry_after_ms)
        self.status = status
        self.detail = detail
        """What the server said, scrubbed and cut; may be empty."""


class Lost(ProviderError):
    """No answer came over the connection. `reached` is False when there was no connection at all."""

    def __init__(self, message: str, *, reached: bool) -> None:
        super().__init__(message, retryable=True)
        self.reached = reached


class Api:
    """One server: its address, its key, one pool of connections. Open it, use it, close it.

    `stage` and `model` only make the messages clearer. `vendor` gives what the options leave out. Raises
    ConfigError for an address or a key that can't be used.
    """

    def __init__(self, options: ApiOptions, *, stage: str, model: str = "", vendor: Vendor = OPENAI) -> None:
        import httpx

        self._options = options
        self._model = model
        self._vendor = vendor
        self._what = f"{stage}.{vendor.name}"
        self.codes: Mapping[str, Trouble] = {}
        """The vendor's error code, or how one begins -> what it means; the longest that fits counts."""
        self._key = (options.api_key.get_secret_value() or _variable(vendor.keys)).strip()
        address = (options.base_url or _variable(vendor.addresses) or vendor.address).strip().rstrip("/")
        for endpoint in _ENDPOINTS:
            address = address.removesuffix(endpoint)
        try:
            self.url = httpx.URL(address)
        except httpx.InvalidURL:
            raise ConfigError(self._no_address()) from None
        if self.url.scheme not in ("http", "https") or not self.url.host:
            raise ConfigError(self._no_address())
        self.host = self.url.host
        self.port = self.url.port or (443 if self.url.scheme == "https" else 80)
        self.local = is_local(self.host)
        self._secrets = tuple(
            value
            for value in (self._key, *(header.get_secret_value() for header in options.headers.values()))
            if len(value) >= 4
        )
        self._client: httpx.AsyncClient | None = None

    def _no_address(self) -> str:
        return f"{self._what}.base_url is not an address; expected something like {self._vendor.address}"

    async def open(self) -> None:
        """Make the client; no connection yet. Raises ConfigError."""
        import httpx

        from aizuchi.providers.lanes import Lanes

        options = self._options
        headers = {"user-agent": "aizuchi", "accept-encoding": "identity"}  # compressing adds delay
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        elif self.host in (httpx.URL(self._vendor.address).host, *self._vendor.hosts):
            raise ConfigError(
                f"{self._what} has no key: set {self._vendor.keys[0]} in the environment or in .env, "
                "or base_url to a server that needs none",
                zh=f"{self._what} 没有密钥：请在环境变量或 .env 中设置 {self._vendor.keys[0]}，"
                "或把 base_url 设为无需密钥的服务器",
            )
        headers |= {name.lower(): value.get_secret_value() for name, value in options.headers.items()}
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ConfigError(f"{self._what}.headers: {name!r} is no name for a header")
            if not value.isascii() or not value.isprintable():
                what = "the key" if name == "authorization" else f"the header {name!r}"
                raise ConfigError(
                    f"{self._what}: {what} holds characters that no header may have; copy it anew"
                )
        proxy = options.proxy.get_secret_value()
        verify = trust(self.url.scheme == "https", options.verify_tls)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=60.0)
        from_environment = not proxy and not self.local and bool(getproxies())
        try:
            proxied = httpx.Proxy(proxy) if proxy else None
            self._client = httpx.AsyncClient(
                headers=headers,
                # Which addresses a proxy of the environment is for, only the client itself knows.
                transport=None
                if from_environment
                else Lanes(lambda: httpx.AsyncHTTPTransport(verify=verify, proxy=proxied, limits=limits)),
                verify=verify,
                limits=limits,
                trust_env=from_environment,
                # A stage's silence is the engine's to judge; the deadline of each call bounds the whole.
                timeout=httpx.Timeout(None, connect=options.connect_timeout, write=30.0, pool=10.0),
            )
        except (ValueError, httpx.InvalidURL):
            raise ConfigError(f"{self._what}.proxy is not an address; expected http://host:port") from None

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def warm(self) -> bool:
        """Make a connection ahead of need; says whether the server answered, whatever it answered."""
        try:
            async with asyncio.timeout(5.0):
                response = await self._send("GET", "/models", None, {})
                async with aclosing(response):
                    await _read(response, 1 << 20)  # to the end, or the connection could not be kept
        except (TimeoutError, ProviderError):
            return False
        return True

    async def post(
        self,
        path: str,
        content: bytes | AsyncIterable[bytes],
        headers: dict[str, str],
        *,
        limit: asyncio.Timeout | None = None,
        deadline: float | None = None,
    ) -> httpx.Response:
        """Send a request; returns when the head of a 2xx answer is there. The caller closes the response.

        `deadline` is on the event loop's clock. `limit` is a timeout that the caller may move while the
        body is being sent; without either, the wait is unbounded. Raises Refused, Lost, StageTimeout.
        """
        try:
            async with limit or asyncio.timeout_at(deadline):
                response = await self._send("POST", path, content, headers)
                if response.is_success:
                    return response
                async with aclosing(response):
                    raise self._refused(response, await _read(response))
        except TimeoutError:
            raise StageTimeout(f"{self.host} did not answer in time") from None

    async def chunks(
        self, response: httpx.Response, *, deadline: float | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The body as it arrives. Raises Lost when it breaks off, StageTimeout at the deadline."""
        import httpx

        async with aclosing(response), aclosing(_bytes(response)) as body:
            while True:
                try:
                    async with asyncio.timeout_at(deadline):
                        chunk = await anext(body, None)
                except TimeoutError:
                    raise StageTimeout(f"{self.host} took too long for one answer") from None
                except httpx.RequestError as error:
                    raise Lost(f"{self.host} broke off its answer ({_kind(error)})", reached=True) from None
                if chunk is None:
                    return
                yield chunk

    def pause(self, error: ProviderError, tried: int) -> float | None:
        """Seconds to wait before a further try, or None for none. `tried` counts the tries so far."""
        if not error.retryable or isinstance(error, StageTimeout) or tried > self._options.retries:
            return None
        if error.retry_after_ms is not None:
            wanted = error.retry_after_ms / 1000
            return wanted if wanted <= RETRY_AFTER_MAX else None
        if isinstance(error, Lost) and error.reached and tried == 1:
            return 0.0  # a kept connection that the server had closed meanwhile; a new one costs no patience
        return self._options.retry_wait * 2 ** (tried - 1) * random.uniform(0.75, 1.25)

    def scrub(self, text: str, limit: int = 300) -> str:
        """Somebody else's words made fit for a message of ours: one line, short, without keys."""
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        text = " ".join(_KEY_LIKE.sub("[key]", text).split())
        return text if len(text) <= limit else text[:limit] + " ..."

    def stream_error(self, error: object) -> ProviderError:
        """An `error` object that came in place of an answer, in the body of a 200."""
        detail, code = _error_words(error)
        said = self.scrub(detail) or "no reason given"
        trouble = self._trouble(code)
        if trouble is not None:
            return ProviderError(f"{self._told(trouble)}: {said}", retryable=trouble in _MAY_PASS)
        ours = code.startswith(("4", "invalid")) and code not in ("408", "409", "429")
        return ProviderError(
            f"{self.host} reported an error: {said}", retryable=not ours and code not in _NEEDS_A_PERSON
        )

    async def _send(
        self, method: str, path: str, content: bytes | AsyncIterable[bytes] | None, headers: dict[str, str]
    ) -> httpx.Response:
        import httpx

        if self._client is None:
            raise ProviderError(f"{self._what} is not open", retryable=False)
        url = self.url.copy_with(path=self.url.path.rstrip("/") + path)  # keeps a query such as api-version
        request = self._client.build_request(method, url, content=content, headers=headers)
        where = self.host if self.port in (80, 443) else f"{self.host}:{self.port}"
        try:
            return await self._client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            why = "no answer" if isinstance(error, httpx.ConnectTimeout) else reason(error)
            raise Lost(
                f"cannot reach {where} ({why}); does it run, and is {self._what}.base_url right?",
                reached=False,
            ) from None
        except httpx.RequestError as error:
            raise Lost(
                f"{where} closed the connection without an answer ({_kind(error)})", reached=True
            ) from None

    def _trouble(self, code: str) -> Trouble | None:
        fitting = [known for known in self.codes if code.startswith(known)]
        return self.codes[max(fitting, key=len)] if fitting else None

    def _told(self, trouble: Trouble) -> str:
        """What is the matter, and what a person can do."""
        match trouble:
            case "key":
                return f"{self.host} refused the key; set {self._vendor.keys[0]}, or {self._what}.api_key"
            case "account":
                return f"{self.host} does not serve this account"
            case "money":
                return f"{self.host} wants the account to be charged first"
            case "plan":
                return f"{self.host} says that what the account may use is used up"
            case "model":
                return (
                    f"{self.host} has no model {self._model!r} for this account; "
                    f"look at {self._what}.model, and whether it is switched on in the vendor's console"
                )
            case "request":
                return f"{self.host} did not accept the request"
            case "content":
                return f"{self.host} refuses to answer this"
            case "rate":
                return f"{self.host} asks for fewer requests"
            case "busy":
                return f"{self.host} is overloaded"

    def _refused(self, response: httpx.Response, body: bytes) -> Refused:
        status = response.status_code
        detail, code = _error_words(_json(body))
        if not detail and not body.lstrip().startswith(b"<"):
            detail = body.decode("utf-8", "replace")
        detail = self.scrub(detail)
        trouble = self._trouble(code)
        match status:
            case _ if trouble is not None:
                what = self._told(trouble)
            case 401 | 403:
                what = f"{self.host} refused the key; set {self._vendor.keys[0]}, or {self._what}.api_key"
            case 404:
                what = (
                    f"{self.host} has no model {self._model!r} or no such address; "
                    f"look at {self._what}.model and base_url (it usually ends in /v1)"
                )
            case 429:
                what = f"{self.host} asks for fewer requests, or the account is used up"
            case _ if status < 400:
                what = f"{self.host} redirects elsewhere; put the new address in {self._what}.base_url"
            case _ if status >= 500:
                what = f"{self.host} failed (HTTP {status})"
            case _:
                what = f"{self.host} did not accept the request (HTTP {status})"
        retryable = status in (408, 409, 425, 429) or status >= 500
        if trouble is not None:
            retryable = trouble in _MAY_PASS
        return Refused(
            f"{what}: {detail}" if detail else what,
            status=status,
            detail=detail,
            retryable=retryable and code not in _NEEDS_A_PERSON,
            retry_after_ms=retry_after_ms(response.headers.get("retry-after", ""), time.time())
            if retryable
            else None,
        )


def _variable(names: tuple[str, ...]) -> str:
    """The first of these variables that holds anything."""
    return next((value for name in names if (value := os.environ.get(name, "").strip())), "")


@functools.cache
def trust(secure: bool, verify: bool) -> ssl.SSLContext:
    """How to check certificates. Reading the authorities takes 50 ms: done once, and only for https."""
    import httpx

    if secure:
        return httpx.create_ssl_context(verify=verify)
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody, and is asked by nobody


def is_local(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_private(host: str) -> bool:
    """Whether a host stands in one's own network: a private address, a bare name, or a .local one."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".lan", ".internal"))


def retry_after_ms(value: str, now: float) -> int | None:
    """A Retry-After header: seconds, or a date against `now` (seconds since 1970). None if it is neither."""
    try:
        seconds = float(value)
    except ValueError:
        date = email.utils.parsedate_tz(value)
        if date is None:
            return None
        seconds = email.utils.mktime_tz(date) - now
    if not seconds < 1e7:  # also turns away what is not a number
        return None
    return max(0, round(seconds * 1000))


def encode(payload: dict[str, Any]) -> bytes:
    """A JSON body."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


async def _bytes(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    async for chunk in response.aiter_bytes():
        yield chunk


async def _read(response: httpx.Response, limit: int = _BODY_LIMIT) -> bytes:
    """The beginning of a short body, as far as it comes within two seconds."""
    import httpx

    body = b""
    try:
        async with asyncio.timeout(2.0), aclosing(_bytes(response)) as chunks:
            while len(body) < limit and (chunk := await anext(chunks, None)) is not None:
                body += chunk
    except (TimeoutError, httpx.RequestError):
        pass
    return body


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _error_words(error: object) -> tuple[str, str]:
    """Message and code out of the shapes that servers give errors; empty where there are none."""
    if isinstance(error, list) and error:
        error = error[0]
    if isinstance(error, dict) and "error" in error:
        error = error["error"]
    if isinstance(error, str):
        return error, ""
    if not isinstance(error, dict):
        return "", ""
    message = error.get("message") or error.get("detail") or error.get("msg") or ""
    code = error.get("code")
    text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    return text, "" if code is None else str(code)


def reason(error: Exception) -> str:
    """Why a connection could not be made, from the system's error beneath."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "its certificate is not trusted; verify_tls: false accepts any"
        if isinstance(cause, ssl.SSLError):
            return "no secure connection could be agreed on; is it http rather than https?"
        if isinstance(cause, socket.gaierror):
            return "the name is unknown"
        if isinstance(cause, ConnectionRefusedError):
            return "nobody listens there"
        cause = cause.__cause__ or cause.__context__
    return _kind(error)


def _kind(error: Exception) -> str:
    """A transport's error in a word; its own text may hold addresses of the machine."""
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", type(error).__name__).lower()
    return words.removesuffix(" error") or "error"
