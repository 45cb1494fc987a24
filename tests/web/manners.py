"""What no page of ours may do, in whatever test: watched from its beginning, told at its end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response, WebError, WebSocket

VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  window.aizuchi_test_violated(
    `${event.violatedDirective}: ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`));
"""


class Manners:
    """Watches a context: errors, violations of its policy, requests to others, secrets in addresses."""

    def __init__(self, context: BrowserContext, hosts: Sequence[str], secrets: Sequence[str] = ()) -> None:
        self._hosts = set(hosts)
        self._secrets = secrets
        self._expected: list[re.Pattern[str]] = []
        self._policies: dict[str, str | None] = {}
        self.faults: list[str] = []
        context.expose_function("aizuchi_test_violated", self._violated)
        context.add_init_script(VIOLATIONS)
        context.on("console", self._printed)
        context.on("weberror", self._failed)
        context.on("request", self._asked)
        context.on("response", self._answered)
        context.on("page", self._opened)

    def expect(self, pattern: str) -> None:
        """An error of this kind belongs to the test, such as the one that a refused socket prints."""
        self._expected.append(re.compile(pattern))

    def check(self) -> None:
        """AssertionError if anything happened that shall not."""
        faults = [each for each in self.faults if not any(known.search(each) for known in self._expected)]
        faults += [
            f"no strict policy on {url}: {policy}"
            for url, policy in self._policies.items()
            if not _strict(policy)
        ]
        assert not faults, "the page misbehaved:\n" + "\n".join(faults)

    def _violated(self, what: str) -> None:
        self.faults.append(f"against the policy: {what}")

    def _printed(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            where = message.location
            self.faults.append(
                f"console error: {message.text} ({where.get('url')}:{where.get('lineNumber')})"
            )

    def _failed(self, error: WebError) -> None:
        self.faults.append(f"uncaught: {error.error}")

    def _asked(self, request: Request) -> None:
        self._address(request.url)

    def _answered(self, response: Response) -> None:
        if response.request.is_navigation_request():
            self._policies[response.url] = response.headers.get("content-security-policy")

    def _opened(self, page: Page) -> None:
        page.on("websocket", self._connected)

    def _connected(self, socket: WebSocket) -> None:
        self._address(socket.url)

    def _address(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("data", "blob", "about"):
            return
        if parts.netloc not in self._hosts:
            self.faults.append(f"a request to another host: {url}")
        self.faults += [f"a secret in an address: {url}" for secret in self._secrets if secret in url]


def _strict(policy: str | None) -> bool:
    """Nothing but our own files runs: no inline code, no eval, no other host."""
    parts = [part.strip().partition(" ") for part in (policy or "").split(";")]
    rules = {name: values for name, _, values in parts if name}
    allowed = " ".join(rules.values())
    loose = ("unsafe-inline", "unsafe-eval", "unsafe-hashes", "http:", "https:", "*")
    return rules.get("default-src") == "'none'" and not any(word in allowed for word in loose)
