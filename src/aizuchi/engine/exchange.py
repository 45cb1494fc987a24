"""Sans-I/O: one turn as a model should remember it: what was said, which tools ran, what was heard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from aizuchi.engine.bilingual.form import Form, shares
from aizuchi.events import Annotated, Outcome, Sentence, ToolCall, ToolDone
from aizuchi.ports import Message

INTERRUPTED: Final = "[interrupted by the user here]"
"""Stands in the prompt, never on a screen, where the user stopped listening."""
IMAGE: Final = "[image]"
"""Stands for a picture that is no longer sent."""
CANCELLED: Final = "error: cancelled"
RUNNING: Final = "error: still running, no result yet"


@dataclass(slots=True)
class Round:
    """What the model wrote before it called tools, and what it called at once."""

    text: str
    calls: list[ToolCall] = field(default_factory=list[ToolCall])
    results: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def answered(self) -> bool:
        return all(call.id in self.results for call in self.calls)


@dataclass(slots=True)
class Exchange:
    """The messages of one turn, in order: the user's, rounds of tool calls, the reply."""

    turn: int
    user: Message | None = None
    rounds: list[Round] = field(default_factory=list[Round])
    text: str = ""
    """Reply text since the last tool round."""
    outcome: Outcome | None = None
    """None while the turn runs."""
    heard: str | None = None
    """None: all of it, as far as is known."""
    form: Form | None = None
    """How the model writes a reply in two languages; None: as plain text."""
    sentences: dict[int, Sentence] = field(default_factory=dict[int, Sentence])
    firsts: list[int] = field(default_factory=list[int])
    """With which sentence the text after each tool round begins."""
    starts: dict[int, int] = field(default_factory=dict[int, int])
    """Sentence -> where its sound begins in the turn's sound, ms."""
    fixed: tuple[Message, ...] = ()
    """Replies of a restored conversation."""

    def called(self, call: ToolCall) -> None:
        """Calls that come before any result belong to one round; an id is taken once in it."""
        if not self.rounds or self.text.strip() or self.rounds[-1].answered:
            self.rounds.append(Round(self.text))
            self.text = ""
            self.firsts.append(len(self.sentences))
        if all(call.id != other.id for other in self.rounds[-1].calls):
            self.rounds[-1].calls.append(call)

    def answered(self, done: ToolDone) -> None:
        for step in reversed(self.rounds):
            if any(call.id == done.id for call in step.calls):
                step.results[done.id] = f"error: {done.error}" if done.error else done.result
                return

    def annotate(self, more: Annotated) -> None:
        if (sentence := self.sentences.get(more.sentence)) is not None:
            subtitles = sentence.subtitles | more.subtitles
            emotion = sentence.emotion or more.emotion
            self.sentences[more.sentence] = replace(sentence, subtitles=subtitles, emotion=emotion)

    def hold(self, at_ms: int) -> None:
        """Paused: what began to sound before `at_ms` was heard."""
        begun = [index for index, start in sorted(self.starts.items()) if start < at_ms]
        self.heard = "".join(
            self.sentences[index].shown
            for index in range(max(begun, default=-1) + 1)
            if index in self.sentences
        )

    def resume(self) -> None:
        if self.outcome is None:
            self.heard = None

    def end(self, outcome: Outcome, heard: str, text: str) -> None:
        if self.outcome == "interrupted":
            # Told twice; what became known later about the ear is finer.
            self.heard = heard or self.heard
            return
        self.outcome = outcome
        if outcome == "finished":
            self.heard = None
        else:
            self.heard = heard or (text if outcome == "failed" else "")
        if text and not self.written:
            self.text = text

    @property
    def written(self) -> str:
        """All display text of the turn."""
        return "".join(step.text for step in self.rounds) + self.text

    def drop_images(self) -> None:
        if self.user and self.user.images:
            self.user = Message("user", with_images_noted(self.user), name=self.user.name)

    def messages(self) -> list[Message]:
        return [
            *([self.user] if self.user else []),
            *(message for group in self.reply() for message in group),
        ]

    def reply(self) -> list[tuple[Message, ...]]:
        """Groups that only make sense whole: each tool round with its results, then the text."""
        if self.fixed:
            return _grouped(self.fixed)
        texts = [self._written(number, text) for number, text in enumerate(self._texts())]
        groups = [tuple(self._round(step, text)) for step, text in zip(self.rounds, texts, strict=False)]
        last = texts[-1].strip()
        if self.outcome in ("interrupted", "superseded"):
            said = any(text.strip() for text in texts)
            between = "\n" if self.form is not None else " "
            last = f"{last}{between}{INTERRUPTED}".strip() if said else ""
        if last:
            groups.append((Message("assistant", last),))
        return groups

    def _round(self, step: Round, text: str) -> Iterator[Message]:
        yield Message("assistant", text.strip(), calls=tuple(step.calls))
        missing = RUNNING if self.outcome is None else CANCELLED
        for call in step.calls:
            yield Message("tool", step.results.get(call.id, missing), call_id=call.id, name=call.name)

    def _written(self, number: int, text: str) -> str:
        """The text of a round, or of the end, as the model wrote it, where that is not the text itself."""
        if self.form is None or not text.strip():
            return text
        bounds = [0, *self.firsts, len(self.sentences)]
        ordered = [self.sentences[index] for index in sorted(self.sentences)]
        kept = shares([each for each in ordered[bounds[number] : bounds[number + 1]] if each.shown], text)
        return text if kept is None else self.form.write(kept)

    def _texts(self) -> list[str]:
        """Text of each round and of the end, cut to what was heard."""
        texts = [*(step.text for step in self.rounds), self.text]
        if self.heard is None:
            return texts
        if not "".join(texts).startswith(self.heard):
            # The ear's account and the text differ, perhaps in blanks: the account stands by itself.
            return [*("" for _ in self.rounds), self.heard]
        left = len(self.heard)
        heard: list[str] = []
        for text in texts:
            heard.append(text[:left])
            left = max(0, left - len(text))
        return heard


def with_images_noted(message: Message) -> str:
    """The text of a message with a note in place of each picture."""
    return " ".join([message.text, *[IMAGE] * len(message.images)]).strip()


def _grouped(messages: tuple[Message, ...]) -> list[tuple[Message, ...]]:
    groups: list[tuple[Message, ...]] = []
    for message in messages:
        if message.role == "tool" and groups:
            groups[-1] = (*groups[-1], message)
        else:
            groups.append((message,))
    return groups


def whole(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Restored messages made safe: no result without its call, no call without a result."""
    kept: list[Message] = []
    due: dict[str, str] = {}

    def settle() -> None:
        kept.extend(Message("tool", CANCELLED, call_id=id_, name=name) for id_, name in due.items())
        due.clear()

    for message in messages:
        if message.role == "tool":
            if message.call_id in due:
                del due[message.call_id]
                kept.append(message)
            continue
        settle()
        kept.append(message)
        due.update({call.id: call.name for call in message.calls})
    settle()
    return tuple(kept)
