"""The house keeps its rules: who imports whom, what runs on every system, what no file may hold."""

import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests import house

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "aizuchi"

Rule = Callable[[str, str], Iterator[str]]

# The borders where everything is caught, logged with its traceback, and made an event or a sentence:
# a turn, what a provider raises on behalf of one, a link, the loading of plugins, somebody's tool, what the
# scripts of a bitnp project give us (handlers, loops, voices).
CATCH_ALL = {
    "compat/bitnp/agent/wav_files.py",
    "compat/bitnp/calling.py",
    "compat/bitnp/llm_api/chat_bot.py",
    "compat/bitnp/tts/studio.py",
    "engine/turn.py",
    "engine/streams.py",
    "engine/toolroom.py",
    "providers/errands.py",
    "server/link.py",
    "registry.py",
    "tools/toolbox.py",
    "build.py",
}


@cache
def package_files() -> dict[str, str]:
    """Every Python file of the package, by its path below it; npm's packages are not ours."""
    ours = (p for p in PACKAGE.rglob("*.py") if "node_modules" not in p.parts)
    return {p.relative_to(PACKAGE).as_posix(): p.read_text(encoding="utf-8") for p in ours}


def repository_files(empty: Path) -> Iterator[tuple[str, str]]:
    """Every text file that is, or would be, committed.

    Sources that are no checkout, or somebody else's, are listed for a new repository in the folder `empty`.
    """

    def git(*words: str | Path) -> bytes | None:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, timeout=60, check=False)
        return done.stdout if done.returncode == 0 else None

    listing = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = git(*listing)
    if listed is None:
        git("init", "--quiet", "--bare", empty)
        listed = git("--git-dir", empty, "--work-tree", ROOT, *listing)
    assert listed is not None, "git cannot list the files here"
    for name in filter(None, listed.decode().split("\0")):
        data = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b""
        if b"\0" not in data:
            yield name, data.decode("utf-8", errors="replace")


@pytest.mark.parametrize(
    "rule",
    [
        house.import_rule,
        house.no_outside,
        house.late_imports,
        house.every_system,
        house.encodings,
        house.tasks_in_groups,
        house.bounded_queues,
        house.narrow_except,
    ],
    ids=lambda rule: rule.__name__,
)
def test_package_keeps(rule: Rule):
    """Each file of the package keeps each rule; a complaint says where and what to do."""
    exempt = CATCH_ALL if rule is house.narrow_except else set[str]()
    complaints = [c for path, text in package_files().items() if path not in exempt for c in rule(path, text)]
    assert not complaints, f"\n{rule.__doc__}\n" + "\n".join(complaints)


def test_no_machine_or_registry_is_named(tmp_path: Path):
    """Nothing that would be committed names a machine's path or a registry."""
    files = dict(repository_files(tmp_path))
    assert "tests/test_house.py" in files
    complaints = [c for path, text in files.items() for c in house.no_addresses(path, text)]
    assert not complaints, "\n" + "\n".join(complaints)


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-web.lock"])
def test_locks(name: str):
    """The locks hold hashes and no addresses."""
    complaints = list(house.locked(name, (ROOT / name).read_text(encoding="utf-8")))
    assert not complaints, "\n" + "\n".join(complaints)


BAD = [
    (house.import_rule, "engine/a.py", "from aizuchi.wire.native import NativeAdapter"),
    (house.import_rule, "engine/a.py", "from aizuchi import wire"),
    (house.import_rule, "engine/a.py", "from ..providers import tts"),
    (house.import_rule, "wire/a.py", "def f():\n    import aizuchi.server.link"),
    (house.import_rule, "events.py", "from aizuchi.engine.floor import Floor"),
    (house.import_rule, "events.py", "from .config import Settings"),
    (house.import_rule, "__init__.py", "from aizuchi.events import Heard"),
    (house.import_rule, "server/link.py", "from aizuchi.config import Settings"),
    (house.import_rule, "server/app.py", "from aizuchi.cluster import store"),
    (house.import_rule, "cellar/a.py", ""),
    (house.no_outside, "engine/a.py", "import httpx"),
    (house.no_outside, "engine/a.py", "from onnxruntime import InferenceSession"),
    (house.no_outside, "wire/a.py", "import asyncio"),
    (house.late_imports, "providers/asr/a.py", "import pocketsphinx"),
    (house.every_system, "a.py", "import fcntl"),
    (house.every_system, "a.py", "from signal import SIGHUP"),
    (house.every_system, "a.py", "import os\nos.geteuid()"),
    (house.every_system, "a.py", "import sys\nif x:\n    loop.add_signal_handler(15, stop)"),
    (house.every_system, "a.py", "try:\n    os.fork()\nexcept OSError:\n    pass"),
    (house.every_system, "a.py", "await asyncio.start_unix_server(f)"),
    (house.every_system, "a.py", "mp.get_context('fork')"),
    (house.every_system, "a.py", "subprocess.Popen(c, preexec_fn=f)"),
    (house.every_system, "a.py", "p = '/tmp/aizuchi'"),
    (house.every_system, "a.py", "import sys\nif sys.platform == 'win32':\n    g()\nos.fork()"),
    (house.encodings, "a.py", "open(p)"),
    (house.encodings, "a.py", "p.read_text()"),
    (house.encodings, "a.py", "p.write_text(t)"),
    (house.encodings, "a.py", "p.open('w')"),
    (house.tasks_in_groups, "a.py", "asyncio.create_task(f())"),
    (house.tasks_in_groups, "a.py", "create_task(f())"),
    (house.tasks_in_groups, "a.py", "asyncio.get_running_loop().create_task(f())"),
    (house.tasks_in_groups, "a.py", "asyncio.ensure_future(f())"),
    (house.bounded_queues, "a.py", "asyncio.Queue()"),
    (house.bounded_queues, "a.py", "asyncio.Queue(maxsize=0)"),
    (house.narrow_except, "a.py", "try:\n    f()\nexcept Exception:\n    log()"),
    (house.narrow_except, "a.py", "try:\n    f()\nexcept (OSError, BaseException) as e:\n    raise X from e"),
    (house.narrow_except, "a.py", "try:\n    f()\nexcept:\n    pass"),
    (house.narrow_except, "a.py", "with contextlib.suppress(Exception):\n    f()"),
    (house.no_addresses, "a.md", "see /" + "home/ann/aizuchi"),
    (house.no_addresses, "a.md", "https://" + "pypi" + ".org/simple"),
    (house.locked, "a.lock", "av==1.0 \\\n    --hash=sha256:00\n--find" + "-links x"),
    (house.locked, "a.lock", "av==1.0\nnumpy==2.0 \\\n    --hash=sha256:00"),
]

GOOD = [
    (
        house.import_rule,
        "engine/a.py",
        "from aizuchi.events import Heard\nfrom .floor import Floor\nimport asyncio",
    ),
    (house.import_rule, "server/link.py", "from aizuchi import __version__\nfrom aizuchi.wire import native"),
    (house.import_rule, "server/asgi.py", "from aizuchi.config import load"),
    (house.no_outside, "engine/a.py", "import asyncio\nimport json"),
    (house.no_outside, "server/a.py", "import fastapi"),
    (house.late_imports, "providers/asr/a.py", "def f():\n    import pocketsphinx"),
    (house.every_system, "a.py", "import sys\nif sys.platform != 'win32':\n    import fcntl\n    os.fork()"),
    (house.every_system, "a.py", "try:\n    import resource\nexcept ImportError:\n    resource = None"),
    (
        house.every_system,
        "a.py",
        "with suppress(NotImplementedError):\n    loop.add_signal_handler(15, stop)",
    ),
    (
        house.every_system,
        "a.py",
        "def f():\n    if sys.platform == 'win32':\n        return\n    os.setsid()",
    ),
    (house.every_system, "a.py", "n = os.getuid() if hasattr(os, 'getuid') else 0"),
    (house.every_system, "a.py", "n = hasattr(os, 'getuid') and os.getuid()"),
    (house.every_system, "a.py", "route = '/digital-human/ws'; os.kill(pid, signal.SIGTERM)"),
    (
        house.encodings,
        "a.py",
        "open(p, 'rb')\np.read_text(encoding='utf-8')\nwave.open(p, 'w')\np.open('rb')",
    ),
    (
        house.tasks_in_groups,
        "a.py",
        "tg.create_task(f())\nself._group.create_task(f())\nself.task_group.create_task(f())",
    ),
    (house.bounded_queues, "a.py", "asyncio.Queue(8)\nasyncio.Queue(maxsize=LIMIT)"),
    (house.narrow_except, "a.py", "try:\n    f()\nexcept BaseException:\n    tidy()\n    raise"),
    (house.narrow_except, "a.py", "try:\n    f()\nexcept* ValueError:\n    pass"),
    (house.no_addresses, "a.md", "~/models, ./data, https://example.com/home/ann, {base}/home/x"),
]


@pytest.mark.parametrize(("rule", "path", "text"), BAD)
def test_rule_finds(rule: Rule, path: str, text: str):
    """Each rule sees what it is there to see."""
    assert list(rule(path, text))


@pytest.mark.parametrize(("rule", "path", "text"), GOOD)
def test_rule_lets_pass(rule: Rule, path: str, text: str):
    """No rule complains of what is right."""
    assert not list(rule(path, text))
