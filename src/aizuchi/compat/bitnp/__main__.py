"""`python -m aizuchi.compat.bitnp SCRIPT.py [ARGUMENTS]`: run a script of an agent project on our modules.

`run_agent.py`, `run_server.py` and `tts/genie/setup.py` are ours where the project has none of its own.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from aizuchi.compat.bitnp.enable import FOLDER


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return 0 if len(sys.argv) > 1 else 2
    script = Path(sys.argv[1])
    if not script.is_file():
        ours = (FOLDER / script, FOLDER / script.name)
        script = next((each for each in ours if each.is_file()), script)
    if not script.is_file():
        print(f"there is no script {script}", file=sys.stderr)
        return 2
    del sys.argv[0]
    # What Python itself would put in front is the script's folder; ours stays before it.
    sys.path.insert(sys.path.index(str(FOLDER)) + 1, str(script.resolve().parent))
    runpy.run_path(str(script), run_name="__main__")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
