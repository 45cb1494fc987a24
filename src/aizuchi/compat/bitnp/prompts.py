"""Prompts of a project by name: `get_prompt("shumeiniang")` is the text of `prompts/shumeiniang.txt`."""

from __future__ import annotations

from pathlib import Path

from aizuchi.compat.bitnp.places import projects

AVAILABLE_PROMPTS: list[str]
"""The names there are now."""


def get_prompt(prompt_name: str) -> str:
    """The whole text of a prompt, as it is. Raises ValueError for a name without a file."""
    if path := _prompts().get(prompt_name):
        return path.read_text(encoding="utf-8-sig")
    looked = ", ".join(str(folder / "prompts") for folder in projects())
    raise ValueError(f"Prompt {prompt_name} not found; looked for {prompt_name}.txt in {looked}")


def _prompts() -> dict[str, Path]:
    """Name -> file. A name comes from a listing and never becomes a path, so it can lead nowhere else."""
    found: dict[str, Path] = {}
    for folder in projects():
        for path in sorted((folder / "prompts").glob("*.txt")):
            if path.is_file():
                found.setdefault(path.stem, path)
    return found


def __getattr__(name: str) -> list[str]:
    if name == "AVAILABLE_PROMPTS":
        return list(_prompts())
    raise AttributeError(name)
