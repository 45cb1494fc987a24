"""The operator's interface below `/api/console`: who talks, what is wrong, characters, configuration.

It looks into the house and asks a `Console` (see `ports.py`, filled in by `build.py`) for whatever stands in
files. Who may come in is decided in `door.py`, for all routes alike.
"""

from aizuchi.server.console.routes import router

__all__ = ["router"]
