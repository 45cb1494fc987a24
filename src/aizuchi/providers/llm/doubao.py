"""Doubao, ByteDance's chat models at Volcengine's Ark.

Thinking is off unless asked for: a reply that is spoken begins with its first word, and these models think
by default. Ark takes `thinking.type` and `reasoning_effort` together only where they agree: an effort above
`minimal` with thinking disabled is refused ("Invalid combination of reasoning_effort and thinking type").

Source: Volcengine Ark, "Chat API" and "error codes", read 2026-11.
"""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from pydantic import Field, SecretStr

from aizuchi.providers.llm.openai import ChatModel
from aizuchi.providers.openai import Vendor

BEIJING: Final = "https://ark.cn-beijing.volces.com/api/v3"

ARK: Final = Vendor(
    "doubao",
    BEIJING,
    keys=("DOUBAO_API_KEY", "ARK_API_KEY"),
    hosts=("ark.ap-southeast.bytepluses.com",),
)


class DoubaoModel(ChatModel):
    """ByteDance's Doubao at Volcengine Ark: streamed, thinking off."""

    name = "doubao"
    vendor: ClassVar[Vendor] = ARK

    class Options(ChatModel.Options):
        base_url: str = Field(
            default=BEIJING, description="address up to and with /v3; other regions have their own"
        )
        api_key: SecretStr = Field(
            default=SecretStr(""),
            description="the key; empty: DOUBAO_API_KEY, else ARK_API_KEY from the environment",
        )
        model: str = Field(
            default="doubao-seed-1-6-lite-251015",
            min_length=1,
            description="the model's name with its date, or ep-... for an endpoint of your own",
        )
        reasoning_effort: Literal["", "minimal", "low", "medium", "high"] = Field(
            default="",
            description="sent as it is and goes before `reasoning`; minimal answers directly; empty: by"
            " `reasoning`",
        )

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if options.reasoning_effort:
            off = options.reasoning_effort == "minimal"
            self._asked = {
                "thinking": {"type": "disabled" if off else "enabled"},
                "reasoning_effort": options.reasoning_effort,
            }
