"""What browsers are shown: which file, with which headers, kept for how long."""

import gzip
from pathlib import Path

import httpx
import pytest

from aizuchi import build
from aizuchi.config import Problems, load
from aizuchi.server.admission import Token
from aizuchi.server.app import make_app
from aizuchi.server.house import House
from aizuchi.server.pages import Pages
from tests.server.fakes import make_house

INDEX = "<!doctype html><title>Stage</title>"
CONSOLE = "<!doctype html><title>Console</title>"
SCRIPT = "export const words = 'hear, think, speak';\n" * 100
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """Pages as the build leaves them."""
    folder = tmp_path / "dist"
    for name, body in {
        "index.html": INDEX,
        "console.html": CONSOLE,
        "icon.svg": "<svg/>",
        ".vite/manifest.json": "{}",
        "assets/index-abc123.js": SCRIPT,
        "assets/index-abc123.css": "main { color: red }",
        "assets/shape-abc123.wasm": "wasm",
        "assets/font-abc123.woff2": "font",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(body, encoding="utf-8")
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    return folder


def client(house: House, base: str = "http://127.0.0.1:12393") -> httpx.AsyncClient:
    """A client of the application, without a socket; it asks for no compression."""
    transport = httpx.ASGITransport(make_app(house, []), client=("127.0.0.1", 4711))
    return httpx.AsyncClient(transport=transport, base_url=base, headers={"accept-encoding": "identity"})


@pytest.fixture
def http(dist: Path) -> httpx.AsyncClient:
    return client(make_house(pages=Pages(dist)))


async def test_root_answers_by_accept(http: httpx.AsyncClient):
    """A browser gets the page, a program gets JSON, and a cache keeps them apart."""
    page = await http.get("/", headers=BROWSER)
    assert (page.text, page.headers["content-type"]) == (INDEX, "text/html; charset=utf-8")
    facts = await http.get("/", headers={"accept": "*/*"})
    assert facts.json()["talk"] == "ws://127.0.0.1:12393/digital-human/ws"
    assert facts.json()["console"] == "http://127.0.0.1:12393/console"
    assert all("Accept" in each.headers["vary"] for each in (page, facts))


async def test_the_console_is_a_page(http: httpx.AsyncClient):
    """`/console` is the second page, whoever asks."""
    assert (await http.get("/console")).text == CONSOLE


@pytest.mark.parametrize(
    ("name", "media"),
    [
        ("assets/index-abc123.js", "text/javascript; charset=utf-8"),
        ("assets/index-abc123.css", "text/css; charset=utf-8"),
        ("assets/shape-abc123.wasm", "application/wasm"),
        ("assets/font-abc123.woff2", "font/woff2"),
        ("icon.svg", "image/svg+xml"),
    ],
)
async def test_files_have_their_media_type(http: httpx.AsyncClient, name: str, media: str):
    """A browser that must not guess is told what each file is, whatever this machine thinks of its suffix."""
    answer = await http.get(f"/web/{name}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, media)


@pytest.mark.parametrize(
    "path",
    [
        "/web/../secret.txt",
        "/web/%2e%2e/secret.txt",
        "/web/assets/..%2f..%2f..%2fsecret.txt",
        "/web//etc/passwd",
        "/web/..%5csecret.txt",
        "/web/.vite/manifest.json",
        "/web/",
        "/web/assets",
        "/web/nothing.js",
    ],
)
async def test_nothing_else_is_served(dist: Path, path: str):
    """What is not one of the pages' files is 404, however it is spelt."""
    async with client(make_house(pages=Pages(dist))) as http:
        request = http.build_request("GET", "/")
        request.url = request.url.copy_with(raw_path=path.encode())
        answer = await http.send(request)
        assert answer.status_code == 404 and "secret" not in answer.text


@pytest.mark.parametrize("path", ["/", "/console", "/web/assets/index-abc123.js", "/web/icon.svg"])
async def test_headers(http: httpx.AsyncClient, path: str):
    """Pages and files alike: no guessing, no framing, no referrer, and nobody else's scripts."""
    headers = (await http.get(path, headers=BROWSER)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["permissions-policy"] == "microphone=(self), camera=(self)"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    policy = sources(headers["content-security-policy"])
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["worker-src"] == ["'self'"]
    assert policy["img-src"] == ["'self'", "blob:", "data:"]
    own = ["ws://127.0.0.1:12393", "wss://127.0.0.1:12393"]
    assert policy["connect-src"] == ["'self'", *own, "blob:"]


def sources(policy: str) -> dict[str, list[str]]:
    """A policy by its directives."""
    return {name: rest for name, *rest in (each.split() for each in policy.split("; "))}


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("aizuchi.example", ["ws://aizuchi.example", "wss://aizuchi.example"]),
        ("[::1]:12393", []),
        ("x; script-src *", []),
        ("x, y", []),
        ("", []),
    ],
)
def test_a_host_in_a_policy(host: str, own: list[str]):
    """What a request says of its host is named only if it can't be anything but a host."""
    assert sources(Pages().policy(host))["connect-src"] == ["'self'", *own, "blob:"]


async def test_how_long_a_file_is_kept(http: httpx.AsyncClient):
    """A name with a hash is kept for ever; the rest is asked for each time, and mostly unchanged."""
    lasting = await http.get("/web/assets/index-abc123.js")
    assert lasting.headers["cache-control"] == "public, max-age=31536000, immutable"
    for path in ("/", "/console", "/web/icon.svg"):
        first = await http.get(path, headers=BROWSER)
        assert first.headers["cache-control"] == "no-cache"
        again = await http.get(path, headers={**BROWSER, "if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["content-security-policy"] == first.headers["content-security-policy"]
        other = await http.get(path, headers={**BROWSER, "if-none-match": '"other"'})
        assert other.status_code == 200


@pytest.mark.parametrize(
    ("path", "accepted", "packed"),
    [
        ("/web/assets/index-abc123.js", "br, gzip", True),
        ("/web/assets/index-abc123.js", "gzip;q=0.5", True),
        ("/web/assets/index-abc123.js", "gzip;q=0", False),
        ("/web/assets/index-abc123.js", "identity", False),
        ("/web/assets/font-abc123.woff2", "gzip", False),
        ("/web/icon.svg", "gzip", False),
    ],
)
async def test_compression(http: httpx.AsyncClient, path: str, accepted: str, packed: bool):
    """What is worth it comes compressed to whoever takes it so, the same each time."""
    for _ in range(2):
        async with http.stream("GET", path, headers={"accept-encoding": accepted}) as answer:
            raw = b"".join([each async for each in answer.aiter_raw()])
        assert (answer.headers.get("content-encoding") == "gzip") == packed
        assert answer.headers["content-length"] == str(len(raw))
        assert not packed or gzip.decompress(raw).decode() == SCRIPT


async def test_head(http: httpx.AsyncClient):
    """HEAD tells the same as GET."""
    answer = await http.head("/", headers=BROWSER)
    assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(INDEX)))


async def test_a_tree_that_was_never_built(tmp_path: Path):
    """Without pages there is the plain one, which says how to build them and has no script at all."""
    pages = Pages(tmp_path / "dist")
    assert not pages.built
    async with make_house(pages=pages) as house, client(house) as http:
        for path in ("/", "/console"):
            page = await http.get(path, headers=BROWSER)
            assert page.status_code == 200 and "<code>make run</code>" in page.text
            policy = sources(page.headers["content-security-policy"])
            assert policy["default-src"] == ["'none'"] and "script-src" not in policy
        page = await http.get("/", headers={**BROWSER, "accept-language": "zh-CN"})
        assert "尚未构建" in page.text
        assert (await http.get("/web/index.html")).status_code == 404


async def test_what_a_page_is_told_first(dist: Path):
    """A page learns without a token whether it needs one; a rebound host name learns nothing."""
    async with client(make_house(pages=Pages(dist), tokens=[Token("secret")])) as http:
        said = (await http.get("/api/web")).json()
        assert said["token_needed"] is True and said["cubism_core"] is None and said["version"]
    async with client(make_house(pages=Pages(dist)), "http://evil.example") as http:
        assert (await http.get("/api/web")).status_code == 403
        assert (await http.get("/", headers=BROWSER)).status_code == 200, "it holds nothing of anybody's"


async def test_live2ds_library_as_a_file(dist: Path, tmp_path: Path):
    """The user's own copy is served from here; only then may scripts compile WebAssembly."""
    core = tmp_path / "live2dcubismcore.min.js"
    core.write_text("var Live2DCubismCore;", encoding="utf-8")
    async with client(make_house(pages=Pages(dist, cubism_core=core))) as http:
        told = (await http.get("/api/web")).json()["cubism_core"]
        assert told == "/web/vendor/live2dcubismcore.js"
        answer = await http.get(told)
        assert answer.text == "var Live2DCubismCore;" and answer.headers["cache-control"] == "no-cache"
        policy = sources(answer.headers["content-security-policy"])
        assert policy["script-src"] == ["'self'", "'wasm-unsafe-eval'"]


async def test_live2ds_library_and_figures_from_elsewhere(dist: Path):
    """What the user names is allowed, and nothing beside it."""
    address = "https://cubism.example/core/live2dcubismcore.min.js"
    pages = Pages(dist, hosts=["https://models.example/"], cubism_core=address)
    async with client(make_house(pages=pages)) as http:
        assert (await http.get("/api/web")).json()["cubism_core"] == address
        policy = sources((await http.get("/", headers=BROWSER)).headers["content-security-policy"])
        assert policy["script-src"] == ["'self'", "'wasm-unsafe-eval'", address]
        assert policy["img-src"][-1] == policy["connect-src"][-1] == "https://models.example"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("web:\n  hosts: [http://models.example]", "web.hosts.0: expected an https address without a path"),
        ("web:\n  hosts: ['https://a.example; script-src *']", "web.hosts.0: expected an https address"),
        ("web:\n  hosts: ['https://*.example']", "web.hosts.0: expected an https address"),
        ("web:\n  hosts: ['https://a.example/x']", "web.hosts.0: expected an https address"),
        ("web:\n  cubism_core: http://a.example/core.js", "web.cubism_core: expected a file, or an https"),
        (
            "web:\n  cubism_core: 'https://a.example/core.js *'",
            "web.cubism_core: expected a file, or an http",
        ),
        ("web:\n  cubism_core: gone.js", "web.cubism_core: there is no file"),
    ],
)
def test_a_configuration_that_would_break_the_policy(tmp_path: Path, text: str, said: str):
    """Addresses go into the policy, so that whatever is none is refused."""
    (tmp_path / "aizuchi.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(Problems) as caught:
        load(environ={}, cwd=tmp_path, lang="en")
    assert said in str(caught.value)


def test_the_configurations_pages(tmp_path: Path):
    """A path counts from the configuration's folder."""
    (tmp_path / "core.js").write_text("", encoding="utf-8")
    (tmp_path / "aizuchi.yaml").write_text(
        "web: {cubism_core: core.js, hosts: ['https://models.example:8443']}", encoding="utf-8"
    )
    pages = build.pages(load(environ={}, cwd=tmp_path, lang="en"))
    assert pages.cubism_core == "/web/vendor/live2dcubismcore.js"
    assert "https://models.example:8443" in pages.policy("")
