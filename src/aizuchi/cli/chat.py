"""`aizuchi chat`: a client of the ChatAnon protocol for the terminal, for our server and anybody else's."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aizuchi.cli.chat_line import Gone, Line, address, is_local, line, stops_when_spoken_over
from aizuchi.cli.screen import Screen
from aizuchi.errors import ConfigError
from aizuchi.texts import Lang, Texts

if TYPE_CHECKING:
    from aizuchi.cli.chat_talk import Chat
    from aizuchi.config import Loaded

TEXTS: Final = Texts(
    {
        "connecting": ("Connecting to {url} ...", "正在连接 {url} ……"),
        "nobody": ("no connection to {url}: {reason}", "无法连接 {url}：{reason}"),
        "refused": ("the server refused: {reason}", "服务器拒绝：{reason}"),
        "token": (
            "Give its token with --token, or as AIZUCHI_CHAT_TOKEN.",
            "用 --token 或变量 AIZUCHI_CHAT_TOKEN 给出它的令牌。",
        ),
        "lost": ("The conversation broke off: {reason}", "对话中断：{reason}"),
        "at": ("Chatting with {name} at {url}", "正在与 {name} 聊天（{url}）"),
        "file": ("there is no recording {path}", "录音 {path} 不存在"),
        "url": (
            '--url expects ws://HOST:PORT/ws, got "{url}"',
            "--url 应为 ws://主机:端口/ws，实际为“{url}”",
        ),
        "silent": (
            "Replies are shown only; to hear them install aizuchi[mic], or say --no-audio.",
            "回答只显示文字；要听声音请安装 aizuchi[mic]，或使用 --no-audio。",
        ),
    }
)
DEVELOPMENT: Final = "dev_token_001"
"""What the first command line client sends when it is given none; a development server takes it."""
ANON: Final = "anon"


def run(args: argparse.Namespace) -> int:
    from aizuchi.config import load

    loaded = load(Path(args.config) if args.config else None, lang=args.lang)
    logging.basicConfig(level=logging.ERROR)
    lang = loaded.lang
    url = address(args.url or own_url(loaded))
    if not url.startswith(("ws://", "wss://")) or url.startswith(("ws:///", "wss:///")):
        raise ConfigError(TEXTS.say(lang, "url", url=args.url))
    if args.wav and not Path(args.wav).is_file():
        raise ConfigError(TEXTS.say(lang, "file", path=args.wav))
    library = _library(lang, needed=args.mode != "text" and not args.wav, wanted=not args.no_audio)
    return asyncio.run(_chat(loaded, args, url, library))


def own_url(loaded: Loaded) -> str:
    """Where `aizuchi serve` would be found with the same configuration."""
    from aizuchi.cli.talk import own_url as own

    return own(loaded)


def token_of(given: str, environ: Mapping[str, str]) -> str:
    """The token to show: as given, else of the environment, else the one of development servers."""
    first = environ.get("VALID_API_TOKENS", "").partition(",")[0].strip()
    return given or environ.get("AIZUCHI_CHAT_TOKEN") or environ.get("AIZUCHI_TOKEN") or first or DEVELOPMENT


def _library(lang: Lang, *, needed: bool, wanted: bool) -> Any:
    """The sound library; None where there is none and none is needed. Raises ConfigError."""
    from aizuchi.cli.talk_mic import sound_library

    if not (needed or wanted):
        return None
    try:
        return sound_library(lang)
    except ConfigError:
        if needed:
            raise
        return None


async def _chat(loaded: Loaded, args: argparse.Namespace, url: str, library: Any) -> int:
    from aizuchi.cli.chat_sound import Sound
    from aizuchi.cli.chat_talk import Chat

    lang, screen = loaded.lang, Screen()
    own = loaded.home / "tls" / "cert.pem"
    verify: bool | Path = not args.insecure
    if verify and is_local(url) and own.is_file():
        verify = own
    token = token_of(args.token, os.environ)
    trace = _traced if args.debug else _untraced
    call = args.mode in ("voice_call", "agent")
    sound = Sound(None if args.no_audio else library, save_each=args.save_audio)
    try:
        screen.partial(TEXTS.say(lang, "connecting", url=url))
        interrupts = call and await stops_when_spoken_over(url, verify=verify)
        async with line(url, token, args.character, verify=verify, trace=trace) as (made, first):
            if first.get("type") != "connected":
                return _refused(screen, lang, first)
            name = str(first.get("character_display_name") or first.get("character") or args.character)
            screen.line(TEXTS.say(lang, "at", name=name, url=url), "dim")
            if screen.live and library is None and not args.no_audio:
                screen.line(TEXTS.say(lang, "silent"), "dim")
            chat = Chat(made, screen, sound, lang, character=str(first.get("character") or args.character))
            chat.replies.interrupts = interrupts
            try:
                return await _mode(args, chat, library)(made)
            except* Gone as group:
                reason = chat.farewell or str(_first(group))
                screen.line(TEXTS.say(lang, "lost", reason=reason), "bad")
            except* ConfigError as group:
                error = _first(group)
                raise ConfigError(str(error), zh=getattr(error, "zh", "")) from group
            return 1
    except Gone as gone:
        screen.fresh()
        print("aizuchi: " + TEXTS.say(lang, "nobody", url=url, reason=gone), file=sys.stderr)
        return 1
    finally:
        sound.close()


def _first(group: BaseException) -> BaseException:
    """The first error in a group, however deep."""
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


def _refused(screen: Screen, lang: Lang, first: Mapping[str, Any]) -> int:
    screen.fresh()
    reason = str(first.get("message") or first.get("type"))
    print("aizuchi: " + TEXTS.say(lang, "refused", reason=reason), file=sys.stderr)
    if "token" in reason.lower():
        print(TEXTS.say(lang, "token"), file=sys.stderr)
    return 1


def _mode(args: argparse.Namespace, chat: Chat, library: Any) -> Callable[[Line], Awaitable[int]]:
    """Which conversation it is to be."""
    wav = Path(args.wav) if args.wav else None
    if args.mode == "text":
        from aizuchi.cli.chat_typed import typed

        return lambda _line: typed(chat, wav)
    from aizuchi.cli.chat_voice import called, streamed

    if args.mode == "voice":
        return lambda _line: streamed(chat, wav, library)
    return lambda _line: called(chat, wav, library, family="agent" if args.mode == "agent" else "voice_call")


def _untraced(_way: str, _message: Mapping[str, Any]) -> None: ...


def _traced(way: str, message: Mapping[str, Any]) -> None:
    shown = dict(message)
    if isinstance(sound := shown.get("audio_base64"), str):
        shown["audio_base64"] = f"<{len(sound) * 3 // 4} bytes>"
    print(f"{way} {json.dumps(shown, ensure_ascii=False)}", file=sys.stderr, flush=True)
