"""The page about the protocol names everything that goes over the wire."""

import re
from pathlib import Path

from tests.wire.chatanon_talk import EMOTIONS, SHAPES
from tests.wire.test_chatanon_fuzz import UP

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "wire" / "chatanon.md").read_text(encoding="utf-8")


def test_page_names_every_message():
    """Each type of either side with its fields, each emotion, each close code."""
    inline = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    written = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`([^`]+)`", inline))))
    fields = {name for shape in SHAPES.values() for name in shape}
    assert not ({*SHAPES, *UP, *fields} | EMOTIONS) - written
    assert not {code for code in ("1007", "1008", "1012", "1013") if code not in PAGE}
