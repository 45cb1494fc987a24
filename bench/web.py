"""The pages: how much is fetched before anything is seen, what a frame costs, when the first answer sounds.

    python bench/run.py --only web

Sizes are those of the built files in gzip, as the server sends them. The first load is the stage's script
with all that it imports before it runs, and the worker in which the figure is drawn; worklets come with the
first sound, everything else when it is opened. A typed turn is timed in headless Chromium with vendors at
zero: from the navigation to the open connection on the page's clock, and from the Enter key to the first
sound on its audio clock.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from figures import spread
from mocks import Settings
from rich.table import Table

if TYPE_CHECKING:
    from run import Bench

ROOT: Final = Path(__file__).resolve().parents[1]
DIST: Final = ROOT / "src" / "aizuchi" / "web" / "dist"
TARGETS: Final = {"first load kB": 60.0, "frame p95 ms": 4.0, "first sound ms": 3_000.0}
ONLINE: Final = """
new MutationObserver(() => {
  const stage = document.querySelector("[data-testid=stage]");
  if (stage?.dataset.connection === "online") window.__online ??= performance.now();
}).observe(document, { subtree: true, childList: true, attributes: true });
"""


def part(bench: Bench) -> None:
    """Sizes, frames, a typed turn."""
    if not (DIST / ".vite" / "manifest.json").is_file():
        raise SystemExit("the pages are not built: make setup builds them")
    names = ("chromium", "chromium-browser", "google-chrome")
    if not any(map(shutil.which, (os.environ.get("AIZUCHI_CHROMIUM") or "chromium", *names))):
        raise SystemExit("no Chromium on the PATH")
    sys.path.insert(0, str(ROOT))
    sizes(bench)
    frames(bench)
    turns(bench)


# ------------------------------------------------------------------ sizes


def sizes(bench: Bench) -> None:
    manifest: dict[str, dict[str, Any]] = json.loads((DIST / ".vite" / "manifest.json").read_text("utf-8"))
    first = {page: list(needed(manifest, page)) for page in ("index.html", "console.html")}
    table = Table("script", "gzip kB", "plain kB", "when", title="script of the pages")
    told: list[dict[str, Any]] = []

    def row(file: str, when: str) -> float:
        plain = (DIST / file).read_bytes()
        packed = len(gzip.compress(plain, mtime=0)) / 1000
        told.append({"file": _plain(file), "gzip_kb": round(packed, 1), "when": when})
        table.add_row(_plain(file), f"{packed:.1f}", f"{len(plain) / 1000:.1f}", when)
        return packed

    total = sum(row(manifest[key]["file"], "first load") for key in first["index.html"])
    for key, chunk in manifest.items():
        if key not in first["index.html"] and str(chunk["file"]).endswith(".js"):
            row(chunk["file"], "console" if key in first["console.html"] else "when opened")
    for file in sorted({each for chunk in manifest.values() for each in chunk.get("assets", ())}):
        if file.endswith(".js"):
            # Worklets come with the first sound; the figure's worker is asked for at once.
            size = row(file, "first load" if ".worker-" in file else "with the first sound")
            total += size if ".worker-" in file else 0
    bench.show(table)
    bench.tell("web sizes", first_load_kb=round(total, 1), files=told)
    bench.verdict("script of the first load", round(total, 1), TARGETS["first load kB"], "kB")


def needed(manifest: dict[str, dict[str, Any]], key: str, seen: set[str] | None = None) -> Iterator[str]:
    """A chunk and what it imports before it runs, each once."""
    seen = set() if seen is None else seen
    if key in seen:
        return
    seen.add(key)
    yield key
    for other in manifest[key].get("imports", ()):
        yield from needed(manifest, other, seen)


def _plain(file: str) -> str:
    """A file's name without the hash of its content."""
    name, _, kind = file.rpartition("/")[2].rpartition(".")
    return f"{name.rsplit('-', 1)[0] if len(name) > 9 and '-' in name else name}.{kind}"


# ------------------------------------------------------------------ frames


def frames(bench: Bench) -> None:
    import web_frames

    seconds = 5 if bench.quick else 10
    bench.status(f"the drawn figure for {seconds} s on a processor slowed down six times")
    told = web_frames.frames(seconds)
    title = "the drawn figure: script a frame, ms; processor slowed down six times"
    table = Table("thread", "frames", "a second", "p50", "p95", "max", title=title)

    def row(name: str, before: str, after: str = "") -> None:
        names = (
            f"{before}frames",
            f"{before}fps",
            *(f"{before}{each}{after}" for each in ("p50", "p95", "most")),
        )
        table.add_row(name, *(f"{told[each]:g}" for each in names))

    row("the page's", "")
    if told["worker"]:
        row(f"the worker's (slowed {told['worker_slowed']:g} times)", "worker_")
    if "worker_p95_multiplied_by_slow" in told:
        row(f"the same times {told['slow']:g}, an estimate", "worker_", "_multiplied_by_slow")
    bench.show(table)
    bench.tell("web frames", **told)
    bench.verdict("script a frame p95, on the page's thread", told["p95"], TARGETS["frame p95 ms"], "ms")


# ------------------------------------------------------------------ a typed turn


def turns(bench: Bench) -> None:
    from playwright.sync_api import expect

    from tests.web import ear
    from tests.web.chromium import browsing

    people = {"characters": [str(ROOT / "tests" / "web" / "people")], "character": "quiet"}
    server = bench.server(more=people)
    bench.vendor.set(Settings())
    address = server.url.replace("ws://", "http://").rpartition("/digital-human")[0] + "/"
    count = 3 if bench.quick else 10
    bench.status(f"a typed turn on a page just opened, {count} times")
    opened: list[float] = []
    sounded: list[float] = []
    with browsing() as browser:
        for _ in range(count):
            with browser.new_context() as context:
                ear.fit(context)
                context.add_init_script(ONLINE)
                page = context.new_page()
                page.goto(address)
                expect(page.get_by_test_id("stage")).to_have_attribute(
                    "data-connection", "online", timeout=30_000
                )
                page.get_by_test_id("text-input").press_sequentially("hello")
                page.keyboard.press("Enter")
                ear.wait_for_sound(page)
                heard = ear.record(page)
                asked = heard.mark("keydown Enter")
                opened.append(float(page.evaluate("window.__online")))
                sounded.append(((heard.first_sound(asked) or asked) - asked) * 1000)
    both = [one + other for one, other in zip(opened, sounded, strict=True)]
    rows = {
        "from opening to the connection": spread(opened),
        "from Enter to the first sound": spread(sounded),
        "both": spread(both),
    }
    table = Table("", "n", "p50", "p95", "max", title="a typed turn on a page just opened, ms")
    for name, told in rows.items():
        table.add_row(name, *(f"{told[each]:g}" for each in ("n", "p50", "p95", "max")))
    bench.show(table)
    bench.tell("web turn", **{name.replace(" ", "_"): told for name, told in rows.items()})
    bench.verdict(
        "page opened to the first sound p50", rows["both"].get("p50"), TARGETS["first sound ms"], "ms"
    )
