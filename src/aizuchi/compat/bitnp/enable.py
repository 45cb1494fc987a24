"""Importing this puts the bare names of a bitnp agent project on Python's path, in front of everything else.

In front, so that an agent project which still holds the original's own folders gets ours. What only the
project has stays reachable: the packages of the bare names also look into the project's folders of that name.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent / "path"
"""What goes on the path."""

if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))
