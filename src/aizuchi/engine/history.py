"""Sans-I/O: folds the timeline into the messages a model should see: what was said, cut to what was heard.

A turn's user message comes where the turn began, its replies follow it, also when turns overlap. An
`Interrupted` cuts its turn at once, because the next turn may begin before the old one has ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

from aizuchi.engine.bilingual.form import Form
from aizuchi.engine.exchange import IMAGE, Exchange, whole, with_images_noted
from aizuchi.engine.tokens import of_message
from aizuchi.events import (
    Annotated,
    Entry,
    Forget,
    Image,
    Interrupted,
    Sentence,
    Speech,
    TextDelta,
    ToolCall,
    ToolDone,
    TurnBegun,
    TurnEnded,
    TurnHeld,
    TurnResumed,
)
from aizuchi.ports import Message

NOTICE: Final = "(A notice from the system, not said by the user: {text})"
"""How the text of a system author, such as a reminder, is put to the model."""
_MAX_EXCHANGES: Final = 200
_KEPT: Final = 0.7
"""Of the budget, and of the exchanges, when the oldest have to go."""
_MAX_IMAGES: Final = 2
"""The newest pictures that are still sent."""
_MAX_ATTACHED: Final = 8


class History:
    """A timeline reader. `messages` may be asked for at any moment, also while turns run.

    `form` is how the model writes replies in two languages: its earlier ones are told to it in that form.
    """

    def __init__(self, messages: Iterable[Message] = (), form: Form | None = None) -> None:
        self.form = form
        self._exchanges: deque[Exchange] = deque()
        self._first: Exchange | None = None
        """The oldest one that still fitted into the prompt when it was last cut."""
        self._attached: dict[int, tuple[Image, ...]] = {}
        self._restore(tuple(messages))

    def attach(self, turn: int, images: tuple[Image, ...]) -> None:
        """The pictures that go with `turn`; called just before its `TurnBegun` is read."""
        if images:
            self._attached[turn] = images
            while len(self._attached) > _MAX_ATTACHED:
                del self._attached[next(iter(self._attached))]

    def read(self, entry: Entry) -> None:
        """Take note of an entry. Quick, never raises; unknown turns and events are passed over."""
        match entry.event:
            case Forget():
                self._exchanges.clear()
                self._first = None
            case TurnBegun(cause="backchannel"):
                pass
            case TurnBegun():
                self._begin(entry.event)
            case TextDelta(text):
                if (exchange := self._running(entry.turn)) is not None:
                    exchange.text += text
            case Sentence(turn=turn, index=index):
                if (exchange := self._running(turn)) is not None:
                    exchange.sentences[index] = entry.event
            case Annotated(turn=turn):
                if (exchange := self._running(turn)) is not None:
                    exchange.annotate(entry.event)
            case Speech(turn=turn, sentence=sentence, at_ms=at_ms):
                if (exchange := self._running(turn)) is not None:
                    exchange.starts.setdefault(sentence, at_ms)
            case ToolCall():
                if (exchange := self._running(entry.turn)) is not None:
                    exchange.called(entry.event)
            case ToolDone():
                # A detached tool may answer after its turn has ended.
                if (exchange := self._of(entry.turn)) is not None:
                    exchange.answered(entry.event)
            case TurnHeld(turn=turn, at_ms=at_ms):
                if (exchange := self._running(turn)) is not None:
                    exchange.hold(at_ms)
            case TurnResumed(turn=turn):
                if (exchange := self._running(turn)) is not None:
                    exchange.resume()
            case Interrupted(turn=turn, heard=heard, text=text):
                if (exchange := self._running(turn)) is not None:
                    exchange.end("interrupted", heard, text)
            case TurnEnded(turn=turn, outcome=outcome, heard=heard, text=text):
                if (exchange := self._of(turn)) is not None:
                    exchange.end(outcome, heard, text)
            case _:
                pass

    @property
    def messages(self) -> tuple[Message, ...]:
        return tuple(message for exchange in self._exchanges for message in exchange.messages())

    def __len__(self) -> int:
        return len(self.messages)

    def trimmed(self, budget_tokens: int, newest: Message | None = None) -> tuple[Message, ...]:
        """The newest messages that fit the budget: oldest exchanges go first and whole.

        With `newest` as if a turn had begun that answers it. The newest user message always stays. Of an
        exchange that alone exceeds the budget the oldest tool rounds go first; a call and its results stay or
        go together. When some have to go, a good many go at once, down to `_KEPT` of the budget: a vendor's
        prompt cache holds what begins alike, so the beginning must not move with every turn.
        """
        exchanges = [*self._exchanges, *([Exchange(-1, newest)] if newest is not None else [])]
        first = next((at for at, each in enumerate(exchanges) if each is self._first), 0)
        costs = [sum(map(of_message, each.messages())) for each in exchanges]
        if sum(costs[first:]) > budget_tokens:
            first, left = len(exchanges), int(budget_tokens * _KEPT)
            while first and (left >= costs[first - 1] or not _asks(exchanges[first:])):
                first -= 1
                left -= costs[first]
            if newest is None:  # what is only supposed moves nothing
                self._first = exchanges[first]
        kept: list[list[Message]] = []
        left = budget_tokens
        for exchange, cost in zip(reversed(exchanges[first:]), reversed(costs[first:]), strict=True):
            kept.append(exchange.messages() if cost <= left else _shortened(exchange, left))
            left -= sum(map(of_message, kept[-1]))
        return tuple(message for messages in reversed(kept) for message in messages)

    def dump(self) -> list[dict[str, Any]]:
        """JSON-able messages; pictures become a note, running turns are taken as they are."""
        return [_dumped(message) for message in self.messages]

    def load(self, data: object) -> None:
        """Put what `dump` gave in place of everything. What is no message is left out; never raises."""
        rows = cast("Sequence[object]", data) if isinstance(data, list | tuple) else ()
        self._exchanges.clear()
        self._restore(tuple(message for row in rows if (message := _loaded(row)) is not None))

    def _begin(self, begun: TurnBegun) -> None:
        images = self._attached.pop(begun.turn, ())
        text = begun.text
        if text and begun.author.kind == "system":
            text = NOTICE.format(text=text)
        missing = [IMAGE] * (begun.images - len(images))
        text = " ".join([text, *missing]).strip() if missing else text
        user = Message("user", text, images, name=begun.author.name) if text or images else None
        self._exchanges.append(Exchange(begun.turn, user, form=self.form))
        if len(self._exchanges) > _MAX_EXCHANGES:
            while len(self._exchanges) > _MAX_EXCHANGES * _KEPT:
                self._exchanges.popleft()
        self._release_images()

    def _release_images(self) -> None:
        """Pictures are large: the newest message keeps its own, older ones only as far as few are kept."""
        left: int | None = None
        for exchange in reversed(self._exchanges):
            images = exchange.user.images if exchange.user else ()
            if not images:
                continue
            if left is not None and len(images) > left:
                exchange.drop_images()
            else:
                left = (_MAX_IMAGES if left is None else left) - len(images)

    def _of(self, turn: int | None) -> Exchange | None:
        if turn is None:
            return None
        return next((exchange for exchange in reversed(self._exchanges) if exchange.turn == turn), None)

    def _running(self, turn: int | None) -> Exchange | None:
        exchange = self._of(turn)
        return exchange if exchange is not None and exchange.outcome is None else None

    def _restore(self, messages: tuple[Message, ...]) -> None:
        replies: list[Message] = []
        user: Message | None = None

        def close() -> None:
            if user or replies:
                # Turn -1 is nobody's: no entry can change what was restored.
                fixed = whole(tuple(replies))
                self._exchanges.append(Exchange(-1, user, outcome="finished", fixed=fixed))

        for message in messages:
            if message.role == "user":
                close()
                user, replies = message, []
            elif message.role != "system":
                replies.append(message)
        close()
        self._release_images()


def _asks(exchanges: Sequence[Exchange]) -> bool:
    """Somebody has said something in them."""
    return any(exchange.user is not None for exchange in exchanges)


def _shortened(exchange: Exchange, budget: int) -> list[Message]:
    """The user's message and as many of the newest replies as fit beside it."""
    user = [exchange.user] if exchange.user else []
    left = budget - sum(map(of_message, user))
    replies: list[Message] = []
    for group in reversed(exchange.reply()):
        left -= sum(map(of_message, group))
        if left < 0:
            break
        replies[:0] = group
    return [*user, *replies]


def _dumped(message: Message) -> dict[str, Any]:
    row: dict[str, Any] = {"role": message.role, "text": with_images_noted(message)}
    if message.name:
        row["name"] = message.name
    if message.call_id:
        row["call_id"] = message.call_id
    if message.calls:
        row["calls"] = [
            {"id": call.id, "name": call.name, "args": call.args, "place": call.place}
            for call in message.calls
        ]
    return row


def _loaded(row: object) -> Message | None:
    if not isinstance(row, dict):
        return None
    fields = cast("Mapping[str, object]", row)
    role = fields.get("role")
    if role not in ("user", "assistant", "tool"):
        return None
    listed = fields.get("calls")
    calls = cast("Sequence[object]", listed) if isinstance(listed, list) else ()
    return Message(
        role,
        _text(fields, "text"),
        calls=tuple(call for each in calls if (call := _loaded_call(each)) is not None),
        call_id=_text(fields, "call_id"),
        name=_text(fields, "name"),
    )


def _loaded_call(row: object) -> ToolCall | None:
    if not isinstance(row, dict):
        return None
    fields = cast("Mapping[str, object]", row)
    id_, name = _text(fields, "id"), _text(fields, "name")
    place = "client" if fields.get("place") == "client" else "server"
    return ToolCall(id_, name, _text(fields, "args"), place) if id_ and name else None


def _text(fields: Mapping[str, object], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""
