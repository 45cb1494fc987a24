"""What the console may look into and change: the configuration's file and the characters' folders, and what
both mean for the house that runs.

`build.py` makes an `Admin` and gives it to the house.
"""

from aizuchi.admin.admin import Admin

__all__ = ["Admin"]
