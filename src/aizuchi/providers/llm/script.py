"""A scripted character: rules and templates from a YAML file, no model, no network, no chance.

It keeps the whole chain alive where no model is at hand, and says so. The same conversation always gives
the same answers: which of several a rule takes depends on how often it has matched before. Tokens come at a
set pace; rules may think, feel, ask for a tool, or fail. The file's shape is `script_file.py`, the packaged
example is `script.yaml`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from importlib import resources
from pathlib import Path

from pydantic import Field

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.events import ToolCall
from aizuchi.ports import LanguageModel, Message, Prompt, Reasoning, Token, Usage
from aizuchi.providers.llm.script_bilingual import written
from aizuchi.providers.llm.script_file import CharacterPart, Rule, Script, load

_TOKEN = re.compile(r"\s*(?:[A-Za-zÀ-ɏ0-9_'’]+|[^\sA-Za-zÀ-ɏ0-9_'’])|\s+")
_KANA = re.compile(r"[\u3040-\u30ff\uff66-\uff9f]")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_PARTS = 64
"""Characters' parts that are kept joined."""
_LOOKED_AT = 300
# Characters of what was said. Some expressions take a time that grows with the square of the length.
_NOTICE = "(A notice from the system"
"""How the engine begins what the user did not say; it is English whatever is spoken."""
_EDGES = " \t\r\n.,;:!?\"'。,、;:!?「」『』“”…"


class ScriptModel(LanguageModel):
    """Plays a language model from a file of rules."""

    name = "script"
    embedded = True

    class Options(LanguageModel.Options):
        file: str = Field(
            default="", description="YAML file with the rules; empty: the one that comes with Aizuchi"
        )
        tokens_per_second: float = Field(
            default=50.0, ge=0, le=100_000, description="pace of the reply; 0: at once"
        )
        first_token_ms: float = Field(
            default=80.0, ge=0, le=600_000, description="time to think before the first token"
        )
        introduce: bool = Field(default=True, description="say in the first answer that this is a script")

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._options = options
        self.script = read(options.file)
        self._joined: list[tuple[CharacterPart, Script]] = []
        """Characters' own parts with the rest; the newest last."""

    @property
    def sees(self) -> bool:
        return True  # it says how large a picture is and that it has no eyes

    @property
    def languages(self) -> frozenset[str] | None:
        return frozenset(self.script.languages)

    @property
    def about(self) -> str:
        return "a script of prepared answers, no language model"

    async def think(self, prompt: Prompt) -> AsyncIterator[Token | Reasoning | ToolCall | Usage]:
        """Answer a prompt. Raises ProviderError where a rule says `error`."""
        options = self._options
        reply = Reply(self.script_for(prompt.script), prompt, introduce=options.introduce)
        loop = asyncio.get_running_loop()
        due = loop.time() + options.first_token_ms / 1000
        step = 1 / options.tokens_per_second if options.tokens_per_second else 0.0
        said = 0
        most = prompt.max_tokens
        for token in tokens(reply.text):
            if reply.error is not None and said >= reply.error[1]:
                break
            if most is not None and said >= most:
                break
            await asyncio.sleep(max(0.0, due - loop.time()))
            yield Token(token)
            said += 1
            due += step
        cut = most is not None and said >= most
        await asyncio.sleep(max(0.0, due - loop.time()))
        if reply.error is not None:
            raise ProviderError(reply.error[0])
        if reply.call is not None:
            yield reply.call
        finish = "tools" if reply.call is not None else "length" if cut else "stop"
        yield Usage(finish, sum(1 for message in prompt.messages for _ in tokens(message.text)), said)

    def script_for(self, part: object) -> Script:
        """The script for a character with a part of its own; a file that was asked for stands for all."""
        if not isinstance(part, CharacterPart) or self._options.file:
            return self.script
        found = next((whole for known, whole in self._joined if known is part), None)
        if found is None:
            found = part.over(self.script)
            self._joined = [*self._joined[-(_PARTS - 1) :], (part, found)]
        return found


class Reply:
    """What a script answers to a prompt, worked out at once: `text`, then perhaps a `call` or an `error`."""

    def __init__(self, script: Script, prompt: Prompt, *, introduce: bool = True) -> None:
        said = [message for message in prompt.messages if message.role == "user"]
        last = said[-1] if said else None
        self.language = language_of(prompt.messages, script.languages)
        self._form = prompt.form
        self.call: ToolCall | None = None
        self.error: tuple[str, int] | None = None
        """Message, and after how many tokens it comes."""
        if last is None:
            self.rule: Rule | None = None
            self.text = self._written(lambda language: script.opening.get(language, [""])[0])
            return
        rule, found = find(script, last, self.language)
        self.rule = rule
        before = sum(find(script, message, self.language)[0] is rule for message in said[:-1])
        values = _values(last, found, len(said)) | {"character": prompt.character or "Aizuchi"}
        results = list(_results(prompt.messages))
        if rule.tool and results:
            values |= _told(rule, results[-1])
            templates = rule.after
        elif prompt.may_call and (offered := next((t for t in prompt.tools if t.name == rule.tool), None)):
            templates: dict[str, list[str]] = {}
            args = json.dumps(rule.args, ensure_ascii=False)
            self.call = ToolCall(f"call_{len(said)}", rule.tool, args, offered.place)
        else:
            templates = rule.say
        thought = "" if results else _pick(rule.think, self.language, before, values)
        if rule.error:
            self.error = rule.error, rule.error_after
        introduction: dict[str, list[str]] = {}
        if introduce and len(said) == 1 and not (rule.introduces or rule.error) and self.call is None:
            introduction = script.introduction
        thought = f"<think>{thought}</think>" if thought else ""
        told = self._written(
            lambda language: _pick(templates, language, before, values),
            lambda language: _pick(introduction, language, 0, values),
        )
        self.text = self._joined([thought, told])

    def _written(self, *parts: Callable[[str], str]) -> str:
        """Each part gives its text in a language; where two are wanted, both go into their form."""
        form = self._form
        if form is None:
            return self._joined([part(self.language) for part in parts])
        both = [(part(form.spoken), part(form.subtitles)) for part in parts]
        if not any(spoken or read for spoken, read in both):
            both = [(part(self.language), "") for part in parts]
        return written(form, both)

    def _joined(self, texts: list[str]) -> str:
        return ("" if self.language in ("zh", "ja") else " ").join(text for text in texts if text)


def read(file: str) -> Script:
    """The rules of a file, or the packaged ones. Raises ConfigError with the line that is wrong."""
    try:
        if file:
            return load(Path(file).expanduser().read_text("utf-8"), file)
        packaged = resources.files("aizuchi.providers.llm") / "script.yaml"
        return load(packaged.read_text("utf-8"), "script.yaml")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"llm.script.file: cannot read {file}: {reason}") from None


def find(script: Script, message: Message, language: str) -> tuple[Rule, re.Match[str] | None]:
    """The first rule that fits what was said, and how it fitted; the last rule fits everything."""
    text = message.text.strip(_EDGES)[:_LOOKED_AT]
    for rule in script.rules:
        if rule.images and message.images:
            return rule, None
        for pattern in rule.patterns(language):
            if found := pattern.search(text):
                return rule, found
    return script.otherwise, None


def language_of(messages: tuple[Message, ...], known: tuple[str, ...]) -> str:
    """The language to answer in: that of the last thing the user said, else that of the whole prompt.

    A notice from the system is nothing the user said.

    Kana is Japanese. Chinese characters alone are Chinese, unless kana was used before.
    """
    said = [message for message in messages if not message.text.startswith(_NOTICE)]
    spoken = [message.text for message in said if message.role == "user" and message.text.strip()]
    text = spoken[-1] if spoken else " ".join(message.text for message in said)
    guess = "en"
    if _KANA.search(text):
        guess = "ja"
    elif _HAN.search(text):
        guess = "ja" if any(_KANA.search(earlier) for earlier in spoken) else "zh"
    return guess if guess in known else known[0]


def tokens(text: str) -> Iterator[str]:
    """Cut a text as a model would: words with the space before them, single CJK characters and marks."""
    return (found.group() for found in _TOKEN.finditer(text))


def _pick(choices: dict[str, list[str]], language: str, number: int, values: dict[str, str]) -> str:
    among = choices.get(language)
    return among[number % len(among)].format_map(values) if among else ""


def _values(message: Message, found: re.Match[str] | None, turns: int) -> dict[str, str]:
    values = {
        "text": message.text.strip(_EDGES)[:_LOOKED_AT],
        "turns": str(turns),
        "images": str(len(message.images)),
        "kb": str(round(sum(len(image.data) for image in message.images) / 1000) or 1),
        "result": "",
    }
    if found is not None:
        groups = {name: value or "" for name, value in found.groupdict().items()}
        values |= {name: value.strip(_EDGES) for name, value in groups.items()}
        values["match"] = found.group().strip(_EDGES)
    return values


def _told(rule: Rule, result: str) -> dict[str, str]:
    """What a rule reads out of a tool's answer; where it can't, the whole answer stands for every part."""
    found = re.search(rule.read, result)
    parts = re.compile(rule.read).groupindex
    return {"result": result} | {name: found[name] or "" if found else result for name in parts}


def _results(messages: tuple[Message, ...]) -> Iterator[str]:
    """Results of tools since the user last spoke."""
    for message in reversed(messages):
        if message.role == "user":
            return
        if message.role == "tool":
            yield message.text
