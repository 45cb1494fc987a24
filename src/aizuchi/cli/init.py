"""`aizuchi init`: three questions, then aizuchi.yaml, .env, .env.example and .gitignore."""

from __future__ import annotations

import argparse
import getpass
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aizuchi.errors import ConfigError
from aizuchi.providers.keys import ACCOUNTS
from aizuchi.registry import Kind
from aizuchi.texts import Lang, Texts, language

TEXTS: Final = Texts(
    {
        "hello": (
            "Three questions, then everything is set up. Enter takes what stands in brackets.",
            "只有三个问题。直接回车即采用方括号里的答案。",
        ),
        "who": (
            "1. Who thinks? demo (a script, no key needed), openai, or the address and the model of another\n"
            "   OpenAI-compatible server, for example: http://127.0.0.1:11434/v1 qwen3",
            "1. 由谁来思考？demo（脚本演示，无需密钥）、openai，或其他兼容 OpenAI 的服务器的地址与模型，\n"
            "   例如：http://127.0.0.1:11434/v1 qwen3",
        ),
        "who_again": (
            "   Please write demo, openai, or an address and a model.",
            "   请写 demo、openai，或“地址 模型”。",
        ),
        "key": (
            "2. Its key? It goes into .env, not into aizuchi.yaml. Empty if it needs none.",
            "2. 它的密钥？写入 .env，不写入配置。无需密钥时留空。",
        ),
        "where": (
            "2. In which language do you want to talk, en, zh or ja?",
            "2. 您想用哪种语言交谈，en、zh 还是 ja？",
        ),
        "net": (
            "3. Who may connect? here (this machine only) or network (phones and others, with token, https)",
            "3. 谁可以连接？here（仅本机）或 network（手机等其他设备，使用令牌与 https）",
        ),
        "again": ("   Please answer with one of: {options}", "   请回答：{options}"),
        "exists": ("{file} is there already. Overwrite it?", "{file} 已存在，覆盖吗？"),
        "kept": ("kept     {file}", "保留     {file}"),
        "wrote": ("wrote    {file}", "已写入   {file}"),
        "added": ("added to {file}: {lines}", "已补充   {file}：{lines}"),
        "token": (
            "The token for other devices is in .env, as AIZUCHI_TOKEN.",
            "其他设备的令牌在 .env 中，名为 AIZUCHI_TOKEN。",
        ),
        "deaf": (
            "Note: the embedded recogniser hears English only; `aizuchi models` lists others. Typing works.",
            "注意：内置识别器只懂英语；`aizuchi models` 列出其他模型，打字则始终可用。",
        ),
        "people": (
            "Who answers: aizuchi; `character` in aizuchi.yaml names another: {others}, or one of your own.",
            "应答的角色：aizuchi；可用 aizuchi.yaml 中的 character 换成：{others}，或您自己的文件夹。",
        ),
        "next": ("Next: aizuchi check, then aizuchi serve", "接下来：aizuchi check，然后 aizuchi serve"),
        "not_there": ("{folder} can't be written: {reason}", "无法写入 {folder}：{reason}"),
        "env_head": (
            "# Every variable Aizuchi reads. Copy the lines you need to .env, which git leaves out.",
            "# Aizuchi 读取的全部变量。把需要的行复制到 .env（git 会忽略它）。",
        ),
        "env_keys": ("# Keys and addresses of servers", "# 服务器的密钥与地址"),
        "env_token": (
            "# The token of `server.tokens` and of `aizuchi talk`; more of them, with commas between",
            "# server.tokens 与 aizuchi talk 使用的令牌；以及更多令牌（以逗号分隔）",
        ),
        "env_home": (
            "# Where Aizuchi keeps its data, and which file it reads",
            "# 数据文件夹，以及读取哪个配置文件",
        ),
        "env_over": (
            "# Any setting; the name is that in aizuchi.yaml (see docs/configuration.md)",
            "# 任何设置；名称与 aizuchi.yaml 中一致（见 docs/configuration.zh.md）",
        ),
    }
)

IGNORED: Final = (".env", "secrets.yaml", "*.pem", "*.key", "data/")
ENV_KEYS: Final = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    *(name for each in ACCOUNTS for group in each.variables for name in group if name != "OPENAI_API_KEY"),
)


@dataclass
class Answers:
    """What the questions brought."""

    keys: dict[str, Any] = field(default_factory=dict[str, Any])
    """Dotted key -> value for the YAML."""
    providers: dict[Kind, list[dict[str, Any]]] = field(default_factory=dict[Kind, list[dict[str, Any]]])
    env: dict[str, str] = field(default_factory=dict[str, str])
    deaf: bool = False


def run(args: argparse.Namespace) -> int:
    lang = language(os.environ, args.lang)
    folder = Path(args.folder)
    ask = _default if args.yes else _ask
    if not args.yes:
        print(TEXTS.say(lang, "hello"))
    answers = question(lang, ask)
    may_replace = _always if args.force else (_never if args.yes else _confirm)
    write(folder, lang, answers, may_replace)
    if "AIZUCHI_TOKEN" in answers.env:
        print(TEXTS.say(lang, "token"))
    if answers.deaf:
        print(TEXTS.say(lang, "deaf"))
    print(TEXTS.say(lang, "people", others=", ".join(others())))
    print(TEXTS.say(lang, "next"))
    return 0


def others() -> list[str]:
    """The packaged characters besides the default one."""
    from aizuchi.build import packaged
    from aizuchi.characters import find
    from aizuchi.config.settings import Settings

    return [name for name in find([packaged()]) if name != Settings.model_fields["character"].default]


def question(lang: Lang, ask: Callable[[str, str, bool], str]) -> Answers:
    """The three questions. `ask(question, default, secret)` gives one answer."""
    answers = Answers({"lang": lang})
    default = "openai" if os.environ.get("OPENAI_API_KEY") else "demo"
    while True:
        who = ask(TEXTS.say(lang, "who"), default, False).strip() or default
        address, _, model = who.partition(" ")
        if who in ("demo", "openai") or (address.startswith(("http://", "https://")) and model.strip()):
            break
        print(TEXTS.say(lang, "who_again"))
    if who == "demo":
        spoken = _one_of(lang, ask, "where", ("en", "zh", "ja"), lang)
        answers.deaf = spoken != "en"
        answers.providers["llm"] = [{"use": "script"}]
    else:
        if who == "openai":
            answers.providers = {
                "llm": [{"use": "openai"}],
                "asr": [{"use": "openai"}, {"use": "pocketsphinx"}],
                "tts": [{"use": "openai"}, {"use": "espeak"}],
            }
        else:
            answers.providers["llm"] = [{"use": "openai", "base_url": address, "model": model.strip()}]
        key = ask(TEXTS.say(lang, "key"), "", True).strip()
        if key:
            answers.env["OPENAI_API_KEY"] = key
    if _one_of(lang, ask, "net", ("here", "network"), "here") == "network":
        answers.keys |= {
            "server.host": "0.0.0.0",
            "server.tokens": {"me": "${AIZUCHI_TOKEN}"},
            "server.operators": ["me"],
            "server.tls.on": True,
        }
        answers.env["AIZUCHI_TOKEN"] = secrets.token_urlsafe(18)
    return answers


def _one_of(
    lang: Lang, ask: Callable[[str, str, bool], str], key: str, options: tuple[str, ...], default: str
) -> str:
    while True:
        said = ask(TEXTS.say(lang, key), default, False).strip().lower() or default
        if said in options:
            return said
        print(TEXTS.say(lang, "again", options=", ".join(options)))


def write(folder: Path, lang: Lang, answers: Answers, may_replace: Callable[[str], bool]) -> None:
    """Write the four files; what exists is only replaced where `may_replace(question)` says so."""
    from aizuchi.config.describe import yaml_file

    def put(name: str, text: str, *, private: bool = False) -> None:
        path = folder / name
        if path.exists() and not may_replace(TEXTS.say(lang, "exists", file=path)):
            print(TEXTS.say(lang, "kept", file=path))
            return
        if private:
            # For the owner's eyes only from the first byte on; Windows ignores the mode.
            path.unlink(missing_ok=True)
            with open(
                os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
            ) as file:
                file.write(text)
        else:
            path.write_text(text, encoding="utf-8")
        print(TEXTS.say(lang, "wrote", file=path))

    try:
        folder.mkdir(parents=True, exist_ok=True)
        put("aizuchi.yaml", yaml_file(lang, answers.keys, answers.providers))
        put(".env.example", env_example(lang))
        if answers.env:
            put(".env", "".join(f'{name}="{value}"\n' for name, value in answers.env.items()), private=True)
        ignore(folder / ".gitignore", lang)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(TEXTS.say(lang, "not_there", folder=folder, reason=reason)) from error


def ignore(path: Path, lang: Lang) -> None:
    """Add what is missing; nothing that stands there is touched."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    have = {line.strip().strip("/") for line in old.splitlines()}
    missing = [line for line in IGNORED if line.strip("/") not in have]
    if not missing:
        return
    joint = "" if not old or old.endswith("\n") else "\n"
    path.write_text(old + joint + "".join(f"{line}\n" for line in missing), encoding="utf-8")
    print(TEXTS.say(lang, "added", file=path, lines=" ".join(missing)))


def env_example(lang: Lang) -> str:
    """All variables by name, commented out."""
    from aizuchi.config.describe import variables

    def block(head: str, names: list[str]) -> str:
        return TEXTS.say(lang, head) + "\n" + "".join(f"#{name}=\n" for name in names)

    return "\n".join(
        (
            TEXTS.say(lang, "env_head") + "\n",
            block("env_keys", list(ENV_KEYS)),
            block("env_token", ["AIZUCHI_TOKEN", "VALID_API_TOKENS"]),
            block("env_home", ["AIZUCHI_HOME", "AIZUCHI_CONFIG"]),
            block("env_over", variables()),
        )
    )


def _default(_question: str, default: str, _secret: bool) -> str:
    return default


def _ask(question: str, default: str, secret: bool) -> str:
    if not sys.stdin.isatty():
        print(question)
        line = sys.stdin.readline()
        if not line:
            raise ConfigError("the answers ended early; `aizuchi init --yes` asks nothing")
        return line.rstrip("\n")
    print(question)
    mark = f"   [{default}] > " if default else "   > "
    try:
        return getpass.getpass(mark) if secret else input(mark)
    except EOFError as error:
        raise ConfigError("the answers ended early; `aizuchi init --yes` asks nothing") from error


def _confirm(question: str) -> bool:
    return _ask(question + " (y/N)", "", False).strip().lower() in ("y", "yes", "j", "是", "好")


def _always(_question: str) -> bool:
    return True


def _never(_question: str) -> bool:
    return False
