"""A key of a YAML text is changed, and nothing else is."""

import pytest

from aizuchi.config.describe import yaml_file
from aizuchi.config.editing import RESET, Shared, edited
from aizuchi.config.sources import Keys

TEXT = """\
# top
server:
  # the port
  port: ${PORT:-80}  # here
  listen:
    - 0.0.0.0:1   # one
    # before two
    - 0.0.0.0:2   # two
  tokens: {me: "${TOK}"}

llm: [{use: openai,  model: "a"}, script]
tts: espeak # voice
asr:
  - use: openai
    model: w   # this one
  - pocketsphinx
turn_end: &b {shortest_ms: 300}   # anchor
barge_in: *b
hearing:
  <<: *b
  silence_ms: 1
log:
  level: |
    info
"""


@pytest.mark.parametrize(
    ("keys", "value", "old", "new"),
    [
        (("server", "port"), 8080, "port: ${PORT:-80}  # here", "port: 8080  # here"),
        (("server", "tokens", "me"), "x y", '{me: "${TOK}"}', '{me: "x y"}'),
        (("server", "listen"), ["0.0.0.0:2"], "    - 0.0.0.0:1   # one\n", ""),
        (("server", "drain"), 2, 'tokens: {me: "${TOK}"}\n', 'tokens: {me: "${TOK}"}\n  drain: 2\n'),
        (("llm", 0, "model"), "b", 'model: "a"}', "model: b}"),
        (("llm", 0, "top"), 1, 'model: "a"}', 'model: "a", top: 1}'),
        (("llm", 1, "pace"), 3, ", script]", ", {use: script, pace: 3}]"),
        (("tts", "voice"), "en", "espeak # voice", "{use: espeak, voice: en} # voice"),
        (("asr", 0, "model"), "q", "model: w   # this", "model: q   # this"),
        (("hearing", "shortest_ms"), 4, "silence_ms: 1\n", "silence_ms: 1\n  shortest_ms: 4\n"),
        (("barge_in",), {"after_ms": 5}, "barge_in: *b", "barge_in: {after_ms: 5}"),
        (("log", "level"), "debug", "level: |\n    info", "level: debug"),
        (("server", "port"), RESET, "port: ${PORT:-80}  # here", "#port: 9"),
        (("llm", 0, "model"), RESET, ',  model: "a"', ""),
        (("asr", 0, "model"), RESET, "model: w   # this one", "#model: 9"),
        (("echo", "guard"), RESET, "", ""),
    ],
)
def test_one_value(keys: Keys, value: object, old: str, new: str):
    """The value takes its place; every other character stays."""
    assert edited(TEXT, keys, value, "9") == (TEXT.replace(old, new, 1) if old else TEXT)


@pytest.mark.parametrize(
    ("keys", "value"),
    [(("turn_end", "shortest_ms"), 5), (("barge_in", "shortest_ms"), 5)],
)
def test_what_several_keys_share(keys: Keys, value: object):
    """A value that an anchor gives to others is not changed behind their backs."""
    with pytest.raises(Shared):
        edited(TEXT, keys, value)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(
    ("keys", "value", "line"),
    [
        (("server", "port"), 8080, "  port: 8080"),
        (("server", "tls", "on"), True, "    on: true"),
        (("server", "listen"), ["0.0.0.0:8000"], '  listen: ["0.0.0.0:8000"]'),
        (("admission", "calls", "llm"), 3, "    llm: 3"),
        (("characters",), ["people"], "characters: [people]"),
    ],
)
def test_what_init_left_as_a_comment(lang: str, keys: Keys, value: object, line: str):
    """`aizuchi init` writes every key as a comment: the right one is taken out of it, and put back."""
    before = yaml_file(lang, {}, {})  # type: ignore[arg-type]
    after = edited(before, keys, value)
    changed = [(a, b) for a, b in zip(before.splitlines(), after.splitlines(), strict=True) if a != b]
    assert [b for _, b in changed] == [line] and changed[0][0].lstrip().startswith(f"#{keys[-1]}:")
    default = changed[0][0].partition(": ")[2]
    assert edited(after, keys, RESET, default).rstrip() == before.rstrip()


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "lang: en", "lang: en\nserver:\n"])
def test_a_section_that_is_not_there(text: str):
    """A key comes to its section, which is made where there is none."""
    after = edited(text, ("server", "port"), 1)
    assert after.startswith(text.removesuffix("server:\n")) and after.endswith("server:\n  port: 1\n")
