"""A model that is dropped onto the page is worn, and what is no model harms nobody."""

import io
from collections.abc import Iterator

import av
import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.server import Server
from tests.figure.primitive import vrm
from tests.web import artefacts, ear, said
from tests.web.chromium import SOFTWARE_WEBGL, browsing
from tests.web.conftest import Visit
from tests.web.drops import drop
from tests.web.stage import Stage

CANVAS = "document.querySelector('[data-testid=figure] canvas')"
DRAWN = f"{CANVAS}?.dataset.figure === 'drawn'"
"""Told by the figure: a canvas that is drawn upon by a worker gives the page no context of any kind."""
MODELLED = f"{CANVAS} && !({DRAWN}) && Boolean({CANVAS}.getContext('webgl2'))"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing(more=SOFTWARE_WEBGL) as launched:
        yield launched


def drawn(stage: Stage) -> None:
    """Wait until something with light and shadow is in the figure's place; the page itself has none."""
    for _ in range(100):
        with av.open(io.BytesIO(stage.id("figure").screenshot(timeout=60_000)), "r") as file:
            picture = next(file.decode(video=0)).to_ndarray(format="gray")
        height, width = picture.shape
        middle = picture[height // 4 : height * 3 // 4, width // 4 : width * 3 // 4]
        if float(np.std(middle)) > 20:
            return
        stage.page.wait_for_timeout(100)
    raise AssertionError("nothing was drawn in the figure's place")


def test_a_dropped_model(humming: Server, visit: Visit):
    """The drawn figure makes room for the model, which is then spoken with."""
    stage = visit(humming.url)
    ear.until(stage.page, DRAWN)
    drop(stage.page, {"primitive.vrm": vrm(1)})
    ear.until(stage.page, MODELLED, within=60)
    drawn(stage)
    stage.say("hello")
    stage.state("speaking")
    artefacts.screenshot(stage.page, "a-model-speaks")
    expect(stage.reply()).to_contain_text(said.HELLO)


def test_what_is_no_model(humming: Server, visit: Visit):
    """The page says what is wrong with it and keeps its own figure, which is drawn in a worker."""
    stage = visit(humming.url)
    ear.until(stage.page, DRAWN)
    drawn(stage)
    assert len(stage.page.workers) == 1
    artefacts.screenshot(stage.page, "the-drawn-figure")
    drop(stage.page, {"noise.vrm": b"no model at all" * 40})
    expect(stage.page.locator(".notice.bad")).to_be_visible()
    ear.until(stage.page, DRAWN)
    stage.say("hello")
    expect(stage.reply()).to_contain_text(said.HELLO)
