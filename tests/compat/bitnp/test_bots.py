"""Bots: the events of a reply, what goes to the vendor, and what happens when it fails."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aizuchi.compat.bitnp.llm_api import REGISTRY, AbstractBot, GlmBot, OpenAIBot, create_bot
from tests.loopback.openai_server import Answer, OpenAIServer, Pace
from tests.loopback.zhipu_server import ZhipuServer

pytestmark = pytest.mark.network


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        server.models |= {"glm-4-flash", "gpt-3.5-turbo", "glm-4v-flash"}
        server.also_knows.add("thinking")
        yield server


def bot_at(server: OpenAIServer, **more: Any) -> GlmBot:
    return GlmBot(server.key, base_url=server.base_url, **more)


def told(bot: AbstractBot) -> list[tuple[str, Any]]:
    """Notes every event of a bot."""
    events: list[tuple[str, Any]] = []
    for name in ("start_of_response", "message_delta", "error", "done"):
        bot.on(name)(lambda data, name=name: events.append((name, data)))
    return events


async def test_events_of_a_reply(server: OpenAIServer):
    """Start, pieces, done; the pieces joined are the reply, which the bot keeps but does not remember."""
    bot = bot_at(server)
    events = told(bot)
    server.say("你好，我是树莓娘。")
    bot.append_context("你好")
    assert await bot.respond_to_context() == "你好，我是树莓娘。" == bot.response
    assert events[0] == ("start_of_response", None)
    assert events[-1] == ("done", {"content": "你好，我是树莓娘。"})
    assert {name for name, _ in events[1:-1]} == {"message_delta"}
    assert "".join(data["content"] for _, data in events[1:-1]) == "你好，我是树莓娘。"
    assert bot.messages == [{"role": "user", "content": "你好"}]


async def test_what_is_sent(server: OpenAIServer):
    """The system prompt, then the last so many messages, streamed, with the key."""
    bot = bot_at(server, system_prompt="你是树莓娘。", max_context_length=3)
    for number in range(5):
        bot.append_context(str(number), "user" if number % 2 == 0 else "assistant")
    await bot.respond_to_context()
    request = server.requests[0]
    assert request.headers["authorization"] == f"Bearer {server.key}"
    assert (request.json["model"], request.json["stream"]) == ("glm-4-flash", True)
    assert request.json["messages"] == [
        {"role": "system", "content": "你是树莓娘。"},
        {"role": "user", "content": "2"},
        {"role": "assistant", "content": "3"},
        {"role": "user", "content": "4"},
    ]
    assert len(bot.messages) == 5


async def test_messages_of_the_call(server: OpenAIServer):
    """Messages given with the call take the context's place, and go as they are: pictures, too."""
    bot = bot_at(server, model_name="glm-4v-flash")
    parts = [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    await bot.respond_to_context([{"role": "user", "content": parts}])
    assert server.requests[0].json["messages"] == [{"role": "user", "content": parts}]
    assert bot.messages == []


async def test_handlers():
    """In the order of registration, plain and async; an async one is awaited; unknown events are nothing."""
    bot, order = AbstractBot(), []

    @bot.on("message_delta")
    async def slow(data: dict[str, str]) -> None:
        await asyncio.sleep(0)
        order.append(f"slow {data['content']}")

    @bot.on("message_delta")
    def quick(data: dict[str, str]) -> None:
        order.append(f"quick {data['content']}")

    assert await bot._dispatch_event("nobody") is None  # pyright: ignore
    await bot._dispatch_event("message_delta", {"content": "a"})
    quick({"content": "called"})
    assert order == ["slow a", "quick a", "quick called"]
    with pytest.raises(NotImplementedError):
        await bot.respond_to_context()


async def test_dispatch_gives_way():
    """Each dispatch lets others run once, and what a handler raises rises."""
    bot, turns = AbstractBot(), []

    @bot.on("x")
    def fails(data: Any) -> None:
        raise LookupError(data)

    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(0)).add_done_callback(lambda _: turns.append("other"))
        await asyncio.sleep(0)
        with pytest.raises(LookupError):
            await bot._dispatch_event("x")
        await asyncio.sleep(0)
    assert turns == ["other"]


def test_on_wants_a_name():
    """A decorator without the event's name is told at once, not when no event ever comes."""
    with pytest.raises(TypeError, match="name of an event"):

        @AbstractBot().on  # pyright: ignore
        def handler(data: Any) -> None: ...


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"kind": "refuse", "status": 500, "times": 3}, "failed"),
        ({"kind": "refuse", "status": 401, "message": "bad key"}, "refused the key"),
        ({"kind": "close", "after": 2}, "broke off"),
        ({"kind": "error", "after": 2}, "reported an error"),
    ],
)
async def test_a_failing_vendor(
    server: OpenAIServer, fault: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
):
    """Nothing is raised: it is printed and told, and done comes once, with what there is."""
    bot = bot_at(server)
    events = told(bot)
    server.fault(**fault)
    reply = await bot.respond_to_context([{"role": "user", "content": "hi"}])
    assert [name for name, _ in events].count("done") == 1
    assert events[-1] == ("done", {"content": reply})
    assert events[-2][0] == "error" and said in events[-2][1]["message"]
    printed = capsys.readouterr().err
    assert printed.startswith("[GlmBot] ") and server.key not in printed


@pytest.mark.parametrize(
    ("code", "said"),
    [("1113", "wants the account to be charged"), ("1301", "refuses to answer"), ("1002", "refused the key")],
)
async def test_zhipus_codes(code: str, said: str, capsys: pytest.CaptureFixture[str]):
    """What the vendor's numbers mean is said in plain words; a status alone would say something else."""
    async with ZhipuServer() as zhipu:
        zhipu.models.add("glm-4-flash")
        zhipu.trouble(code)
        bot = bot_at(zhipu)
        assert await bot.respond_to_context([{"role": "user", "content": "hi"}]) == ""
        assert said in capsys.readouterr().err
        assert await bot.respond_to_context([{"role": "user", "content": "hi"}])
        await bot.close()


async def test_no_key_and_nobody_there(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Without a key no vendor is asked, least of all with the key of another."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another")
    assert await GlmBot("").respond_to_context([{"role": "user", "content": "hi"}]) == ""
    assert "no key" in capsys.readouterr().err
    lost = OpenAIBot("", base_url="http://127.0.0.1:9/v1")
    assert await lost.respond_to_context([{"role": "user", "content": "hi"}]) == ""
    assert "cannot reach" in capsys.readouterr().err


async def test_a_server_of_ones_own_needs_no_key(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch):
    """A local server is asked without a key of somebody else's."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another")
    server.check_key = False
    bot = OpenAIBot("", base_url=server.base_url)
    assert await bot.respond_to_context([{"role": "user", "content": "hi"}])
    assert server.requests[0].headers["authorization"] == "Bearer none"


async def test_a_failing_handler(server: OpenAIServer, capsys: pytest.CaptureFixture[str]):
    """A script's own mistake ends the reply, is shown, and done still comes once."""
    bot, done = bot_at(server), []

    @bot.on("message_delta")
    def wrong(data: dict[str, str]) -> None:
        raise KeyError("contnet")

    bot.on("done")(done.append)
    server.say("one two three")
    reply = await bot.respond_to_context([{"role": "user", "content": "hi"}])
    assert done == [{"content": reply}]
    assert "KeyError" in capsys.readouterr().err


async def test_undefined_is_no_word(server: OpenAIServer):
    """A piece that is the string `undefined`, which GLM has sent, is left out; thoughts are, too."""
    bot = bot_at(server)
    server.answer(Answer("undefined", reasoning="hm"))
    assert await bot.respond_to_context([{"role": "user", "content": "hi"}]) == ""


async def test_cancelling_closes_the_request(server: OpenAIServer):
    """Who stops waiting stops the vendor, and no done is told."""
    bot = bot_at(server)
    events = told(bot)
    server.pace = Pace(first_token=60)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await bot.respond_to_context([{"role": "user", "content": "hi"}])
    async with asyncio.timeout(30):
        await (await server.seen(1)).disconnected.wait()
    assert [name for name, _ in events] == ["start_of_response"]


async def test_several_loops(server: OpenAIServer):
    """A script may run one event loop after the other with the same bot."""
    bot = bot_at(server)
    server.say("one", "two")

    def ask() -> str:
        return asyncio.run(bot.respond_to_context([{"role": "user", "content": "hi"}]))

    assert [await asyncio.to_thread(ask) for _ in range(2)] == ["one", "two"]
    assert await bot.respond_to_context([{"role": "user", "content": "hi"}])
    await bot.close()
    await bot.setup()
    assert await bot.respond_to_context([{"role": "user", "content": "hi"}])
    await bot.close()


async def test_warming(server: OpenAIServer):
    """A connection before the first question, which then uses it; without a key nothing is asked or said."""
    bot = bot_at(server)
    await bot.warm()
    assert [request.path for request in server.requests] == ["/v1/models"]
    assert await bot.respond_to_context([{"role": "user", "content": "hi"}])
    assert server.connections == 1
    await GlmBot("").warm()


def test_the_registry(monkeypatch: pytest.MonkeyPatch):
    """Bots by name, a user's own among them; defaults as documented."""

    class Mine(AbstractBot):
        def __init__(self, mood: str) -> None:
            super().__init__()
            self.mood = mood

    monkeypatch.setitem(REGISTRY, "mine", Mine)
    mine = create_bot("mine", mood="good")
    assert isinstance(mine, Mine) and mine.mood == "good"
    glm = create_bot(api_name="glm", token="t")
    assert isinstance(glm, GlmBot)
    assert (glm.model_name, glm.max_context_length, glm.messages) == ("glm-4-flash", 11, [])
    assert glm.address() == "https://open.bigmodel.cn/api/paas/v4"
    openai = create_bot("openai", token="t", model_name=None)
    assert isinstance(openai, OpenAIBot) and openai.model_name == "gpt-3.5-turbo"
    with pytest.raises(ValueError, match="not found in registry"):
        create_bot("nobody")


async def test_addresses_from_outside(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch):
    """The variables of the vendors' own packages lead elsewhere."""
    monkeypatch.setenv("ZHIPUAI_BASE_URL", server.base_url)
    assert await GlmBot(server.key).respond_to_context([{"role": "user", "content": "hi"}])
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    assert await OpenAIBot(server.key).respond_to_context([{"role": "user", "content": "hi"}])
