"""The command `aizuchi`. Each command is a file here; it is imported only when it is called."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from aizuchi.cli.words import HELP
from aizuchi.errors import ConfigError, ProviderError
from aizuchi.texts import Lang, language

DEFAULT_URL: Final = "http://127.0.0.1:12393"
COMMANDS: Final = (
    "init",
    "import",
    "serve",
    "talk",
    "chat",
    "check",
    "voices",
    "models",
    "genie",
    "replay",
    "asr-eval",
    "usage",
    "data",
    "bitnp-path",
    "docs",
)

MODULES: Final = {"import": "importing"}
"""Commands whose word can't be a module's."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code: 0 well, 1 something failed, 2 the user must mend something."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A console that has no Chinese shows a question mark rather than ending the command.
            stream.reconfigure(errors="replace")
    lang = language(os.environ, _wished(arguments))
    parser = _parser(lang)
    args = parser.parse_args(arguments)
    if args.command is None:
        parser.print_help()
        return 0
    name = MODULES.get(args.command, args.command.replace("-", "_"))
    module = importlib.import_module(f"aizuchi.cli.{name}")
    run: Callable[[argparse.Namespace], int] = module.run
    try:
        return run(args)
    except ConfigError as error:
        print(f"aizuchi: {error.zh if lang == 'zh' else error}", file=sys.stderr)
        return 2
    except ProviderError as error:
        print(f"aizuchi: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        # A disk, a file or the database does not do its part; what the system says is what a person needs.
        print(f"aizuchi: {error or type(error).__name__}", file=sys.stderr)
        return 1


def _wished(arguments: Sequence[str]) -> str:
    """The value of --lang, before the parser exists whose help is in that language."""
    for index, each in enumerate(arguments):
        if each == "--lang" and index + 1 < len(arguments):
            return arguments[index + 1]
        if each.startswith("--lang="):
            return each.partition("=")[2]
    return ""


def _parser(lang: Lang) -> argparse.ArgumentParser:
    from aizuchi import __version__

    def say(key: str) -> str:
        return HELP.say(lang, key)

    class Layout(argparse.HelpFormatter):
        def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
            super().add_usage(usage, actions, groups, say("called") if prefix is None else prefix)

    words: Any = {"add_help": False, "formatter_class": Layout}
    parser = argparse.ArgumentParser(
        prog="aizuchi", description=say("aizuchi"), epilog=say("epilog"), **words
    )
    parser.add_argument("-h", "--help", action="help", help=say("help"))
    parser.add_argument("--version", action="version", version=f"aizuchi {__version__}", help=say("version"))
    commands = parser.add_subparsers(dest="command", metavar=say("command"), title=say("commands"))
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("-h", "--help", action="help", help=say("help"))
    for each, default in ((parser, {"lang": "", "config": None}), (common, {})):
        # Before the command or behind it; a default of the latter would undo what came before.
        add = each.add_argument
        unset = argparse.SUPPRESS
        add("--lang", choices=("en", "zh"), default=default.get("lang", unset), help=say("lang"))
        add("--config", metavar="FILE", default=default.get("config", unset), help=say("config"))
    made = {
        name: commands.add_parser(name, help=say(name), description=say(name), parents=[common], **words)
        for name in COMMANDS
    }
    for each in (parser, *made.values()):
        # argparse would take these two words from gettext, for which we would need compiled catalogues.
        each._optionals.title = say("options")
        each._positionals.title = say("arguments")

    add = made["init"].add_argument
    add("folder", nargs="?", default=".", help=say("init.folder"))
    add("--yes", "-y", action="store_true", help=say("init.yes"))
    add("--force", action="store_true", help=say("init.force"))

    add = made["import"].add_argument
    add("system", metavar="SYSTEM", help=say("import.system"))
    add("path", metavar="PATH", help=say("import.path"))
    add("--to", metavar="FOLDER", default=".", help=say("import.to"))
    add("--force", action="store_true", help=say("init.force"))
    add("--dry-run", action="store_true", help=say("import.dry_run"))

    add = made["serve"].add_argument
    add("--host", default=None, help=say("serve.host"))
    add("--port", type=int, default=None, help=say("serve.port"))
    add("--listen", action="append", default=[], metavar="HOST:PORT", help=say("serve.listen"))
    add("--open", action="store_true", help=say("serve.open"))
    add("--browser", action="store_true", help=say("serve.browser"))
    add("--workers", type=int, default=None, metavar="N", help=say("serve.workers"))
    add("--tls", action="store_true", help=say("serve.tls"))
    add("--cert", metavar="PEM", default=None, help=say("serve.cert"))
    add("--key", metavar="PEM", default=None, help=say("serve.key"))

    add = made["talk"].add_argument
    add("url", nargs="?", default=None, help=say("talk.url"))
    add("--text", action="store_true", help=say("talk.text"))
    add("--wav", metavar="FILE", default=None, help=say("talk.wav"))
    add("--save", metavar="OUT.wav", default=None, help=say("talk.save"))
    add("--character", default="", help=say("talk.character"))
    add("--token", default="", help=say("talk.token"))
    add("--insecure", action="store_true", help=say("talk.insecure"))
    add("--mode", choices=("auto", "push", "continuous"), default="auto", help=say("talk.mode"))

    add = made["chat"].add_argument
    add("--url", "--server", "-s", default=None, metavar="URL", help=say("chat.url"))
    add("--token", "-t", default="", help=say("chat.token"))
    add("--character", "-c", default="anon", help=say("talk.character"))
    modes = ("text", "voice", "voice_call", "agent")
    add("--mode", "-m", choices=modes, default="text", help=say("chat.mode"))
    add("--wav", metavar="FILE", default=None, help=say("chat.wav"))
    add("--save-audio", action="store_true", help=say("chat.save_audio"))
    add("--no-audio", action="store_true", help=say("chat.no_audio"))
    add("--insecure", action="store_true", help=say("talk.insecure"))
    add("--debug", action="store_true", help=say("chat.debug"))

    add = made["check"].add_argument
    add("--voices", action="store_true", help=say("check.voices"))
    add("--offline", action="store_true", help=say("check.offline"))

    add = made["voices"].add_argument
    add("action", nargs="?", default="", metavar="clone|list|delete|PROVIDER", help=say("voices.action"))
    add("subject", nargs="?", default="", metavar="FILE|ID", help=say("voices.subject"))
    add("--name", default="", help=say("voices.name"))
    add("--provider", default="", help=say("voices.provider"))
    add("--model", default="", help=say("voices.model"))
    add("--force", action="store_true", help=say("voices.force"))
    add("--yes", "-y", action="store_true", help=say("voices.yes"))
    add("--json", action="store_true", help=say("voices.json"))

    add = made["models"].add_argument
    add("action", nargs="?", choices=("list", "download", "check"), default="list", help=say("models.action"))
    add("name", nargs="?", default="", help=say("models.name"))

    add = made["genie"].add_argument
    add("action", nargs="?", choices=("check", "setup"), default="check", help=say("genie.action"))

    add = made["replay"].add_argument
    add("timeline", help=say("replay.timeline"))
    add("--play", action="store_true", help=say("replay.play"))
    add("--speed", type=float, default=1.0, help=say("replay.speed"))

    add = made["asr-eval"].add_argument
    add("folder", help=say("asr-eval.folder"))
    add("--limit", type=int, default=0, help=say("asr-eval.limit"))

    add = made["usage"].add_argument
    add("--days", type=int, default=7, help=say("usage.days"))

    add = made["data"].add_argument
    add("action", choices=("export", "delete"), help=say("data.action"))
    add("person", help=say("data.person"))
    add("--to", metavar="FILE", default=None, help=say("data.to"))
    add("--yes", "-y", action="store_true", help=say("data.yes"))

    add = made["docs"].add_argument
    add("folder", nargs="?", default=None, help=say("docs.folder"))
    add("--check", action="store_true", help=say("docs.check"))
    return parser
