"""Live2D on the page, with a stand-in for the library we may not ship: the calls, the drawing, the words."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.figure import browser

CORE = Path(__file__).with_name("stand_in_core.js")
WEAR = """
async ({spec, mouth, files}) => {
  window.now = mouth;
  const host = document.createElement("div");
  host.style.width = host.style.height = "200px";
  document.body.append(host);
  if (files) {
    const bytes = async (name) => (await fetch("/model/" + name)).arrayBuffer();
    const read = async (name) => new File([await bytes(name)], name.split("/").pop());
    spec = window.worn(await Promise.all(files.map(read)));
  }
  const cues = { level: () => 0, userLevel: () => 0, mouth: () => window.now };
  window.figure = await window.makeFigure(spec, cues);
  try { await window.figure.mount(host); return ""; } catch (error) { return error.message; }
}
"""
LOOK = """
async (places) => {
  const { figure } = window;
  const copy = document.createElement("canvas");
  copy.width = copy.height = 200;
  const c = copy.getContext("2d");
  figure.frame(0.001);
  c.drawImage(figure.canvas, 0, 0, 200, 200);
  return places.map(([x, y]) => [...c.getImageData(x, y, 1, 1).data]);
}
"""
FILES = ["bo.model3.json", "bo.moc3", "textures/red.png", "textures/blue.png"]
RED, BLUE, NOTHING = [255, 0, 0, 255], [0, 0, 255, 255], [0, 0, 0, 0]


def png(colour: tuple[int, int, int]) -> bytes:
    """One pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\x00" + bytes(colour))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, a model of four squares, and no Core yet."""
    folder = browser.build(tmp_path_factory.mktemp("figures"))
    (folder / "model" / "textures").mkdir(parents=True)
    (folder / "model" / "textures" / "red.png").write_bytes(png((255, 0, 0)))
    (folder / "model" / "textures" / "blue.png").write_bytes(png((0, 0, 255)))
    tree: dict[str, Any] = {
        "Version": 3,
        "FileReferences": {"Moc": "bo.moc3", "Textures": ["textures/red.png", "textures/blue.png"]},
        "Groups": [{"Target": "Parameter", "Name": "LipSync", "Ids": ["ParamMouthOpenY"]}],
    }
    (folder / "model" / "bo.model3.json").write_text(json.dumps(tree))
    moc = {
        "parameters": [
            {"id": "ParamMouthOpenY", "value": 0, "low": 0, "high": 1},
            {"id": "ParamAngleX", "value": 0, "low": -30, "high": 30},
        ],
        "drawables": [
            {"x": -0.5, "y": 0.1, "size": 0.2, "texture": 0, "order": 1},
            # Blue in front, though told later and first in order; cut to the invisible square of the mask.
            {"x": 0.5, "y": 0.5, "size": 0.4, "texture": 1, "order": 0, "masks": [2]},
            {"x": 0.6, "y": 0.6, "size": 0.2, "texture": 0, "order": 3, "opacity": 0},
            {"x": 0.5, "y": -0.5, "size": 0.4, "texture": 1, "order": 2, "masks": [4], "flags": 8},
            {"x": 0.4, "y": -0.4, "size": 0.2, "texture": 0, "order": 3, "opacity": 0},
        ],
    }
    (folder / "model" / "bo.moc3").write_text(json.dumps(moc))
    (folder / "core.js").write_bytes(CORE.read_bytes())
    (folder / "api").mkdir()
    return folder


@pytest.fixture
def site(folder: Path) -> Iterator[str]:
    (folder / "api" / "web").write_text(json.dumps({"cubism_core": "/core.js"}))
    with browser.served(folder) as url:
        yield url


@pytest.mark.parametrize("dropped", [False, True])
def test_a_model_is_drawn_and_speaks(site: str, dropped: bool):
    """Squares stand where the Core says, in order, cut by masks; the mouth follows the visemes."""
    spec = {"kind": "live2d", "url": "/model/bo.model3.json"}
    with browser.opened(site, viewport={"width": 400, "height": 400}) as page:
        said = page.evaluate(WEAR, {"spec": spec, "mouth": [], "files": FILES if dropped else None})
        assert said == ""
        seen = page.evaluate(
            LOOK, [[50, 90], [50, 60], [160, 40], [120, 80], [140, 140], [120, 170], [100, 10]]
        )
        assert seen == [RED, NOTHING, BLUE, NOTHING, NOTHING, BLUE, NOTHING]
        page.evaluate("() => { window.now = [{viseme: 'aa', weight: 1}]; }")
        page.wait_for_timeout(500)
        mouth = page.evaluate("() => window.figure.model.parameters.values[0]")
        assert mouth > 0.8
        assert page.evaluate(LOOK, [[50, 60]]) == [RED], "the square grew with the mouth"
        page.evaluate("() => window.figure.dispose()")
        assert page.evaluate("() => [window.released, document.querySelectorAll('canvas').length]") == [2, 0]
        assert page.complaints == []


def test_without_the_core_it_says_what_to_do(folder: Path):
    """The message names the library, why it is missing and the setting."""
    (folder / "api" / "web").write_text(json.dumps({"cubism_core": None}))
    with browser.served(folder) as url, browser.opened(url) as page:
        spec = {"kind": "live2d", "url": "/model/bo.model3.json"}
        said = page.evaluate(WEAR, {"spec": spec, "mouth": []})
        assert "Cubism Core" in said and "web.cubism_core" in said
        assert page.evaluate("() => document.querySelectorAll('canvas').length") == 0


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("/model/gone.model3.json", "gone.model3.json"),
        ("/api/web", "not a Live2D model"),
        ("/model/textures/red.png", "not a Live2D model"),
    ],
)
def test_what_is_no_model_is_explained(site: str, url: str, words: str):
    """Each refusal is one sentence for a person."""
    with browser.opened(site) as page:
        assert words in page.evaluate(WEAR, {"spec": {"kind": "live2d", "url": url}, "mouth": []})
