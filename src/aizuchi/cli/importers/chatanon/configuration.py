"""`config.yaml`, key by key: what each is here, and why some are nothing.

`TABLE` has every key that ChatAnon knows, in its order. What equals our own default is told and not written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

from aizuchi.cli.importers import NOTHING, Imported, Row, Words
from aizuchi.cli.importers.chatanon.characters import CLONED, VOICE
from aizuchi.config.choices import EMBEDDED
from aizuchi.config.sources import read_yaml
from aizuchi.registry import Kind, load

HOST: Final = "0.0.0.0"
PORT: Final = 8765
"""Where ChatAnon's clients look, if its file says nothing."""
USES: Final[Mapping[Kind, str]] = {"asr": "volcengine", "llm": "doubao", "tts": "minimax"}
CLASSIC: Final = "/ws/v1/t2a_v2"
EFFORTS: Final = ("minimal", "low", "medium", "high")

Taken = tuple[Any, str, Words]
"""A value in our terms (None to leave it out), where it goes, what else to know."""
Take = Callable[[Any], Taken]

DEFAULT: Final[Words] = ("the default here too", "与此处默认值相同")
BAD: Final[Words] = ("the value is none that this key can have", "此键不能取该值")
STRANGE: Final[Words] = ("ChatAnon has no such key", "ChatAnon 没有这个键")
NO_TOKEN: Final[Words] = (
    "other machines reach it, and there are no tokens: `serve` will refuse until there are some",
    "其他机器可访问，却没有令牌：设置令牌之前 serve 会拒绝启动",
)
UNVERIFIED: Final[Words] = (
    "ssl.verify_tts is false: MiniMax's certificate is NOT checked, so that anybody on the way can take your"
    " key and hear what is spoken. It was taken over as it is. MiniMax's own addresses have a certificate"
    " that is in order: write tts.verify_tls: true",
    "ssl.verify_tts 为 false：不检查 MiniMax 的证书，途中任何人都可能窃取您的密钥与所说内容。已原样保留；"
    "MiniMax 官方地址的证书是有效的，请改为 tts.verify_tls: true",
)


def nothing(en: str, zh: str) -> Take:
    """A key without effect here."""
    return lambda value: (None, "", (en, zh))


def option(kind: Kind, name: str) -> Take:
    """A provider's option of the same meaning."""
    usual = load(kind, USES[kind]).Options.model_fields[name].default

    def take(value: Any) -> Taken:
        if not isinstance(value, str) or not value.strip():
            return None, "", BAD
        same = value.strip() == usual
        return (None if same else value.strip()), f"{kind}.{name}", DEFAULT if same else NOTHING

    return take


def speech_address(value: Any) -> Taken:
    """MiniMax's address: its own hosts have the better protocol too, anybody else's may not."""
    if not isinstance(value, str) or urlsplit(value).scheme not in ("ws", "wss"):
        return None, "", BAD
    address = urlsplit(value)
    own = (address.hostname or "").endswith((".minimaxi.com", ".minimax.io"))
    if own and address.path.rstrip("/") in ("", CLASSIC):
        host = f"wss://{address.netloc}"
        usual = load("tts", "minimax").Options.model_fields["base_url"].default
        note: Words = (
            "with the newer protocol at the same host; `tts.protocol: classic` is ChatAnon's",
            "使用同一主机上较新的协议；ChatAnon 所用的为 `tts.protocol: classic`",
        )
        return (None if host == usual else host), "tts.base_url", note
    protocol = "bidirectional" if address.path.rstrip("/").endswith("_bidi") else "classic"
    return {"base_url": value, "protocol": protocol}, "tts.base_url, tts.protocol", NOTHING


def verify(value: Any) -> Taken:
    if not isinstance(value, bool):
        return None, "", BAD
    if value:
        return None, "tts.verify_tls", DEFAULT
    return {"verify_tls": False}, "tts.verify_tls", ("NOT SAFE, see below", "不安全，见下")


def effort(value: Any) -> Taken:
    if value not in EFFORTS:
        return None, "", BAD
    return value, "llm.reasoning_effort", NOTHING


def rate(value: Any) -> Taken:
    if value not in (8_000, 16_000, 22_050, 24_000, 32_000, 44_100):
        return None, "", BAD
    return value, "tts.sample_rate", NOTHING


def piece(value: Any) -> Taken:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None, "", BAD
    ours = round(min(200, max(100, value)))
    note: Words = (
        NOTHING if ours == value else (f"{ours} here, within the vendor's 100 to 200", f"此处取 {ours}")
    )
    return (None if ours == 200 else ours), "asr.piece_ms", note if ours != 200 or ours != value else DEFAULT


def gap(value: Any) -> Taken:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return None, "", BAD
    ours = round(min(2_000, value * 1_000))
    return (None if ours == 500 else ours), "chatanon.sentence_gap_ms", DEFAULT if ours == 500 else NOTHING


def level(value: Any) -> Taken:
    names = {"debug": "debug", "info": "info", "warning": "warning", "warn": "warning", "error": "error"}
    ours = (names | {"critical": "error"}).get(str(value).lower())
    if ours is None:
        return None, "", BAD
    return (None if ours == "info" else ours), "log.level", DEFAULT if ours == "info" else NOTHING


FIXED: Final = nothing(
    "fixed: ChatAnon's clients send and get mono PCM of 16 bits at 16,000 Hz",
    "固定值：ChatAnon 客户端收发的均为 16000 Hz、16 位单声道 PCM",
)

TABLE: Final[Mapping[str, Take | None]] = {
    "server.host": None,  # these two make one address, below
    "server.port": None,
    "server.debug": nothing(
        "it reloads ChatAnon's own code; characters are read again here without it",
        "用于重新加载 ChatAnon 自身的代码；此处角色文件会自动重新读取",
    ),
    "endpoints.asr": option("asr", "base_url"),
    "endpoints.tts": speech_address,
    "endpoints.llm": option("llm", "base_url"),
    "ssl.verify_tts": verify,
    "ssl.ssl_certfile": None,  # likewise
    "ssl.ssl_keyfile": None,
    "timeouts.websocket_connect": nothing(
        "a client has 30 s to say `connect`, fixed", "客户端须在 30 秒内发送 connect，固定值"
    ),
    "timeouts.websocket_receive": nothing(
        "it sets how often ChatAnon polls; nothing is polled here", "ChatAnon 轮询的间隔；此处没有轮询"
    ),
    "resources.asr_resource_id": option("asr", "resource_id"),
    "resources.tts_resource_id": nothing(
        "of a voice service that ChatAnon names and never uses", "属于 ChatAnon 并未使用的语音服务"
    ),
    "models.llm_model": option("llm", "model"),
    "models.tts_model": option("tts", "model"),
    "characters": None,  # below, by name
    "audio.asr_sample_rate": FIXED,
    "audio.asr_segment_duration_ms": piece,
    "audio.tts_sample_rate": rate,
    "audio.tts_sentence_gap_seconds": gap,
    "audio.channels": FIXED,
    "audio.bits": FIXED,
    "audio.format": FIXED,
    "llm.stream": nothing(
        "always streamed here: the first sentence is spoken while the second is written",
        "此处始终流式：写第二句时已在说第一句",
    ),
    "llm.reasoning_effort": effort,
    "logging.level": level,
    "logging.file": nothing(
        "the log goes to the terminal; a service manager or `2>FILE` keeps it",
        "日志输出到终端；可由服务管理器或 `2>文件` 保存",
    ),
    "logging.console": nothing("the log always goes to the terminal", "日志始终输出到终端"),
}
SECTIONS: Final = frozenset(key.partition(".")[0] for key in TABLE)


@dataclass(frozen=True, slots=True)
class Address:
    """Where ChatAnon listens."""

    host: str = HOST
    port: int = PORT

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse(path: Path) -> dict[str, Any]:
    """The file as plain containers. Raises ConfigError with the line where it is broken."""
    return read_yaml(path).data


def address(tree: Mapping[str, Any]) -> Address:
    """Its host and port; what can't be one counts as not said."""
    server = _section(tree, "server")
    host, port = server.get("host"), server.get("port")
    return Address(
        host if isinstance(host, str) and host.strip() else HOST,
        port if isinstance(port, int) and not isinstance(port, bool) and 0 <= port <= 65_535 else PORT,
    )


def convert(
    tree: Mapping[str, Any], folder: Path, imported: Imported, people: Iterable[str], *, tokens: bool
) -> None:
    """Add settings, providers, rows and warnings for a configuration; an empty one is ChatAnon's defaults.

    `tokens` says whether there are any, without which nobody but this machine is let in.
    """
    options: dict[Kind, dict[str, Any]] = {"asr": {}, "llm": {}, "tts": {}}
    for key, value in _keys(tree):
        take = TABLE.get(key)
        if take is not None:
            _apply(key, value, take, options, imported)
        elif key not in TABLE and not key.startswith("characters."):
            imported.rows.append(Row(key, _shown(value), "", STRANGE))
    if options["tts"].get("verify_tls") is False:
        imported.warnings.append(UNVERIFIED)
    _listen(tree, imported, tokens)
    _certificate(_section(tree, "ssl"), folder, imported)
    _voices(tree, options, imported, people)
    for kind, name in USES.items():
        use: dict[str, Any] = {"use": name} | options[kind]
        imported.providers[kind] = [use] if kind == "llm" else [use, {"use": EMBEDDED[kind]}]


def _apply(key: str, value: Any, take: Take, options: dict[Kind, dict[str, Any]], imported: Imported) -> None:
    ours, to, note = take(value)
    imported.rows.append(Row(key, _shown(value), to, note))
    if ours is None or not to:
        return
    where, _, name = to.partition(",")[0].partition(".")
    if where in options:
        options[cast("Kind", where)] |= ours if isinstance(ours, dict) else {name: ours}
    else:
        imported.settings[to] = ours


def _listen(tree: Mapping[str, Any], imported: Imported, tokens: bool) -> None:
    """Its address beside ours: the clients find it, the page stays where it is."""
    server = _section(tree, "server")
    there = address(tree)
    bare = not tokens and there.host not in ("127.0.0.1", "localhost", "::1")
    if bare and "host" not in server:
        there = Address("127.0.0.1", there.port)
    said = ", ".join(f"{name} {_shown(server[name])}" for name in ("host", "port") if name in server)
    note = NO_TOKEN if bare and "host" in server else NOTHING
    if not said:
        said, note = "-", ("where ChatAnon's clients look for it", "ChatAnon 客户端默认访问的地址")
    imported.settings["server.listen"] = [str(there)]
    imported.rows.append(Row("server.host, server.port", said, f"server.listen: {there}", note))
    if note is NO_TOKEN:
        imported.warnings.append(NO_TOKEN)


def _certificate(ssl: Mapping[str, Any], folder: Path, imported: Imported) -> None:
    names = {"ssl_certfile": "server.tls.cert", "ssl_keyfile": "server.tls.key"}
    files = {name: folder / str(ssl[name]) for name in names if ssl.get(name)}
    whole = len(files) == 2 and all(file.is_file() for file in files.values())
    for name, file in files.items():
        if whole:
            imported.settings[names[name]] = str(file.resolve())
            note = NOTHING
        elif not file.is_file():
            note = (
                "there is no such file, and ChatAnon would start without https too",
                "没有该文件，ChatAnon 同样会以 http 启动",
            )
        else:
            note = ("certificate and key belong together", "证书与私钥须同时给出")
        imported.rows.append(Row(f"ssl.{name}", str(ssl[name]), names[name] if whole else "", note))


def _voices(
    tree: Mapping[str, Any], options: dict[Kind, dict[str, Any]], imported: Imported, people: Iterable[str]
) -> None:
    """What it says of single characters; their voices go with their manifests."""
    known = {name.lower() for name in people}
    for name, own in _section(tree, "characters").items():
        given = cast("dict[str, Any]", own) if isinstance(own, dict) else {"": own}
        for key, value in given.items():
            row = f"characters.{name}.{key}".rstrip(".")
            if key == "voice_id" and name.lower() in known:
                note = CLONED if value == VOICE else NOTHING
                file = f"characters/{name.lower()}/character.yaml"
                imported.rows.append(Row(row, _shown(value), file, note))
            elif key == "voice_id":
                note = (f"there is no prompts/{name}/", f"没有 prompts/{name}/")
                imported.rows.append(Row(row, _shown(value), "", note))
            elif key == "tts_model":
                usual = (
                    options["tts"].get("model")
                    or load("tts", "minimax").Options.model_fields["model"].default
                )
                if "models" not in tree and "model" not in options["tts"] and isinstance(value, str):
                    options["tts"]["model"] = value
                    imported.rows.append(Row(row, value, "tts.model"))
                else:
                    same = value == usual
                    note = (
                        ("as tts.model has it", "与 tts.model 相同")
                        if same
                        else (
                            "all characters speak with one model here: tts.model",
                            "此处所有角色共用一个模型：tts.model",
                        )
                    )
                    imported.rows.append(Row(row, _shown(value), "tts.model" if same else "", note))
            else:
                imported.rows.append(Row(row, _shown(value), "", STRANGE))


def _keys(tree: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for section, inner in tree.items():
        if section in SECTIONS and isinstance(inner, dict):
            yield from ((f"{section}.{name}", value) for name, value in cast("dict[str, Any]", inner).items())
        elif inner is not None:
            yield section, inner


def _section(tree: Mapping[str, Any], name: str) -> dict[str, Any]:
    inner: Any = tree.get(name)
    return cast("dict[str, Any]", inner) if isinstance(inner, dict) else {}


def _shown(value: Any) -> str:
    """A value for the table, short."""
    match value:
        case bool():
            text = "true" if value else "false"
        case list() | dict():
            text = "..."
        case _:
            text = "-" if value is None else str(value)
    return text if len(text) <= 60 else text[:59] + "…"
