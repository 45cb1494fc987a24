"""Who may use the console: an operator with a token; without tokens on the server, somebody on this machine.

A page of somebody else's must not reach it by way of an operator's browser. With tokens that takes a header
no browser adds by itself. Without them three things are asked for: the name in `Host` means this machine (DNS
rebinding), a page's origin is the console's own, and nothing has passed the request on (a proxy here would
make everybody local). What changes something needs a header or a content type that a form can't send.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import Request

from aizuchi.server import origin
from aizuchi.server.admission import Allowance, bearer
from aizuchi.server.console.ports import Console, Lang, Refused
from aizuchi.server.guesses import TooManyGuesses
from aizuchi.server.house import House

HEADER: Final = "x-aizuchi-console"
FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
CHANGES: Final = 120
"""Requests that change or try something, a minute."""
KEPT: Final = 1_000

TEXTS: Final = {
    "host": ("this host name is not allowed here", "不允许使用此主机名"),
    "origin": ("this origin is not allowed here", "不允许此网页来源"),
    "local": (
        "this server has no tokens, so its console answers on this machine only; set server.tokens and"
        " server.operators to use it from elsewhere",
        "此服务器没有令牌，控制台只在本机可用；要从别处使用，请设置 server.tokens 与 server.operators",
    ),
    "token": ("a valid token is needed", "需要有效的令牌"),
    "nobody": (
        "nobody may use the console yet: name the owners of tokens who may in server.operators,"
        " for example [{names}]",
        "尚无人可以使用控制台：请在 server.operators 中写明可用者的令牌人名，例如 [{names}]",
    ),
    "person": (
        "the owner of this token is no operator; server.operators names those who are",
        "此令牌的持有者不是操作员；操作员见 server.operators",
    ),
    "header": (
        "what changes something needs the header X-Aizuchi-Console or the content type application/json",
        "修改操作需要请求头 X-Aizuchi-Console 或内容类型 application/json",
    ),
    "guesses": ("too many wrong tokens; try again in {seconds} s", "错误令牌过多，请 {seconds} 秒后再试"),
    "changes": ("too many requests; try again in a minute", "请求过多，请稍后再试"),
    "absent": ("this server has no console", "此服务器没有控制台"),
    "large": ("this is larger than {most} bytes", "内容超过 {most} 字节"),
}


def say(lang: Lang, key: str, **values: Any) -> str:
    return TEXTS[key][lang == "zh"].format(**values)


def lang_of(request: Request) -> Lang:
    """The language asked for: `?lang=`, else the browser's; English unless it is Chinese."""
    said = request.query_params.get("lang") or request.headers.get("accept-language", "")
    return "zh" if said.lower().startswith("zh") else "en"


class Door:
    """One per application. `check` raises Refused, or gives the console behind it."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._changes: dict[str, Allowance] = {}

    def check(self, request: Request) -> Console:
        house, lang = self._house, lang_of(request)
        if house.console is None:
            raise Refused(404, say(lang, "absent"))
        peer = request.client.host if request.client else ""
        if house.tokens:
            who = self._operator(request, house.console, peer, lang)
        else:
            self._local(request, peer, lang)
            who = "local"
        if request.method not in ("GET", "HEAD"):
            plain = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if HEADER not in request.headers and plain != "application/json":
                raise Refused(403, say(lang, "header"))
            if _take(self._changes, who, CHANGES) != "pass":
                raise Refused(429, say(lang, "changes"))
        return house.console

    def _operator(self, request: Request, console: Console, peer: str, lang: Lang) -> str:
        house = self._house
        allowed = origin.allowed(
            request.headers.get("origin"),
            host=request.headers.get("host", ""),
            peer=peer,
            listed=house.origins,
            any_name=True,
        )
        if not allowed:
            raise Refused(403, say(lang, "origin"))
        offered = [bearer(request.headers.get("authorization", ""))]
        try:
            token = house.guesses.check(house.tokens, offered, peer, asyncio.get_running_loop().time())
        except TooManyGuesses as error:
            raise Refused(429, say(lang, "guesses", seconds=error.seconds)) from error
        if token is None:
            raise Refused(401, say(lang, "token"))
        if not console.operators:
            names = ", ".join(sorted(each.who for each in house.tokens)[:3])
            raise Refused(403, say(lang, "nobody", names=names))
        if token.who not in console.operators:
            raise Refused(403, say(lang, "person"))
        return token.who

    def _local(self, request: Request, peer: str, lang: Lang) -> None:
        if not origin.is_loopback(peer) or any(name in request.headers for name in FORWARDED):
            raise Refused(403, say(lang, "local"))
        host = request.headers.get("host", "").strip().lower()
        if not origin.is_loopback(_host(host)):
            raise Refused(403, say(lang, "host"))
        page = request.headers.get("origin")
        foreign = request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
        if foreign or (page is not None and urlsplit(page.strip().lower()).netloc != host):
            raise Refused(403, say(lang, "origin"))


def _host(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def _take(kept: dict[str, Allowance], key: str, most: int) -> str:
    now = asyncio.get_running_loop().time()
    if len(kept) >= KEPT:
        for each in [name for name, allowance in kept.items() if allowance.full(now)] or list(kept)[:1]:
            del kept[each]
    return kept.setdefault(key, Allowance(most, now)).take(1, now)


async def body(request: Request, most: int) -> bytes:
    """The whole body, refused as soon as it is larger than it may be."""
    pieces, size = list[bytes](), 0
    async for piece in request.stream():
        size += len(piece)
        if size > most:
            raise Refused(413, say(lang_of(request), "large", most=most))
        pieces.append(piece)
    return b"".join(pieces)
