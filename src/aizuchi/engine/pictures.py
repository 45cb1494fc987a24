"""The pictures that go along with the next turn, and their limits. Sans-I/O."""

from __future__ import annotations

from collections.abc import Sequence

from aizuchi.engine.rules import Rules
from aizuchi.events import Image


class Pictures:
    """Collected until a turn takes them. What is refused is told in a sentence for the client."""

    def __init__(self, rules: Rules) -> None:
        self._most = rules.max_images
        self._most_bytes = rules.max_image_bytes
        self._waiting: list[Image] = []

    def attach(self, image: Image) -> str:
        """Keep a picture for the next turn; returns why it was refused, empty if it was not."""
        if refused := self._too_large(image):
            return refused
        if len(self._waiting) >= self._most:
            return f"at most {self._most} images go with a turn"
        self._waiting.append(image)
        return ""

    def take(self, along: Sequence[Image] = ()) -> tuple[tuple[Image, ...], list[str]]:
        """All that wait, then those that come along with a text; and what was refused of the latter."""
        refused = [reason for image in along if (reason := self._too_large(image))]
        images = (*self._waiting, *(image for image in along if not self._too_large(image)))
        self._waiting.clear()
        if (left := len(images) - self._most) > 0:
            refused.append(f"at most {self._most} images go with a turn, {left} were left out")
        return images[: self._most], refused

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def _too_large(self, image: Image) -> str:
        size = len(image.data)
        return (
            f"the image has {size} bytes, at most {self._most_bytes} are taken"
            if size > self._most_bytes
            else ""
        )
