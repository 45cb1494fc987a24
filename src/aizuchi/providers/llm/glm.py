"""GLM, Zhipu's chat models at open.bigmodel.cn, and at api.z.ai outside of China.

Thinking is switched off explicitly: since GLM-4.6 it is automatic or on by default. The key goes into the
header as it is; the signed tokens that older clients make of it are not needed.

Source: docs.bigmodel.cn and docs.z.ai, "chat completion", "thinking mode" and "errors", read 2026-11; the
packages zai-sdk 0.2.3 and zhipuai 2.1.5.
"""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from pydantic import Field, SecretStr

from aizuchi.providers.llm.openai import ChatModel
from aizuchi.providers.openai import Vendor

MAINLAND: Final = "https://open.bigmodel.cn/api/paas/v4"

ZHIPU: Final = Vendor(
    "glm",
    MAINLAND,
    keys=("GLM_API_KEY", "ZHIPUAI_API_KEY", "ZAI_API_KEY"),
    addresses=("ZAI_BASE_URL",),
    hosts=("api.z.ai",),
)


class GlmModel(ChatModel):
    """Zhipu's GLM at open.bigmodel.cn or z.ai: streamed, thinking off."""

    name = "glm"
    vendor: ClassVar[Vendor] = ZHIPU

    class Options(ChatModel.Options):
        base_url: str = Field(
            default="",
            description="address up to and with /v4; empty: ZAI_BASE_URL from the environment, else"
            f" {MAINLAND}. International keys need https://api.z.ai/api/paas/v4",
        )
        api_key: SecretStr = Field(
            default=SecretStr(""),
            description="the key; empty: GLM_API_KEY, ZHIPUAI_API_KEY or ZAI_API_KEY from the environment",
        )
        model: str = Field(default="glm-4.7-flash", min_length=1, description="the model's name")
        reasoning_effort: Literal["", "none", "minimal", "low", "medium", "high", "xhigh", "max"] = Field(
            default="",
            description="for GLM-5.2 and newer: sent as it is and goes before `reasoning`; empty: by"
            " `reasoning`",
        )

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if options.reasoning_effort:
            off = options.reasoning_effort == "none"
            self._asked = {
                "thinking": {"type": "disabled" if off else "enabled"},
                "reasoning_effort": options.reasoning_effort,
            }
