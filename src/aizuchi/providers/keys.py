"""Where the keys of the cloud vendors come from: which variable, which page, what is free, where the bill is.

The one table of it: `docs/providers.md` is made from it, `aizuchi check` prints the row of a key that is
missing, and `config/choices.py` takes from it which keys choose a provider. Numbers are left to the vendors'
pages, since they change there.

Sources: the vendors' own pages named in each row, and their pages on accounts and billing, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["asr", "llm", "tts"]


@dataclass(frozen=True, slots=True)
class Account:
    """One vendor's account, as far as a newcomer has to know of it. Pairs are English and Chinese."""

    vendor: tuple[str, str]
    serves: tuple[tuple[Kind, str], ...]
    """The providers that use its key."""
    variables: tuple[tuple[str, ...], ...]
    """Any one of these groups is enough; all variables of a group are needed."""
    made_at: str
    """The page where the key is made."""
    note: tuple[str, str]
    """What has to be done there besides."""
    free: tuple[str, str]
    """What may be had for nothing, in words."""
    free_at: str
    bill_at: str
    options: tuple[str, ...] = ("api_key",)
    """The options that may hold the key instead."""
    chooses: bool = False
    """The variable alone is enough to choose the provider, where the configuration says nothing."""

    def held(self, environ: Mapping[str, str]) -> bool:
        """Whether the environment has what is needed."""
        return any(all(environ.get(name, "").strip() for name in group) for group in self.variables)

    def line(self, lang: str) -> str:
        """One line for the terminal."""
        zh = lang == "zh"
        names, note, free = _any(self.variables, lang), self.note[zh], self.free[zh]
        if zh:
            return (
                f"{self.vendor[1]}：在 {self.made_at} 创建密钥，放入环境变量或 .env 的 {names}（{note}）。"
                f"免费额度：{free}，见 {self.free_at}；账单：{self.bill_at}"
            )
        return (
            f"{self.vendor[0]}: make the key at {self.made_at} and put it into {names} in the environment or"
            f" in .env ({note}). Free: {free}, see {self.free_at}; the bill: {self.bill_at}"
        )


ACCOUNTS: Final = (
    Account(
        vendor=("Volcengine, speech (ByteDance)", "火山引擎豆包语音"),
        serves=(("asr", "volcengine"),),
        variables=(("BYTEDANCE_APP_KEY", "BYTEDANCE_ACCESS_KEY"),),
        made_at="https://console.volcengine.com/speech/app",
        note=(
            "APP ID and Access Token of an application; streaming recognition has to be switched on for it",
            "即应用的 APP ID 与 Access Token；需为应用开通流式语音识别",
        ),
        free=("a trial that is begun in that console", "在该控制台点击试用领取"),
        free_at="https://www.volcengine.com/docs/6561/1359369",
        bill_at="https://console.volcengine.com/finance/bill",
        options=("api_key", "app_key", "access_key"),
        chooses=True,
    ),
    Account(
        vendor=("Volcengine Ark (Doubao)", "火山方舟（豆包大模型）"),
        serves=(("llm", "doubao"),),
        variables=(("DOUBAO_API_KEY",), ("ARK_API_KEY",)),
        made_at="https://console.volcengine.com/ark/region:ark+cn-beijing/apiKey",
        note=(
            "the model has to be switched on in the same console",
            "需在同一控制台的开通管理中开通所用模型",
        ),
        free=("an amount for each model that is switched on", "每个已开通模型各有一份推理额度"),
        free_at="https://console.volcengine.com/ark/region:ark+cn-beijing/openManagement",
        bill_at="https://console.volcengine.com/finance/bill",
        chooses=True,
    ),
    Account(
        vendor=("Zhipu (GLM)", "智谱（GLM）"),
        serves=(("llm", "glm"),),
        variables=(("GLM_API_KEY",), ("ZHIPUAI_API_KEY",), ("ZAI_API_KEY",)),
        made_at="https://bigmodel.cn/usercenter/proj-mgmt/apikeys",
        note=(
            "outside of China: https://z.ai/manage-apikey/apikey-list, with base_url"
            " https://api.z.ai/api/paas/v4",
            "国际站为 https://z.ai/manage-apikey/apikey-list，并设 base_url 为 https://api.z.ai/api/paas/v4",
        ),
        free=("some models, those named flash among them", "部分模型免费，如名称带 flash 的"),
        free_at="https://bigmodel.cn/pricing",
        bill_at="https://bigmodel.cn/finance-center/finance/overview",
        chooses=True,
    ),
    Account(
        vendor=("MiniMax", "MiniMax"),
        serves=(("tts", "minimax"),),
        variables=(("MINIMAX_API_KEY",),),
        made_at="https://platform.minimaxi.com/user-center/basic-information/interface-key",
        note=(
            "outside of China: https://platform.minimax.io, with base_url wss://api.minimax.io",
            "国际站为 https://platform.minimax.io，并设 base_url 为 wss://api.minimax.io",
        ),
        free=("whatever the account shows as granted", "以账户中显示的赠送为准"),
        free_at="https://platform.minimaxi.com/user-center/payment/balance",
        bill_at="https://platform.minimaxi.com/user-center/payment/balance",
        chooses=True,
    ),
    Account(
        vendor=("Alibaba Cloud Model Studio (Bailian, DashScope)", "阿里云百炼（DashScope）"),
        serves=(("tts", "cosyvoice"), ("tts", "qwen_tts")),
        variables=(("DASHSCOPE_API_KEY",),),
        made_at="https://bailian.console.aliyun.com/?tab=model#/api-key",
        note=(
            "keys belong to a region; other regions have other addresses",
            "密钥按地域区分，其他地域的服务地址不同",
        ),
        free=("a quota for each model, for new accounts and for a time", "新用户每个模型一份，限时有效"),
        free_at="https://help.aliyun.com/zh/model-studio/new-free-quota",
        bill_at="https://billing-cost.console.aliyun.com/home",
    ),
    Account(
        vendor=("OpenAI", "OpenAI"),
        serves=(("asr", "openai"), ("llm", "openai"), ("tts", "openai")),
        variables=(("OPENAI_API_KEY",),),
        made_at="https://platform.openai.com/api-keys",
        note=("or base_url of any server that speaks its protocol", "或把 base_url 设为任何兼容的服务器"),
        free=("none as a rule", "一般没有"),
        free_at="https://platform.openai.com/docs/pricing",
        bill_at="https://platform.openai.com/usage",
    ),
)


def find(kind: str, name: str) -> Account | None:
    """The account whose key a provider uses."""
    return next((each for each in ACCOUNTS if (kind, name) in each.serves), None)


def missing(kind: str, name: str, options: Any, environ: Mapping[str, str]) -> Account | None:
    """The account whose key a chosen provider lacks; None if it has one, or needs none.

    An address of one's own says that the vendor's key may not be needed.
    """
    account = find(kind, name)
    if account is None or account.held(environ):
        return None
    for option in account.options:
        value = getattr(options, option, None)
        if value is not None and value.get_secret_value().strip():
            return None
    own = getattr(options, "base_url", "")
    usual = type(options).model_fields["base_url"].default
    if (own and own != usual) or (name == "openai" and environ.get("OPENAI_BASE_URL", "").strip()):
        return None
    return account


def by_key(environ: Mapping[str, str]) -> Iterator[tuple[Kind, str]]:
    """The providers that keys in the environment choose, the first of a kind going before the others."""
    for account in ACCOUNTS:
        if account.chooses and account.held(environ):
            yield from account.serves


def table(lang: str) -> str:
    """The accounts in Markdown."""
    zh = lang == "zh"
    head = (
        "| 厂商 | 用于 | 变量 | 创建密钥 | 免费额度 | 账单 |"
        if zh
        else "| vendor | for | variable | where the key is made | free of charge | the bill |"
    )
    rows = [head, "| --- | --- | --- | --- | --- | --- |"]
    key, free, bill = ("页面", "见页面", "页面") if zh else ("page", "see page", "page")
    stop, left, right = ("；", "（", "）") if zh else ("; ", " (", ")")
    for each in ACCOUNTS:
        cells = (
            each.vendor[zh],
            ", ".join(f"`{kind}: {name}`" for kind, name in each.serves),
            _any(each.variables, lang, "`"),
            f"[{key}]({each.made_at}){left}{each.note[zh]}{right}",
            f"{each.free[zh]}{stop}[{free}]({each.free_at})",
            f"[{bill}]({each.bill_at})",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _any(groups: tuple[tuple[str, ...], ...], lang: str, mark: str = "") -> str:
    both, either = (" 与 ", " 或 ") if lang == "zh" else (" and ", " or ")
    return either.join(both.join(f"{mark}{name}{mark}" for name in group) for group in groups)
