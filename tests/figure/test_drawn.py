"""The drawn figure draws in a worker where it can, else on the page's thread, and leaves nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.figure import browser

_MAKE = """
async () => {
  const host = document.createElement("div");
  host.id = "host";
  document.body.append(host);
  host.style.width = "320px";
  host.style.height = "360px";
  const cues = { level: () => 0.4, userLevel: () => 0, mouth: () => null };
  const figure = await window.makeFigure({ kind: "drawn" }, cues);
  await figure.mount(host);
  figure.emotion("happy", 1);
  window.figure = figure;
}
"""
_DRAWN = """
() => {
  const canvas = document.querySelector("canvas[data-figure=drawn]");
  if (!canvas?.width) return false;
  const copy = new OffscreenCanvas(80, 90);
  const c = copy.getContext("2d");
  c.drawImage(canvas, 0, 0, 80, 90);
  return c.getImageData(40, 60, 1, 1).data[3] === 255;
}
"""
_COUNTED = """
() => {
  self.count = 0;
  const real = self.requestAnimationFrame.bind(self);
  self.requestAnimationFrame = (callback) => real((now) => { self.count += 1; callback(now); });
}
"""
_HIDE = """
(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with browser.served(browser.build(Path(tmp_path_factory.mktemp("figures")))) as url:
        yield url


@pytest.fixture
def page(address: str) -> Iterator[Any]:
    with browser.opened(address, webgl=False) as opened:
        yield opened


def test_in_a_worker(page: Any):
    """It is drawn there, as large as its host, rests while the page is hidden, and ends with the figure."""
    page.evaluate(_MAKE)
    page.wait_for_function(_DRAWN)
    assert len(page.workers) == 1
    page.evaluate("() => { document.querySelector('#host').style.width = '500px'; }")
    page.wait_for_function("() => document.querySelector('canvas').width === 500")
    page.wait_for_function(_DRAWN)
    worker = page.workers[0]
    worker.evaluate(_COUNTED)
    page.wait_for_timeout(500)
    assert worker.evaluate("() => self.count") > 2
    page.evaluate(_HIDE, True)
    page.wait_for_timeout(200)
    before = worker.evaluate("() => self.count")
    page.wait_for_timeout(400)
    assert worker.evaluate("() => self.count") == before
    page.evaluate(_HIDE, False)
    page.wait_for_timeout(500)
    assert worker.evaluate("() => self.count") > before
    page.evaluate("() => window.figure.dispose()")
    page.wait_for_timeout(300)
    assert page.workers == []
    assert page.locator("canvas").count() == 0
    assert page.complaints == []


def test_a_browser_without(page: Any):
    page.evaluate("() => delete HTMLCanvasElement.prototype.transferControlToOffscreen")
    page.evaluate(_MAKE)
    page.wait_for_function(_DRAWN)
    assert page.workers == []
    page.evaluate("() => window.figure.dispose()")
    assert page.locator("canvas").count() == 0


def test_a_worker_that_does_not_come(page: Any):
    page.evaluate("() => { window.Worker = class { constructor() { throw new Error('refused'); } }; }")
    page.evaluate(_MAKE)
    page.wait_for_function(_DRAWN)
    assert page.complaints == []


def test_a_worker_that_is_no_worker(page: Any):
    """What the address leads to is not our script: the browser tells so late, by an event."""
    page.evaluate("""
      () => {
        const Real = window.Worker;
        window.Worker = class extends Real { constructor(url, how) { super(url + ".gone", how); } };
      }
    """)
    page.evaluate(_MAKE)
    page.wait_for_function(_DRAWN)
    assert page.workers == []


def test_a_worker_that_dies(page: Any):
    """The page goes on with a canvas of its own."""
    page.evaluate(_MAKE)
    page.wait_for_function(_DRAWN)
    page.evaluate("() => { window.given = document.querySelector('canvas'); }")
    page.workers[0].evaluate("() => { setTimeout(() => { throw new Error('dead'); }); }")
    page.wait_for_function("() => document.querySelector('canvas') !== window.given")
    page.wait_for_function(_DRAWN)
    assert page.workers == []
    assert page.locator("canvas").count() == 1


def test_gone_before_it_came(page: Any):
    """A figure that is taken off while its worker still starts leaves neither canvas nor worker."""
    page.evaluate("""
      async () => {
        const cues = { level: () => 0, userLevel: () => 0, mouth: () => null };
        const figure = await window.makeFigure({ kind: "drawn" }, cues);
        const mounted = figure.mount(document.body);
        figure.dispose();
        await mounted;
      }
    """)
    page.wait_for_timeout(300)
    assert page.workers == []
    assert page.locator("canvas").count() == 0
