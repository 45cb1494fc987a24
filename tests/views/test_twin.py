"""What the page's fold is compared with is what ours finds today."""

import json

import pytest

from tests.views.twin import FIXTURES, fixture


@pytest.mark.parametrize("name", ["told", "odd", "recorded"])
def test_the_pages_fixtures_are_up_to_date(name: str):
    """After a change of the figures: `python -m tests.views.twin`, then mend the page's fold."""
    kept = json.loads((FIXTURES / f"{name}.json").read_text())
    assert json.loads(json.dumps(fixture(kept["entries"])["turns"])) == kept["turns"]
