"""A folder becomes a character, or one clear sentence says why not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aizuchi.character import Avatar
from aizuchi.character_file import CharacterFile
from aizuchi.characters import find, load
from aizuchi.emotions import EMOTIONS
from aizuchi.engine import tokens
from aizuchi.engine.prompt import build
from aizuchi.engine.sentences import Cut, Sentences
from aizuchi.errors import ConfigError
from aizuchi.ports import Message
from aizuchi.providers.llm.script import Reply, ScriptModel
from aizuchi.providers.tts.espeak import EspeakVoice
from aizuchi.providers.tts.minimax import MiniMaxVoice

SHIPPED = Path(__file__).parent.parent / "characters"


def write(folder: Path, yaml: str | bytes, prompt: str | None = "You are Bo.", name: str = "bo") -> Path:
    where = folder / name
    where.mkdir()
    (where / "character.yaml").write_bytes(yaml if isinstance(yaml, bytes) else yaml.encode())
    if prompt is not None:
        (where / "prompt.md").write_text(prompt, encoding="utf-8")
    return where


def test_every_shipped_character_loads():
    """The characters of this repository are sound: prompt, greeting, and apologies in three languages."""
    found = find([SHIPPED])
    assert "aizuchi" in found
    for name, folder in found.items():
        character = load(folder)
        assert character.name == name
        assert character.display_name
        assert character.prompt
        assert character.greeting
        assert {"en", "zh", "ja"} <= character.apology.keys()
        assert {"en", "zh", "ja"} <= character.not_understood.keys()
        assert set(character.emotion_tags.values()) <= set(character.emotions)


@pytest.mark.parametrize("name", sorted(find([SHIPPED])))
def test_every_shipped_character_is_made_for_a_voice(name: str):
    """Short enough for a prompt, with a figure and a line for lists, and nobody else's words for a voice."""
    words = {each.name: each.words for each in (EspeakVoice, MiniMaxVoice) if each.words is not None}
    character = load(SHIPPED / name, words=words)
    assert tokens.estimate(character.prompt) < 1_500
    assert set(character.description) == {"en", "zh", "ja"}
    assert character.avatar.look and character.avatar.kind == "drawn"
    for several in (character.fillers, character.hums, character.nudge):
        assert {len(phrases) for phrases in several.values()} <= {len(several.get("en", ()))}


@pytest.mark.parametrize("name", sorted({*find([SHIPPED])} - {"aizuchi"}))
@pytest.mark.parametrize(
    ("asked", "language"), [("Who are you?", "en"), ("你是谁？", "zh"), ("あなたは誰ですか", "ja")]
)
def test_every_shipped_character_can_be_tried_without_a_model(name: str, asked: str, language: str):
    """The script introduces each of them by their own name, in three languages, and greets as they do."""
    character = load(SHIPPED / name, speaks=lambda language: language != "ja")
    model = ScriptModel(ScriptModel.Options())
    prompt = build(character, history=[Message("user", asked)])
    reply = Reply(model.script_for(character.script), prompt, introduce=False)
    assert reply.rule is not None and reply.rule.name == "who" and reply.language == language
    assert reply.text == character.script.rules[0].say[language][0]  # pyright: ignore[reportAttributeAccessIssue]
    tags = set(re.findall(r"\[(\w+)\]", str(character.script)))
    assert tags <= set(character.emotions), "the script shows feelings that the character has"


def test_a_shipped_character_speaks_its_tags():
    """The tag words of the first character are cut out of what the model writes."""
    character = load(SHIPPED / "aizuchi")
    vocabulary = {name: name for name in character.emotions} | dict(character.emotion_tags)
    sentences = Sentences(emotion_tags=vocabulary)
    pieces = sentences.feed("【开心】太好了！[curious] Why is that?") + sentences.finish()
    cuts = [piece for piece in pieces if isinstance(piece, Cut)]
    assert [(cut.spoken, cut.emotion) for cut in cuts] == [
        ("太好了！", "happy"),
        ("Why is that?", "thinking"),
    ]


def test_little_is_needed(tmp_path: Path):
    """A display name and a prompt make a character; the rest has defaults."""
    character = load(write(tmp_path, "display_name: Bo"))
    assert (character.name, character.display_name, character.prompt) == ("bo", "Bo", "You are Bo.")
    assert (character.language, character.emotions, character.tools) == ("en", EMOTIONS, None)
    assert (character.style.speed, dict(character.style.voices)) == (1.0, {})


@pytest.mark.parametrize(
    ("language", "greetings", "greeting"),
    [
        ("zh", "{en: Hello, zh: 你好}", "你好"),
        ("ja", "{en: Hello, zh: 你好}", "Hello"),
        ("en", "{zh: 你好}", ""),
        ("en", "Hello", "Hello"),
    ],
)
def test_a_greeting_may_have_several_languages(tmp_path: Path, language: str, greetings: str, greeting: str):
    """The character greets in its own language, else in English, else not."""
    yaml = f"display_name: Bo\nlanguage: {language}\ngreeting: {greetings}"
    assert load(write(tmp_path, yaml)).greeting == greeting


def test_every_key_is_read(tmp_path: Path):
    """Each key of the file reaches the character; emotions may be written by their other names."""
    yaml = """
display_name: "Bo 博"
language: zh
prompt: who.md
greeting: 你好
style: {voices: {espeak: cmn}, speed: 1.2, pitch: 0.9}
emotions: [joy, sad]
emotion_tags: {Yay: happy, 哭: cry}
replacements: {SQL: sequel}
tools: [clock]
apology: {zh: 抱歉}
not_understood: {en: Pardon?}
avatar: {kind: vrm, file: a.vrm}
lecture: {script: talk.txt, slides: pictures, auto_start: false}
"""
    folder = write(tmp_path, yaml)
    (folder / "pictures").mkdir()
    (folder / "pictures" / "1.png").write_bytes(b"")
    (folder / "talk.txt").write_text("[PPT_1] Hello.", encoding="utf-8")
    (folder / "who.md").write_text("\ufeffI am Bo.\n", encoding="utf-8")
    (folder / "a.vrm").write_bytes(b"glTF")
    character = load(folder)
    assert character.prompt == "I am Bo."
    assert character.emotions == ("happy", "sad")
    assert dict(character.emotion_tags) == {"yay": "happy", "哭": "crying"}
    assert (character.style.voices["espeak"], character.style.speed, character.style.pitch) == (
        "cmn",
        1.2,
        0.9,
    )
    assert (character.tools, character.greeting, character.language) == (("clock",), "你好", "zh")
    assert (character.apology["zh"], character.not_understood["en"]) == ("抱歉", "Pardon?")
    assert character.avatar == Avatar("vrm", (folder / "a.vrm").resolve())
    assert dict(character.replacements) == {"SQL": "sequel"}
    assert character.lecture is not None and not character.lecture.auto_start
    assert character.lecture.urls == (f"/lectures/{folder.name}/1.png",)


@pytest.mark.parametrize(
    ("yaml", "words"),
    [
        ("language: en", [":1:", '"display_name" is missing']),
        ("display_name: Bo\nemotons: [happy]", [":2:", '"emotons" is unknown', 'did you mean "emotions"']),
        ("display_name: Bo\nstyle:\n  sped: 2", [":3:", '"style.sped" is unknown', 'did you mean "speed"']),
        ("display_name: Bo\nstyle:\n  speed: 9", [":3:", "style.speed", "less than or equal to 4", "9"]),
        (
            "display_name: Bo\nemotions:\n- happy\n- hapy",
            [":4:", '"hapy" is no emotion', 'did you mean "happy"'],
        ),
        ("display_name: Bo\nemotion_tags:\n  yay: hapy", [":3:", '"hapy" is no emotion']),
        ("display_name: Bo\nemotion_tags:\n  very glad: happy", ["very glad", "can't be a tag"]),
        ("display_name: Bo\nlanguage: English", [":2:", "language", "'English'"]),
        ("display_name: [1, 2]", [":1:", "display_name", "string"]),
        ("display_name: Bo\nprompt: ../../secret.md", [":2:", "own folder"]),
        ("display_name: Bo\nprompt: none.md", [":2:", "none.md", "can't be read"]),
        ("display_name: Bo\n\tlanguage: en", [":2:"]),
        ("display_name: Bo\ndisplay_name: Mo", [":2:", "duplicate key"]),
        ("display_name: 'Bo", ["character.yaml:"]),
        ("display_name: Bo\nwhen: 2024-99-99", ["character.yaml"]),
        ("- a\n- b", [":1:", "keys and values"]),
        ("", [":1:", '"display_name" is missing', '"# Role: NAME"']),
        ("display_name: Bo\nvoice_emotions:\n  espeak:\n    hapy: bright", [":4:", '"hapy" is no emotion']),
        ("display_name: Bo\nlive2d_model_set: a/b", [":2:", "live2d_model_set"]),
        (b"display_name: \xff\xfe", ["not UTF-8"]),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, yaml: str | bytes, words: list[str]):
    """A mistake ends in a ConfigError with the file, the line and the way out."""
    folder = write(tmp_path, yaml)
    with pytest.raises(ConfigError) as told:
        load(folder)
    assert "character.yaml" in str(told.value)
    for word in words:
        assert word in str(told.value)


def test_several_mistakes_are_told_at_once(tmp_path: Path):
    """All that is wrong is listed, one line each."""
    with pytest.raises(ConfigError) as told:
        load(write(tmp_path, "display_nme: Bo\ntools: 5"))
    assert len(str(told.value).splitlines()) == 3


@pytest.mark.parametrize("prompt", [None, "  \n"])
def test_a_character_needs_a_prompt(tmp_path: Path, prompt: str | None):
    """Without a prompt, or with an empty one, the file to write is named."""
    with pytest.raises(ConfigError, match=r"prompt\.md"):
        load(write(tmp_path, "display_name: Bo", prompt))


def test_a_missing_folder_is_said(tmp_path: Path):
    """A folder without a character.yaml is told by the name of the file that is missing."""
    with pytest.raises(ConfigError, match=r"character\.yaml can't be read"):
        load(tmp_path / "nobody")


def test_characters_are_found_by_folder(tmp_path: Path):
    """Folders with a character.yaml count; earlier folders win, hidden and missing ones are passed over."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    write(first, "display_name: Bo")
    write(second, "display_name: Other Bo")
    write(second, "display_name: Al", name="al")
    write(second, "display_name: Hidden", name=".hidden")
    (second / "empty").mkdir()
    (second / "file").write_text("x")
    found = find([tmp_path / "missing", first, second])
    assert found == {"al": second / "al", "bo": first / "bo"}
    assert list(found) == ["al", "bo"]


def test_two_languages(tmp_path: Path):
    """Whoever has subtitles greets in both, if both are there."""
    yaml = "display_name: Bo\nlanguage: ja\nsubtitles: zh\nreply_format: own\n"
    bo = load(write(tmp_path, f"{yaml}greeting: {{ja: やあ。, zh: ' 嗨。'}}"))
    assert (bo.subtitles, bo.reply_format, bo.bilingual) == ("zh", "own", True)
    assert (bo.greeting, bo.greeting_subtitle) == ("やあ。", "嗨。")
    plain = load(write(tmp_path, "display_name: Al\ngreeting: {en: Hi., zh: 嗨。}", name="al"))
    assert (plain.subtitles, plain.bilingual, plain.greeting_subtitle) == ("", False, "")


@pytest.mark.parametrize("page", ["README.md", "README.zh.md", "aizuchi/character.yaml"])
def test_every_key_stands_where_an_author_looks(page: str):
    """The pages about characters, and the character to copy, name every key and none that does not exist."""
    text = (SHIPPED / page).read_text(encoding="utf-8")
    if page.endswith(".yaml"):
        named = set(re.findall(r"(?m)^(\w+):", text))
    else:
        cells = re.findall(r"(?m)^\| (`[^|]*`) \|", text)
        named = {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}
    # One key has two names; the character to copy shows the first of them.
    assert named == set(CharacterFile.model_fields) - (
        {"pronunciations"} if page.endswith(".yaml") else set()
    )


@pytest.mark.parametrize(
    ("yaml", "avatar"),
    [
        ("", Avatar()),
        ("avatar: {}", Avatar()),
        ("avatar: drawn", Avatar()),
        ("avatar:", Avatar()),
        ('avatar: {look: {style: long, hair: "#112233"}}', Avatar(look={"style": "long", "hair": "#112233"})),
    ],
)
def test_a_drawn_figure(tmp_path: Path, yaml: str, avatar: Avatar):
    """Without a model the figure is the drawn one, in the character's own colours where they are given."""
    assert load(write(tmp_path, f"display_name: Bo\n{yaml}")).avatar == avatar


@pytest.mark.parametrize(
    ("yaml", "kind", "file"),
    [
        ("avatar: bo.vrm", "vrm", "bo.vrm"),
        ("avatar: {kind: vrm, file: model/bo.vrm}", "vrm", "model/bo.vrm"),
        ("avatar: model/bo.model3.json", "live2d", "model/bo.model3.json"),
        ("avatar: {kind: live2d, file: model/bo.model3.json}", "live2d", "model/bo.model3.json"),
    ],
)
def test_a_model(tmp_path: Path, yaml: str, kind: str, file: str):
    """A model's file is found beside the character; its name alone says the kind."""
    folder = write(tmp_path, f"display_name: Bo\n{yaml}")
    (folder / "model").mkdir()
    (folder / file).write_bytes(b"glTF")
    assert load(folder).avatar == Avatar(kind, (folder / file).resolve())  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("avatar", "words"),
    [
        ("{kind: vrm}", [":2:", 'needs "file"']),
        ("{kind: vmr, file: a.vrm}", [":2:", "avatar.kind"]),
        ("{kind: vrm, file: a.glb}", ["ends in .vrm"]),
        ("{kind: vrm, file: ../a.vrm}", ["below the character's own folder"]),
        ("{kind: vrm, file: /a.vrm}", ["below the character's own folder"]),
        ("{kind: vrm, file: gone.vrm}", ["gone.vrm", "is not there"]),
        ("{kind: live2d, file: a.model3.json}", ["folder of its own"]),
        ("{file: a.vrm}", ["needs its kind"]),
        ("{knd: vrm}", ['"avatar.knd" is unknown', "kind"]),
        ("{look: {har: '#112233'}}", ['"avatar.look.har" is unknown', "hair"]),
        ("{look: {hair: red}}", ["avatar.look.hair"]),
        ("{look: {style: mohawk}}", ["avatar.look.style"]),
    ],
)
def test_a_wrong_avatar_is_explained(tmp_path: Path, avatar: str, words: list[str]):
    """Each fault of an avatar names the key and what to do."""
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, f"display_name: Bo\navatar: {avatar}"))
    for word in words:
        assert word in str(caught.value)


def test_a_model_behind_a_link_is_refused(tmp_path: Path):
    """A link out of the folder is no way out of it."""
    (tmp_path / "secret.vrm").write_bytes(b"glTF")
    folder = write(tmp_path, "display_name: Bo\navatar: a.vrm")
    (folder / "a.vrm").symlink_to(tmp_path / "secret.vrm")
    with pytest.raises(ConfigError, match="own folder"):
        load(folder)
