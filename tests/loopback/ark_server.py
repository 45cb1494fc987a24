"""Volcengine's Ark on loopback: its error bodies, its thinking, its chunks.

Written from the vendor's pages "Chat API" and "error codes" (docs/82379/1494384 and 1299023, read 2026-11).
The judges are the official `openai` package (`test_ark_server.py`) and, by hand, the vendor's own
`volcengine-python-sdk[ark]`.

```python
async with ArkServer() as server:
    server.answer(Answer("Yes.", reasoning="They want a yes."))     # thought only where thinking is on
    server.trouble("AccountOverdueError")                            # the next request is refused so
```
"""

from __future__ import annotations

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

OWN: Final = {"thinking", "repetition_penalty", "logit_bias", "top_logprobs", "function_call"}
EFFORTS: Final = ("minimal", "low", "medium", "high")
CODES: Final = {
    "AuthenticationError": (
        401,
        "Unauthorized",
        "The API key or AK/SK in the request is missing or invalid.",
    ),
    "AccountOverdueError": (
        403,
        "Forbidden",
        "The request failed because your account has an overdue balance.",
    ),
    "AccessDenied": (403, "Forbidden", "You do not have access to the requested resource."),
    "InvalidEndpointOrModel.NotFound": (404, "NotFound", "The model or endpoint does not exist."),
    "ModelNotOpen": (404, "NotFound", "Your account has not activated the model."),
    "InvalidParameter": (400, "BadRequest", "One or more parameters specified in the request are not valid."),
    "SensitiveContentDetected": (400, "BadRequest", "The input text may contain sensitive information."),
    "OutputTextSensitiveContentDetected": (
        400,
        "BadRequest",
        "The output text may contain sensitive information.",
    ),
    "RateLimitExceeded.EndpointRPMExceeded": (429, "TooManyRequests", "Requests per minute exceeded."),
    "SetLimitExceeded": (429, "TooManyRequests", "The inference limit that was set has been reached."),
    "QuotaExceeded": (429, "TooManyRequests", "The free quota of the account is used up."),
    "ServerOverloaded": (429, "TooManyRequests", "The servers are overloaded for a moment."),
    "InternalServiceError": (500, "InternalServerError", "The service met an unexpected condition."),
}
"""Code -> HTTP status, type, words."""


class ArkServer(OpenAIServer):
    """`/api/v3/chat/completions`."""

    key = "3f8a1c52-0000-4000-8000-loopback0001"
    root = "/api/v3"

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.models = {"doubao-seed-1-6-lite-251015", "doubao-seed-1-8-251228", "ep-20261201000000-abcde"}
        self.thinks = True
        """Thinking is on unless a request says otherwise."""

    def trouble(self, code: str, *, times: int = 1) -> None:
        """Refuse the next request with one of the vendor's codes."""
        status, _, words = CODES[code]
        self.fault("refuse", status=status, code=code, message=words, times=times)

    def authorize(self, header: str) -> None:
        if header != f"Bearer {self.key}":
            raise BadRequest(CODES["AuthenticationError"][2], 401, code="AuthenticationError")

    def refusal(self, error: BadRequest) -> dict[str, Any]:
        code = error.code if error.code in CODES else None
        if code is None:
            code = "InvalidEndpointOrModel.NotFound" if error.status == 404 else "InvalidParameter"
        words = {"code": code, "message": f"{error} Request id: 021760000000000loopback"}
        return {"error": words | {"param": error.param or "", "type": CODES[code][1]}}

    def broken(self, fault: Fault) -> dict[str, Any]:
        code = fault.code or "InternalServiceError"
        words = {"code": code, "message": f"{fault.message} Request id: 021760000000000loopback"}
        return {"error": words | {"param": "", "type": CODES[code][1]}}

    def check_chat(self, body: dict[str, Any]) -> None:
        thinking = body.get("thinking")
        if thinking is not None:
            kind = thinking.get("type") if isinstance(thinking, dict) else None
            if kind not in ("enabled", "disabled", "auto"):
                raise BadRequest(f"thinking.type {kind!r} is not valid.", param="thinking.type")
        effort = body.get("reasoning_effort")
        if effort is not None and effort not in EFFORTS:
            raise BadRequest(f"reasoning_effort {effort!r} is not valid.", param="reasoning_effort")
        if thinking == {"type": "disabled"} and effort not in (None, "minimal"):
            raise BadRequest(
                f"Invalid combination of reasoning_effort and thinking type: {effort} + disabled",
                param="reasoning_effort",
            )
        # The vendor's own package sends every field it knows, most of them null.
        body = {name: each for name, each in body.items() if each is not None}
        unknown = set(body) - CHAT - OWN
        if unknown:
            raise BadRequest("json: unknown field", param=", ".join(unknown))
        super().check_chat({name: each for name, each in body.items() if name not in OWN})

    def _thinks(self, body: dict[str, Any]) -> bool:
        kind = (body.get("thinking") or {}).get("type", "enabled" if self.thinks else "disabled")
        return kind != "disabled" and body.get("reasoning_effort") != "minimal"

    def _usage(self, body: dict[str, Any], answer: Answer) -> dict[str, Any]:
        thought = len(PIECE.findall(answer.reasoning)) if self._thinks(body) else 0
        counted: dict[str, Any] = dict(usage_of(body, answer))
        counted["completion_tokens"] += thought
        counted["total_tokens"] += thought
        return counted | {
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": thought},
        }

    def completion(self, body: dict[str, Any], answer: Answer, fault: Fault) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": answer.text}
        if answer.reasoning and self._thinks(body):
            message["reasoning_content"] = answer.reasoning
        if answer.calls:
            message["tool_calls"] = calls_of(answer)
        finish = answer.finish or ("tool_calls" if answer.calls else "stop")
        choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
        frame = {"id": "021760000000000", "object": "chat.completion", "created": 0, "model": body["model"]}
        return frame | {"choices": [choice], "service_tier": "default", "usage": self._usage(body, answer)}

    def chunks(self, body: dict[str, Any], answer: Answer, fault: Fault) -> list[bytes]:
        frame = {
            "id": "021760000000000",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": body["model"],
            "service_tier": "default",
            "usage": None,
        }

        def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
            choice: dict[str, Any] = {"index": 0, "delta": {"content": "", "role": "assistant"} | delta}
            if finish is not None:
                choice["finish_reason"] = finish
            return event_bytes(frame | {"choices": [choice]})

        events: list[bytes] = []
        if self._thinks(body):
            events += [chunk({"reasoning_content": piece}) for piece in PIECE.findall(answer.reasoning)]
        events += [chunk({"content": piece}) for piece in PIECE.findall(answer.text)]
        for index, call in enumerate(calls_of(answer)):
            name, arguments = call["function"]["name"], call["function"]["arguments"]
            begun = call | {"index": index, "function": {"name": name, "arguments": ""}}
            events.append(chunk({"tool_calls": [begun]}))
            for at in range(0, len(arguments), 5):
                more = {"index": index, "function": {"arguments": arguments[at : at + 5]}}
                events.append(chunk({"tool_calls": [more]}))
        events.append(chunk({}, answer.finish or ("tool_calls" if answer.calls else "stop")))
        if (body.get("stream_options") or {}).get("include_usage"):
            events.append(event_bytes(frame | {"choices": [], "usage": self._usage(body, answer)}))
        return events if fault.kind == "no_done" else [*events, b"data: [DONE]\n\n"]
