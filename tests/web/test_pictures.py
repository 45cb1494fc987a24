"""Pictures that go along with what is said reach the model as they were."""

import base64
import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from playwright.sync_api import expect

from tests.e2e.server import Server
from tests.loopback.openai_server import OpenAIServer
from tests.web import recordings
from tests.web.aside import Aside
from tests.web.conftest import HUMMING, Visit, running
from tests.web.drops import drop


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Silent; with it comes the browser's own test picture as a camera."""
    return recordings.compose(tmp_path_factory.mktemp("microphone"), 0.1)


@pytest.fixture(scope="module")
def model() -> Iterator[OpenAIServer]:
    with Aside() as aside:
        yield aside.enter(OpenAIServer())


@pytest.fixture(scope="module")
def seeing(model: OpenAIServer, pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose model is asked over HTTP, so that a test can read the request."""
    llm = {"use": "openai", "base_url": model.base_url, "api_key": model.key, "model": "gpt-5.4-mini"}
    yield from running(tmp_path_factory, "seeing", HUMMING | {"llm": llm})


def png(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    """A picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes(colour) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def seen(model: OpenAIServer) -> list[bytes]:
    """The pictures of the newest request's last user message."""
    messages: list[dict[str, Any]] = model.requests[-1].json["messages"]
    content = next(each for each in reversed(messages) if each["role"] == "user")["content"]
    assert isinstance(content, list), f"no picture in {content!r:.200}"
    urls = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    assert all(url.startswith(("data:image/png;base64,", "data:image/jpeg;base64,")) for url in urls)
    return [base64.b64decode(url.partition(",")[2]) for url in urls]


def look(picture: bytes) -> tuple[int, int, tuple[int, int, int]]:
    """Width, height and the colour in the middle."""
    with av.open(io.BytesIO(picture), "r") as file:
        frame = next(file.decode(video=0)).to_ndarray(format="rgb24")
    height, width, _ = frame.shape
    red, green, blue = (int(value) for value in frame[height // 2, width // 2])
    return width, height, (red, green, blue)


def test_a_chosen_picture(seeing: Server, model: OpenAIServer, visit: Visit):
    """A file is chosen, shown as a small picture, goes along with the words, and stands beside them."""
    stage = visit(seeing.url)
    file = {"name": "red.png", "mimeType": "image/png", "buffer": png(64, 48, (200, 30, 40))}
    stage.id("file").set_input_files(files=[file])  # pyright: ignore[reportArgumentType]
    expect(stage.id("picture")).to_have_count(1)
    model.say("That is a red rectangle.")
    stage.say("what is this")
    expect(stage.reply()).to_contain_text("That is a red rectangle.")
    (picture,) = seen(model)
    width, height, colour = look(picture)
    assert (width, height) == (64, 48)
    assert all(abs(one - other) < 12 for one, other in zip(colour, (200, 30, 40), strict=True))
    expect(stage.id("picture")).to_have_count(0)
    assert stage.lines("user").last.locator("img").count() == 1


def test_a_picture_from_the_camera(seeing: Server, model: OpenAIServer, visit: Visit):
    """The camera is opened, its picture taken, and the camera let go again."""
    stage = visit(seeing.url)
    stage.id("camera").click()
    expect(stage.id("shoot")).to_be_enabled()
    stage.id("shoot").click()
    expect(stage.id("picture")).to_have_count(1)
    expect(stage.id("camera-sheet")).to_have_count(0)
    model.say("A green field with a moving wheel.")
    stage.say("what do you see")
    expect(stage.reply()).to_contain_text("A green field")
    (picture,) = seen(model)
    assert min(look(picture)[:2]) >= 120


def test_dropped_pictures(seeing: Server, model: OpenAIServer, visit: Visit):
    """Two at once, one of them large: both are seen, the large one made smaller."""
    stage = visit(seeing.url)
    drop(stage.page, {"blue.png": png(40, 40, (20, 40, 220)), "large.png": png(4200, 900, (20, 200, 60))})
    expect(stage.id("picture")).to_have_count(2)
    model.say("One is blue, the other is green.")
    stage.say("and these")
    expect(stage.reply()).to_contain_text("One is blue")
    first, second = (look(each) for each in seen(model))
    assert first[:2] == (40, 40) and first[2][2] > 180
    assert second[0] < 4200 and second[2][1] > 170
    assert second[0] / second[1] == pytest.approx(4200 / 900, rel=0.02)
