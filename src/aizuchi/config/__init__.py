"""One YAML and the environment -> `Settings`, in users' words.

Only `build.py` and the command line read it.
"""

from aizuchi.config.explain import Problem, Problems
from aizuchi.config.load import Chosen, Loaded, address, home, load
from aizuchi.config.settings import Settings

__all__ = ["Chosen", "Loaded", "Problem", "Problems", "Settings", "address", "home", "load"]
