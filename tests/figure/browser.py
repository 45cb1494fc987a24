"""The figures alone on a page, under the same policy as the stage, in headless Chromium."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from tests import needed

WEB: Final = Path(__file__).parents[2] / "src" / "aizuchi" / "web"
POLICY: Final = (
    "default-src 'none'; script-src 'self'{more}; style-src 'self'; img-src 'self' blob: data:;"
    " connect-src 'self'; worker-src 'self'; media-src 'self' blob:"
)
_BUILD: Final = """
import { build } from "vite";
await build({ configFile: false, logLevel: "error", base: "/", build: {
  outDir: process.env.OUT, emptyOutDir: true, target: "es2022", assetsInlineLimit: 0,
  modulePreload: { polyfill: false },
  rolldownOptions: { input: "figure.html" },
}});
"""


def build(out: Path) -> Path:
    """The page of the figures in `out`; skips where Node or the packages are not there."""
    node = shutil.which("node")
    if node is None or not (WEB / "node_modules").is_dir():
        needed.missing("node, or the packages of src/aizuchi/web, are absent; make setup brings them")
    command = [node, "--input-type=module", "-e", _BUILD]
    subprocess.run(command, cwd=WEB, check=True, timeout=120, env={**os.environ, "OUT": str(out)})
    return out


def _chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return found or needed.missing("no chromium; apt-get install chromium brings it")


@contextmanager
def served(folder: Path, more: str = "") -> Iterator[str]:
    """The folder at an address of its own, each answer with the policy; `more` is added to script-src."""

    class Handler(SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            self.send_header("Content-Security-Policy", POLICY.format(more=more))
            super().end_headers()

        def guess_type(self, path: Any) -> str:
            return super().guess_type(path) if "." in str(path) else "application/json"

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def opened(url: str, webgl: bool = True, **context: Any) -> Iterator[Any]:
    """A Playwright page at `url`; whatever the page complains of is collected in `page.complaints`."""
    sync = needed.module("playwright.sync_api")
    with sync.sync_playwright() as play:
        # Software WebGL: machines of tests have no graphics card. It would paint plain canvases too, some ten
        # times more slowly than the browser does without it.
        software = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
        flags = ["--no-sandbox", *(software if webgl else ())]
        browser = play.chromium.launch(executable_path=_chromium(), args=flags)
        try:
            page = browser.new_page(**context)
            page.complaints = []
            page.on("pageerror", lambda error: page.complaints.append(str(error)))
            page.on("console", lambda said: said.type == "error" and page.complaints.append(said.text))
            page.goto(f"{url}/figure.html")
            page.wait_for_function("() => 'makeFigure' in window")
            yield page
        finally:
            browser.close()
