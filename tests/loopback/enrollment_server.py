"""DashScope's address for cloned voices on loopback: both families, strict, with faults to order.

`python -m tests.loopback.enrollment_server` runs it by itself.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

from tests.loopback.serving import Exchange, LoopbackServer

KEY = "sk-clone-0123456789"
PATH = "/api/v1/services/audio/tts/customization"
_NAMES = {"qwen-voice-enrollment": r"[A-Za-z0-9_]{1,16}", "voice-enrollment": r"[a-z0-9]{1,10}"}


class Refused(Exception):
    """What the vendor answers with an HTTP status of 400."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass
class Made:
    """One cloned voice."""

    id: str
    family: str
    model: str
    name: str
    sample: bytes | str
    """The recording, or where it is."""
    made: str
    polls: int = 0
    """How often it will still say that it is being deployed."""


class EnrollmentServer(LoopbackServer):
    """`voices` are those of the account."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.voices: list[Made] = []
        self.faults: list[str] = []
        """Of the next requests, one each: stall, drop, garbage, list, busy, page, empty, poor, refuse."""
        self.polls = 1
        self.urls_only = False
        """The older family takes a public address and nothing else."""

    @property
    def base_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def handle(self, exchange: Exchange) -> None:
        request = exchange.request
        said = {"request_id": "r-1"}
        if request.path != PATH or request.method != "POST":
            await exchange.json(404, said | {"code": "NotFound", "message": "no such path"})
            return
        if request.headers.get("authorization", "").lower() != f"bearer {KEY}".lower():
            await exchange.json(401, said | {"code": "InvalidApiKey", "message": "Invalid API-key provided."})
            return
        fault = self.faults.pop(0) if self.faults else ""
        match fault:
            case "stall":
                await exchange.stall()
            case "drop":
                exchange.drop()
            case "garbage":
                await exchange.whole(200, b"<html>", "text/html")
            case "list":
                await exchange.json(200, [1])
            case "busy":
                await exchange.json(
                    429, said | {"code": "Throttling.RateQuota", "message": f"slow down, {KEY}"}
                )
            case "page":
                await exchange.whole(502, b"<html>", "text/html")
            case _:
                try:
                    output = self._answer(request.json, fault)
                except Refused as refused:
                    await exchange.json(400, said | {"code": refused.code, "message": str(refused)})
                else:
                    await exchange.json(200, said | {"output": output, "usage": {"count": 1}})

    def _answer(self, asked: Any, fault: str) -> dict[str, Any]:
        try:
            family, given = asked["model"], asked["input"]
            action, names = given["action"], _NAMES[family]
        except (KeyError, TypeError):
            raise Refused("InvalidParameter", "model or input is wrong") from None
        if family == "voice-enrollment":
            action = {"create_voice": "create", "list_voice": "list", "delete_voice": "delete"}.get(
                action, {"query_voice": "query", "update_voice": "update"}.get(action, "?")
            )
        word = "voice_id" if family == "voice-enrollment" else "voice"
        match action:
            case "create":
                made = self._create(family, names, given, fault)
                more = {"fallback_mode": True, "fallback_reason": "no_valid_asr_segments"}
                return {} if fault == "empty" else {word: made.id} | (more if fault == "poor" else {})
            case "list":
                index, size = int(given.get("page_index", 0)), int(given.get("page_size", 10))
                mine = [each for each in self.voices if each.family == family]
                mine = [each for each in mine if each.name.startswith(given.get("prefix", ""))]
                page = mine[index * size : (index + 1) * size]
                return {"voice_list": [self._told(each, word, fault) for each in page], "page_size": size}
            case "query" | "delete" | "update":
                found = next((each for each in self.voices if each.id == given.get(word)), None)
                if found is None:
                    raise Refused("BadRequest.VoiceNotFound", f"no voice {given.get(word)}")
                if action == "delete":
                    self.voices.remove(found)
                    return {}
                if action == "update":
                    found.sample = given["url"]
                    return {}
                told = self._told(found, word, fault)
                found.polls = max(0, found.polls - 1)
                return told
            case _:
                raise Refused("InvalidParameter", f"no action {action}")

    def _create(self, family: str, names: str, given: dict[str, Any], fault: str) -> Made:
        if family == "voice-enrollment":
            name, sample, marker = given.get("prefix"), given.get("url"), "cosy"
        else:
            name, sample = given.get("preferred_name"), (given.get("audio") or {}).get("data")
            marker = "qwen-tts-vc"
        if not isinstance(name, str) or not re.fullmatch(names, name) or not given.get("target_model"):
            raise Refused("InvalidParameter", "the name or target_model is wrong")
        if not isinstance(sample, str):
            raise Refused("InvalidParameter", "a sample is missing")
        held: bytes | str = sample
        if not sample.startswith(("http://", "https://")):
            if self.urls_only and family == "voice-enrollment":
                raise Refused("InvalidParameter", "url is not valid")
            match = re.fullmatch(r"data:audio/(?:wav|mpeg|mp4);base64,(.+)", sample)
            try:
                held = base64.b64decode(match[1], validate=True) if match else b""
            except binascii.Error:
                held = b""
            if not held:
                raise Refused("Audio.DecoderError", "the sample can't be decoded")
        id_ = f"{marker}-{name}-voice-20261120{len(self.voices):04d}"
        made = Made(id_, family, given["target_model"], name, held, "2026-11-20 10:00:00", self.polls)
        self.voices.append(made)
        return made

    def _told(self, each: Made, word: str, fault: str) -> dict[str, Any]:
        told = {word: each.id, "gmt_create": each.made, "target_model": each.model}
        if each.family == "voice-enrollment":
            told["status"] = "UNDEPLOYED" if fault == "refuse" else "DEPLOYING" if each.polls else "OK"
        return told


async def _main() -> None:
    async with EnrollmentServer() as server:
        print(json.dumps({"http": f"http://127.0.0.1:{server.port}/api/v1", "key": KEY}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
