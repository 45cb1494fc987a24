"""No key of the developer's, and a project folder of the test's own."""

from pathlib import Path

import pytest

from aizuchi.compat.bitnp import tokens
from aizuchi.compat.bitnp.tokens import VARIABLES


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty project, which is the working folder."""
    for names in VARIABLES.values():
        for name in names:
            monkeypatch.delenv(name, raising=False)
    for name in ("BITNP_HOME", "ZHIPUAI_BASE_URL", "GENIE_URL", "GENIE_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("DASHSCOPE_HTTP_BASE_URL", "DASHSCOPE_WEBSOCKET_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tokens, "TOKENS", {})
    monkeypatch.chdir(tmp_path)
    return tmp_path
