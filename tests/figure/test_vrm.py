"""A VRM model on the page: it loads under the policy, speaks, feels, and goes without leaving anything."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.figure import browser
from tests.figure.primitive import MORPHS, vrm

SHOTS = os.environ.get("AIZUCHI_SHOTS")
WEAR = """
async ({url, file, mouth, emotion, state, level}) => {
  window.now = { mouth, level };
  const host = document.createElement("div");
  host.style.width = host.style.height = "480px";
  document.body.append(host);
  const cues = { level: () => window.now.level ?? 0, userLevel: () => 0, mouth: () => window.now.mouth };
  let spec = { kind: "vrm", url };
  if (file) {
    const bytes = await (await fetch(url)).arrayBuffer();
    spec = window.worn([new File([bytes], file)]);
  }
  const figure = await window.makeFigure(spec, cues);
  window.figure = figure;
  await figure.mount(host);
  figure.state(state ?? "idle", false);
  figure.emotion(emotion ?? "neutral", 1);
}
"""
TRY = f"async (a) => {{ try {{ await ({WEAR})(a); return ''; }} catch (error) {{ return error.message; }} }}"
WEIGHTS = """
() => {
  let found = {};
  window.figure.vrm.scene.traverse((each) => {
    if (each.morphTargetInfluences?.length > 5)
      for (const [name, at] of Object.entries(each.morphTargetDictionary))
        found[name] = each.morphTargetInfluences[at];
  });
  return found;
}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = browser.build(tmp_path_factory.mktemp("figures"))
    (folder / "one.vrm").write_bytes(vrm(1))
    (folder / "old.vrm").write_bytes(vrm(0))
    (folder / "plain.vrm").write_bytes(plain())
    (folder / "noise.vrm").write_bytes(b"not a model at all" * 50)
    with browser.served(folder) as url:
        yield url


def plain() -> bytes:
    """The same without the extension: a glTF file, but no VRM."""
    whole = vrm(1)
    length = struct.unpack_from("<I", whole, 12)[0]
    tree = json.loads(whole[20 : 20 + length])
    del tree["extensions"], tree["extensionsUsed"]
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    rest = whole[20 + length :]
    return (
        struct.pack("<IIIII", 0x46546C67, 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A) + text + rest
    )


def test_the_model_is_well_formed():
    """Chunks and lengths are what the format asks for, and all bones that VRM requires are there."""
    whole = vrm(1)
    magic, version, length = struct.unpack_from("<III", whole)
    assert (magic, version, length) == (0x46546C67, 2, len(whole))
    tree = json.loads(whole[20 : 20 + struct.unpack_from("<I", whole, 12)[0]])
    assert len(tree["extensions"]["VRMC_vrm"]["humanoid"]["humanBones"]) >= 15
    for view in tree["bufferViews"]:
        assert view["byteOffset"] + view["byteLength"] <= tree["buffers"][0]["byteLength"]


def settled(page: Any, name: str, least: float) -> dict[str, float]:
    """The weights of the scene's own mesh, as soon as one of them is high enough."""
    for _ in range(40):
        weights = page.evaluate(WEIGHTS)
        if weights[name] >= least:
            return weights
        page.wait_for_timeout(50)
    return page.evaluate(WEIGHTS)


@pytest.mark.parametrize("model", ["one.vrm", "old.vrm"])
def test_a_model_speaks_and_feels(site: str, model: str):
    """Mouth and mood arrive at the morphs of the scene; nothing of it is refused by the policy."""
    with browser.opened(site, viewport={"width": 480, "height": 480}) as page:
        aa = [{"viseme": "aa", "weight": 1}]
        page.evaluate(WEAR, {"url": f"/{model}", "mouth": aa, "state": "speaking", "level": 0.5})
        weights = settled(page, "aa", 0.9)
        assert set(weights) == set(MORPHS)
        assert weights["aa"] > 0.9 and weights["oh"] < 0.05
        page.evaluate("() => { window.now.mouth = [{viseme: 'ou', weight: 0.6}]; }")
        weights = settled(page, "ou", 0.55)
        assert 0.5 < weights["ou"] < 0.65
        page.evaluate("() => { window.now.mouth = []; window.figure.emotion('happy', 0.8); }")
        weights = settled(page, "happy", 0.75)
        assert 0.7 < weights["happy"] < 0.85 and weights["sad"] == 0 and weights["ou"] < 0.05
        if SHOTS:
            page.screenshot(path=str(Path(SHOTS) / f"vrm-{model}.png"))
        arms = page.evaluate(
            "() => ['leftHand', 'rightHand', 'leftUpperArm'].map((bone) => {"
            " const m = window.figure.vrm.humanoid.getRawBoneNode(bone).matrixWorld.elements;"
            " return [m[12], m[13]]; })"
        )
        (left, right, shoulder) = arms
        assert left[0] > 0.15 > -0.15 > right[0], "left is to the viewer's right"
        assert left[1] < shoulder[1] - 0.3, "the arms hang"
        assert page.complaints == []


def test_loudness_moves_the_mouth(site: str):
    """Without visemes the mouth follows what is heard, and shuts when it is silent."""
    with browser.opened(site) as page:
        page.evaluate(WEAR, {"url": "/one.vrm", "mouth": None, "state": "speaking", "level": 0.5})
        assert _until(page, lambda open_: open_ > 0.3)
        page.evaluate("() => { window.now.level = 0; }")
        assert _until(page, lambda open_: open_ < 0.05)


def _until(page: Page, wanted: Callable[[float], bool]) -> bool:
    """Whether the mouth comes to be so, given time to draw."""
    for _ in range(100):
        vowels = page.evaluate(WEIGHTS)
        if wanted(sum(vowels[each] for each in ("aa", "ih", "ou", "ee", "oh"))):
            return True
        page.wait_for_timeout(100)
    return False


def test_a_dropped_file(site: str):
    """A File is worn without being fetched again."""
    with browser.opened(site) as page:
        page.evaluate(WEAR, {"url": "/one.vrm", "file": "Mine.VRM", "mouth": None})
        assert page.evaluate("() => window.figure.vrm.meta.name") == "Primitive"
        assert page.complaints == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("/plain.vrm", "plain.vrm is not a VRM model"),
        ("/noise.vrm", "noise.vrm is not a VRM model"),
        ("/gone.vrm", "gone.vrm"),
        ("https://models.example/a.vrm", "not from models.example"),
        (None, ".vrm"),
    ],
)
def test_what_cannot_be_worn_is_explained(site: str, url: str | None, words: str):
    """Each refusal is one sentence for a person, and no canvas is left behind."""
    with browser.opened(site) as page:
        said = page.evaluate(TRY, {"url": url, "mouth": None})
        assert words in said
        assert page.evaluate("() => document.querySelectorAll('canvas').length") == 0


def test_without_webgl_it_says_so(site: str):
    """A browser without WebGL tells the person what to do."""
    with browser.opened(site) as page:
        page.evaluate(
            "() => { const real = HTMLCanvasElement.prototype.getContext;"
            " HTMLCanvasElement.prototype.getContext = function (kind, ...more) {"
            " return kind.startsWith('webgl') ? null : real.call(this, kind, ...more); }; }"
        )
        said = page.evaluate(TRY, {"url": "/one.vrm", "mouth": None})
        assert "no WebGL" in said


def test_many_figures_leave_nothing(site: str):
    """Twenty changes of figure: each gives its context back, so that the browser never takes one away."""
    with browser.opened(site) as page:
        for _ in range(20):
            page.evaluate(WEAR, {"url": "/one.vrm", "mouth": None})
            page.evaluate("() => window.figure.dispose()")
        assert page.evaluate("() => document.querySelectorAll('canvas').length") == 0
        page.evaluate(WEAR, {"url": "/one.vrm", "mouth": None})
        assert page.evaluate("() => window.figure.canvas.getContext('webgl2').isContextLost()") is False
        assert not [each for each in page.complaints if "Too many active WebGL contexts" in each]
