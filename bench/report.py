"""The bench's tables as Markdown, with what is needed to believe and to repeat them."""

from __future__ import annotations

import platform
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.table import Table
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure against its aim."""

    name: str
    value: str
    aim: str
    reached: bool


def table(of: Table) -> list[str]:
    """A table of the terminal as one of Markdown."""
    columns = [[plain(column.header), *(plain(cell) for cell in column.cells)] for column in of.columns]
    head, *rows = [" | ".join(cells) for cells in zip(*columns, strict=True)]
    title = [f"**{plain(of.title)}**", ""] if of.title else []
    return [*title, f"| {head} |", "|" + " --- |" * len(columns), *(f"| {row} |" for row in rows), ""]


def plain(cell: object) -> str:
    """Without the terminal's colours; a bar would end the cell."""
    return Text.from_markup(str(cell)).plain.replace("|", "/") or " "


def document(
    tables: Sequence[Table], verdicts: Sequence[Verdict], *, command: str, calibrations: tuple[float, float]
) -> str:
    """Machine, date, commit, the reach list, then every table in the order in which it was printed."""
    cores, memory = psutil.cpu_count(), psutil.virtual_memory().total / 2**30
    lines = [
        f"- Machine: {processor()}, {cores} cores, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}",
        f"- Date: {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC; commit {commit()}",
        f"- Calibration, millions of rounds of a fixed loop a second: {calibrations[0]} at first, "
        f"{calibrations[1]} at last; load at the end {psutil.getloadavg()[0]:.2f}",
        f"- To repeat: `{command}`",
        "",
    ]
    if verdicts:
        lines += ["| aim | measured | limit | |", "| --- | --- | --- | --- |"]
        for each in verdicts:
            mark = "reached" if each.reached else "**not reached**"
            lines.append(f"| {each.name} | {each.value} | {each.aim} | {mark} |")
        lines.append("")
    for each in tables:
        lines += table(each)
    return "\n".join(lines)


def processor() -> str:
    """What the machine calls its processor, where it tells."""
    information = Path("/proc/cpuinfo")
    if platform.system() == "Linux" and information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def commit() -> str:
    """The short hash; with a plus where files differ from it."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def write(path: Path, text: str, name: str) -> None:
    """Between the marks of this name where the file has them, else as the whole file.

    The marks are `<!-- name -->` and `<!-- /name -->`, on lines of their own.
    """
    begin, over = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    before, found, rest = old.partition(begin)
    _, ended, after = rest.partition(over)
    whole = f"{before}{begin}\n{text.strip()}\n\n{over}{after}" if found and ended else text
    path.write_text(whole, encoding="utf-8")
