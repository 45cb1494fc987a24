"""What the OpenAI-compatible providers share: waits, keys and other people's words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from aizuchi.errors import ProviderError, StageTimeout
from aizuchi.providers.openai import Api, ApiOptions, Lost, Refused, is_local, retry_after_ms


def api(**options: Any) -> Api:
    given = {"base_url": "http://127.0.0.1:9/v1", "api_key": "sk-secret-123456", "retry_wait": 1.0}
    return Api(ApiOptions.model_validate(given | options), stage="llm", model="m")


def refused(status: int = 503, retryable: bool = True, after: int | None = None) -> Refused:
    return Refused("no", status=status, detail="", retryable=retryable, retry_after_ms=after)


@pytest.mark.parametrize(
    "error, tried, least, most",
    [
        (refused(), 1, 0.75, 1.25),
        (refused(), 2, 1.5, 2.5),
        (refused(), 3, None, None),
        (refused(400, retryable=False), 1, None, None),
        (refused(429, after=0), 1, 0, 0),
        (refused(429, after=1_500), 1, 1.5, 1.5),
        (refused(429, after=2_001), 1, None, None),
        (Lost("gone", reached=True), 1, 0, 0),
        (Lost("gone", reached=True), 2, 1.5, 2.5),
        (Lost("gone", reached=False), 1, 0.75, 1.25),
        (ProviderError("odd"), 1, 0.75, 1.25),
        (StageTimeout("late"), 1, None, None),
    ],
)
def test_pause(error: ProviderError, tried: int, least: float | None, most: float | None):
    """One row a rule: what is tried again, and after how long."""
    pause = api().pause(error, tried)
    assert (pause is None) == (least is None)
    if pause is not None and least is not None and most is not None:
        assert least <= pause <= most


@pytest.mark.parametrize(
    "value, ms",
    [
        ("7", 7_000),
        ("0.25", 250),
        ("-3", 0),
        ("Thu, 01 Jan 1970 00:16:50 GMT", 10_000),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e99", None),
    ],
)
def test_retry_after(value: str, ms: int | None):
    """Seconds and dates are understood, nonsense is not."""
    assert retry_after_ms(value, now=1_000.0) == ms


def test_scrub():
    """Keys, secret headers and anything that looks like a key leave a message; long words are cut."""
    chosen = api(headers={"x-token": SecretStr("tok-en-9999")})
    said = chosen.scrub("sk-secret-123456 tok-en-9999 sk-proj-ab**ef\n\n Bearer  sk-other-12345678 fine")
    assert said == "[key] [key] [key] Bearer [key] fine"
    assert len(chosen.scrub("x" * 10_000)) < 400


@pytest.mark.parametrize(
    "error, message, retryable",
    [
        ({"error": {"message": "busy", "code": "server_error"}}, "busy", True),
        ({"error": {"message": "slow down", "code": 429}}, "slow down", True),
        ({"error": {"message": "broke", "code": "1113"}}, "broke", False),
        ({"error": {"message": "bad", "code": "invalid_request"}}, "bad", False),
        ({"error": "just words"}, "just words", True),
        ({"detail": "from FastAPI"}, "from FastAPI", True),
        ([{"error": {"message": "in a list"}}], "in a list", True),
        ({"error": {"message": {"deep": 1}}}, "deep", True),
        (None, "no reason given", True),
    ],
)
def test_errors_in_place_of_answers(error: object, message: str, retryable: bool):
    """Whatever shape an error has, its words are found."""
    found = api().stream_error(error)
    assert message in str(found) and found.retryable is retryable


@pytest.mark.parametrize(
    "host, local",
    [
        ("localhost", True),
        ("a.localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("localhost.example", False),
    ],
)
def test_is_local(host: str, local: bool):
    """This machine is known by name and by address."""
    assert is_local(host) is local


def test_an_address_keeps_its_query():
    """A pasted endpoint becomes the base, and a query such as Azure's version stays."""
    assert str(api(base_url="http://h/v1/chat/completions/").url) == "http://h/v1"
    url = api(base_url="http://h/v1?api-version=2").url
    assert str(url.copy_with(path=url.path + "/models")) == "http://h/v1/models?api-version=2"
