r"""The shape of a script, and how it is read: every mistake becomes a ConfigError with its line.

```yaml
languages: [en, zh]
introduction: {en: ["By the way, I am a script."], zh: [...]}   # once, after the first answer
opening: {en: ["Hello."], zh: [...]}                            # when nobody has said anything yet
rules:
  - name: thanks
    when: {en: ["thank you|thanks"], zh: ["谢谢"]}               # regular expressions, any of them, any case
    say: {en: ["[happy] You are welcome.", "Gladly."]}           # in turn, each time the rule fits
    think: {en: ["They are polite."]}                            # comes first, as <think>...</think>
  - name: time
    when: {en: ["what time"]}
    tool: current_time                                           # if it is offered; `say` if it is not
    read: '(?P<clock>\d+:\d+)'                                   # the part of its answer that is wanted
    after: {en: ["It is {clock}."]}
otherwise: {name: echo, say: {en: ['I heard "{text}".']}}
```
In a template `{text}` is what was said, `{match}` the part that fitted, `{NAME}` a named group of the
expression, `{result}` the tool's answer, `{turns}`, `{images}` and `{kb}` figures, `{character}` the name of
who answers. A language other than the file's is answered in its first one. For a character in two languages
the texts of a rule in both are taken together, sentence by sentence where there are as many.

A character may have a `script.yaml` of its own: a *part*, of the same shape, in which everything but
`languages` may be left out. Its rules come before those of the packaged script, its other words in place
of that one's.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from aizuchi.errors import ConfigError

_ALWAYS = frozenset({"text", "turns", "images", "kb", "result", "match", "character"})


_CJK = r"[\u3000-\u303f\u3040-\u30ff\u3400-\u9fff\uff00-\uffef]"
_FOLD = re.compile(rf"(?<={_CJK})\s+(?=[\[{{]|{_CJK})|(?<=\])\s+(?={_CJK})")


def _listed(value: Any) -> Any:
    """One text or several; the space that YAML puts where it folds a line has no place in Chinese."""
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, list):
        return several
    return [_FOLD.sub("", text) if isinstance(text, str) else text for text in several]


Lines = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]
ByLanguage = dict[str, Lines]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Strict):
    """What is said when."""

    name: str = Field(min_length=1)
    when: ByLanguage = {}
    images: bool = False
    """Fits whatever comes with a picture."""
    say: ByLanguage = {}
    think: ByLanguage = {}
    tool: str = ""
    args: dict[str, Any] = {}
    read: str = ""
    """Regular expression over the tool's answer; its named groups can stand in `after`."""
    after: ByLanguage = {}
    error: str = ""
    """The rule ends in this failure."""
    error_after: int = Field(0, ge=0)
    """Tokens of `say` that come before it."""
    introduces: bool = False
    """Says itself what the introduction would say."""

    def patterns(self, language: str) -> list[re.Pattern[str]]:
        return [_compiled(pattern) for pattern in self.when.get(language, ())]

    @model_validator(mode="after")
    def _sound(self) -> Rule:
        names = set(_ALWAYS)
        for pattern in (pattern for several in (*self.when.values(), [self.read]) for pattern in several):
            try:
                names |= set(_compiled(pattern).groupindex)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        for texts in (self.say, self.think, self.after):
            for template in (template for several in texts.values() for template in several):
                _check(template, names)
        if not (self.say or self.error or self.after):
            raise ValueError(f"rule {self.name!r} says nothing; give it say, after or error")
        return self


class Script(_Strict):
    """A whole file."""

    languages: tuple[str, ...] = Field(min_length=1)
    introduction: ByLanguage = {}
    opening: ByLanguage = {}
    rules: tuple[Rule, ...] = ()
    otherwise: Rule

    @model_validator(mode="after")
    def _complete(self) -> Script:
        for template in (template for several in self.introduction.values() for template in several):
            _check(template, set(_ALWAYS))
        for language in self.languages:
            if language not in self.otherwise.say:
                raise ValueError(f"otherwise.say lacks {language!r}, one of the file's languages")
        return self


class CharacterRule(Rule):
    """A rule that has words in each language in which it listens: there is nobody behind it."""

    @model_validator(mode="after")
    def _answers(self) -> CharacterRule:
        for language in self.when.keys() - self.say.keys() if self.say else ():
            raise ValueError(f"it listens in {language!r} and says nothing in it")
        return self


class CharacterPart(_Strict):
    """What a character's own file adds to a script."""

    languages: tuple[str, ...] = Field(min_length=1)
    introduction: ByLanguage = {}
    opening: ByLanguage = {}
    rules: tuple[CharacterRule, ...] = ()
    otherwise: Rule | None = None

    @model_validator(mode="after")
    def _complete(self) -> CharacterPart:
        for template in (template for several in self.introduction.values() for template in several):
            _check(template, set(_ALWAYS))
        return self

    def over(self, script: Script) -> Script:
        """The whole: this part's words before and in place of a script's."""
        otherwise = script.otherwise
        if self.otherwise is not None:
            say = {**script.otherwise.say, **self.otherwise.say}
            otherwise = self.otherwise.model_copy(update={"say": say})
        return script.model_copy(
            update={
                "languages": tuple(dict.fromkeys((*self.languages, *script.languages))),
                "introduction": {**script.introduction, **self.introduction},
                "opening": {**script.opening, **self.opening},
                "rules": (*self.rules, *script.rules),
                "otherwise": otherwise,
            }
        )


_Shape = TypeVar("_Shape", Script, CharacterPart)


def load(text: str, name: str) -> Script:
    """Read a script. `name` is what messages call the file. Raises ConfigError."""
    return _read(Script, text, name, lambda line: f"{name}, line {line}")


def load_part(text: str, name: str) -> CharacterPart:
    """Read a character's own part. Raises ConfigError, which begins with `name:line:`."""
    return _read(CharacterPart, text, name, lambda line: f"{name}:{line}")


def _read(shape: type[_Shape], text: str, name: str, place: Callable[[int], str]) -> _Shape:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        data = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = place(mark.line + 1) if mark is not None else name
        problem = getattr(error, "problem", None) or "it can't be read"
        raise ConfigError(f"{where}: not valid YAML: {problem}") from None
    try:
        return shape.model_validate(data)
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_input=False)
        # An unknown key first: it is often the misspelt one that another mistake says is missing.
        first = min(mistakes, key=lambda mistake: mistake["type"] != "extra_forbidden")
        path = list(first["loc"])
        dotted = ".".join(map(str, path)) or "the file"
        message = (
            "is unknown" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        )
        raise ConfigError(f"{place(_line(text, path))}: {dotted}: {message}") from None


def _line(text: str, path: list[int | str]) -> int:
    """Line of the deepest part of a path that the file has, counted from 1."""
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import MappingNode, SequenceNode

    node: Any = YAML(typ="safe", pure=True).compose(text)
    line = node.start_mark.line if node is not None else 0
    for part in path:
        if isinstance(node, MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == str(part)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line, pair[1]
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
        else:
            break
    return line + 1


def _check(template: str, names: set[str]) -> None:
    """Raises ValueError for a template that could not be filled in."""
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
    except ValueError as error:
        raise ValueError(f"{template!r}: {error}; write {{{{ and }}}} for braces") from None
    for field in fields:
        if field not in names:
            raise ValueError(f"{template!r} names {{{field}}}; there are {', '.join(sorted(names))}")


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
