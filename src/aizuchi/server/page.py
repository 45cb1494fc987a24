"""What `GET /` answers to programs, and to people where the pages have not been built."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

from aizuchi import __version__
from aizuchi.server.tongues import about, spoken
from aizuchi.texts import Lang, Texts

if TYPE_CHECKING:
    from aizuchi.server.house import House

NATIVE: Final = "digital-human/ws"
TEXTS: Final = Texts(
    {
        "what": (
            "This server gives a character a voice. It is Aizuchi {version}.",
            "这个服务器让角色开口说话。版本：Aizuchi {version}。",
        ),
        "healthy": ("It is ready.", "已就绪。"),
        "starting": ("It is still starting.", "正在启动。"),
        "draining": ("It is shutting down.", "正在停止。"),
        "unbuilt": (
            "The page to talk with has not been built: <code>make run</code> in the source tree builds it.",
            "可在浏览器里对话的页面尚未构建：在源码目录运行 <code>make run</code> 即可。",
        ),
        "hears": ("hears", "听"),
        "thinks": ("thinks", "想"),
        "speaks": ("speaks", "说"),
        "notices": ("notices speech", "察觉语音"),
        "who": ("who", "角色"),
        "none": ("none", "无"),
        "terminal": ("Talk in the terminal", "在终端里对话"),
        "program": ("Talk from a program", "用程序对话"),
        "socket": ("Open a WebSocket and send one line:", "打开 WebSocket，发送一行："),
        "hello": ("Hello!", "你好！"),
        "protocol": (
            "The protocol is told in <code>docs/wire/native.md</code>; in Python, <code>aizuchi.client</code>"
            " speaks it.",
            "协议见 <code>docs/wire/native.md</code>；Python 可用 <code>aizuchi.client</code>。",
        ),
        "token": (
            "A token is needed: give it in <code>hello</code>.",
            "需要令牌：在 <code>hello</code> 中给出。",
        ),
        "health": ("health", "健康状态"),
        "api": ("HTTP interface", "HTTP 接口"),
    }
)
STYLE: Final = """
body{font:1rem/1.55 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1.2rem}
h1{margin-bottom:.2em}h2{font-size:1.1rem;margin-top:2em}
code,pre{background:#8882;padding:.1em .3em;border-radius:.3em}pre{padding:.7em .9em;overflow:auto}
table{border-collapse:collapse;margin-top:1.2em}td,th{padding:.35em 0;border-bottom:1px solid #8883}
th{text-align:left;vertical-align:top;font-weight:600;padding-right:2em;white-space:nowrap}
"""


def facts(house: House, base: str) -> dict[str, Any]:
    """Where things are, for a program that asks."""
    return {
        "name": "aizuchi",
        "version": __version__,
        "status": "running",
        "active_connections": house.gate.sockets,
        "talk": _socket(base),
        "health": base + "health",
        "api": base + "api/openapi.json",
        "console": base + "console",
        "token_needed": bool(house.tokens),
        "characters": sorted(house.characters),
    }


def html(house: House, base: str, lang: Lang = "en") -> str:
    """A page without script or foreign files, readable in any browser."""
    health = house.health()

    def say(key: str, **values: str) -> str:
        return TEXTS.say(lang, key, **{name: escape(value) for name, value in values.items()})

    def row(key: str, text: str) -> str:
        return f"<tr><th>{say(key)}</th><td>{escape(text)}</td></tr>"

    def stage(name: str, languages: list[str] | None = None) -> str:
        said = [about(each["about"], lang) for each in health["providers"][name]]
        text = "; ".join(said) or say("none")
        return text if languages is None else f"{text} ({spoken(languages, lang)})"

    known = health["languages"]
    names = [each.display_name or each.name for each in house.characters.values()]
    token = f"<p>{say('token')}</p>" if house.tokens else ""
    return f"""<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><title>Aizuchi</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<style>{STYLE}</style></head><body>
<h1>Aizuchi</h1>
<p>{say("what", version=__version__)} {say(health["status"])}</p>
<p>{say("unbuilt")}</p>
<table>
{row("hears", stage("asr", known["hears"]))}
{row("thinks", stage("llm"))}
{row("speaks", stage("tts", known["speaks"]))}
{row("notices", stage("vad"))}
{row("who", ", ".join(names))}
</table>
<h2>{say("terminal")}</h2>
<pre>aizuchi talk --text {escape(base)}
aizuchi talk --wav hello.wav {escape(base)}</pre>
<h2>{say("program")}</h2>
<p>{say("socket")}</p>
<pre>{escape(_socket(base))}
{{"type": "text_input", "seq": 0, "text": "{say("hello")}"}}</pre>
<p>{say("protocol")}</p>
{token}
<p><a href="health">{say("health")}</a> · <a href="api/openapi.json">{say("api")}</a></p>
</body></html>
"""


def preferred(accepted: str) -> Lang:
    """English or Chinese, whichever stands first in a browser's Accept-Language."""
    for each in accepted.lower().split(","):
        code = each.strip()[:2]
        if code in ("zh", "en"):
            return "zh" if code == "zh" else "en"
    return "en"


def _socket(base: str) -> str:
    return "ws" + base.removeprefix("http") + NATIVE
