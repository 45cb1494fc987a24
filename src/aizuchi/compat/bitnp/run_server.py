"""`run_server.py`: the relay with the original's flags, and all of Aizuchi behind the same port.

Listens on every address at port 8000 and keeps `vtuber_server.log` in the working directory, as the original
does. The configuration is the usual one (`./aizuchi.yaml`, environment); the flags go before it. Without a
token in it everybody who can reach the machine may come in, which is said at the start.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

LOG: Final = "vtuber_server.log"
LOG_BYTES: Final = 10_000_000
OPEN: Final = (
    "run_server.py: the configuration has no server.tokens: whoever reaches this machine may come in."
    " Use --host 127.0.0.1 to keep to it."
)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="run_server.py", description="Relay between agents and pages of bitnp"
    )
    made.add_argument("--port", type=int, default=8000, help="port to listen on (8000)")
    made.add_argument("--ppt-images-dir", default=None, help="folder of slide pictures to serve")
    made.add_argument("--ppt-mount-path", default="/documents/slides", help="path of the slides")
    made.add_argument("--host", default="0.0.0.0", help="address to listen on (all of this machine's)")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until a signal comes; the exit code of `aizuchi serve`."""
    from aizuchi.cli import main as aizuchi
    from aizuchi.config import load
    from aizuchi.errors import ConfigError
    from aizuchi.server.logs import also_to

    args = parser().parse_args(argv)
    told = {"SLIDES_PATH": "/" + args.ppt_mount_path.strip("/")}
    if args.ppt_images_dir:
        told["SLIDES_DIR"] = str(Path(args.ppt_images_dir).absolute())
    # Through the environment, so that worker processes read the same.
    os.environ.update({f"AIZUCHI_BITNP__{name}": value for name, value in told.items()})
    command = ["serve", "--host", args.host, "--port", str(args.port)]
    try:
        if not load().settings.server.tokens:
            command.append("--open")
            print(OPEN, file=sys.stderr)
    except ConfigError:
        pass  # the command says it, in the user's language
    also_to(Path(LOG), LOG_BYTES)
    return aizuchi(command)


if __name__ == "__main__":
    raise SystemExit(main())
