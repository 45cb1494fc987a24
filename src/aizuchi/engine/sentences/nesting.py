"""Sans-I/O: which quotations, brackets and marks of emphasis are open at this point of the text."""

from __future__ import annotations

from typing import Final

_PAIRS: Final = {
    "「": "」",
    "『": "』",
    "“": "”",
    "（": "）",
    "(": ")",
    "《": "》",
    "〈": "〉",
    "【": "】",
    "[": "]",
    "［": "］",
    "{": "}",
    "｛": "｝",
}
_CLOSING: Final = frozenset(_PAIRS.values()) | {"’", "'"}
_DEEPEST: Final = 16
_ASIDE_LENGTH: Final = 120
"""A square bracket that is not closed by then was never meant as one."""


class Nesting:
    """Fed every character in turn. All is closed at a line's end: models do forget to close things."""

    def __init__(self) -> None:
        self._stack: list[str] = []
        self._before = ""
        self._aside = 0

    @property
    def open(self) -> bool:
        """Something is open whose end would still belong to the sentence."""
        return bool(self._stack)

    @property
    def inside(self) -> bool:
        """In brackets or inline code, where no clause is cut."""
        return any(char in "（([{`" for char in self._stack)

    @property
    def mute(self) -> bool:
        """In square brackets or inline code, where no sentence ends."""
        return "[" in self._stack or "`" in self._stack

    def clear(self) -> None:
        self._stack.clear()
        self._before = ""

    def closes(self, char: str) -> bool:
        """Whether `char`, standing right after a stop, still belongs to the sentence before it."""
        if char == '"':
            return char in self._stack
        if char == "*":
            return char in self._stack or self._before == "*"
        return char in _CLOSING or char == "_" or (char == "~" and self._before == "~")

    def see(self, char: str) -> None:
        if char == "\n":
            self.clear()
            return
        if self._aside:
            self._aside -= 1
            if not self._aside:
                self._close("[")
        if self._before == "*" and char.isspace() and self._stack[-1:] == ["*"]:
            self._stack.pop()  # a bullet or a product, not emphasis
        if char in '"`':
            self._toggle(char)
        elif char == "*":
            if self._before != "*":
                self._toggle(char)
        elif char in _PAIRS:
            if len(self._stack) < _DEEPEST:
                self._stack.append(char)
                if char == "[":
                    self._aside = _ASIDE_LENGTH
        elif char in _CLOSING:
            self._close(next((opening for opening, closing in _PAIRS.items() if closing == char), ""))
        self._before = char

    def _toggle(self, char: str) -> None:
        if char in self._stack:
            self._close(char)
        elif len(self._stack) < _DEEPEST:
            self._stack.append(char)

    def _close(self, opening: str) -> None:
        if opening in self._stack:
            while self._stack.pop() != opening:
                pass
        if "[" not in self._stack:
            self._aside = 0
