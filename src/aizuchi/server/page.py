"""What `GET /` answers: a plain page for people, facts for programs."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from aizuchi import __version__

if TYPE_CHECKING:
    from aizuchi.server.house import House

NATIVE = "digital-human/ws"


def facts(house: House, base: str) -> dict[str, Any]:
    """Where things are, for a program that asks."""
    return {
        "name": "aizuchi",
        "version": __version__,
        "talk": _socket(base),
        "health": base + "health",
        "api": base + "api/openapi.json",
        "token_needed": bool(house.tokens),
        "characters": sorted(house.characters),
    }


def html(house: House, base: str) -> str:
    """A page without script or style sheet, readable in any browser."""
    health = house.health()
    abouts = {
        stage: "; ".join(each["about"] for each in providers) or "none"
        for stage, providers in health["providers"].items()
    }
    rows = "".join(
        f"<tr><th>{escape(stage)}</th><td>{escape(about)}</td></tr>" for stage, about in abouts.items()
    )
    spoken = health["languages"]
    token = "<p>A token is needed: give it in <code>hello</code>.</p>" if house.tokens else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Aizuchi</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem}}
code,pre{{background:#8882;padding:.1em .3em;border-radius:.3em}}pre{{padding:.6em;overflow:auto}}
th{{text-align:left;padding-right:1.5em;vertical-align:top}}</style></head><body>
<h1>Aizuchi</h1>
<p>This server gives a character a voice. It is {escape(health["status"])}, version {escape(__version__)}.</p>
<h2>Talk in the terminal</h2>
<pre>aizuchi talk --text {escape(base)}</pre>
<h2>Talk from a program</h2>
<p>Open a WebSocket to <code>{escape(_socket(base))}</code> and send
<code>{{"type":"text_input","seq":0,"text":"hello"}}</code>. The protocol is told in
<code>docs/wire/native.md</code>, and in Python <code>aizuchi.client</code> speaks it.</p>
{token}
<h2>What is at work</h2>
<table>{rows}
<tr><th>hears</th><td>{_languages(spoken["hears"])}</td></tr>
<tr><th>speaks</th><td>{_languages(spoken["speaks"])}</td></tr>
<tr><th>characters</th><td>{escape(", ".join(sorted(house.characters)))}</td></tr></table>
<p><a href="health">health</a> · <a href="api/openapi.json">HTTP interface</a></p>
</body></html>
"""


def _socket(base: str) -> str:
    return "ws" + base.removeprefix("http") + NATIVE


def _languages(codes: list[str]) -> str:
    return "any language" if codes == ["*"] else escape(", ".join(codes)) or "none"
