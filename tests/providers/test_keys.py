"""The one table of keys: who needs which, and what a newcomer is told."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from aizuchi.providers import keys
from aizuchi.registry import BUILTIN, load

CLOUDS = [("asr", "openai"), ("asr", "volcengine"), ("llm", "openai"), ("llm", "doubao"), ("llm", "glm")]
CLOUDS += [("tts", "openai"), ("tts", "cosyvoice"), ("tts", "minimax")]


@pytest.mark.parametrize(("kind", "name"), CLOUDS)
def test_every_cloud_provider_has_an_account(kind: str, name: str):
    """Its row names options that it has, and variables that its own description names."""
    account = keys.find(kind, name)
    assert account is not None
    fields = load(kind, name).Options.model_fields  # type: ignore[arg-type]
    assert "base_url" in fields
    for option in account.options:
        assert option in fields, option
    told = " ".join(fields[option].description or "" for option in account.options)
    assert all(variable in told for group in account.variables for variable in group)


def test_every_provider_with_a_key_is_in_the_table():
    """A new cloud provider can't be forgotten here."""
    wanting = [
        (kind, name)
        for kind, names in BUILTIN.items()
        for name in names
        if "api_key" in load(kind, name).Options.model_fields
    ]
    assert [each for each in wanting if keys.find(*each) is None] == []


@pytest.mark.parametrize(
    ("environ", "options", "lacks"),
    [
        ({}, {}, True),
        ({"DOUBAO_API_KEY": " "}, {}, True),
        ({"DOUBAO_API_KEY": "k"}, {}, False),
        ({"ARK_API_KEY": "k"}, {}, False),
        ({}, {"api_key": SecretStr("k")}, False),
        ({}, {"base_url": "http://127.0.0.1:8000/api/v3"}, False),
        ({}, {"base_url": "https://ark.cn-beijing.volces.com/api/v3"}, True),
    ],
)
def test_missing(environ: dict[str, str], options: dict[str, object], lacks: bool):
    """A key may stand in the environment or in the options; a server of one's own may need none."""
    made = load("llm", "doubao").Options(**options)  # type: ignore[arg-type]
    assert (keys.missing("llm", "doubao", made, environ) is not None) is lacks


def test_all_of_a_group_are_needed():
    """Volcengine's two belong together; the one of the new console stands alone."""
    options = load("asr", "volcengine").Options
    assert keys.missing("asr", "volcengine", options(), {"BYTEDANCE_APP_KEY": "k"})
    both = {"BYTEDANCE_APP_KEY": "k", "BYTEDANCE_ACCESS_KEY": "k"}
    assert keys.missing("asr", "volcengine", options(), both) is None
    one = options.model_validate({"api_key": "k"})
    assert keys.missing("asr", "volcengine", one, {}) is None


def test_who_needs_no_key():
    """What is embedded is never reported, nor is OpenAI's protocol at another address."""
    assert keys.missing("llm", "script", load("llm", "script").Options(), {}) is None
    options = load("llm", "openai").Options()
    assert keys.missing("llm", "openai", options, {})
    assert keys.missing("llm", "openai", options, {"OPENAI_BASE_URL": "http://127.0.0.1:11434/v1"}) is None


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("account", keys.ACCOUNTS, ids=lambda each: each.serves[0][1])
def test_the_line(account: keys.Account, lang: str):
    """It names the variable, where the key is made, what is free and where the bill is."""
    line = account.line(lang)
    for part in (account.made_at, account.free_at, account.bill_at, account.variables[0][0]):
        assert part in line
    assert "\n" not in line
    assert ("密钥" in line) is (lang == "zh")
