"""Replies in two languages: one that is spoken, one that is read.

`reader` takes what a model writes, piece by piece; `scanner`, `units` and `roles` are its parts. `form` is
what the model is asked for, and how its earlier replies are told to it.
"""

from aizuchi.engine.bilingual.reader import Bilingual
from aizuchi.engine.bilingual.units import Late, Piece

__all__ = ["Bilingual", "Late", "Piece"]
