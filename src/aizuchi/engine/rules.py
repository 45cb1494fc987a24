"""The numbers a conversation is run by, in one place, with their defaults.

`config.py` fills them from the user's YAML; tests and the simulation make their own. Seconds unless the
name says `ms`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from aizuchi.events import ListenMode, TtsStrategy


@dataclass(frozen=True, slots=True)
class Hearing:
    """End-pointing, clocked in microphone sound."""

    threshold: float = 0.5
    """Speech probability at which speech may begin."""
    release: float = 0.35
    """Probability below which a stretch counts as silence while speech goes on."""
    min_speech_ms: int = 60
    """Shorter sounds are not speech."""
    silence_ms: int = 600
    """Silence that ends an utterance."""
    preroll_ms: int = 300
    """Sound before the onset that still belongs to the utterance."""
    max_utterance_ms: int = 30_000
    pause_ms: int = 80
    """Silence at which an utterance may be over: what was said so far is looked at from here on."""
    mode: ListenMode = "auto"


@dataclass(frozen=True, slots=True)
class BargeIn:
    """When the user's voice interrupts a reply."""

    policy: Literal["pause", "immediate", "after_ms", "after_word", "never"] = "pause"
    """`pause` holds the reply at once and decides later, where a reply sounds that can be held."""
    after_ms: int = 200
    """With `after_ms`, and with `pause` where there is nothing to hold: so much voiced sound."""
    decide_ms: int = 400
    """With `pause`: so much voiced sound interrupts although no word is known."""
    backchannel_ms: int = 1_000
    """With `pause`: so much voiced sound interrupts although only a back-channel is known."""


@dataclass(frozen=True, slots=True)
class Echo:
    """The reply that comes back through the user's microphone."""

    guard: Literal["auto", "off", "on"] = "auto"
    """`auto`: on, unless the client says that it cancels echo itself."""
    adapt_ms: int = 2_000
    """For so much of a session's first sound a voice over a reply must be understood to count."""


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """Who has a say in when an utterance is over, beside the silence itself."""

    transcript: bool = True
    """Does what was said end like a finished sentence?"""
    habits: bool = True
    """The pauses this speaker makes within a sentence."""
    model: bool = True
    """The turn-end model, if one is configured."""
    shortest_ms: int = 250
    """Not even the surest sign ends an utterance sooner."""
    longest_ms: int = 2_000
    """Nor does doubt wait longer."""


@dataclass(frozen=True, slots=True)
class Speculation:
    """Beginning to answer before it is certain that the user has finished."""

    on: bool = True
    tries: int = 4
    """Attempts per utterance."""
    seconds: float = 10.0
    """An attempt that was not confirmed by then is dropped."""
    tokens: int = 120
    """Text that an attempt may run ahead, in tokens as we estimate them."""
    budget_tokens: int = 40_000
    """Tokens, prompts included, that the dropped attempts of one session may cost together."""


@dataclass(frozen=True, slots=True)
class Silences:
    """What happens when nobody says anything for long. 0 seconds: never."""

    nudge_after: float = 0.0
    """Then the character says something of its own accord."""
    nudges: int = 1
    """So often in a row, each after as long a silence."""
    goodbye_after: float = 0.0
    """Then it says goodbye, and the conversation ends. Counted through nudges."""


@dataclass(frozen=True, slots=True)
class StageLimits:
    """How long each stage may take before the next provider, or the fallback, has its turn."""

    vad_gap: float = 15.0
    """Sound may wait so long for its score; a model that still loads is waited for."""
    asr_final: float = 5.0
    llm_first: float = 8.0
    llm_gap: float = 15.0
    tts_first: float = 4.0
    tts_gap: float = 4.0
    retrieve: float = 0.3
    breaker_failures: int = 3
    """Failures in a row after which a provider is left alone for `breaker_pause`."""
    breaker_pause: float = 30.0


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything above and what belongs to the session as a whole."""

    hearing: Hearing = field(default_factory=Hearing)
    turn_end: TurnEnd = field(default_factory=TurnEnd)
    speculation: Speculation = field(default_factory=Speculation)
    barge_in: BargeIn = field(default_factory=BargeIn)
    silences: Silences = field(default_factory=Silences)
    echo: Echo = field(default_factory=Echo)
    limits: StageLimits = field(default_factory=StageLimits)
    ahead: float = 6.0
    """Synthesis stays at most so far ahead of the ear."""
    ear_grace: float = 2.0
    """A reporting ear may be late by so much before its turn is taken as played."""
    history_tokens: int = 6_000
    """Budget of the prompt's conversation part, estimated."""
    max_reply_tokens: int | None = None
    tool_rounds: int = 5
    tool_timeout: float = 10.0
    tool_result_chars: int = 8_000
    max_text_chars: int = 8_000
    max_images: int = 4
    max_image_bytes: int = 8 << 20
    max_context_chars: int = 4_000
    first_clause_chars: int = 24
    """A first clause may be cut at a comma from about so many characters (CJK count double)."""
    tts_strategy: TtsStrategy = "sentence"
    """stream: text goes straight into a voice that takes it; others are given whole sentences."""
    waiting_turns: int = 4
    """Turns that may wait for the floor; more are shed."""
    mic_queue_ms: int = 20_000
    """Microphone sound that may wait for the VAD; more is shed."""
