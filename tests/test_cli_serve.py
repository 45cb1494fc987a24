"""What `aizuchi serve` says when it listens, and the browser it may open."""

import webbrowser
from pathlib import Path

import pytest

from aizuchi import build
from aizuchi.cli import serve
from aizuchi.config import Loaded, load
from aizuchi.providers.tts import espeak
from aizuchi.server import tls as certificates
from aizuchi.server.house import House
from aizuchi.server.pages import Pages
from aizuchi.server.tls import Tls

URL = "http://127.0.0.1:12393/"


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """A configuration without a worker process, on a machine with one address in its network."""
    monkeypatch.setattr(certificates, "lan_addresses", lambda: ["192.0.2.7"])
    (tmp_path / "aizuchi.yaml").write_text("vad: energy\ntts: tone\n", encoding="utf-8")
    return load(environ={"AIZUCHI_HOME": str(tmp_path)}, cwd=tmp_path, lang="en")


@pytest.fixture
def house(quick: Loaded, tmp_path: Path) -> House:
    house = build.house(quick)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "index.html").touch()
    house.pages = Pages(tmp_path / "dist")
    return house


def test_the_pages_address_comes_last(quick: Loaded, house: House):
    """Who starts the server finds on the last line where to go."""
    lines = serve.announce(quick, house, [URL, "http://127.0.0.1:8000/"], "127.0.0.1", None)
    assert lines[-1] == f"  open    {URL}"
    assert "  also    http://127.0.0.1:8000/" in lines
    assert not any("not built" in line or "--tls" in line for line in lines)


def test_pages_that_are_not_built_are_told(quick: Loaded, house: House):
    """Where there is no page yet, the line before its address says what to do."""
    house.pages = Pages()
    lines = serve.announce(quick, house, [URL], "127.0.0.1", None)
    assert "make run" in lines[-2] and lines[-1].endswith(URL)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7"])
def test_an_address_without_a_microphone_is_told(quick: Loaded, house: House, host: str):
    """For other devices http is not enough; where there is https nobody is bothered with that."""
    lines = serve.announce(quick, house, ["http://192.0.2.7:12393/"], host, None)
    assert lines[-2:] == [
        "  http://192.0.2.7:12393/",
        "Browsers give a page the microphone only over https or on this machine: add --tls.",
    ]
    tls = Tls(Path("cert.pem"), Path("key.pem"), own=True)
    said = "\n".join(serve.announce(quick, house, ["https://192.0.2.7:12393/"], host, tls))
    assert "  https://192.0.2.7:12393/" in said and "add --tls" not in said


@pytest.mark.parametrize(("there", "opened"), [("", []), (":0", [URL])])
def test_a_browser_only_on_a_desktop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], there: str, opened: list[str]
):
    """Where there is no desktop a browser would take over the terminal, so none is opened."""
    seen: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: seen.append(url) or True)
    monkeypatch.setattr(serve.sys, "platform", "linux")
    for name in ("WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", there)
    serve.show(URL, "en")
    assert seen == opened
    assert bool(opened) != ("No browser" in capsys.readouterr().err)


def test_a_language_without_a_voice_is_told(quick: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Who speaks their second language for want of a voice is named, with the way to mend it."""
    monkeypatch.setattr(espeak, "_reads_japanese", lambda: False)
    (tmp_path / "aizuchi.yaml").write_text("vad: energy\ntts: espeak\n", encoding="utf-8")
    loaded = load(environ={"AIZUCHI_HOME": str(tmp_path)}, cwd=tmp_path, lang="en")
    house = build.house(loaded)
    anon = house.characters["anon"]
    assert (anon.language, anon.subtitles, anon.unspoken) == ("zh", "", "ja")
    (line,) = (each for each in serve.announce(loaded, house, [URL], "127.0.0.1", None) if "note" in each)
    assert line == (
        "  note    no voice here speaks Japanese, so アノン (Anon) will speak Chinese; espeak learns it"
        " with the extra ja"
    )
    (chinese,) = serve.unspoken(house.characters.values(), house.parts.tts.providers, "zh")
    assert chinese == "这里没有日语语音，アノン (Anon) 改说中文；安装附加组件 ja 后 espeak 即可"
    assert not any("  note" in each for each in serve.announce(quick, build.house(quick), [URL], "::1", None))
