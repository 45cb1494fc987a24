"""Settings from a file and the environment: what is taken, what is refused, and in which words."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aizuchi.config import Loaded, Problems, Settings, address, home, load
from aizuchi.config.describe import variables
from aizuchi.config.places import checkout
from aizuchi.config.sources import Draft, expand, read_dotenv
from aizuchi.engine.rules import BargeIn, Echo, Hearing, Rules, Silences, Speculation, StageLimits, TurnEnd
from aizuchi.errors import ConfigError
from aizuchi.texts import TABLES, language
from aizuchi.wire.chatanon import Manners

SECTIONS = {
    "hearing": Hearing,
    "turn_end": TurnEnd,
    "speculation": Speculation,
    "barge_in": BargeIn,
    "silences": Silences,
    "echo": Echo,
    "limits": StageLimits,
}


def read(folder: Path, text: str = "", *, lang: str = "en", **environ: str) -> Loaded:
    """Load `text` as the folder's aizuchi.yaml, in an environment of its own."""
    (folder / "aizuchi.yaml").write_text(text, encoding="utf-8")
    return load(environ=environ, cwd=folder, lang=lang)


def refused(folder: Path, text: str = "", *, lang: str = "en", **environ: str) -> list[str]:
    """The lines with which a configuration is refused, without the folder's name."""
    with pytest.raises(ConfigError) as caught:
        read(folder, text, lang=lang, **environ)
    return str(caught.value).replace(str(folder / "aizuchi.yaml"), "aizuchi.yaml").splitlines()


# ------------------------------------------------------------------ what is taken


def test_defaults(tmp_path: Path):
    """With no file and no key everything runs on the embedded parts."""
    loaded = load(environ={}, cwd=tmp_path)
    assert loaded.path is None
    assert {kind: [each.name for each in chosen] for kind, chosen in loaded.chosen.items()} == {
        "vad": ["silero"],
        "asr": ["pocketsphinx"],
        "llm": ["script"],
        "tts": ["espeak"],
    }
    assert loaded.settings == Settings()


def test_rules_are_the_engines_one_to_one():
    """The sections that fill `engine/rules.py` have its names and its defaults, none more and none fewer."""
    assert Settings().rules() == Rules()
    for section, kind in SECTIONS.items():
        names = {field.name for field in dataclasses.fields(kind)}
        assert set(type(getattr(Settings(), section)).model_fields) == names
    own = {field.name for field in dataclasses.fields(Rules)} - set(SECTIONS)
    assert set(type(Settings().conversation).model_fields) == own
    assert Manners(**Settings().chatanon.model_dump()) == Manners()


def test_a_turn_end_model_is_none_unless_chosen(tmp_path: Path):
    """It is the one kind without an embedded provider; chosen by name like the others, or with options."""
    assert "turn" not in read(tmp_path, "").chosen
    assert "turn" not in read(tmp_path, "turn:\n").chosen
    (chosen,) = read(tmp_path, "turn: {use: smart_turn, model: weights}").chosen["turn"]
    assert (chosen.name, chosen.options.model_dump()["model"]) == ("smart_turn", "weights")
    assert [each.name for each in read(tmp_path, "", AIZUCHI_TURN="smart_turn").chosen["turn"]] == [
        "smart_turn"
    ]
    with pytest.raises(Problems, match='did you mean "smart_turn"'):
        read(tmp_path, "turn: smart-trun")


def test_file_and_environment(tmp_path: Path):
    """The environment goes before the file, key by key, in the spelling AIZUCHI_SECTION__KEY."""
    loaded = read(
        tmp_path,
        "server:\n  port: 1000\n  host: 127.0.0.2\nhearing:\n  silence_ms: 300\n",
        AIZUCHI_SERVER__PORT="2000",
        AIZUCHI_SERVER__ORIGINS="[https://a.example, https://b.example]",
        AIZUCHI_SERVER__TLS__ON="yes",
        AIZUCHI_LLM="script",
    )
    server = loaded.settings.server
    assert (server.host, server.port, server.tls.on) == ("127.0.0.2", 2000, True)
    assert server.origins == ["https://a.example", "https://b.example"]
    assert loaded.settings.rules().hearing.silence_ms == 300


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", {"chatanon1": "a", "chatanon2": "b"}),
        ("server:", {"chatanon1": "a", "chatanon2": "b"}),
        ("server: {tokens: {ann: b}}", {"ann": "b", "chatanon1": "a"}),
        ("server: {tokens: [c, a]}", {"token1": "c", "token2": "a", "chatanon1": "b"}),
        ("server: {tokens: c, port: 1}", {"token1": "c", "chatanon1": "a", "chatanon2": "b"}),
    ],
)
def test_tokens_by_the_seeds_name(tmp_path: Path, text: str, tokens: dict[str, str]):
    """`VALID_API_TOKENS` adds to what the file has, whatever its spelling, and repeats nothing."""
    server = read(tmp_path, text, VALID_API_TOKENS=" a, b,,").settings.server
    assert {name: token.get_secret_value() for name, token in server.tokens.items()} == tokens
    assert not read(tmp_path, "", VALID_API_TOKENS=" , ").settings.server.tokens


def test_seed_tokens_do_not_hide_a_mistake(tmp_path: Path):
    """What is no mapping is still told in its own words."""
    assert refused(tmp_path, "server: 5", VALID_API_TOKENS="a") == refused(tmp_path, "server: 5")
    assert refused(tmp_path, "server: {tokens: 5}", VALID_API_TOKENS="a") == refused(
        tmp_path, "server: {tokens: 5}"
    )


@pytest.mark.parametrize(
    ("text", "names", "first"),
    [
        ("tts: tone", ["tone"], {}),
        ("tts: {use: tone, rate: 8000}", ["tone"], {"rate": 8000}),
        ("tts: [tone]", ["tone"], {}),
        ("tts:\n  - use: tone\n    rate: 8000\n  - espeak", ["tone", "espeak"], {"rate": 8000}),
    ],
)
def test_three_spellings_of_a_choice(tmp_path: Path, text: str, names: list[str], first: dict[str, Any]):
    """A provider is chosen by a name, a mapping, or a list of either, and its options are checked."""
    chosen = read(tmp_path, text).chosen["tts"]
    assert [each.name for each in chosen] == names
    assert {name: getattr(chosen[0].options, name) for name in first} == first


@pytest.mark.parametrize(
    ("text", "variable", "rates"),
    [
        ("tts: tone", "AIZUCHI_TTS__RATE", [8000]),
        ("tts: {use: tone, rate: 16000}", "AIZUCHI_TTS__RATE", [8000]),
        ("tts: [tone, tone]", "AIZUCHI_TTS__1__RATE", [24000, 8000]),
        ("tts: [tone]", "AIZUCHI_TTS__RATE", [8000]),
    ],
)
def test_options_from_the_environment(tmp_path: Path, text: str, variable: str, rates: list[int]):
    """A provider's option can be set by a variable, whatever the spelling of the choice."""
    chosen = read(tmp_path, text, **{variable: "8000"}).chosen["tts"]
    assert [getattr(each.options, "rate", None) for each in chosen] == rates


@pytest.mark.parametrize(
    ("environ", "llm", "asr", "tts"),
    [
        ({}, ["script"], ["pocketsphinx"], ["espeak"]),
        ({"OPENAI_API_KEY": "k"}, ["openai"], ["openai", "pocketsphinx"], ["openai", "espeak"]),
        (
            {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://api.openai.com/v1"},
            ["openai"],
            ["openai", "pocketsphinx"],
            ["openai", "espeak"],
        ),
        (
            {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://llm.example/v1"},
            ["openai"],
            ["pocketsphinx"],
            ["espeak"],
        ),
        (
            {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://api.openai.com.evil.example/v1"},
            ["openai"],
            ["pocketsphinx"],
            ["espeak"],
        ),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:11434/v1"}, ["openai"], ["pocketsphinx"], ["espeak"]),
        (
            {
                "BYTEDANCE_APP_KEY": "1",
                "BYTEDANCE_ACCESS_KEY": "2",
                "DOUBAO_API_KEY": "3",
                "MINIMAX_API_KEY": "4",
                "VALID_API_TOKENS": "a,b",
            },
            ["doubao"],
            ["volcengine", "pocketsphinx"],
            ["minimax", "espeak"],
        ),
        ({"BYTEDANCE_APP_KEY": "1", "MINIMAX_API_KEY": " "}, ["script"], ["pocketsphinx"], ["espeak"]),
        ({"ARK_API_KEY": "k"}, ["doubao"], ["pocketsphinx"], ["espeak"]),
        ({"ZHIPUAI_API_KEY": "k"}, ["glm"], ["pocketsphinx"], ["espeak"]),
        ({"GLM_API_KEY": "k", "DOUBAO_API_KEY": "k"}, ["doubao"], ["pocketsphinx"], ["espeak"]),
        (
            {"OPENAI_API_KEY": "k", "MINIMAX_API_KEY": "k", "ZAI_API_KEY": "k"},
            ["glm"],
            ["openai", "pocketsphinx"],
            ["minimax", "espeak"],
        ),
        (
            {"OPENAI_BASE_URL": "http://127.0.0.1:11434/v1", "DOUBAO_API_KEY": "k"},
            ["doubao"],
            ["pocketsphinx"],
            ["espeak"],
        ),
    ],
)
def test_variables_that_choose(
    tmp_path: Path, environ: dict[str, str], llm: list[str], asr: list[str], tts: list[str]
):
    """A key or an address in the environment is enough. Vendors' own go first; sound only OpenAI's own."""
    chosen = load(environ=environ, cwd=tmp_path).chosen
    assert [[each.name for each in chosen[kind]] for kind in ("llm", "asr", "tts")] == [llm, asr, tts]


def test_configured_goes_before_openai_variables(tmp_path: Path):
    """What the file chooses stays chosen, with or without a key in the environment."""
    chosen = read(tmp_path, "llm: script\ntts: tone", OPENAI_API_KEY="k").chosen
    assert [chosen[kind][0].name for kind in ("llm", "tts", "asr")] == ["script", "tone", "openai"]


def test_a_key_for_another_server_sends_no_voice_to_openai(tmp_path: Path):
    """With an address in the file the key is taken to be for that one: sound stays embedded."""
    text = "llm: {use: openai, base_url: 'https://llm.example/v1', model: m}"
    chosen = read(tmp_path, text, OPENAI_API_KEY="k").chosen
    assert [chosen[kind][0].name for kind in ("llm", "asr", "tts")] == ["openai", "pocketsphinx", "espeak"]


def test_an_address_of_another_vendor_chooses_nothing(tmp_path: Path):
    """Only an address for `openai` says something of OpenAI's key."""
    chosen = read(tmp_path, "tts: {use: minimax, base_url: 'wss://tts.example'}").chosen
    assert [chosen[kind][0].name for kind in ("llm", "asr", "tts")] == ["script", "pocketsphinx", "minimax"]
    text = "tts: {use: minimax, base_url: 'wss://tts.example'}"
    chosen = read(tmp_path, text, OPENAI_API_KEY="k").chosen
    assert [chosen[kind][0].name for kind in ("llm", "asr")] == ["openai", "openai"]


def test_a_key_of_a_vendor_does_not_change_the_file(tmp_path: Path):
    """What the file chooses stays chosen."""
    chosen = read(tmp_path, "llm: script", DOUBAO_API_KEY="k", MINIMAX_API_KEY="k").chosen
    assert [chosen[kind][0].name for kind in ("llm", "tts")] == ["script", "minimax"]


def test_variables_in_the_file(tmp_path: Path):
    """`${NAME}`, its two defaults and its escape; an empty variable counts as missing for `:-` only."""
    loaded = read(
        tmp_path,
        "server:\n  tokens:\n    a: ${ONE}\n    b: ${EMPTY:-two}\n    c: x${EMPTY-three}x\n    d: $${ONE}\n",
        ONE="1",
        EMPTY="",
    )
    tokens = {name: token.get_secret_value() for name, token in loaded.settings.server.tokens.items()}
    assert tokens == {"a": "1", "b": "two", "c": "xx", "d": "${ONE}"}


def test_dotenv_and_secrets(tmp_path: Path):
    """`.env` and `secrets.yaml` complete the environment and never override it."""
    (tmp_path / ".env").write_text(
        "A=from-dotenv\nB=from-dotenv\nAIZUCHI_SERVER__PORT=4000\n", encoding="utf-8"
    )
    (tmp_path / "secrets.yaml").write_text("A: from-secrets\nC: from-secrets\n", encoding="utf-8")
    text = "server: {tokens: {a: '${A}', b: '${B}', c: '${C}'}}"
    loaded = read(tmp_path, text, B="from-outside")
    tokens = {name: token.get_secret_value() for name, token in loaded.settings.server.tokens.items()}
    assert tokens == {"a": "from-dotenv", "b": "from-outside", "c": "from-secrets"}
    assert loaded.settings.server.port == 4000


def test_dotenv_reaches_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A key in `.env` is found by providers that look into the environment."""
    monkeypatch.setenv("AIZUCHI_TEST_A", "kept")
    monkeypatch.delenv("AIZUCHI_TEST_B", raising=False)
    (tmp_path / ".env").write_text("AIZUCHI_TEST_A=lost\nAIZUCHI_TEST_B=added\n", encoding="utf-8")
    try:
        load(cwd=tmp_path)
        assert (os.environ["AIZUCHI_TEST_A"], os.environ["AIZUCHI_TEST_B"]) == ("kept", "added")
    finally:
        os.environ.pop("AIZUCHI_TEST_B", None)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("N=plain", "plain"),
        ("export N = spaced ", "spaced"),
        ("N=a b # note", "a b"),
        ("N=a#b", "a#b"),
        ("N='it is $x # kept'", "it is $x # kept"),
        ('N="two\\nlines \\"q\\""', 'two\nlines "q"'),
        ("N=", ""),
        ("N=# only a note", ""),
        ("N=a=b", "a=b"),
        ("\ufeffN=bom", "bom"),
    ],
)
def test_dotenv_lines(tmp_path: Path, line: str, value: str):
    """The spellings that people use in `.env` files."""
    (tmp_path / ".env").write_text(f"{line}\n# a comment\n\n", encoding="utf-8")
    assert read_dotenv(tmp_path / ".env") == {"N": value}


def test_empty_sections_and_empty_file(tmp_path: Path):
    """A file with nothing in it, or with headings only, is a file of defaults."""
    assert read(tmp_path, "").settings == Settings()
    assert read(tmp_path, "server:\n  tls:\n  port:\nhearing:\ntts:\n# port: 1\n").settings == Settings()


def test_paths_count_from_the_file(tmp_path: Path):
    """Relative paths in a file mean the same wherever the server is started."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "my.yaml").write_text("data: here\ntimeline: {folder: kept}\n", encoding="utf-8")
    loaded = load(Path("inner/my.yaml"), environ={}, cwd=tmp_path)
    assert loaded.home == inner / "here"
    assert loaded.settings.timeline.folder is not None
    assert loaded.resolve(loaded.settings.timeline.folder) == inner / "kept"


def test_home():
    """The data folder: the variable, then the key, then the checkout this test runs in."""
    folder = Path("etc")
    assert home(Path("a"), folder, {"AIZUCHI_HOME": "b"}) == Path("b")
    assert home(Path("a"), folder, {}) == folder / "a"
    root = checkout()
    assert root is not None and home(None, folder, {}) == root / "data"


@pytest.mark.parametrize(
    ("platform", "environ", "end"),
    [
        ("linux", {"XDG_DATA_HOME": "xdg"}, ("xdg", "aizuchi")),
        ("linux", {}, (".local", "share", "aizuchi")),
        ("darwin", {}, ("Library", "Application Support", "aizuchi")),
        ("win32", {"LOCALAPPDATA": "local"}, ("local", "aizuchi")),
    ],
)
def test_home_when_installed(
    monkeypatch: pytest.MonkeyPatch, platform: str, environ: dict[str, str], end: tuple[str, ...]
):
    """Without a checkout the data lies where the platform keeps a user's data."""
    monkeypatch.setattr("aizuchi.config.places.checkout", lambda: None)
    monkeypatch.setattr("aizuchi.config.places.sys.platform", platform)
    assert home(None, Path(), environ).parts[-len(end) :] == end


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("servr:\n  port: 1", 'aizuchi.yaml:1: servr: unknown key; did you mean "server"?'),
        ("server:\n  prot: 1", 'aizuchi.yaml:2: server.prot: unknown key; did you mean "port"?'),
        ("server:\n  port: x", 'aizuchi.yaml:2: server.port: expected a whole number, got "x"'),
        ("server:\n  port: 1.5", 'aizuchi.yaml:2: server.port: expected a whole number, got "1.5"'),
        ("server:\n  port: 70000", 'aizuchi.yaml:2: server.port: must be at most 65535, got "70000"'),
        ("server:\n  open: perhaps", 'aizuchi.yaml:2: server.open: expected true or false, got "perhaps"'),
        ("server: 5", 'aizuchi.yaml:1: server: expected keys with values, got "5"'),
        ("server:\n  listen: here", 'aizuchi.yaml:2: server.listen: expected a list, got "here"'),
        ("server:\n  listen: [here]", 'aizuchi.yaml:2: server.listen.0: expected HOST:PORT, got "here"'),
        (
            "hearing:\n  mode: pus",
            'aizuchi.yaml:2: hearing.mode: expected push, auto or continuous, got "pus"; '
            'did you mean "push"?',
        ),
        (
            "hearing:\n  threshold: 0.2",
            "aizuchi.yaml:1: hearing.release: must not be above hearing.threshold (0.2)",
        ),
        ("vad: []", "aizuchi.yaml:1: vad: at least one provider is needed"),
        (
            "tts: 5",
            "aizuchi.yaml:1: tts.0: expected a provider's name, a mapping with `use`, or a list of them, "
            'got "5"',
        ),
        (
            "tts: {tone: {streaming: true}}",
            "aizuchi.yaml:1: tts.0.use: a provider's options stand beside its name: {use: tone, ...}, "
            "not {tone: {...}}",
        ),
        ("tts: {rate: 1}", "aizuchi.yaml:1: tts.0.use: say which provider: `use: NAME`"),
        (
            "tts: tonne",
            'aizuchi.yaml:1: tts: provider "tonne" is unknown; did you mean "tone"? '
            "There are: espeak, openai, cosyvoice, qwen_tts, minimax, genie, tone",
        ),
        ("tts:\n  use: tone\n  rat: 1", 'aizuchi.yaml:3: tts.rat: unknown key; did you mean "rate"?'),
        (
            "tts:\n  - espeak\n  - use: tone\n    rate: 1",
            'aizuchi.yaml:4: tts.1.rate: must be at least 8000, got "1"',
        ),
        (
            "tools:\n  use: [curent_time]",
            'aizuchi.yaml:2: tools.use.0: "curent_time" is no built-in tool; there are: current_time',
        ),
        (
            "tools:\n  timezone: Mars/North",
            'aizuchi.yaml:2: tools.timezone: the time zone "Mars/North" is unknown; '
            "an IANA name such as Asia/Tokyo is expected",
        ),
        (
            "server:\n  tls: {cert: nowhere.pem}",
            "aizuchi.yaml:2: server.tls: cert and key belong together; one of them is missing",
        ),
        (
            "server:\n  tokens: {ann: ''}",
            "aizuchi.yaml:2: server.tokens.ann: this token is empty, which would lock everybody out",
        ),
        (
            "usage:\n  caps:\n    opnai: {tokens: 1}",
            'aizuchi.yaml:3: usage.caps.opnai: there is no provider "opnai"; there are: ',
        ),
        (
            "a: ${NOT_SET_ANYWHERE}",
            "aizuchi.yaml:1: a: ${NOT_SET_ANYWHERE} is not set: put NOT_SET_ANYWHERE into the "
            "environment or .env, or write ${NOT_SET_ANYWHERE:-default}",
        ),
    ],
)
def test_refusals(tmp_path: Path, text: str, said: str):
    """Each mistake is told by file and line, in plain words, with the way out."""
    assert any(line.startswith(said) for line in refused(tmp_path, text))


def test_all_problems_at_once(tmp_path: Path):
    """Everything wrong is told in one go, in the order of the file."""
    lines = refused(
        tmp_path, "servr: {}\ntts: tonne\nserver:\n  port: x\n  host: 5\nvad: {use: energy, x: 1}\n"
    )
    assert [line.split(":")[1] for line in lines] == ["1", "2", "4", "6"]


def test_in_chinese(tmp_path: Path):
    """The same in Chinese, by option, by the key `lang` and by the system's locale."""
    for lang, text, environ in (("zh", "", {}), ("", "lang: zh\n", {}), ("", "", {"LANG": "zh_CN.UTF-8"})):
        lines = refused(tmp_path, text + "servr: 1\nhearing: {mode: pus}", lang=lang, **environ)
        assert lines[0].endswith("servr: 未知的键；您是否想写“server”？")
        assert lines[1].endswith('应为 push、auto、continuous 之一，实际为 "pus"；您是否想写“push”？')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1", r"aizuchi\.yaml:1"),
        ("a: 1\na: 2", r"aizuchi\.yaml:2: this is not valid YAML: found duplicate key"),
        ("\ta: 1", r"aizuchi\.yaml:1: this is not valid YAML"),
        ("just words", "expected keys with values"),
        ("- a\n- b", "expected keys with values"),
        ("a: !!python/object:os.system {}", "this is not valid YAML|unknown key"),
        ("a: *nobody", "this is not valid YAML"),
    ],
)
def test_broken_yaml(tmp_path: Path, text: str, said: str):
    """A file that is no YAML is told with its line, and nothing in it is ever executed."""
    with pytest.raises(ConfigError, match=said):
        read(tmp_path, text)


def test_not_text(tmp_path: Path):
    """A file of bytes that are no UTF-8 is named as such."""
    (tmp_path / "aizuchi.yaml").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(environ={}, cwd=tmp_path)


def test_no_such_file(tmp_path: Path):
    """A file that was asked for and is not there is a mistake, not a default."""
    with pytest.raises(ConfigError, match=r"there is no configuration gone\.yaml; `aizuchi init` writes"):
        load(Path("gone.yaml"), environ={}, cwd=tmp_path)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "AIZUCHI_SERVER__PROT",
            "1",
            'AIZUCHI_SERVER__PROT (environment): server.prot: unknown key; did you mean "port"?',
        ),
        (
            "AIZUCHI_SERVER__PORT",
            "x",
            'AIZUCHI_SERVER__PORT (environment): server.port: expected a whole number, got "x"',
        ),
        (
            "AIZUCHI_SERVR__PORT",
            "1",
            'AIZUCHI_SERVR__PORT (environment): "servr" is unknown; did you mean "server"?',
        ),
        (
            "AIZUCHI_SERVER",
            "1",
            "AIZUCHI_SERVER (environment): server has keys of its own: AIZUCHI_SERVER__KEY=...",
        ),
        (
            "AIZUCHI_TTS__7__RATE",
            "1",
            "AIZUCHI_TTS__7__RATE (environment): there is no entry 7; the list has 1",
        ),
        (
            "AIZUCHI_SERVER__ORIGINS",
            "[a",
            "AIZUCHI_SERVER__ORIGINS (environment): the value begins like YAML and is none",
        ),
    ],
)
def test_refused_variables(tmp_path: Path, variable: str, value: str, said: str):
    """A wrong variable is told by its name."""
    assert refused(tmp_path, "tts: [tone]", **{variable: value})[0].startswith(said)


def test_foreign_variables_are_left_alone(tmp_path: Path):
    """Variables that only begin like ours disturb nothing."""
    assert (
        read(tmp_path, "", AIZUCHI_TOKEN="x", AIZUCHI_SPEECH_DIR="/x", AIZUCHI_HOME="h").settings
        == Settings()
    )


@pytest.mark.parametrize(
    "text",
    [
        "server: {tokens: {ann: [geheim-123]}}",
        "tts: {use: openai, api_key: [geheim-123]}",
        "llm: {use: openai, api_kee: geheim-123}",
        "server: {tokens: {ann: geheim-123}, prot: 1}",
        "tts:\n  use: openai\n  api_key: geheim-123\n  api_key: geheim-123x",
    ],
)
def test_secrets_are_never_shown(tmp_path: Path, text: str):
    """A message about a secret says what is wrong with it and not what it is."""
    assert all("geheim-123" not in line for line in refused(tmp_path, text))
    assert "geheim-123" not in repr(read(tmp_path, "server: {tokens: {ann: geheim-123}}"))


def test_broken_secrets_and_dotenv(tmp_path: Path):
    """A line in `.env` or `secrets.yaml` that can't be read is told by number and never printed."""
    (tmp_path / ".env").write_text("A=1\ngeheim-123\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"\.env:2: expected NAME=value$"):
        read(tmp_path)
    (tmp_path / ".env").unlink()
    (tmp_path / "secrets.yaml").write_text("A: 1\ntts:\n  api_key: geheim-123\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"secrets\.yaml:2: expected NAME: value") as caught:
        read(tmp_path)
    assert "geheim-123" not in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str):
    """Whatever stands in the file, the answer is settings or a ConfigError."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "aizuchi.yaml").write_text(text, encoding="utf-8", errors="replace")
        try:
            load(environ={}, cwd=Path(folder))
        except ConfigError as error:
            assert str(error)


@given(
    st.recursive(st.text(max_size=8), lambda inner: st.lists(inner, max_size=3), max_leaves=5),
    st.text(max_size=8),
)
def test_expansion_keeps_what_holds_no_variable(value: Any, word: str):
    """Text without `${` passes unchanged, and an inserted value is not expanded once more."""
    draft = Draft({"a": value, "b": "${X}"})
    missing = list(expand(draft, {"X": "${Y}" + word}))
    assert draft.data["b"] == "${Y}" + word and not missing
    if "${" not in str(value):
        assert draft.data["a"] == value


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0.0.0.0:8000", ("0.0.0.0", 8000)),
        ("[::1]:80", ("::1", 80)),
        ("8000", ("127.0.0.1", 8000)),
        (":0", ("127.0.0.1", 0)),
    ],
)
def test_address(text: str, found: tuple[str, int]):
    """HOST:PORT in its spellings."""
    assert address(text) == found


@pytest.mark.parametrize("text", ["", "host", "host:", "host:x", "host:70000", "host:-1"])
def test_no_address(text: str):
    """Anything else is a ValueError."""
    with pytest.raises(ValueError):
        address(text)


# ------------------------------------------------------------------ languages


@pytest.mark.parametrize(
    ("environ", "wished", "lang"),
    [
        ({}, "", "en"),
        ({"LANG": "zh_CN.UTF-8"}, "", "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "", "en"),
        ({"LANG": "C.UTF-8"}, "", "en"),
        ({"LANG": "C.UTF-8"}, "zh", "zh"),
        ({"LANG": "zh_TW"}, "en", "en"),
    ],
)
def test_language(environ: dict[str, str], wished: str, lang: str):
    """The language of messages: what was asked for, else the system's, else English."""
    assert language(environ, wished) == lang


def test_both_languages_fill_the_same_gaps():
    """Every sentence exists in both languages and has the same placeholders in each."""
    from string import Formatter

    import aizuchi.cli.serve
    import aizuchi.config.describe  # noqa: F401

    assert TABLES
    for table in TABLES:
        for key, (en, zh) in table.table.items():
            gaps = [sorted({name for _, name, _, _ in Formatter().parse(text) if name}) for text in (en, zh)]
            assert gaps[0] == gaps[1], key
            assert en and zh


def test_every_key_is_described_in_both_languages():
    """No key without its sentence in English and in Chinese."""
    from pydantic import BaseModel

    def walk(model: type[BaseModel], path: str):
        for name, field in model.model_fields.items():
            extra = field.json_schema_extra
            assert field.description and isinstance(extra, dict) and extra.get("zh"), f"{path}{name}"
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                walk(field.annotation, f"{path}{name}.")

    walk(Settings, "")


def test_variables_are_those_that_work(tmp_path: Path):
    """Every name listed for the environment is one that is listened to."""
    assert {"AIZUCHI_SERVER__PORT", "AIZUCHI_SERVER__TLS__ON", "AIZUCHI_TTS", "AIZUCHI_HEARING__MODE"} <= set(
        variables()
    )
    with pytest.raises(Problems):
        read(tmp_path, "", AIZUCHI_HEARING__MODE="wrong")


def test_every_provider_option_is_described_in_chinese():
    """The table of Chinese descriptions holds exactly the options that our providers have."""
    from aizuchi.config.zh import OPTIONS
    from aizuchi.registry import BUILTIN, KINDS
    from aizuchi.registry import load as load_class

    have = {
        f"{kind}.{name}.{option}"
        for kind in KINDS
        for name in BUILTIN[kind]
        for option in load_class(kind, name).Options.model_fields
    }
    assert set(OPTIONS) == have
