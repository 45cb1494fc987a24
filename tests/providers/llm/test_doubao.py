"""What only Ark has: efforts, and what its error codes mean."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from aizuchi.errors import ProviderError
from aizuchi.providers.llm.doubao import DoubaoModel
from aizuchi.providers.llm.openai import OpenAIModel
from tests.loopback.ark_server import ArkServer
from tests.loopback.openai_server import Answer
from tests.providers.llm.vendors import ask, model, text

pytestmark = pytest.mark.network


@pytest.fixture
async def server():
    async with asyncio.timeout(30), ArkServer() as server:
        yield server


@pytest.mark.parametrize("effort", ["minimal", "low", "medium", "high"])
async def test_an_effort_goes_as_it_is(server: ArkServer, effort: str):
    """Each is taken by the server, with the thinking that agrees with it, before `reasoning`."""
    server.answer(Answer("Yes.", reasoning="Hm."))
    pieces = await ask(model(server, reasoning_effort=effort))
    assert text(pieces) == "Yes."
    body = server.requests[0].json
    assert body["reasoning_effort"] == effort
    assert body["thinking"] == {"type": "disabled" if effort == "minimal" else "enabled"}
    assert len(server.requests) == 1


async def test_a_chosen_effort_is_not_dropped(server: ArkServer):
    """A server that knows no such field is an error, where the user asked for it."""
    server.fault("refuse", status=400, code="InvalidParameter", message="unknown field reasoning_effort")
    with pytest.raises(ProviderError, match="reasoning_effort"):
        await ask(model(server, reasoning_effort="low"))


def test_efforts_of_others():
    """Only the vendor's levels are options."""
    with pytest.raises(ValidationError):
        DoubaoModel.Options.model_validate({"reasoning_effort": "max"})


@pytest.mark.parametrize(
    ("code", "message", "tries"),
    [
        ("AuthenticationError", "refused the key; set DOUBAO_API_KEY, or llm.doubao.api_key", 1),
        ("AccountOverdueError", "wants the account to be charged", 1),
        ("ModelNotOpen", "has no model 'doubao-seed-1-6-lite-251015' for this account.*console", 1),
        ("InvalidEndpointOrModel.NotFound", "look at llm.doubao.model", 1),
        ("InvalidParameter", "did not accept the request", 1),
        ("SensitiveContentDetected", "refuses to answer this", 1),
        ("OutputTextSensitiveContentDetected", "refuses to answer this", 1),
        ("SetLimitExceeded", "used up", 1),
        ("QuotaExceeded", "used up", 1),
        ("RateLimitExceeded.EndpointRPMExceeded", "asks for fewer requests", 3),
        ("ServerOverloaded", "is overloaded", 3),
        ("InternalServiceError", "is overloaded", 3),
    ],
)
async def test_codes(server: ArkServer, code: str, message: str, tries: int):
    """The code counts, and not the status that several share; what needs a person is not tried again."""
    server.trouble(code, times=9)
    with pytest.raises(ProviderError, match=message) as caught:
        await ask(model(server))
    assert len(server.requests) == tries
    assert caught.value.retryable is (tries > 1)


@pytest.mark.parametrize(
    ("code", "retryable"), [("OutputTextSensitiveContentDetected", False), ("ServerOverloaded", True)]
)
async def test_codes_in_mid_stream(server: ArkServer, code: str, retryable: bool):
    """There is no status to go by there."""
    server.fault("error", after=2, code=code, message="no")
    with pytest.raises(ProviderError) as caught:
        await ask(model(server))
    assert caught.value.retryable is retryable


@pytest.mark.parametrize(("said", "refused"), [("", True), ("Well, ", False)])
async def test_a_filtered_answer(server: ArkServer, said: str, refused: bool):
    """An answer that the filter ended at once is a refusal; one that had begun ends there."""
    server.answer(Answer(said, finish="content_filter"))
    if refused:
        with pytest.raises(ProviderError, match="refuses to answer"):
            await ask(model(server))
    else:
        assert text(await ask(model(server))) == said


async def test_an_endpoint_of_ones_own(server: ArkServer):
    """`ep-...` is a model's name like another."""
    assert text(await ask(model(server, model="ep-20261201000000-abcde")))


async def test_the_general_provider_knows_the_codes_too(server: ArkServer):
    """`llm: openai` with this dialect reads the same codes, in its own words."""
    server.trouble("AccountOverdueError")
    given: dict[str, Any] = {"base_url": server.base_url, "api_key": server.key, "dialect": "doubao"}
    chosen = OpenAIModel(OpenAIModel.Options.model_validate(given | {"model": "doubao-seed-1-8-251228"}))
    with pytest.raises(ProviderError, match="wants the account to be charged"):
        await ask(chosen)
    assert text(await ask(chosen))
