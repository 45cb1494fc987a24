"""`aizuchi bitnp-path`: the folder that makes a bitnp agent project's imports ours."""

from __future__ import annotations

import argparse


def run(args: argparse.Namespace) -> int:
    from aizuchi.compat.bitnp.enable import FOLDER

    print(FOLDER)
    return 0
