"""An OpenAI-compatible server on loopback: strict in what it takes, able to fail in every way we know of.

```python
async with OpenAIServer() as server:
    server.say("Hello.", "Nice to meet you.")        # the next two replies; otherwise one of its own
    server.fault("close", after=3)                    # the next request is cut after three events
    model = OpenAIModel(OpenAIModel.Options(base_url=server.base_url, api_key=server.key))
    ...
    await server.requests[0].disconnected.wait()      # when the server saw the client go
```
`python -m tests.loopback.openai_server --help` runs it in a process of its own, with settable delays.
The official SDK is the judge of what it answers: `test_openai_server.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import email.parser
import email.policy
import json
import re
import struct
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.loopback import sound
from tests.loopback.serving import Exchange, LoopbackServer, Received

PIECE = re.compile(r"\s*(?:[^\s\u3000-\uffef]+|[\u3000-\uffef])|\s+")
CHAT = {
    *("model", "messages", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls"),
    *("temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "response_format", "seed"),
    *("reasoning_effort", "verbosity", "prompt_cache_key", "service_tier", "user", "n", "logprobs"),
    *("frequency_penalty", "presence_penalty", "metadata", "store"),
}
_TRANSCRIPTION = {
    *("file", "model", "language", "languages[]", "keywords[]", "prompt", "response_format", "temperature"),
    *("stream", "include[]", "chunking_strategy", "timestamp_granularities[]"),
}
_SPEECH = {"model", "input", "voice", "instructions", "response_format", "speed", "stream_format"}


class BadRequest(Exception):
    """What the client sent would be refused by the real server, too."""

    def __init__(self, message: str, status: int = 400, param: str | None = None, code: str | None = None):
        super().__init__(message)
        self.status, self.param, self.code = status, param, code


@dataclass
class Answer:
    """What a chat completion says."""

    text: str = "Hello from the loopback server. It is a pleasure to talk with you."
    reasoning: str = ""
    reasoning_field: str = "reasoning_content"
    calls: Sequence[tuple[str, dict[str, Any]]] = ()
    """(name, arguments)"""
    finish: str = ""
    """Empty: what fits."""


@dataclass
class Fault:
    """How the next request goes wrong. See `OpenAIServer.fault`."""

    kind: str
    path: str = ""
    after: int = 0
    status: int = 500
    message: str = "the fault was ordered"
    code: str | None = None
    retry_after: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass
class Pace:
    """How slow it is. Seconds; 0 is at once."""

    first_token: float = 0.0
    tokens_per_second: float = 0.0
    transcription: float = 0.0
    first_sound: float = 0.0
    sound_speed: float = 0.0
    """Sound comes so many times as fast as it plays; 0: at once."""


FAULTS = {
    *("refuse", "stall_head", "close_head", "html", "garbage", "empty"),
    *("stall", "close", "end", "error"),
    *("drip", "split", "joined", "twice", "unknown", "no_done", "no_index"),
}


class OpenAIServer(LoopbackServer):
    """`/v1/chat/completions`, `/v1/audio/transcriptions`, `/v1/audio/speech`, `/v1/models`."""

    key = "sk-loopback-0123456789"
    root = "/v1"
    """Where the endpoints begin."""

    def __init__(self, port: int = 0, *, pace: Pace | None = None, check_key: bool = True) -> None:
        super().__init__(port)
        self.pace = pace or Pace()
        self.check_key = check_key
        self.models = {"loopback", "gpt-5.4-mini", "gpt-transcribe", "gpt-4o-mini-tts", "whisper-1"}
        self.also_knows: set[str] = set()
        """Fields of a dialect that it takes besides OpenAI's."""
        self.takes_chunks = True
        """Accepts uploads without a Content-Length."""
        self.transcripts: deque[str] = deque()
        self.sound_kind = ""
        """Speak in this format whatever was asked for; its Content-Type is then honest."""
        self.sound_type = ""
        """Claim this Content-Type."""
        self._answers: deque[Answer] = deque()
        self._faults: list[Fault] = []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.root}"

    def say(self, *texts: str) -> None:
        """Queue replies."""
        self._answers.extend(Answer(text) for text in texts)

    def answer(self, answer: Answer) -> None:
        """Queue a reply with reasoning or tool calls."""
        self._answers.append(answer)

    def fault(self, kind: str, *, path: str = "", times: int = 1, **more: Any) -> None:
        """Let the next request go wrong (of a path that ends so, if one is given).

        refuse (status, message, code, retry_after) · stall_head, close_head: before anything is answered ·
        html, garbage, empty · after `after` pieces: stall, close (the connection breaks), end (a proper end,
        but no finish), error (an error frame) · drip: a byte at a time · split, joined: events and network
        pieces out of step · twice: two finishes · unknown: events, comments and fields nobody knows ·
        no_done: no [DONE], and the connection stays open · no_index: tool calls without index
        """
        if kind not in FAULTS:
            raise ValueError(kind)
        self._faults += [Fault(kind, path, **more) for _ in range(times)]

    async def handle(self, exchange: Exchange) -> None:
        request = exchange.request
        fault = next((fault for fault in self._faults if request.path.endswith(fault.path)), Fault("none"))
        if fault in self._faults:
            self._faults.remove(fault)
        try:
            match fault.kind:
                case "refuse":
                    raise BadRequest(fault.message, fault.status, code=fault.code)
                case "stall_head":
                    await exchange.stall()
                case "close_head":
                    exchange.drop()
                case "html":
                    await exchange.whole(200, b"<!doctype html><title>Welcome</title>", "text/html")
                    return
            if self.check_key:
                self.authorize(request.headers.get("authorization", ""))
            match request.method, request.path.removeprefix(self.root):
                case "GET", "/models":
                    models = [
                        {"id": name, "object": "model", "created": 0, "owned_by": "us"}
                        for name in self.models
                    ]
                    await exchange.json(200, {"object": "list", "data": models})
                case "POST", "/chat/completions":
                    await self._chat(exchange, fault)
                case "POST", "/audio/transcriptions":
                    await self._transcribe(exchange, fault)
                case "POST", "/audio/speech":
                    await self._speak(exchange, fault)
                case _:
                    raise BadRequest(f"Invalid URL ({request.method} {request.path})", 404)
        except BadRequest as error:
            headers = {"retry_after": fault.retry_after} if fault.retry_after else {}
            await exchange.json(error.status, self.refusal(error), **headers)

    def authorize(self, header: str) -> None:
        """Raises BadRequest for a key that is not ours."""
        if header != f"Bearer {self.key}":
            raise BadRequest(f"Incorrect API key provided: {header}", 401, code="invalid_api_key")

    def refusal(self, error: BadRequest) -> dict[str, Any]:
        """The body of an answer that is an error."""
        words = {"message": str(error), "type": "invalid_request_error"}
        return {"error": words | {"param": error.param, "code": error.code}}

    def broken(self, fault: Fault) -> dict[str, Any]:
        """What is said in mid-stream when something goes wrong."""
        return {"error": {"message": fault.message, "type": "server_error", "code": fault.code}}

    def completion(self, body: dict[str, Any], answer: Answer, fault: Fault) -> dict[str, Any]:
        """An answer in one piece."""
        return _completion(body, answer, fault)

    def chunks(self, body: dict[str, Any], answer: Answer, fault: Fault) -> list[bytes]:
        """A streamed answer as the events of its stream."""
        return _chunks(body, answer, fault)

    # ---------------------------------------------------------------- chat

    async def _chat(self, exchange: Exchange, fault: Fault) -> None:
        body = _json_body(exchange.request)
        self.check_chat(body)
        answer = self._answers.popleft() if self._answers else Answer()
        if fault.kind == "empty":
            answer = Answer("")
        await asyncio.sleep(self.pace.first_token)
        if not body.get("stream"):
            if fault.kind == "garbage":
                await exchange.whole(200, b'{"choices": [{"mess', "application/json")
                return
            await exchange.json(200, self.completion(body, answer, fault))
            return
        events = self.chunks(body, answer, fault)
        await self._stream(exchange, events, fault)

    def check_chat(self, body: dict[str, Any]) -> None:
        for name in body:
            if name not in CHAT and name not in self.also_knows:
                raise BadRequest(f"Unrecognized request argument supplied: {name}", param=name)
        self._check_model(body.get("model"))
        if "max_tokens" in body and "max_completion_tokens" in body:
            raise BadRequest("max_tokens and max_completion_tokens cannot both be set", param="max_tokens")
        if "stream_options" in body and not body.get("stream"):
            raise BadRequest("stream_options is only allowed when stream is true", param="stream_options")
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            raise BadRequest("messages must be a list that is not empty", param="messages")
        open_calls: set[str] = set()
        for number, message in enumerate(messages):
            open_calls = check_message(message, number, open_calls)
        if open_calls:
            raise BadRequest(f"tool_call_ids did not have response messages: {', '.join(open_calls)}")
        for tool in body.get("tools", []):
            function = tool.get("function", {})
            if tool.get("type") != "function" or not re.fullmatch(r"[\w-]{1,64}", function.get("name", "")):
                raise BadRequest("a tool needs type and function.name", param="tools")
            if function.get("parameters", {}).get("type") != "object":
                raise BadRequest("function.parameters must be a JSON Schema of an object", param="tools")

    def _check_model(self, model: object) -> None:
        if not isinstance(model, str) or not model:
            raise BadRequest("you must provide a model parameter", param="model")
        if model not in self.models:
            raise BadRequest(f"The model `{model}` does not exist", 404, "model", "model_not_found")

    async def _stream(self, exchange: Exchange, events: list[bytes], fault: Fault) -> None:
        """Send server-sent events, in the manner of the fault."""
        await exchange.head(200, {"content-type": "text/event-stream; charset=utf-8"})
        began = asyncio.get_running_loop().time()
        waiting = b""
        for number, event in enumerate(events):
            if fault.kind in ("stall", "close", "end", "error", "garbage") and number >= fault.after:
                await self._break(exchange, fault)
                return
            if self.pace.tokens_per_second:
                due = began + number / self.pace.tokens_per_second
                await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            match fault.kind:
                case "drip":
                    for at in range(len(event)):
                        await exchange.data(event[at : at + 1])
                case "split":
                    await exchange.data(waiting + event[: len(event) // 2])
                    waiting = event[len(event) // 2 :]
                case "joined" if number % 2 == 0 and number + 1 < len(events):
                    waiting = event
                case _:
                    await exchange.data(waiting + event)
                    waiting = b""
        if waiting:
            await exchange.data(waiting)
        if fault.kind == "no_done":
            await exchange.stall()
        await exchange.end()

    async def _break(self, exchange: Exchange, fault: Fault) -> None:
        match fault.kind:
            case "stall":
                await exchange.stall()
            case "close":
                exchange.drop()
            case "error":
                await exchange.data(event_bytes(self.broken(fault)))
            case "garbage":
                await exchange.data(b"data: {not json\n\n")
        await exchange.end()

    # ---------------------------------------------------------------- transcription

    async def _transcribe(self, exchange: Exchange, fault: Fault) -> None:
        request = exchange.request
        if request.chunked and not self.takes_chunks:
            raise BadRequest("Length Required", 411)
        form = multipart(request)
        for name in form:
            if name not in _TRANSCRIPTION:
                raise BadRequest(f"Unrecognized request argument supplied: {name}", param=name)
        self._check_model(form.get("model", [b""])[0].decode())
        pcm = wav_sound(form.get("file", [b""])[0])
        if len(pcm) < 3_200:
            raise BadRequest("Audio file is too short. Minimum audio length is 0.1 seconds.", param="file")
        text = self.transcripts.popleft() if self.transcripts else "hello world"
        text = "" if fault.kind == "empty" else text
        await asyncio.sleep(self.pace.transcription)
        wants = form.get("response_format", [b"json"])[0]
        if form.get("stream") == [b"true"]:
            await self._stream(exchange, _transcript_events(text, fault), fault)
        elif fault.kind == "garbage":
            await exchange.whole(200, b"{not json", "application/json")
        elif wants == b"text":
            await exchange.whole(200, text.encode() + b"\n", "text/plain; charset=utf-8")
        elif wants == b"json":
            await exchange.json(200, {"text": text, "usage": {"type": "duration", "seconds": 1}})
        else:
            raise BadRequest("response_format must be json or text here", param="response_format")

    # ---------------------------------------------------------------- speech

    async def _speak(self, exchange: Exchange, fault: Fault) -> None:
        body = _json_body(exchange.request)
        for name in body:
            if name not in _SPEECH and name not in self.also_knows:
                raise BadRequest(f"Unrecognized request argument supplied: {name}", param=name)
        self._check_model(body.get("model"))
        text, kind = body.get("input"), body.get("response_format", "mp3")
        if not isinstance(text, str) or not text or len(text) > 4_096:
            raise BadRequest("input must be a text of 1 to 4096 characters", param="input")
        if not isinstance(body.get("voice"), str) or not body["voice"]:
            raise BadRequest("voice is missing", param="voice")
        if kind not in sound.MIME:
            raise BadRequest(
                f"response_format {kind!r} is not one of {list(sound.MIME)}", param="response_format"
            )
        if not 0.25 <= body.get("speed", 1.0) <= 4.0:
            raise BadRequest("speed must lie between 0.25 and 4", param="speed")
        kind = self.sound_kind or kind
        pcm = sound.tone(text)
        data = b"" if fault.kind == "empty" else await asyncio.to_thread(sound.encode, pcm, kind)
        if fault.kind == "garbage":
            data = b"\xde\xad\xbe\xef" * 2_000
        await asyncio.sleep(self.pace.first_sound)
        if fault.kind == "error":
            await exchange.json(200, {"error": {"message": fault.message, "code": fault.code}})
            return
        await exchange.head(200, {"content-type": self.sound_type or sound.MIME[kind]})
        began = asyncio.get_running_loop().time()
        size = 1 if fault.kind == "drip" else 1_999  # odd, so that samples are torn apart
        for number, at in enumerate(range(0, len(data), size)):
            if fault.kind in ("stall", "close") and number >= fault.after:
                await self._break(exchange, fault)
            await exchange.data(data[at : at + size])
            if self.pace.sound_speed:
                due = began + at / len(data) * len(pcm) / 2 / sound.RATE / self.pace.sound_speed
                await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        await exchange.end()


# -------------------------------------------------------------------- bodies


def _json_body(request: Received) -> dict[str, Any]:
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise BadRequest("you must send application/json")
    try:
        body = request.json
    except ValueError as error:
        raise BadRequest(f"We could not parse the JSON body of your request: {error}") from None
    if not isinstance(body, dict):
        raise BadRequest("the body must be an object")
    return body


def check_message(message: Any, number: int, open_calls: set[str]) -> set[str]:
    where = f"messages[{number}]"
    role = message.get("role")
    if role == "tool":
        if message.get("tool_call_id") not in open_calls:
            raise BadRequest("a tool message must follow the tool_calls it answers", param=where)
        return open_calls - {message["tool_call_id"]}
    if open_calls:
        raise BadRequest(
            f"tool_call_ids did not have response messages: {', '.join(open_calls)}", param=where
        )
    if role not in ("system", "developer", "user", "assistant"):
        raise BadRequest(f"{role!r} is no role", param=where)
    content = message.get("content")
    if isinstance(content, list):
        for part in content:
            if part.get("type") == "image_url":
                found = re.fullmatch(r"data:image/(?:png|jpeg);base64,(.+)", part["image_url"]["url"])
                if role != "user" or found is None:
                    raise BadRequest("an image must be a data URL of the user", param=where)
                base64.b64decode(found[1], validate=True)
            elif part.get("type") != "text" or not isinstance(part.get("text"), str):
                raise BadRequest("a part is either text or image_url", param=where)
    elif not isinstance(content, str) and not (role == "assistant" and message.get("tool_calls")):
        raise BadRequest("content must be a text", param=where)
    for call in message.get("tool_calls", []):
        if call.get("type") != "function" or not isinstance(call["function"].get("arguments"), str):
            raise BadRequest("a tool call is a function with arguments as a text", param=where)
    return {call["id"] for call in message.get("tool_calls", [])}


def multipart(request: Received) -> dict[str, list[bytes]]:
    """The parts of a form by name. Raises BadRequest for anything that is not exactly a form."""
    kind = request.headers.get("content-type", "")
    found = re.fullmatch(r'multipart/form-data; ?boundary="?([^";]{1,70})"?', kind)
    if found is None:
        raise BadRequest("you must send multipart/form-data with a boundary", 415)
    body = b"\r\n" + bytes(request.body)
    mark = b"\r\n--" + found[1].encode()
    first, *parts = body.split(mark)
    if first or not parts or parts[-1].rstrip(b"\r\n") != b"--":
        raise BadRequest("the form is broken off or does not begin with its boundary")
    form: dict[str, list[bytes]] = {}
    for part in parts[:-1]:
        head, gap, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if not gap:
            raise BadRequest("a part has no head")
        headers = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + b"\r\n\r\n")
        disposition = headers["content-disposition"]
        name = disposition.params.get("name") if disposition is not None else None
        if disposition is None or disposition.content_disposition != "form-data" or not name:
            raise BadRequest("a part has no name")
        if (name == "file") != ("filename" in disposition.params):
            raise BadRequest("the file, and nothing else, needs a file name")
        form.setdefault(name, []).append(content)
    return form


def wav_sound(file: bytes) -> bytes:
    """The samples of a WAV file; 0xFFFFFFFF means that its length was not known. Raises BadRequest."""
    if file[:4] != b"RIFF" or file[8:12] != b"WAVE":
        raise BadRequest("Invalid file format. Supported formats: wav", param="file")
    at, plain = 12, False
    while at + 8 <= len(file):
        name, size = struct.unpack_from("<4sI", file, at)
        at += 8
        if name == b"fmt ":
            layout, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", file, at)
            plain = (layout, channels, rate, bits) == (1, 1, 16_000, 16)
        elif name == b"data":
            if not plain or (size != 0xFFFFFFFF and size != len(file) - at):
                raise BadRequest(
                    "the WAV file is not 16 kHz mono s16le, or its length is wrong", param="file"
                )
            return file[at:]
        at += size + size % 2
    raise BadRequest("the WAV file has no data", param="file")


def event_bytes(body: object, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()


def usage_of(body: dict[str, Any], answer: Answer) -> dict[str, int]:
    sent = sum(len(str(message.get("content") or "").split()) for message in body["messages"])
    said = len(PIECE.findall(answer.text))
    return {"prompt_tokens": sent, "completion_tokens": said, "total_tokens": sent + said}


def calls_of(answer: Answer) -> list[dict[str, Any]]:
    return [
        {"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": json.dumps(args)}}
        for at, (name, args) in enumerate(answer.calls)
    ]


def _completion(body: dict[str, Any], answer: Answer, fault: Fault) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None}
    if answer.reasoning:
        message[answer.reasoning_field] = answer.reasoning
    if answer.calls:
        message["tool_calls"] = calls_of(answer)
    finish = answer.finish or ("tool_calls" if answer.calls else "stop")
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body["model"],
        "choices": [choice],
        "usage": usage_of(body, answer),
    }


def _chunks(body: dict[str, Any], answer: Answer, fault: Fault) -> list[bytes]:
    """A streamed answer as the events of its stream."""
    frame = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": body["model"]}

    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return event_bytes(frame | {"choices": [choice], **more})

    events = [chunk({"role": "assistant", "content": ""})]
    events += [chunk({answer.reasoning_field: piece}) for piece in PIECE.findall(answer.reasoning)]
    events += [chunk({"content": piece}) for piece in PIECE.findall(answer.text)]
    calls = calls_of(answer)
    for index, call in enumerate(calls):
        numbered: dict[str, Any] = {} if fault.kind == "no_index" else {"index": index}
        if fault.kind == "no_index":
            events.append(chunk({"tool_calls": [call]}))
            continue
        empty = call | {"function": {"name": call["function"]["name"], "arguments": ""}}
        events.append(chunk({"tool_calls": [numbered | empty]}))
    if fault.kind != "no_index":  # the arguments of all calls interleave, three characters at a time
        texts = [call["function"]["arguments"] for call in calls]
        for at in range(0, max(map(len, texts), default=0), 3):
            for index, text in enumerate(texts):
                if piece := text[at : at + 3]:
                    events.append(chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}))
    finish = chunk({}, answer.finish or ("tool_calls" if answer.calls else "stop"))
    events += [finish, finish] if fault.kind == "twice" else [finish]
    if (body.get("stream_options") or {}).get("include_usage"):
        events.append(event_bytes(frame | {"choices": [], "usage": usage_of(body, answer)}))
    if fault.kind == "unknown":
        strange = chunk({"content": None, "mood": "odd"}, obfuscation="xxxx")
        events = [
            b": ping\n\n",
            event_bytes({"type": "keepalive"}, "ping"),
            b"retry: 5\nid: 7\n\n",
            strange,
            *events,
        ]
    return events if fault.kind == "no_done" else [*events, b"data: [DONE]\n\n"]


def _transcript_events(text: str, fault: Fault) -> list[bytes]:
    deltas = [event_bytes({"type": "transcript.text.delta", "delta": piece}) for piece in PIECE.findall(text)]
    usage = {"type": "duration", "seconds": 1}
    done = event_bytes({"type": "transcript.text.done", "text": text, "usage": usage})
    strange = [b": ping\n\n", event_bytes({"type": "transcript.mood"})] if fault.kind == "unknown" else []
    return [*strange, *deltas, done, *([done] if fault.kind == "twice" else [])]


async def main() -> None:
    parser = argparse.ArgumentParser(description="A loopback OpenAI server with settable delays.")
    parser.add_argument("--port", type=int, default=0, help="0: any free one; it is printed")
    for name, value in vars(Pace()).items():
        parser.add_argument("--" + name.replace("_", "-"), type=float, default=value, help=f"default {value}")
    options = vars(parser.parse_args())
    async with OpenAIServer(options.pop("port"), pace=Pace(**options), check_key=False) as server:
        print(server.base_url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
