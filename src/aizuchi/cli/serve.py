"""`aizuchi serve`: start the server and say in one line each what matters."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aizuchi.cli import DEFAULT_URL
from aizuchi.errors import ConfigError
from aizuchi.texts import Lang, Texts

if TYPE_CHECKING:
    from aizuchi.character import Character
    from aizuchi.config import Loaded
    from aizuchi.ports import Provider
    from aizuchi.server.house import House
    from aizuchi.server.tls import Tls

Ready = Callable[[Sequence[str], Sequence[str]], None]
"""Told once that the server listens: its URLs, main one first, and the lines to print."""
TEXTS: Final = Texts(
    {
        "head": ("Aizuchi {version}  {source}", "Aizuchi {version}  {source}"),
        "no_file": ("no configuration, all defaults", "无配置文件，全部使用默认值"),
        "hears": ("hears", "听"),
        "thinks": ("thinks", "想"),
        "speaks": ("speaks", "说"),
        "who": ("who", "角色"),
        "keeps": ("keeps", "保存"),
        "workers": ("workers", "进程"),
        "processes": (
            "{count} processes, each with models of its own",
            "{count} 个进程，各自加载模型",
        ),
        "open": ("open", "打开"),
        "also": ("also", "另有"),
        "talk": ("talk", "对话"),
        "stop": ("stop", "停止"),
        "embedded": ("embedded", "内置"),
        "then": ("; then {rest}", "；其次 {rest}"),
        "noted": ("{text} ({notes})", "{text}（{notes}）"),
        "notes": ("; ", "；"),
        "typed": ("text works at once; the recogniser is still loading", "打字已可用；识别器仍在加载"),
        "default": ("{name} ({others} more)", "{name}（另有 {others} 个）"),
        "note": ("note", "注意"),
        "unspoken": (
            "no voice here speaks {first}, so {names} will speak {second}",
            "这里没有{first}语音，{names} 改说{second}",
        ),
        "extra_ja": ("; espeak learns it with the extra ja", "；安装附加组件 ja 后 espeak 即可"),
        "recording": ("data in {home}, recording {record}", "数据在 {home}，会话录存：{record}"),
        "off": ("off", "关"),
        "better": ("better", "升级"),
        "a_model": (
            "a real model and voice: set OPENAI_API_KEY, or run {command} init",
            "接上真正的模型与嗓音：设置 OPENAI_API_KEY，或运行 {command} init",
        ),
        "ctrl_c": (
            "Ctrl-C lets running replies end; twice ends at once",
            "Ctrl-C 等进行中的回答结束；再按立即退出",
        ),
        "page": ("page", "页面"),
        "unbuilt": (
            "not built yet; `make run` in the source tree builds it",
            "尚未构建；在源码目录运行 `make run` 即可",
        ),
        "insecure": (
            "Browsers give a page the microphone only over https or on this machine: add --tls.",
            "浏览器只允许 https 页面或本机页面使用麦克风：请加上 --tls。",
        ),
        "no_browser": ("No browser could be opened here.", "此处无法打开浏览器。"),
        "from_lan": ("From other devices in this network:", "同一网络中的其他设备请访问："),
        "own_cert": (
            "The certificate is our own: the browser warns once; go on to the page.",
            "证书由本机生成：浏览器会警告一次，请选择继续访问。",
        ),
        "address": ('--listen expects HOST:PORT, got "{value}"', "--listen 应为 HOST:PORT，实际为“{value}”"),
        "cert_key": ("--cert and --key belong together", "--cert 与 --key 须同时给出"),
    }
)


def run(args: argparse.Namespace) -> int:
    from aizuchi.config import address, load
    from aizuchi.server.logs import configure

    loaded = load(Path(args.config) if args.config else None, lang=args.lang)
    server = loaded.settings.server
    configure(loaded.settings.log.level, loaded.settings.log.format)
    for warning in loaded.warnings:
        print(f"aizuchi: {warning}", file=sys.stderr)
    listen: list[tuple[str, int]] = []
    for text in [*server.listen, *args.listen]:
        try:
            listen.append(address(text))
        except ValueError as error:
            raise ConfigError(TEXTS.say(loaded.lang, "address", value=text)) from error
    tls = certificate(loaded, args)
    host = args.host if args.host is not None else server.host
    port = args.port if args.port is not None else server.port
    count = workers(args.workers if args.workers is not None else server.workers)
    open_ = server.open or args.open

    def ready(urls: Sequence[str], lines: Sequence[str]) -> None:
        for line in lines:
            print(line, flush=True)
        if args.browser:
            # Some browsers are waited for until they are closed.
            threading.Thread(target=show, args=(urls[0], loaded.lang), daemon=True).start()

    if count > 1:
        _several(loaded, count, ready, host=host, port=port, listen=listen, tls=tls, open_=open_)
    else:
        alone(loaded, ready, host=host, port=port, listen=listen, tls=tls, open_=open_)
    return 0


def show(url: str, lang: Lang) -> None:
    """Open the page in the default browser; without a desktop a browser would take over the terminal."""
    import webbrowser

    desktop = sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    if not (desktop and webbrowser.open(url)):
        print(TEXTS.say(lang, "no_browser"), file=sys.stderr, flush=True)


def alone(
    loaded: Loaded,
    ready: Ready,
    *,
    host: str,
    port: int,
    listen: Sequence[tuple[str, int]],
    tls: Tls | None,
    open_: bool,
) -> None:
    """One process, which does everything."""
    from aizuchi import build
    from aizuchi.server.listening import loop_factory
    from aizuchi.server.serve import serve

    house = build.house(loaded, open_=open_)

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(
            serve(
                house,
                host=host,
                port=port,
                listen=listen,
                tls=tls,
                on_ready=lambda urls: ready(urls, announce(loaded, house, urls, host, tls)),
                drain=loaded.settings.server.drain,
                own_process=True,
            )
        )


def _several(
    loaded: Loaded,
    count: int,
    ready: Ready,
    *,
    host: str,
    port: int,
    listen: Sequence[tuple[str, int]],
    tls: Tls | None,
    open_: bool,
) -> None:
    """This process owns the port, `cli/worker.py` is what the others run."""
    from aizuchi.server.crew import lead
    from aizuchi.server.listening import loop_factory, open_sockets, refuse_open, url

    server = loaded.settings.server
    refuse_open(bool(server.tokens) or open_, [host, *(each for each, _ in listen)])
    sockets = open_sockets(host, port, listen)
    urls = [url(each, tls is not None) for each in sockets]
    task = {
        "config": None if loaded.path is None else str(loaded.path),
        "lang": loaded.lang,
        "open": open_,
        "host": host,
        "called": command(),
        "urls": urls,
        "tls": None if tls is None else {"cert": str(tls.cert), "key": str(tls.key), "own": tls.own},
    }

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(
            lead(
                sockets,
                count=count,
                # -P: what lies in the folder one happens to be in is not imported.
                command=[sys.executable, "-P", "-m", "aizuchi.cli.worker"],
                task=task,
                tls=tls is not None,
                drain=server.drain,
                on_ready=lambda lines: ready(urls, lines),
            )
        )


def workers(wished: int) -> int:
    """How many processes serve: 0 means one per core. Raises ConfigError where there can't be several."""
    from aizuchi.server.crew import can_hand_over

    if wished < 0 or wished > 256:
        raise ConfigError(
            f"--workers expects 0 to 256, got {wished}", zh=f"--workers 应为 0 到 256，实际为 {wished}"
        )
    if wished == 0:
        return cores() if can_hand_over() else 1
    if wished > 1 and not can_hand_over():
        raise ConfigError(
            "this system can't hand connections from one process to another, so there is one worker only;"
            " leave out --workers and server.workers",
            zh="本系统不支持在进程间移交连接，只能使用一个进程；请去掉 --workers 与 server.workers",
        )
    return wished


def cores() -> int:
    """Those this process may use, where the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def certificate(loaded: Loaded, args: argparse.Namespace) -> Tls | None:
    """The user's certificate, one of our own, or none: the command line goes before the file."""
    from aizuchi.server.tls import given, lan_addresses, own_certificate

    tls = loaded.settings.server.tls
    if bool(args.cert) != bool(args.key):
        raise ConfigError(TEXTS.say(loaded.lang, "cert_key"))
    if args.cert:
        return given(Path(args.cert), Path(args.key))
    if tls.cert is not None and tls.key is not None:
        return given(loaded.resolve(tls.cert), loaded.resolve(tls.key))
    if args.tls or tls.on:
        return own_certificate(loaded.home / "tls", lan_addresses())
    return None


def announce(
    loaded: Loaded,
    house: House,
    urls: Sequence[str],
    host: str,
    tls: Tls | None,
    count: int = 1,
    called: str = "",
) -> list[str]:
    """The lines printed when the server listens, in `count` processes; `called` is how our command is."""
    from aizuchi import __version__
    from aizuchi.server.origin import is_loopback
    from aizuchi.server.tls import lan_addresses, qr

    lang = loaded.lang

    def say(key: str, **values: Any) -> str:
        return TEXTS.say(lang, key, **values)

    def line(key: str, text: str) -> str:
        word = say(key)
        # A Chinese character takes two columns.
        width = sum(2 if ord(each) > 0x2E80 else 1 for each in word)
        return f"  {word}{' ' * (8 - width)}{text}"

    source = str(loaded.path) if loaded.path else say("no_file")
    settings = loaded.settings
    parts = house.parts
    lines = [say("head", version=__version__, source=source)]
    lines.append(line("hears", about(parts.asr.providers, lang, languages=True)))
    lines.append(line("thinks", about(parts.llm.providers, lang)))
    lines.append(line("speaks", about(parts.tts.providers, lang, languages=True)))
    called = called or command()
    if all(each.name == "script" for each in parts.llm.providers):
        lines.append(line("better", say("a_model", command=called)))
    default = house.characters[house.default_character].display_name or house.default_character
    others = len(house.characters) - 1
    lines.append(line("who", say("default", name=default, others=others) if others else default))
    lines += [line("note", each) for each in unspoken(house.characters.values(), parts.tts.providers, lang)]
    record = settings.timeline.record
    lines.append(
        line("keeps", say("recording", home=loaded.home, record=say("off") if record == "off" else record))
    )
    if count > 1:
        lines.append(line("workers", say("processes", count=count)))
    usual = urls[0].rstrip("/") == DEFAULT_URL
    lines.append(line("talk", f"{called} talk --text" + ("" if usual else f" {urls[0]}")))
    lines.append(line("stop", say("ctrl_c")))
    # What most people look for comes last, where they look first.
    lines += [line("also", url) for url in urls[1:]]
    if not house.pages.built:
        lines.append(line("page", say("unbuilt")))
    lines.append(line("open", urls[0]))
    if not is_loopback(host):
        port = urls[0].rstrip("/").rpartition(":")[2]
        scheme = urls[0].partition(":")[0]
        shown = [each for each in lan_addresses() if host in ("0.0.0.0", "::", "", each)]
        if shown:
            lines += ["", say("from_lan")]
            addresses = [f"{scheme}://{f'[{each}]' if ':' in each else each}:{port}/" for each in shown]
            lines += [f"  {each}" for each in addresses]
            if tls is not None and tls.own:
                lines.append(say("own_cert"))
            if tls is None:
                lines.append(say("insecure"))
            if tls is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
                lines.append(qr(addresses[0]))
    return lines


def unspoken(characters: Iterable[Character], voices: Sequence[Provider], lang: Lang) -> Iterator[str]:
    """Who speaks their second language for want of a voice for the first; a line for each pair of them."""
    from aizuchi.server import tongues

    found: dict[tuple[str, str], list[str]] = {}
    for each in characters:
        if each.unspoken:
            found.setdefault((each.unspoken, each.language), []).append(each.display_name)
    for (first, second), names in found.items():
        spoken = {"first": tongues.spoken([first], lang), "second": tongues.spoken([second], lang)}
        extra = first == "ja" and any(each.name == "espeak" for each in voices)
        comma = tongues.TEXTS.say(lang, "comma")
        text = TEXTS.say(lang, "unspoken", names=comma.join(names), **spoken)
        yield text + (TEXTS.say(lang, "extra_ja") if extra else "")


def about(providers: Sequence[Provider], lang: Lang, *, languages: bool = False) -> str:
    """One line on a stage: what it is, whether it is embedded, its languages, and what stands behind it."""
    from aizuchi.server import tongues

    described: list[str] = []
    for each in providers:
        text = tongues.about(each.about, lang)
        notes = [TEXTS.say(lang, "embedded")] if each.embedded else []
        if languages:
            notes.append(tongues.spoken(each.languages, lang))
        joined = TEXTS.say(lang, "notes").join(notes)
        described.append(TEXTS.say(lang, "noted", text=text, notes=joined) if notes else text)
    first, rest = described[0], described[1:]
    return first + "".join(TEXTS.say(lang, "then", rest=each) for each in rest)


def command() -> str:
    """How this command is called from here: by its bare name if the shell would find it."""
    started = Path(sys.argv[0])
    if started.stem != "aizuchi" or shutil.which("aizuchi"):
        return "aizuchi"
    return str(started)
