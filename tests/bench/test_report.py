"""The bench's report: whatever the terminal showed stands in it, and what was not reached, too."""

from report import Verdict, document, table
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
