"""Volcengine's streaming recognition on loopback: the protocol of its document, strict, with faults to order.

What it hears is made by `spoken`: 100 ms of one sample value are a word, 800 ms of silence settle a sentence.
`python -m tests.loopback.volcengine_server` runs it by itself.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response

from tests.loopback.socket_serving import SocketServer

APP, ACCESS, ONE = "4711000815", "token-Qm9va3MgYXJlIGdvb2Q", "one-9d1c0f5b"
LOG_ID = "202611200101010A0B0C0D"
RESOURCES = {
    f"volc.{model}.sauc.{billing}"
    for model in ("bigasr", "seedasr")
    for billing in ("duration", "concurrent")
}
WORDS = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
MS = 100
_BLOCK = 16 * MS * 2
_PATHS = {"/api/v3/sauc/bigmodel_async", "/api/v3/sauc/bigmodel_nostream"}


def spoken(*numbers: int) -> bytes:
    """Sound of these words; 0 is silence."""
    return b"".join(struct.pack("<h", number) * (_BLOCK // 2) for number in numbers)


@dataclass
class Asked:
    """One request as the server saw it."""

    path: str
    headers: dict[str, str]
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    packets: list[int] = field(default_factory=list[int])
    """Bytes of each piece of sound."""
    sound: bytearray = field(default_factory=bytearray)
    ended: bool = False
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """The connection is over."""
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    """The configuration is there."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def heard(self, size: int) -> None:
        """Wait for so many bytes of sound."""
        while len(self.sound) < size:
            self.news.clear()
            await self.news.wait()


class Refused(Exception):
    """The client broke the protocol, or is refused anyway."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


class VolcengineServer(SocketServer[Asked]):
    """`handshakes` counts connections, `requests` are those whose configuration came, in order."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self.refusals: list[int] = []
        """HTTP statuses for the next handshakes."""
        self.faults: list[str] = []
        """Of the next requests, one each. Before any answer: stall_start, error_start, garbage_start, stale.
        After the first words: error, quota, close, stall, garbage, text, cut_gzip, no_gzip, bomb, huge, cut,
        wrong_json, early_end. At the end: stall_end, flood, no_speech. Throughout: drip, extra, positive,
        single, bare."""
        self.patience = 5.0
        """Seconds without a packet until a request is given up."""

    @property
    def requests(self) -> list[Asked]:
        return self._seen

    @property
    def url(self) -> str:
        return f"{self.host}/api/v3/sauc/bigmodel_async"

    def knock(self, connection: ServerConnection, request: Request) -> Response | None:
        def refuse(status: int, why: str) -> Response:
            return connection.respond(status, json.dumps({"error": why}))

        if self.refusals:
            return refuse(self.refusals.pop(0), "as ordered")
        if request.path not in _PATHS:
            return refuse(404, "no such path")
        headers = request.headers
        pair = headers.get("X-Api-App-Key"), headers.get("X-Api-Access-Key")
        if pair != (APP, ACCESS) and headers.get("X-Api-Key") != ONE:
            return refuse(401, "authentication failed")
        if headers.get("X-Api-Resource-Id") not in RESOURCES:
            return refuse(403, "the resource is not granted")
        return None

    def greet(self, connection: ServerConnection, request: Request, response: Response) -> None:
        """What the vendor adds to the handshake."""
        response.headers["X-Tt-Logid"] = LOG_ID
        if id_ := request.headers.get("X-Api-Connect-Id"):
            response.headers["X-Api-Connect-Id"] = id_

    async def talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        headers = {name.lower(): value for name, value in connection.request.headers.raw_items()}
        asked = Asked(connection.request.path, headers)
        try:
            await _Talk(self, connection, asked).run()
        finally:
            asked.gone.set()

    def begun(self, asked: Asked) -> str:
        self.note(asked)
        return self.faults.pop(0) if self.faults else ""


class _Talk:
    """One connection."""

    def __init__(self, server: VolcengineServer, connection: ServerConnection, asked: Asked) -> None:
        self._server = server
        self._connection = connection
        self._asked = asked
        self._numbered = self._zipped = False
        self._expected = 1
        self._answers = 0
        self._fault = ""
        self._settled: list[tuple[int, int, str]] = []

    async def run(self) -> None:
        try:
            kind, _, last, payload = await self._packet(first=True)
            if kind != 1 or last:
                raise Refused(45000001, "the first frame must be a full client request")
            self._asked.config = _configuration(payload)
            self._fault = self._server.begun(self._asked)
            if not await self._begin():
                return
            told = ""
            while not self._asked.ended:
                kind, _, last, payload = await self._packet()
                if kind != 2:
                    raise Refused(45000001, "expected sound")
                if len(payload) % 2:
                    raise Refused(45000151, "half a sample")
                self._asked.packets.append(len(payload))
                self._asked.sound += payload
                self._asked.ended = last
                self._asked.news.set()
                said = self._result()
                if last:
                    if not self._asked.sound:
                        raise Refused(45000002, "empty audio")
                    await self._end(said)
                elif (text := json.dumps(said)) != told and "nostream" not in self._asked.path:
                    told = text
                    await self._answer(said)
                    if any(self._asked.sound) and not await self._midway():
                        return
            await self._connection.close()
        except Refused as refused:
            await self._refuse(refused)

    async def _begin(self) -> bool:
        match self._fault:
            case "stall_start":
                await self._connection.wait_closed()
                return False
            case "stale":
                raise Refused(45000081, "waiting for the next packet timed out")
            case "error_start":
                raise Refused(55000031, f"the server is overloaded, says {ACCESS}")
            case "garbage_start":
                await self._connection.send(b"\x00\x01\x02")
                return False
            case "extra":
                await self._connection.send(self._frame(0b1011, 0, b"{}"))
        await self._answer({})
        return True

    async def _midway(self) -> bool:
        """What happens after the first words; says whether it goes on."""
        send = self._connection.send
        whole = gzip.compress(b'{"result": {"text": "never"}}')
        match self._fault:
            case "error":
                raise Refused(55000001, "something broke")
            case "quota":
                raise Refused(45000292, "the quota is used up")
            case "close":
                self._connection.transport.abort()
            case "stall":
                await self._connection.wait_closed()
            case "garbage":
                await send(b"\xff" * 64)
            case "text":
                await send("hello")
            case "cut_gzip":
                await send(_packed(0x90, 0x11, whole[:-12]))
            case "no_gzip":
                await send(_packed(0x90, 0x11, b"{}"))
            case "bomb":
                await send(_packed(0x90, 0x11, gzip.compress(bytes(4 << 20), 1)))
            case "huge":
                await send(_packed(0x90, 0x10, b'"' + b"a" * (2 << 20) + b'"'))
            case "cut":
                await send(_packed(0x90, 0x11, whole)[:-5])
            case "wrong_json":
                await send(_packed(0x90, 0x10, b"[" * 100_000))
            case "early_end":
                await send(self._frame(0b1001, 0b0011, b"{}"))
            case _:
                return True
        await self._connection.wait_closed()
        return False

    async def _end(self, said: dict[str, Any]) -> None:
        if self._fault == "stall_end":
            await self._connection.wait_closed()
        if self._fault == "flood":
            while True:
                await self._answer(said)
                await asyncio.sleep(0)
        if self._fault == "no_speech":
            await self._answer({"code": 1013, "message": "no valid speech"})
            await self._connection.wait_closed()
        await self._answer(said, last=True)
        if self._fault == "extra":
            await self._answer(said, last=True)

    def _result(self) -> dict[str, Any]:
        """Words from sound; everything is settled at the end."""
        sentences: list[list[tuple[int, str]]] = [[]]
        silence = 0
        sound = self._asked.sound
        settled = 0
        window = self._asked.config["request"].get("end_window_size", 800)
        for at in range(0, len(sound) - _BLOCK + 1, _BLOCK):
            (number,) = struct.unpack_from("<h", sound, at)
            silence = 0 if number else silence + MS
            if number:
                sentences[-1].append((at // 32, WORDS[number]))
            elif silence >= window and sentences[-1]:
                settled += 1
                sentences.append([])
        utterances = [
            {
                "text": " ".join(word for _, word in words)
                + ("." if (definite := number < settled or self._asked.ended) else ""),
                "start_time": words[0][0],
                "end_time": words[-1][0] + MS,
                "definite": definite,
                "words": [{"text": word, "start_time": at, "end_time": at + MS} for at, word in words],
            }
            for number, words in enumerate(sentences)
            if words
        ]
        text = " ".join(str(each["text"]) for each in utterances)
        if self._fault == "bare":
            return {"result": {"text": text}}
        if self._fault == "single":  # only the present sentence, and `result` as the document's table has it
            utterances = utterances[-1:]
            return {
                "result": [{"text": utterances[-1]["text"] if utterances else "", "utterances": utterances}]
            }
        return {
            "audio_info": {"duration": len(sound) // 32},
            "result": {"text": text, "utterances": utterances},
        }

    # -- frames

    async def _packet(self, *, first: bool = False) -> tuple[int, int | None, bool, bytes]:
        try:
            # A connection without a request is not waited for as the next packet is.
            async with asyncio.timeout(None if first else self._server.patience):
                message = await self._connection.recv()
        except TimeoutError:
            raise Refused(45000081, "waiting for the next packet timed out") from None
        if isinstance(message, str):
            raise Refused(45000001, "a text message")
        if len(message) < 8 or message[0] != 0x11 or message[3]:
            raise Refused(45000001, "a bad header")
        kind, flags, form, packing = message[1] >> 4, message[1] & 15, message[2] >> 4, message[2] & 15
        if flags > 3 or form > 1 or packing > 1 or (kind == 1 and form != 1):
            raise Refused(45000001, "flags, serialization or compression are wrong")
        at, last, sequence = 4, bool(flags & 2), None
        if first:
            self._numbered, self._zipped = bool(flags & 1), bool(packing)
        if bool(flags & 1) != self._numbered:
            raise Refused(45000001, "some frames have a sequence number and some have none")
        if self._numbered:
            (sequence,) = struct.unpack_from(">i", message, at)
            if sequence != (-self._expected if last else self._expected):
                raise Refused(45000001, f"sequence {sequence} instead of {self._expected}")
            self._expected += 1
            at += 4
        (size,) = struct.unpack_from(">I", message, at)
        payload = message[at + 4 :]
        if len(payload) != size:
            raise Refused(45000001, "the payload size is wrong")
        try:
            return kind, sequence, last, gzip.decompress(payload) if packing else payload
        except (OSError, EOFError, zlib.error):
            raise Refused(45000001, "no gzip") from None

    def _frame(self, kind: int, flags: int, payload: bytes) -> bytes:
        payload = gzip.compress(payload) if self._zipped else payload
        head = bytes((0x11, kind << 4 | flags, 0x11 if self._zipped else 0x10, 0))
        self._answers += 1
        sequence = -self._answers if flags & 2 and self._fault != "positive" else self._answers
        number = struct.pack(">i", sequence) if flags & 1 else b""
        return head + number + struct.pack(">I", len(payload)) + payload

    async def _answer(self, said: dict[str, Any], *, last: bool = False) -> None:
        flags = (1 if self._numbered else 0) | (2 if last else 0)
        frame = self._frame(0b1001, flags, json.dumps(said).encode())
        if self._fault != "drip":
            await self._connection.send(frame)
            return
        for byte in Frame(Opcode.BINARY, frame).serialize(mask=False):
            self._connection.transport.write(bytes((byte,)))
            await asyncio.sleep(0)

    async def _refuse(self, refused: Refused) -> None:
        why = json.dumps({"error": str(refused)}).encode()
        await self._connection.send(b"\x11\xf0\x10\x00" + struct.pack(">II", refused.code, len(why)) + why)
        await self._connection.wait_closed()  # it stays open, and is of no use any more


def _packed(kind: int, form: int, payload: bytes) -> bytes:
    """An answer without a number, whatever the payload is."""
    return bytes((0x11, kind, form, 0)) + struct.pack(">I", len(payload)) + payload


def _configuration(payload: bytes) -> dict[str, Any]:
    try:
        said = json.loads(payload)
        audio, request = said["audio"], said["request"]
        fine = (
            audio["format"] in ("pcm", "wav", "ogg", "mp3")
            and audio.get("rate", 16000) == 16000
            and audio.get("bits", 16) == 16
            and audio.get("channel", 1) in (1, 2)
            and request["model_name"] == "bigmodel"
        )
        if context := (request.get("corpus") or {}).get("context"):
            words = json.loads(context).get("hotwords", [])
            fine = fine and all(isinstance(each["word"], str) for each in words)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refused(45000001, "the configuration is wrong") from None
    if not fine:
        raise Refused(45000001, "the configuration is wrong")
    return said


async def _main() -> None:
    async with VolcengineServer() as server:
        print(server.url, APP, ACCESS, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
