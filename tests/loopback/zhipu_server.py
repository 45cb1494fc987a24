"""Zhipu's chat completions on loopback: numbered errors, thinking on by default, search results between.

Written from docs.bigmodel.cn and docs.z.ai ("chat completion", "thinking mode", "errors", read 2026-11). The
judges are the official `openai` package (`test_zhipu_server.py`) and, by hand, `zai-sdk` and `zhipuai`, the
second of which signs a token with the key.

```python
async with ZhipuServer() as server:
    server.trouble("1302")          # the next request comes one too many
    server.search = True            # the next answers carry what a search on the web found
```
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any, Final

from tests.loopback.openai_server import (
    CHAT,
    PIECE,
    Answer,
    BadRequest,
    Fault,
    OpenAIServer,
    calls_of,
    event_bytes,
    usage_of,
)

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
OWN: Final = {
    *("thinking", "reasoning_effort", "do_sample", "request_id", "user_id", "tool_stream"),
    *("watermark_enabled", "sensitive_word_check"),
}
CODES: Final = {
    "500": (500, "内部错误"),
    "1000": (401, "身份验证失败。"),
    "1001": (401, "Header中未收到Authorization参数，无法进行身份验证。"),
    "1002": (401, "Authorization Token非法，请确认Authorization Token正确传递。"),
    "1113": (429, "您的账户已欠费，请充值后重试。"),
    "1210": (400, "API 调用参数有误，请检查文档。"),
    "1211": (400, "模型不存在，请检查模型代码。"),
    "1213": (400, "未正常接收到参数。"),
    "1214": (400, "参数非法。请检查文档。"),
    "1261": (400, "Prompt 超长"),
    "1301": (400, "系统检测到输入或生成内容可能包含不安全或敏感内容。"),
    "1302": (429, "您的账户已达到速率限制，请您控制请求频率。"),
    "1303": (429, "您当前使用该API的频率过高，请降低频率。"),
    "1305": (429, "该模型当前访问量过大，请您稍后再试。"),
    "1308": (429, "已达到使用上限，您的限额将在稍后重置。"),
}
"""Code -> HTTP status, words."""


class ZhipuServer(OpenAIServer):
    """`/api/paas/v4/chat/completions`."""

    key = "0123456789abcdef0123456789abcdef.loopbackSecret01"
    root = "/api/paas/v4"

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.models = {"glm-4.7-flash", "glm-4.7", "glm-5.2", "glm-4-flash"}
        self.search = False

    def trouble(self, code: str, *, times: int = 1) -> None:
        """Refuse the next request with one of the vendor's codes."""
        status, words = CODES[code]
        self.fault("refuse", status=status, code=code, message=words, times=times)

    def authorize(self, header: str) -> None:
        """The key as it is, or a token that was signed with its second half."""
        if not header:
            raise BadRequest(CODES["1001"][1], 401, code="1001")
        token = header.removeprefix("Bearer ")
        if token != self.key and not self._signed(token):
            raise BadRequest(CODES["1002"][1], 401, code="1002")

    def _signed(self, token: str) -> bool:
        ident, _, secret = self.key.partition(".")
        head, _, rest = token.partition(".")
        claims, _, signature = rest.partition(".")
        made = hmac.new(secret.encode(), f"{head}.{claims}".encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(base64.urlsafe_b64encode(made).rstrip(b"=").decode(), signature):
            return False
        said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        return said.get("api_key") == ident

    def refusal(self, error: BadRequest) -> dict[str, Any]:
        code = error.code if error.code in CODES else "1211" if error.status == 404 else "1210"
        body: dict[str, Any] = {"error": {"code": code, "message": str(error)}}
        return {"contentFilter": [{"level": 1, "role": "user"}]} | body if code == "1301" else body

    def broken(self, fault: Fault) -> dict[str, Any]:
        return {"error": {"code": fault.code or "500", "message": fault.message}}

    def check_chat(self, body: dict[str, Any]) -> None:
        thinking = body.get("thinking")
        if thinking is not None and (
            not isinstance(thinking, dict) or thinking.get("type") not in ("enabled", "disabled")
        ):
            raise BadRequest("thinking 参数非法。请检查文档。", code="1214")
        if body.get("reasoning_effort", "max") not in EFFORTS:
            raise BadRequest("reasoning_effort 参数非法。请检查文档。", code="1214")
        if not 0 <= body.get("temperature", 0.5) <= 1:
            raise BadRequest("temperature 参数非法。请检查文档。", code="1214")
        unknown = set(body) - CHAT - OWN
        if unknown:
            raise BadRequest(f"{', '.join(unknown)} 参数非法。请检查文档。", code="1210")
        if body.get("model") not in self.models:
            raise BadRequest(CODES["1211"][1], 400, code="1211")
        # It takes stream_options for the sake of others' clients, and does not need it.
        super().check_chat(
            {name: each for name, each in body.items() if name not in OWN | {"stream_options"}}
        )

    def _thinks(self, body: dict[str, Any]) -> bool:
        kind = (body.get("thinking") or {}).get("type", "enabled")
        return kind == "enabled" and body.get("reasoning_effort") != "none"

    def _usage(self, body: dict[str, Any], answer: Answer) -> dict[str, Any]:
        return usage_of(body, answer) | {"prompt_tokens_details": {"cached_tokens": 0}}

    def _found(self) -> dict[str, Any]:
        page = {"title": "Weather", "link": "https://weather.example", "content": "Fine.", "refer": "ref_1"}
        return {"web_search": [page | {"icon": "", "media": "", "publish_date": "2026-12-01"}]}

    def completion(self, body: dict[str, Any], answer: Answer, fault: Fault) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": answer.text}
        if answer.reasoning and self._thinks(body):
            message["reasoning_content"] = answer.reasoning
        if answer.calls:
            message["tool_calls"] = calls_of(answer)
        finish = answer.finish or ("tool_calls" if answer.calls else "stop")
        made = {
            "id": "20261201000000",
            "request_id": "20261201000000",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [{"index": 0, "finish_reason": finish, "message": message}],
            "usage": self._usage(body, answer),
        }
        return made | self._found() if self.search else made

    def chunks(self, body: dict[str, Any], answer: Answer, fault: Fault) -> list[bytes]:
        frame = {
            "id": "20261201000000",
            "created": 0,
            "object": "chat.completion.chunk",
            "model": body["model"],
        }

        def chunk(delta: dict[str, Any], **more: Any) -> bytes:
            finish = {"finish_reason": more.pop("finish")} if "finish" in more else {}
            choice = {"index": 0, **finish, "delta": {"role": "assistant"} | delta}
            return event_bytes(frame | {"choices": [choice], **more})

        events: list[bytes] = []
        if self.search:
            asked = {
                "id": "call_search",
                "index": 0,
                "type": "web_search",
                "web_search": {"input": "weather"},
            }
            events += [chunk({"tool_calls": [asked]}), event_bytes(frame | {"choices": [], **self._found()})]
        if self._thinks(body):
            events += [chunk({"reasoning_content": piece}) for piece in PIECE.findall(answer.reasoning)]
        events += [chunk({"content": piece}) for piece in PIECE.findall(answer.text)]
        for index, call in enumerate(calls_of(answer)):
            if not body.get("tool_stream"):
                events.append(chunk({"tool_calls": [call | {"index": index}]}))
                continue
            name, arguments = call["function"]["name"], call["function"]["arguments"]
            for at in range(0, len(arguments), 5):
                part = {"name": name, "arguments": arguments[at : at + 5]}
                events.append(chunk({"tool_calls": [call | {"index": index, "function": part}]}))
        finish = answer.finish or ("tool_calls" if answer.calls else "stop")
        events.append(chunk({"content": ""}, finish=finish, usage=self._usage(body, answer)))
        return events if fault.kind == "no_done" else [*events, b"data: [DONE]\n\n"]
