"""Screenshots that stay: people look at them after a run."""

import os
import re
from pathlib import Path

from playwright.sync_api import Locator, Page

FOLDER = Path(__file__).resolve().parents[2] / ".artifacts" / "web"


def screenshot(of: Page | Locator, name: str) -> Path:
    """Keep a picture under this name, in place of the last run's. Moving things stand still in it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.png"
    of.screenshot(path=path, animations="disabled", timeout=60_000)
    print(f"screenshot: {os.path.relpath(path)}")
    return path


def named(test: str) -> str:
    """A test's name as that of a file."""
    told = re.sub(r"-?\\u[0-9a-f]{4}", "", test.lower().removeprefix("test_"))
    return re.sub(r"[^a-z0-9]+", "-", told).strip("-")
