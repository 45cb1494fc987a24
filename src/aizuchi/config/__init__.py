"""One YAML and the environment -> `Settings`, in users' words.

Only `build.py` and the command line read it.
"""

from aizuchi.config.explain import Problem, Problems
from aizuchi.config.loading import Chosen, Loaded, load
from aizuchi.config.places import address, home
from aizuchi.config.settings import Settings

__all__ = ["Chosen", "Loaded", "Problem", "Problems", "Settings", "address", "home", "load"]
