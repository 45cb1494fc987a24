"""The stage as a person sees it: what may be done, what may be waited for. Names are `data-testid`s."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from playwright.sync_api import Error, Locator, Page, expect

from tests.web import ear

PATIENCE = 30_000
"""Milliseconds; a loaded machine is slow, and a passing test never waits so long."""

expect.set_options(timeout=PATIENCE)


class Stage:
    """One open page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.set_default_timeout(PATIENCE)

    def id(self, name: str) -> Locator:
        return self.page.get_by_test_id(name)

    @property
    def root(self) -> Locator:
        return self.id("stage")

    def open(self, url: str, *, online: bool = True, at: str = "stage") -> Stage:
        self.page.goto(url)
        expect(self.id(at)).to_be_visible()
        if online and at == "stage":
            self.is_online()
        return self

    # ------------------------------------------------------------------ what it shows

    def attribute(self, name: str, value: str | re.Pattern[str], timeout: int = PATIENCE) -> None:
        """Wait until the stage's `data-NAME` is that."""
        expect(self.root).to_have_attribute(f"data-{name}", value, timeout=timeout)

    def is_online(self) -> None:
        self.attribute("connection", "online")

    def state(self, name: str, timeout: int = PATIENCE) -> None:
        self.attribute("state", name, timeout)

    def lines(self, kind: str = "", **data: str) -> Locator:
        """Caption lines, narrowed by `data-kind` and others such as `final="true"`."""
        wanted = ({"kind": kind} if kind else {}) | data
        narrowed = "".join(f'[data-{name}="{value}"]' for name, value in wanted.items())
        return self.page.locator(f'[data-testid="caption"]{narrowed}')

    def reply(self, finish: str = "stop", timeout: int = PATIENCE) -> Locator:
        """The newest reply, as soon as it ended so."""
        line = self.lines("reply").last
        expect(line).to_have_attribute("data-finish", finish, timeout=timeout)
        return line

    # ------------------------------------------------------------------ what a person does

    def say(self, text: str) -> None:
        self.id("text-input").fill(text)
        self.id("text-input").press("Enter")

    def speaking(self, text: str) -> None:
        """Say something and wait until the answer is heard."""
        self.say(text)
        self.state("speaking")
        ear.wait_for_sound(self.page)

    def settle(self) -> None:
        """Wait until a reply has ended and its sound has died away."""
        self.state("idle", timeout=60_000)
        ear.wait_for_silence(self.page)

    def come_back(self) -> None:
        """Press "try now", unless the page was quicker, and wait until it is online."""
        with suppress(Error):
            self.id("retry").click(timeout=2_000)
        self.is_online()

    def storage(self, kind: str, key: str) -> Any:
        """What the page keeps; `kind` is local or session."""
        return self.page.evaluate(f"key => {kind}Storage.getItem(key)", key)
