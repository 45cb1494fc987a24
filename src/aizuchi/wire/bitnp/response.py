"""One turn as pages see it: which sentences wait for their sound, and what was said."""

from __future__ import annotations

from dataclasses import dataclass, field

from aizuchi.events import Cue, Sentence


@dataclass(slots=True)
class Response:
    """A turn, from `start_of_response` to `end_of_response`; both come again if it is held meanwhile."""

    turn: int
    generation: int
    is_page: bool = False
    """A lecture's."""
    page: int | None = None
    """The slide it shows."""
    open: bool = False
    """Begun for the pages, and not ended."""
    sentences: dict[int, Sentence] = field(default_factory=dict[int, Sentence])
    waiting: list[int] = field(default_factory=list[int])
    """Their sound has not come yet."""
    seqs: dict[int, int] = field(default_factory=dict[int, int])
    """Sentence -> the number its sound bears."""
    begun: set[int] = field(default_factory=set[int])
    """Told since the response was opened."""
    told: set[int] = field(default_factory=set[int])
    visemes: dict[int, list[Cue]] = field(default_factory=dict[int, list[Cue]])

    @property
    def text(self) -> str:
        """What was told, with the tags, as the original's agents repeat it."""
        known = (self.sentences[index] for index in sorted(self.told) if index in self.sentences)
        return "".join(map(raw, known)).strip()


def raw(sentence: Sentence) -> str:
    tags = "".join(f"[{tag}]" for tag in sentence.tags)
    lead = len(sentence.shown) - len(sentence.shown.lstrip())
    return f"{sentence.shown[:lead]}{tags}{sentence.shown[lead:]}"
