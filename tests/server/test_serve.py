"""The whole server on real sockets: talking, P1, origins, ports, TLS, draining, signals."""

import asyncio
import contextlib
import json
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
import websockets
from websockets.frames import Opcode

from aizuchi.errors import ConfigError
from aizuchi.events import LinkClosed
from aizuchi.ports import Delivery, Limits
from aizuchi.server import serve as serving_module
from aizuchi.server import tls as certificates
from aizuchi.server.admission import Token
from aizuchi.server.listening import open_sockets, url
from aizuchi.server.mounts import Mount
from aizuchi.server.serve import serve
from tests.server.fakes import FRAME, FakeSession, ToyWire, make_house
from tests.server.sockets import masked, read_frame, serving, stop_reading, upgraded, ws

pytestmark = pytest.mark.network


class Eager(ToyWire):
    """Sound as fast as the socket takes it."""

    DELIVERY = Delivery(paced=False)


@contextlib.asynccontextmanager
async def hello(base: str, house: Any, **fields: Any):
    """A client that has said hello, its session and the welcome."""
    async with websockets.connect(ws(base), compression=None) as client:
        await client.send(json.dumps({"type": "hello", **fields}))
        welcome = json.loads(await client.recv())
        assert welcome["type"] == "welcome", welcome
        live = house.sessions.get(welcome["session"])
        assert isinstance(live.session, FakeSession)
        yield client, live.session, welcome


async def read_until(client: Any, kind: str, times: int = 1) -> list[str | bytes]:
    """What arrives up to and with the so-many-th message of a kind."""
    got: list[str | bytes] = []
    async with asyncio.timeout(10):
        while times:
            got.append(message := await client.recv())
            times -= isinstance(message, str) and json.loads(message)["type"] == kind
    return got


async def test_a_text_turn():
    """Text goes in and comes back with sound, over a real socket, subprotocol and all."""
    house = make_house()
    async with serving(house, ToyWire) as base, hello(base, house) as (client, session, _):
        await client.send('{"type": "text", "text": "hello"}')
        await read_until(client, "state", 2)
        session.speak("Hi there.", ms=100)
        session.finish()
        got = await read_until(client, "ended")
        assert json.loads(got[0])["text"] == "Hi there."
        sound = b"".join(frame[FRAME.size :] for frame in got if isinstance(frame, bytes))
        assert len(sound) == 100 * 32
    async with (
        serving(make_house(), ToyWire) as base,
        websockets.connect(ws(base), subprotocols=["nope", "toy.v2", "toy.v1"]) as client,  # type: ignore[list-item]
    ):
        assert client.subprotocol == "toy.v1", "the server's own preference"


async def test_nothing_of_a_dead_turn_on_the_wire():
    """Fifty interrupts in full flow: after each acknowledgement no frame of an older generation arrives."""
    house = make_house()
    async with serving(house, Eager) as base, hello(base, house) as (client, session, _):
        for round_ in range(50):
            await client.send('{"type": "text", "text": "go"}')
            await read_until(client, "state", 2)
            session.speak("word", ms=4000)
            dead = session.generation
            for _ in range(round_ % 5):
                await client.recv()
            await client.send('{"type": "interrupt"}')
            await read_until(client, "interrupted")
            # A further text begins the next round; everything up to its state is looked at.
            await client.send('{"type": "text", "text": "next"}')
            for frame in await read_until(client, "state", 3):
                generation = (
                    FRAME.unpack_from(frame)[0]
                    if isinstance(frame, bytes)
                    else json.loads(frame)["generation"]
                )
                assert generation > dead


async def test_a_client_that_does_not_read_is_cut_off_alone():
    """A stuck client is dropped after the drain timeout; another one notices nothing."""

    class Narrow(Eager):
        LIMITS: ClassVar[Limits] = Limits(ping_interval=None, drain_timeout=0.3)

    house = make_house()
    async with serving(house, Narrow) as base, hello(base, house) as (client, _, _), asyncio.timeout(20):
        reader, writer = await upgraded(ws(base))
        writer.write(masked(Opcode.TEXT, b'{"type": "hello"}'))
        welcome = json.loads((await read_frame(reader))[1])
        live = house.sessions.get(welcome["session"])
        assert live is not None
        session: Any = live.session
        stop_reading(writer)
        session.begin("go")
        gone = left(session)
        session.speak("words", ms=300_000)
        await gone.wait()
        assert live.parked
        await client.send('{"type": "ping"}')
        await read_until(client, "pong")
        writer.close()


def left(session: FakeSession) -> asyncio.Event:
    """Set when a link of the session is gone."""
    gone = asyncio.Event()
    session.timeline.follow(lambda entry: gone.set() if isinstance(entry.event, LinkClosed) else None)
    return gone


async def test_a_lost_connection_parks():
    """A connection that breaks without a goodbye can be resumed over a new one."""
    house = make_house()
    async with serving(house, ToyWire) as base:
        async with hello(base, house) as (client, session, welcome):
            await client.send('{"type": "text", "text": "go"}')
            await read_until(client, "state", 2)
            session.speak("Once upon")
            await read_until(client, "text")
            gone = left(session)
            client.transport.abort()
            async with asyncio.timeout(10):
                await gone.wait()
        again = {"session": welcome["session"], "resume_token": welcome["resume_token"]}
        async with hello(base, house, **again) as (_, same, told):
            assert same is session and told["unfinished"] == "Once upon"


@pytest.mark.parametrize(
    ("origin", "fine"),
    [(None, True), ("http://localhost:3000", True), ("null", True), ("https://evil.example", False)],
)
async def test_origins(origin: str | None, fine: bool):
    """A stranger's page is answered 403 at the handshake."""
    async with serving(make_house(), ToyWire) as base:
        connecting = websockets.connect(ws(base), origin=origin)  # type: ignore[arg-type]
        if fine:
            async with connecting:
                pass
        else:
            with pytest.raises(websockets.InvalidStatus) as refused:
                async with connecting:
                    pass
            assert refused.value.response.status_code == 403


async def test_tokens_by_header():
    """An Authorization header lets a program in; a token in the URL does not."""
    house = make_house(tokens=[Token("secret", "alice")])
    async with serving(house, ToyWire) as base:
        headers = {"Authorization": "Bearer secret"}
        async with websockets.connect(ws(base), additional_headers=headers) as client:
            await client.send('{"type": "hello"}')
            assert json.loads(await client.recv())["type"] == "welcome"
        async with websockets.connect(ws(base, "/toy?token=secret")) as client:
            await client.send('{"type": "hello"}')
            with pytest.raises(websockets.ConnectionClosed) as closed:
                while True:
                    await client.recv()
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401


async def test_several_ports_lead_to_one_house(caplog):
    """Extra ports serve the same sessions; one that is busy is left out with a warning."""
    house = make_house()
    with socket.create_server(("127.0.0.1", 0)) as busy, socket.create_server(("127.0.0.1", 0)) as free:
        taken, other = busy.getsockname()[1], free.getsockname()[1]
        free.close()
        listen = [("127.0.0.1", taken), ("127.0.0.1", other)]
        async with serving(house, ToyWire, listen=listen), hello(f"http://127.0.0.1:{other}", house):
            assert len(house.sessions) == 1
    assert f"port {taken}" in caplog.text and "in use" in caplog.text


async def test_the_main_port_in_use_is_one_sentence():
    """A busy main port ends the start with a hint, before any provider was entered."""
    house = make_house()
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"port {port}: it is in use; .*--port"):
            await serve(house, port=port, table=[])
    assert not house.entered


@pytest.mark.parametrize("port", [-1, 65536])
def test_an_impossible_port_is_one_sentence(port: int):
    """A number that is no port is refused like any other."""
    with pytest.raises(ConfigError, match="is no port number"):
        open_sockets("127.0.0.1", port)


@pytest.mark.parametrize("hosts", [("0.0.0.0", []), ("127.0.0.1", [("0.0.0.0", 0)]), ("::", []), ("", [])])
async def test_no_open_house_by_accident(hosts: tuple[str, list[tuple[str, int]]]):
    """Reachable from other machines without a token the server does not start, unless told to be open."""
    host, listen = hosts
    with pytest.raises(ConfigError, match=r"without any token.*--open"):
        await serve(make_house(), host=host, port=0, listen=listen, table=[])


@pytest.mark.parametrize("settings", [{"open_": True}, {"tokens": [Token("secret")]}])
async def test_an_open_house_on_purpose(settings: dict[str, Any]):
    """With `--open`, or with a token, it does."""
    async with serving(make_house(**settings), ToyWire, host="0.0.0.0") as base:
        assert base.startswith("http://127.0.0.1:"), "the wildcard is told as an address one can open"


async def test_tls_on_the_same_port(tmp_path: Path):
    """https and wss on one port with our own certificate, checked by the client."""
    made = certificates.own_certificate(tmp_path, [])
    trust = ssl.create_default_context(cafile=str(made.cert))
    house = make_house()
    async with serving(house, ToyWire, tls=made) as base:
        assert base.startswith("https://")
        async with httpx.AsyncClient(verify=trust) as http:
            assert (await http.get(base + "health")).json()["status"] == "healthy"
        async with websockets.connect(ws(base), ssl=trust) as client:
            await client.send('{"type": "hello"}')
            assert json.loads(await client.recv())["type"] == "welcome"


async def test_stop_drains():
    """On stop a running turn may end, its client is told, closed with 1012, and `serve` returns."""
    house = make_house()
    stop = asyncio.Event()
    ready: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    running = asyncio.ensure_future(
        serve(
            house,
            port=0,
            stop=stop,
            on_ready=ready.set_result,
            drain=5.0,
            table=[Mount(ToyWire, lambda _house: ToyWire())],
        )
    )
    base = (await ready)[0]
    async with hello(base, house) as (client, session, _):
        await client.send('{"type": "text", "text": "go"}')
        await read_until(client, "state", 2)
        stop.set()
        await session.draining.wait()
        session.speak("The end.")
        session.finish()
        got = await read_until(client, "error")
        assert [json.loads(each)["type"] for each in got if isinstance(each, str)] == [
            "text",
            "ended",
            "error",
        ]
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
    async with asyncio.timeout(10):
        await running
    assert session.closed == "shutdown"


async def test_only_a_process_of_its_own_is_calmed(monkeypatch: pytest.MonkeyPatch):
    """A server inside somebody else's process leaves their garbage collector alone."""
    calmed: list[bool] = []
    monkeypatch.setattr(serving_module, "calm", lambda: calmed.append(True))
    async with serving(make_house()):
        assert calmed == []
    async with serving(make_house(), own_process=True):
        assert calmed == [True]


def test_what_the_start_made_is_not_collected_again():
    """`calm` takes all there is out of the collector's sight, and makes full collections rare."""
    code = (
        "import gc; from aizuchi.server.serve import calm; calm();"
        "print(gc.get_freeze_count(), *gc.get_threshold())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    frozen, *thresholds = map(int, done.stdout.split())
    assert frozen > 10_000 and thresholds == [10_000, 10, 10]


ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import asyncio, json, sys
from aizuchi.server.mounts import Mount
from aizuchi.server.listening import loop_factory
from aizuchi.server.serve import serve
from tests.server.fakes import ToyWire, make_house

house = make_house()
def ready(urls):
    print(urls[0], flush=True)
with asyncio.Runner(loop_factory=loop_factory()) as runner:
    runner.run(serve(house, port=0, on_ready=ready, drain=60.0, table=[Mount(ToyWire, lambda h: ToyWire())]))
print("clean", flush=True)
"""


@contextlib.asynccontextmanager
async def process():
    """The server as a process of its own; yields it and its URL."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert running.stdout is not None
    try:
        async with asyncio.timeout(60):
            base = (await running.stdout.readline()).decode().strip()
        yield running, base
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no way to send SIGTERM to a process")
async def test_sigterm_exits_cleanly():
    """SIGTERM tells clients and exits with 0."""
    async with process() as (running, base), websockets.connect(ws(base), compression=None) as client:
        await client.send('{"type": "hello"}')
        await read_until(client, "welcome")
        running.send_signal(signal.SIGTERM)
        got = await read_until(client, "error")
        assert json.loads(got[-1])["code"] == "server_shutdown"
        async with asyncio.timeout(30):
            assert await running.wait() == 0
        assert running.stdout is not None and b"clean" in await running.stdout.read()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no way to send SIGTERM to a process")
async def test_a_second_signal_ends_at_once():
    """While a turn holds up the draining, a second signal does not wait for it, and exits with 0."""
    async with process() as (running, base), websockets.connect(ws(base), compression=None) as client:
        await client.send('{"type": "hello"}')
        await client.send('{"type": "text", "text": "never ends"}')
        await read_until(client, "state", 2)
        running.send_signal(signal.SIGTERM)
        async with httpx.AsyncClient() as http, asyncio.timeout(30):
            while (await http.get(base + "health")).json()["status"] != "draining":
                pass
        running.send_signal(signal.SIGINT)
        async with asyncio.timeout(30):
            assert await running.wait() == 0


async def test_under_uvicorns_own_command_line(tmp_path: Path):
    """`uvicorn aizuchi.server.asgi:app`, with our sockets too, is the same server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [
        "-m",
        "uvicorn",
        "aizuchi.server.asgi:app",
        "--port",
        str(port),
        "--ws",
        "aizuchi.server.asgi:Socket",
    ]
    running = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=tmp_path)
    try:
        async with httpx.AsyncClient() as http, asyncio.timeout(60):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get(f"http://127.0.0.1:{port}/health")).status_code == 200:
                        break
                await asyncio.sleep(0.05)
        async with websockets.connect(f"ws://127.0.0.1:{port}/digital-human/ws") as client:
            await client.send('{"type": "hello", "seq": 0, "protocol": "dh.v1"}')
            assert json.loads(await client.recv())["type"] == "hello_ack"
            assert "Sec-WebSocket-Extensions" not in client.response.headers  # type: ignore[union-attr]
    finally:
        running.terminate()
        async with asyncio.timeout(30):
            await running.wait()


def test_urls():
    """What is told can be opened: wildcards as loopback, IPv6 in brackets."""
    with socket.create_server(("127.0.0.1", 0)) as four:
        port = four.getsockname()[1]
        assert url(four, False) == f"http://127.0.0.1:{port}/" and url(four, True).startswith("https://")
    if socket.has_ipv6:
        try:
            six = socket.create_server(("::", 0), family=socket.AF_INET6)
        except OSError:
            return
        with six:
            assert url(six, False).startswith("http://[::1]:")
