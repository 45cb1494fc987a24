"""What a person reads about languages and providers, in English and Chinese."""

import pytest

from aizuchi.providers.models import catalogue
from aizuchi.registry import BUILTIN, load
from aizuchi.server.page import preferred
from aizuchi.server.tongues import ABOUT_ZH, about, spoken


@pytest.mark.parametrize(
    ("codes", "en", "zh"),
    [
        (None, "any language", "任何语言"),
        (["*"], "any language", "任何语言"),
        ([], "none", "无"),
        (["zh", "en"], "English, Chinese", "英语、中文"),
        (["xx"], "xx", "xx"),
        (["ab", "cy", "de", "en", "fr", "ja", "zh"], "7 languages, such as English, Chinese, Japanese", None),
    ],
)
def test_languages_by_name(codes: list[str] | None, en: str, zh: str | None):
    """A few are named, of many their number and the ones most asked for."""
    assert spoken(codes, "en") == en
    assert zh is None or spoken(codes, "zh") == zh


def test_every_model_has_chinese_words():
    """The list of models reads the same in both languages."""
    assert [model.name for model in catalogue() if model.about not in ABOUT_ZH] == []


def test_every_embedded_provider_has_chinese_words():
    """What needs no server describes itself without a vendor's names, and in both languages."""
    chosen = [load(kind, name) for kind, names in BUILTIN.items() for name in names]
    own = [each for each in chosen if each.embedded and each.name != "sherpa"]
    said = [each(each.Options()).about for each in own]  # type: ignore[call-arg]
    assert len(said) >= 6 and [each for each in said if about(each, "zh") == each] == []


@pytest.mark.parametrize(
    ("header", "lang"),
    [("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("en-US,en", "en"), ("fr,zh;q=0.5", "zh"), ("", "en"), ("*", "en")],
)
def test_a_browsers_language(header: str, lang: str):
    """The page is Chinese for whoever prefers it."""
    assert preferred(header) == lang
