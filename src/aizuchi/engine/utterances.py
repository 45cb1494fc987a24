"""What is being said or understood in one session, and what of it waits for the rest. No input or output."""

from __future__ import annotations

from aizuchi.engine.microphone import Microphone
from aizuchi.engine.utterance import Utterance, joined


class Utterances:
    """Those that live, in the order in which they began, and the pieces that were understood already."""

    def __init__(self) -> None:
        self.live: list[tuple[Microphone, Utterance]] = []
        self.pieces: list[tuple[Utterance, str]] = []
        """What was understood while the user went on speaking."""

    @property
    def user_speaks(self) -> bool:
        """The user has the floor, or is being understood."""
        return any(utterance.took_floor for _, utterance in self.live)

    @property
    def in_doubt(self) -> bool:
        """Somebody speaks over the reply, and it waits until it is known what that means."""
        return any(each.overlap is not None and each.overlap.holding for _, each in self.live)

    def into(self, mic: Microphone) -> Utterance | None:
        """What is being said into this microphone."""
        return next((each for its, each in self.live if its is mic and not each.ended), None)

    def done(self, utterance: Utterance) -> None:
        """It was understood, or could not be."""
        self.live = [each for each in self.live if each[1] is not utterance]

    def likely(self) -> tuple[int, str] | None:
        """If the pause in which the user is were the end: the last utterance's number, and all that was said.

        None while a part of it is not known yet.
        """
        said = [*self.pieces, *((each, each.likely) for _, each in self.live if each.took_floor)]
        said.sort(key=lambda piece: piece[0].number)
        texts = [text for _, text in said]
        return (said[-1][0].number, joined(texts)) if texts and all(texts) else None

    def whole(self) -> tuple[str, Utterance] | None:
        """All that was understood, as it was said, and the last utterance of it; None while they go on."""
        if not self.pieces or self.user_speaks:
            return None
        pieces = sorted(self.pieces, key=lambda piece: piece[0].number)
        self.pieces.clear()
        return joined([text for _, text in pieces]), pieces[-1][0]
