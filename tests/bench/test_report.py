"""The bench's report: whatever the terminal showed stands in it, and what was not reached, too."""

from pathlib import Path

from report import Verdict, document, table, write
from rich.table import Table


def made() -> Table:
    shown = Table("what", "p50", title="a title")
    shown.add_row("one|two", "[green]3.5[/green]")
    shown.add_row("", "-")
    return shown


def test_a_table_becomes_markdown():
    """Colours go, and a bar within a cell does not split it."""
    title, _, head, line, first, second, _ = table(made())
    assert title == "**a title**" and head == "| what | p50 |" and line == "| --- | --- |"
    assert first == "| one/two | 3.5 |" and second == "|   | - |"


def test_the_report_says_what_was_not_reached():
    """A figure beyond its limit is not left out."""
    verdicts = [
        Verdict("floor", "207 ms", "under 215 ms", True),
        Verdict("held", "none", "under 130 ms", False),
    ]
    text = document([made()], verdicts, command="python bench/run.py --seed 7", calibrations=(40.0, 41.0))
    assert "| floor | 207 ms | under 215 ms | reached |" in text
    assert "| held | none | under 130 ms | **not reached** |" in text
    assert "`python bench/run.py --seed 7`" in text and "**a title**" in text


def test_a_report_replaces_the_one_between_its_marks(tmp_path: Path):
    """The page round it stays as it was; a second run leaves no trace of the first."""
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n")
    for text in ("first\n", "second\n"):
        write(page, text, "bench")
    assert page.read_text() == "before\n<!-- bench -->\n\nsecond\n\n<!-- /bench -->\nafter\n"


def test_a_file_without_marks_becomes_the_report(tmp_path: Path):
    """As with any other output."""
    for name in ("bench", "bench-peers"):
        write(tmp_path / "new.md", f"{name}\n", name)
    assert (tmp_path / "new.md").read_text() == "bench-peers\n"
