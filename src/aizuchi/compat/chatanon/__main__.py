"""`python -m aizuchi.compat.chatanon`: the lines for a shell that make `server.main` ours.

`--path` prints the folder alone, for a service file's own way of setting variables.
"""

from __future__ import annotations

import os
import shlex
import sys

from aizuchi.compat.chatanon.application import FOLDER


def main() -> int:
    if sys.argv[1:] == ["--path"]:
        print(FOLDER)
        return 0
    if sys.argv[1:]:
        print(__doc__)
        return 0 if sys.argv[1] in ("-h", "--help") else 2
    others = [
        each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each and each != str(FOLDER)
    ]
    path = shlex.quote(os.pathsep.join([str(FOLDER), *others]))
    # ChatAnon's own folder holds a `server` too; neither Python nor uvicorn may look there first.
    print(f"export PYTHONPATH={path} PYTHONSAFEPATH=1 UVICORN_APP_DIR={shlex.quote(str(FOLDER))}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
