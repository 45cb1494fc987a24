"""The canonical visemes: fifteen mouth shapes, the set that Oculus lip-sync and VRM figures know.

A voice that tells phonemes is mapped here; a voice that does not leaves the mouth to loudness.
"""

from __future__ import annotations

from typing import Final

VISEMES: Final = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou")
