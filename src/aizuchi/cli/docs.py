"""`aizuchi docs`: the pages that are made from the code. A test checks that they are current."""

from __future__ import annotations

import argparse
from pathlib import Path

from aizuchi.errors import ConfigError

KEYS = ("<!-- keys: written by `aizuchi docs` -->", "<!-- /keys -->")
"""Between these `providers.md` has the table of accounts."""


def pages(folder: Path | None = None) -> dict[str, str]:
    """Path inside `docs/` -> text; of pages that are made in part only those that are in `folder`."""
    from aizuchi.config.describe import markdown
    from aizuchi.providers.keys import table
    from aizuchi.wire.native.schema import text

    made = {
        "configuration.md": markdown("en"),
        "configuration.zh.md": markdown("zh"),
        "wire/native.schema.json": text(),
    }
    partly = folder / "providers.md" if folder is not None else None
    if partly is not None and partly.is_file():
        before, begin, rest = partly.read_text(encoding="utf-8").partition(KEYS[0])
        _, end, after = rest.partition(KEYS[1])
        if begin and end:
            tables = f"\n\n{table('en')}\n\n{table('zh')}\n\n"
            made["providers.md"] = f"{before}{begin}{tables}{end}{after}"
    return made


def run(args: argparse.Namespace) -> int:
    from aizuchi.config.places import checkout

    root = checkout()
    if args.folder is None and root is None:
        raise ConfigError("this is no checkout; name the folder to write the pages to: aizuchi docs FOLDER")
    folder = Path(args.folder) if args.folder is not None else (root or Path()) / "docs"
    stale = False
    for name, text in pages(folder).items():
        path = folder / name
        current = path.is_file() and path.read_text(encoding="utf-8") == text
        stale |= not current
        if current:
            print(f"current  {path}")
        elif args.check:
            print(f"stale    {path}")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Always \n, so that the pages are the same on every system.
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"wrote    {path}")
    return 1 if args.check and stale else 0
