"""Chromium as the distribution packages it, driven by Playwright; its microphone is a file."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

from tests import needed

# Read at import: the fixtures hide AIZUCHI_ settings from the tests.
NAMED = os.environ.get("AIZUCHI_CHROMIUM", "")
NAMES = ("chromium", "chromium-browser", "google-chrome")
STRANGE_HOST = "example.test"
"""A name that leads to this machine and that no browser takes for a secure origin."""


def chromium() -> str:
    """The browser's path; skips the test (in CI: fails it) where there is none."""
    found = shutil.which(NAMED) if NAMED else next(filter(None, map(shutil.which, NAMES)), None)
    return found or needed.missing(
        "no Chromium on the PATH: on Debian `apt install chromium`, elsewhere set AIZUCHI_CHROMIUM"
    )


SOFTWARE_WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
"""Machines of tests have no graphics card."""


def launch(
    playwright: Playwright, microphone: Path | None = None, *, allowed: bool = True, more: Sequence[str] = ()
) -> Browser:
    """A headless browser. Its microphone plays `microphone` once from each opening; None: none is plugged in.

    With `allowed` false nobody answers its question for permission, and a context that was not given the
    permission is refused at once, as by a person's "no".
    """
    args = [f"--host-resolver-rules=MAP {STRANGE_HOST} 127.0.0.1", *more]
    if allowed:
        args.append("--use-fake-ui-for-media-stream")
    if microphone is not None:
        args.append("--use-fake-device-for-media-stream")
        args.append(f"--use-file-for-fake-audio-capture={microphone}%noloop")
    return playwright.chromium.launch(executable_path=chromium(), args=args)


@contextmanager
def browsing(
    microphone: Path | None = None, *, allowed: bool = True, more: Sequence[str] = ()
) -> Iterator[Browser]:
    """The browser of a module. Playwright's own event loop ends with it, so that coroutine tests can run."""
    path = chromium()
    assert path
    with sync_playwright() as playwright:
        browser = launch(playwright, microphone, allowed=allowed, more=more)
        yield browser
        browser.close()
