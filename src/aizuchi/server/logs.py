"""Logging, set up once for the whole process.

Modules log through the standard library or structlog; both come out alike, as JSON lines or as
coloured console lines, on standard error. Whatever looks like a secret is struck out on the way, in
fields by their names and in text by its shape, so that no vendor's error message can give away a key.
"""

from __future__ import annotations

import logging
import logging.handlers
import re
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Literal, TextIO

import structlog

STRUCK = "***"
SECRET_FIELD = re.compile(
    r"(^|_|-)(secret|password|passwd|authorization|cookie|api_?key|token|resume_token)s?$", re.IGNORECASE
)
SECRET_TEXT = re.compile(
    r"(?P<bearer>\bbearer\s+)[^\s\"',;]+"
    r"|(?P<named>\b(?:api[_-]?key|(?:resume_|access_)?token|secret|password)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;}]+"
    r"|(?P<scheme>\bsk-)[\w-]{6,}",
    re.IGNORECASE,
)


def scrub_text(text: str) -> str:
    """Strike out what looks like a key, a bearer token or `token=...`."""
    return SECRET_TEXT.sub(lambda m: (m["bearer"] or m["named"] or m["scheme"] or "") + STRUCK, text)


def _scrub(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return scrub_text(value)
    if depth < 4:
        if isinstance(value, dict):
            return {
                name: STRUCK
                if isinstance(each, str) and SECRET_FIELD.search(str(name))
                else _scrub(each, depth + 1)
                for name, each in value.items()
            }
        if isinstance(value, list | tuple):
            return [_scrub(each, depth + 1) for each in value]
    return value


def scrub(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor: no secret leaves by any field. `_`-fields are structlog's own."""
    for name, value in list(fields.items()):
        if not name.startswith("_"):
            hidden = SECRET_FIELD.search(name) and isinstance(value, str)
            fields[name] = STRUCK if hidden else _scrub(value)
    return fields


TURN_ON_SCREEN = (
    "timestamp",
    "level",
    "fallback",
    "first_token_ms",
    "first_audio_ms",
    "e2e_from_voice_ms",
    "duration_ms",
    "faults",
    "session",
)


def brief(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor for consoles: of a turn's thirty figures a person gets the telling ones.

    The JSON lines keep them all.
    """
    if fields.get("event") == "turn" and "outcome" in fields:
        kept = {name: fields[name] for name in TURN_ON_SCREEN if fields.get(name)}
        return {**kept, "event": f"turn {fields.get('turn')} {fields['outcome']}"}
    if fields.get("level") == "info":
        fields.pop("logger", None)
    return fields


def configure(
    level: str = "info", form: Literal["auto", "console", "json"] = "auto", stream: TextIO | None = None
) -> None:
    """Send the logs of the process to `stream` (standard error). The last call counts.

    `auto` is console lines where a person looks and JSON lines elsewhere.
    """
    out: TextIO = stream or sys.stderr
    if form == "auto":
        form = "console" if out.isatty() else "json"
    handler = logging.StreamHandler(out)
    shared = _processors(form)
    handler.setFormatter(_formatter(form, shared, colors=out.isatty()))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for old in [each for each in root.handlers if getattr(each, "aizuchi", False)]:
        root.removeHandler(old)
    handler.aizuchi = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(level.upper())
    # uvicorn tells each connection at info, which is our debug; httpx tells each request with its URL.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "httpx", "httpcore", "websockets"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def also_to(path: Path, most: int) -> None:
    """Write the logs to a file as well, as plain lines; at `most` bytes a new one is begun, one is kept."""
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=most, backupCount=1, encoding="utf-8", delay=True
    )
    handler.setFormatter(_formatter("console", _processors("json"), colors=False))
    logging.getLogger().addHandler(handler)


def _processors(form: str) -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso" if form == "json" else "%H:%M:%S", utc=form == "json"),
        # The traceback becomes text before the scrubbing, or its message would slip by.
        structlog.processors.format_exc_info,
        scrub,
    ]


def _formatter(form: str, shared: list[Any], *, colors: bool) -> logging.Formatter:
    last: list[Any] = (
        [structlog.processors.JSONRenderer(ensure_ascii=False)]
        if form == "json"
        else [brief, structlog.dev.ConsoleRenderer(colors=colors, pad_level=False, sort_keys=False)]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
