"""`aizuchi talk`: a conversation in the terminal, typed, from a recording, or by voice."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aizuchi.cli import DEFAULT_URL
from aizuchi.cli.inprocess import is_here, listens, with_own_server
from aizuchi.cli.screen import Screen
from aizuchi.errors import ConfigError
from aizuchi.texts import Lang, Texts

if TYPE_CHECKING:
    from aizuchi.client import Client
    from aizuchi.config import Loaded
    from aizuchi.wire.native.down import QueueUpdate

TEXTS: Final = Texts(
    {
        "at": ("Talking with {character} at {url}", "正在与 {character} 对话（{url}）"),
        "own": (
            "No server runs at {url}; one is started for this talk.",
            "{url} 没有服务器在运行，为本次对话临时启动一个。",
        ),
        "nobody": (
            "nobody answers at {url}; is the server running, and the address right?",
            "{url} 没有应答；服务器在运行吗？地址对吗？",
        ),
        "token": (
            "the server at {url} wants a token: give it with --token, or as AIZUCHI_TOKEN",
            "{url} 的服务器需要令牌：用 --token 或变量 AIZUCHI_TOKEN 给出",
        ),
        "lost": ("The conversation broke off: {reason}", "对话中断：{reason}"),
        "certificate": (
            "A server's own certificate is not known here; --insecure talks without checking it.",
            "这里不认识该服务器自己的证书；--insecure 可不检查证书而继续。",
        ),
        "https": ("If it was started with --tls, its address is {url}", "若它以 --tls 启动，地址应为 {url}"),
        "queued": ("[waiting, place {place} in the queue]", "[排队中，第 {place} 位]"),
        "queued_for": (
            "[waiting, place {place} in the queue, about {seconds:.0f} s]",
            "[排队中，第 {place} 位，约 {seconds:.0f} 秒]",
        ),
        "file": ("there is no recording {path}", "录音 {path} 不存在"),
        "save": ("--save needs --wav", "--save 需与 --wav 一起使用"),
        "both": ("--text and --wav exclude each other", "--text 与 --wav 不能同时使用"),
    }
)


@dataclass(frozen=True, slots=True)
class Talk:
    """What the three kinds of talk share."""

    url: str
    lang: Lang
    screen: Screen
    token: str
    character: str
    verify: bool | Path
    """Whether to check the server's certificate; the path of one to trust."""

    def client(
        self, *, audio: str, want: tuple[str, ...], mode: str = "auto", echo_cancelled: bool = False
    ) -> Client:
        from typing import cast

        from aizuchi.client import Client
        from aizuchi.wire.native.up import AudioWay, Mode

        return Client.connect(
            self.url,
            token=self.token or None,
            character=self.character or None,
            audio=cast("AudioWay", audio),
            mode=cast("Mode", mode),
            want=want,
            echo_cancelled=echo_cancelled,
            verify=self.verify,
        )

    def queued(self, update: QueueUpdate) -> None:
        """Say that the reply has to wait, until something else is to be said."""
        if update.position:
            key = "queued" if update.eta_ms is None else "queued_for"
            seconds = (update.eta_ms or 0) / 1000
            self.screen.partial(TEXTS.say(self.lang, key, place=update.position, seconds=seconds))

    def greet(self, client: Client) -> None:
        text = TEXTS.say(self.lang, "at", character=client.hello.character, url=self.url)
        self.screen.line(text, "dim")


def run(args: argparse.Namespace) -> int:
    from aizuchi.config import load

    # Nothing of the server is imported unless one has to be started: somebody waits to speak.
    loaded = load(Path(args.config) if args.config else None, lang=args.lang)
    logging.basicConfig(level=logging.ERROR)
    if args.wav and args.text:
        raise ConfigError(TEXTS.say(loaded.lang, "both"))
    if args.save and not args.wav:
        raise ConfigError(TEXTS.say(loaded.lang, "save"))
    if args.wav and not Path(args.wav).is_file():
        raise ConfigError(TEXTS.say(loaded.lang, "file", path=args.wav))
    return asyncio.run(_talk(loaded, args, _kind(loaded, args)))


def _kind(loaded: Loaded, args: argparse.Namespace) -> Callable[[Talk], Awaitable[int]]:
    """Which conversation it is to be. Raises ConfigError when there is no microphone to be had."""
    if args.text:
        from aizuchi.cli.talk_typed import typed

        return typed
    if args.wav:
        from aizuchi.cli.talk_wav import recorded

        return lambda talk: recorded(talk, Path(args.wav), Path(args.save) if args.save else None, args.mode)
    from aizuchi.cli.talk_mic import hands_free, sound_library

    library = sound_library(loaded.lang)
    return lambda talk: hands_free(talk, library)


async def _talk(loaded: Loaded, args: argparse.Namespace, kind: Callable[[Talk], Awaitable[int]]) -> int:
    screen = Screen()
    url = args.url or own_url(loaded)
    url = url if "://" in url else f"http://{url}"
    token = args.token or os.environ.get("AIZUCHI_TOKEN", "")

    async def body(url: str) -> int:
        talk = Talk(url, loaded.lang, screen, token, args.character, _trust(loaded, url, args.insecure))
        return await guarded(talk, kind)

    if await listens(url):
        return await body(url)
    if not is_here(url):
        raise ConfigError(TEXTS.say(loaded.lang, "nobody", url=url))
    screen.line(TEXTS.say(loaded.lang, "own", url=url), "dim")
    if loaded.settings.server.tokens and not token:
        # Our own server lets in whoever starts it.
        token = next(iter(loaded.settings.server.tokens.values())).get_secret_value()
    return await with_own_server(loaded, body)


def own_url(loaded: Loaded) -> str:
    """Where `aizuchi serve` would be found with the same configuration."""
    server = loaded.settings.server
    scheme = "https" if server.tls.on or server.tls.cert else "http"
    return f"{scheme}://127.0.0.1:{server.port}" if server.port else DEFAULT_URL


async def guarded(talk: Talk, kind: Callable[[Talk], Awaitable[int]]) -> int:
    """Run a talk; what ends it early is one sentence. Raises ConfigError."""
    from aizuchi.client import AuthFailed, ClientError

    try:
        return await kind(talk)
    except* AuthFailed as group:
        raise ConfigError(TEXTS.say(talk.lang, "token", url=talk.url)) from group
    except* ClientError as group:
        reason = str(group.exceptions[0])
        talk.screen.line(TEXTS.say(talk.lang, "lost", reason=reason), "bad")
        if "CERTIFICATE" in reason:
            talk.screen.line(TEXTS.say(talk.lang, "certificate"), "dim")
        elif "valid HTTP" in reason and talk.url.startswith("http:"):
            secure = "https" + talk.url.removeprefix("http")
            talk.screen.line(TEXTS.say(talk.lang, "https", url=secure), "dim")
    except* ConfigError as group:
        first = group.exceptions[0]
        raise ConfigError(str(first), zh=getattr(first, "zh", "")) from group
    return 1


def _trust(loaded: Loaded, url: str, insecure: bool) -> bool | Path:
    """Our own certificate is trusted where it was made; elsewhere the usual authorities are."""
    own = loaded.home / "tls" / "cert.pem"
    if insecure:
        return False
    return own if is_here(url) and own.is_file() else True
