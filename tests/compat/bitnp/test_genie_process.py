"""Genie in a process of its own, as a script gets it, with a stand-in for its package."""

import os
from pathlib import Path

import pytest

from tests.compat.bitnp.test_path import run
from tests.providers.tts.test_genie import ROOT, STAND_IN, files

SCRIPT = """
import sys
from pathlib import Path
from aizuchi.compat.bitnp.tts import GenieTTS
from aizuchi.compat.bitnp.tts.genie import place

place.python_in = lambda folder: Path(sys.executable)
for n in range(2):
    voice = GenieTTS("anon", "hybrid-zh-en", "anon.wav", "hello", "zh")
    print(len(voice.synthesize("hello" + "!" * n)))
"""


@pytest.mark.network
def test_a_script_starts_genie(project: Path, monkeypatch: pytest.MonkeyPatch):
    """Plain code, two voices, one process, paths as the script means them; the script then ends by itself."""
    files(project)
    (project / "script.py").write_text(SCRIPT, encoding="utf-8")
    monkeypatch.setenv("GENIE_DATA_DIR", str(project / "GenieData"))
    monkeypatch.setenv("AIZUCHI_HOME", str(project))
    lengths = run(project, "script.py", path=os.pathsep.join((str(STAND_IN), str(ROOT)))).split()
    assert len(lengths) == 2 and all(int(each) > 44 + 12_800 for each in lengths)
