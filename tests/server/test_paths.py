"""Names in braces stand for any one segment."""

import pytest

from aizuchi.server.paths import find

TABLE = {"/ws": 1, "/ws/agent/{name}": 2, "/ws/agent/me": 3, "/{x}/y/": 4}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/ws", 1),
        ("/ws/", None),
        ("/ws/agent/ann", 2),
        ("/ws/agent/%E6%84%9B", 2),
        ("/ws/agent/me", 3),
        ("/ws/agent/", None),
        ("/ws/agent", None),
        ("/ws/agent/ann/b", None),
        ("/a/y/", 4),
        ("", None),
    ],
)
def test_find(path: str, found: int | None):
    """The path itself goes before a pattern; a name is never empty and never two segments."""
    assert find(TABLE, path) == found
