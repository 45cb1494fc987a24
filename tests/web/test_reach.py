"""For everybody: by keyboard alone, on a phone, and for who hears the page or sees it badly."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests import needed
from tests.e2e.server import ROOT, Server
from tests.web import artefacts, ear, said
from tests.web.conftest import Visit
from tests.web.stage import Stage

AXE = ROOT / "src" / "aizuchi" / "web" / "node_modules" / "axe-core" / "axe.min.js"
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
FOCUSED = """
() => {
  const now = document.activeElement;
  const style = now ? getComputedStyle(now) : null;
  const seen = style && (style.outlineStyle !== "none" || style.boxShadow !== "none");
  return [now?.closest("[data-testid]")?.getAttribute("data-testid") ?? now?.tagName ?? "", Boolean(seen)];
}
"""


def tabbed(stage: Stage, presses: int = 24) -> set[str]:
    """What the Tab key reaches."""
    reached: set[str] = set()
    for _ in range(presses):
        stage.page.keyboard.press("Tab")
        reached.add(str(stage.page.evaluate(FOCUSED)[0]))
    return reached


def test_keyboard_only(humming: Server, visit: Visit):
    """Everything is reached by Tab, settings open and close by keys, and a whole turn needs no mouse."""
    stage = visit(humming.url)
    stage.page.keyboard.type("hello")
    stage.page.keyboard.press("Enter")
    expect(stage.reply()).to_contain_text(said.HELLO)
    reached = tabbed(stage)
    for name in ("text-input", "mic", "settings", "timeline-toggle", "attach", "camera"):
        assert name in reached, f"{name} is not among {reached}"
    while stage.page.evaluate(FOCUSED)[0] != "settings":
        stage.page.keyboard.press("Tab")
    assert stage.page.evaluate(FOCUSED)[1], "the focus cannot be seen"
    stage.page.keyboard.press("Enter")
    expect(stage.id("settings-sheet")).to_be_visible()
    inside = tabbed(stage)
    assert "language" in inside and "text-input" not in inside
    stage.page.keyboard.press("Escape")
    expect(stage.id("settings-sheet")).to_have_count(0)
    expect(stage.id("settings")).to_be_focused()
    stage.id("text-input").focus()
    stage.page.keyboard.type("tell me a story")
    stage.page.keyboard.press("Enter")
    stage.state("speaking")
    ear.wait_for_sound(stage.page)
    stage.page.keyboard.press("Escape")
    stage.reply("interrupted")


def test_phone(humming: Server, visit: Visit):
    """Nothing is wider than the screen, what is pressed is big enough for a finger, and a turn works."""
    stage = visit(humming.url, **PHONE)
    stage.id("text-input").tap()
    stage.say("hello")
    expect(stage.reply()).to_contain_text(said.HELLO)
    assert stage.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for name in ("mic", "text-input", "send", "settings", "timeline-toggle"):
        box = stage.id(name).bounding_box()
        assert box is not None, name
        assert box["width"] >= 40 and box["height"] >= 40, f"{name}: {box}"
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390 and box["y"] + box["height"] <= 844, name
    stage.speaking("tell me a story")
    artefacts.screenshot(stage.page, "phone-speaking")
    stage.id("stop").tap()
    stage.reply("interrupted")
    stage.id("settings").tap()
    expect(stage.id("settings-sheet")).to_be_visible()
    assert stage.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    artefacts.screenshot(stage.page, "phone-settings")
    stage.page.keyboard.press("Escape")
    stage.id("timeline-toggle").tap()
    expect(stage.id("turn-row").first).to_be_visible()
    assert stage.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# ------------------------------------------------------------------ axe


def grave(stage: Stage) -> list[str]:
    """What axe calls serious or critical on the page as it is now."""
    if not AXE.is_file():
        needed.missing("no axe-core: npm ci in src/aizuchi/web brings it")
    if not stage.page.evaluate("typeof axe === 'object'"):
        stage.page.evaluate(AXE.read_text("utf-8"))
    found: list[dict[str, Any]] = stage.page.evaluate(
        "async () => (await axe.run(document, { resultTypes: ['violations'] })).violations"
    )
    return [
        f"{each['impact']}: {each['id']}: {each['help']}: {node['html'][:160]} {node['failureSummary']!r}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def settings(stage: Stage) -> None:
    stage.id("settings").click()
    expect(stage.id("settings-sheet")).to_be_visible()


def talk(stage: Stage) -> None:
    stage.say("think about it")
    stage.reply()
    stage.speaking("tell me a story")


def interrupted(stage: Stage) -> None:
    talk(stage)
    stage.page.keyboard.press("Escape")
    stage.reply("interrupted")


def timeline(stage: Stage) -> None:
    stage.say("hello")
    stage.reply()
    stage.id("timeline-toggle").click()
    expect(stage.id("turn-row").first).to_be_visible()
    stage.settle()


SIGHTS: list[tuple[str, Callable[[Stage], None]]] = [
    ("idle", lambda stage: None),
    ("speaking", talk),
    ("interrupted", interrupted),
    ("settings", settings),
    ("timeline", timeline),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_stage_is_accessible(humming: Server, visit: Visit, scheme: str):
    """No serious finding on any sight of the stage, in either scheme."""
    wrong: list[str] = []
    for name, make in SIGHTS:
        stage = visit(humming.url, color_scheme=scheme, reduced_motion="reduce")
        make(stage)
        artefacts.screenshot(stage.page, f"{name}-{scheme}")
        wrong += [f"{name}, {scheme}: {each}" for each in grave(stage)]
        stage.page.close()
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_console_is_accessible(humming: Server, visit: Visit, scheme: str):
    """No serious finding on any of its tabs."""
    stage = visit(humming.url)
    stage.say("hello")
    stage.reply()
    page = visit(humming.url + "console", at="console", color_scheme=scheme, reduced_motion="reduce")
    wrong: list[str] = []
    for tab in ("live", "providers", "characters", "config"):
        page.id(f"tab-{tab}").click()
        marks = {"live": "session-row", "providers": "provider-row", "characters": "character-row"}
        expect(page.id(marks.get(tab, "config-field")).first).to_be_visible()
        if tab == "characters":
            page.id("character-row").first.locator("button").click()
            expect(page.id("character-yaml")).to_be_visible()
        artefacts.screenshot(page.page, f"console-{tab}-{scheme}")
        wrong += [f"{tab}, {scheme}: {each}" for each in grave(page)]
    assert not wrong, "\n".join(wrong)
