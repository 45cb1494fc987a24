"""`aizuchi genie setup|check`: a Python of its own for `tts: genie`, and the files it needs."""

from __future__ import annotations

import argparse
import os
import subprocess
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.texts import Texts

if TYPE_CHECKING:
    from aizuchi.config import Loaded

TEXTS: Final = Texts(
    {
        "folder": ("Genie is kept in {folder}", "Genie 保存在 {folder}"),
        "making": ("making a Python of its own ...", "正在创建独立的 Python 环境……"),
        "installing": (
            "installing {package} (some 500 MB; minutes) ...",
            "正在安装 {package}（约 500 MB，需几分钟）……",
        ),
        "fetching": ("fetching {what} from {where} ...", "正在从 {where} 下载 {what}……"),
        "there": ("{what}: here", "{what}：已有"),
        "lacking": ("{what}: missing: {files}", "{what}：缺少 {files}"),
        "python": ("Python with genie_tts", "装有 genie_tts 的 Python"),
        "data": ("shared data (GenieData)", "共用数据（GenieData）"),
        "model": ("model of {name}", "{name} 的模型"),
        "reference": ("reference of {name}", "{name} 的参考音频"),
        "no_install": (
            "{package} could not be installed: {why}. Where it can be: {python} -m pip install {package}",
            "{package} 安装失败：{why}。可在能安装之处执行：{python} -m pip install {package}",
        ),
        "no_data": (
            "the data could not be fetched: {why}.\n  Fetch the folder GenieData of {url}\n  elsewhere, put"
            " it at {place}\n  and run this again. A mirror is named by HF_ENDPOINT.",
            "数据下载失败：{why}。\n  请在别处下载 {url} 的 GenieData 文件夹，\n  放到 {place}\n"
            "  后重新运行。可用 HF_ENDPOINT 指定镜像。",
        ),
        "models": (
            "A voice needs a model in Genie's form ({url} has some; {converting} tells how others are"
            " converted) and a recording of 3 to 10 seconds with its words.",
            "每个音色需要 Genie 格式的模型（{url} 有现成的；其他模型的转换方法见 {converting}），"
            "以及 3 至 10 秒的参考录音与文字。",
        ),
        "use": ("To use it, in aizuchi.yaml:", "使用方法，在 aizuchi.yaml 中："),
        "not_chosen": (
            "tts: genie is not chosen in this configuration; looking in {folder}",
            "配置中没有选用 tts: genie；检查 {folder}",
        ),
        "licence": (
            "{package} stands beside Aizuchi, not in it; it and its models have licences of their own.",
            "{package} 安装在 Aizuchi 之外；它与各模型有各自的许可。",
        ),
    }
)
INSTALLING: Final = 3600.0
"""Seconds that pip may take, and the download."""
FETCH: Final = (
    "import sys; from huggingface_hub import snapshot_download;"
    " snapshot_download(repo_id=sys.argv[1], allow_patterns='GenieData/*', local_dir=sys.argv[2])"
)


def run(args: argparse.Namespace) -> int:
    from aizuchi.config import load

    loaded = load(Path(args.config) if args.config else None, lang=args.lang)
    return _setup(loaded) if args.action == "setup" else _check(loaded)


def _setup(loaded: Loaded) -> int:
    from aizuchi.providers.tts import genie_files as files

    lang, folder = loaded.lang, loaded.home / "genie"
    python, data = files.python_in(folder), folder / files.DATA_NAME
    print(TEXTS.say(lang, "folder", folder=folder))
    if not python.is_file():
        print(TEXTS.say(lang, "making"), flush=True)
        venv.create(folder / "venv", with_pip=True)
    if not _has_package(python):
        print(TEXTS.say(lang, "installing", package=files.PACKAGE), flush=True)
        why = _done([str(python), "-m", "pip", "install", "--quiet", files.PACKAGE])
        if why:
            raise ProviderError(TEXTS.say(lang, "no_install", package=files.PACKAGE, why=why, python=python))
    print(TEXTS.say(lang, "there", what=TEXTS.say(lang, "python")))
    if list(files.missing_data(data, set())):
        print(TEXTS.say(lang, "fetching", what=files.DATA_NAME, where=files.DATA_URL), flush=True)
        why = _done([str(python), "-c", FETCH, files.DATA_REPOSITORY, str(folder)])
        if why or list(files.missing_data(data, set())):
            why = why or "the download was not whole"
            raise ProviderError(TEXTS.say(lang, "no_data", why=why, url=files.DATA_URL, place=data))
    print(TEXTS.say(lang, "there", what=TEXTS.say(lang, "data")))
    print(TEXTS.say(lang, "licence", package=files.PACKAGE))
    print(TEXTS.say(lang, "models", url=files.MODEL_URL, converting=files.CONVERTING))
    print(TEXTS.say(lang, "use"))
    for line in _example(python, data, folder):
        print(f"  {line}")
    return 0


def _example(python: Path, data: Path, folder: Path) -> Sequence[str]:
    return (
        "tts:",
        "  use: genie",
        f"  python: {python}",
        f"  data: {data}",
        "  voices:",
        "    anon:",
        f"      model: {folder / 'models' / 'anon'}",
        "      language: zh",
        f"      reference: {folder / 'models' / 'anon' / 'reference.wav'}",
        "      reference_text: ...",
    )


def _check(loaded: Loaded) -> int:
    """What is there and what is not, of the chosen voice if it is chosen; 1 if anything is missing."""
    from aizuchi.providers.tts import genie_files as files
    from aizuchi.providers.tts.genie import GenieVoice

    lang, folder = loaded.lang, loaded.home / "genie"
    python, data = files.python_in(folder), folder / files.DATA_NAME
    languages: set[str] = set()
    lines: list[tuple[str, list[str]]] = []
    chosen = next((each.options for each in loaded.chosen["tts"] if each.name == "genie"), None)
    if isinstance(chosen, GenieVoice.Options):
        python = Path(chosen.python).expanduser() if chosen.python else python
        data = Path(chosen.data).expanduser()
        for name, speaker in chosen.voices.items():
            languages.add(speaker.language)
            gone = list(files.missing_model(Path(speaker.model).expanduser()))
            lines.append((TEXTS.say(lang, "model", name=name), gone))
            reference = Path(speaker.reference).expanduser()
            fine = reference.is_file() and reference.suffix.lower() in files.SOUND
            lines.append((TEXTS.say(lang, "reference", name=name), [] if fine else [str(reference)]))
    else:
        print(TEXTS.say(lang, "not_chosen", folder=folder))
    has = python.is_file() and _has_package(python)
    lines.insert(0, (TEXTS.say(lang, "python"), [] if has else [str(python)]))
    lines.insert(1, (TEXTS.say(lang, "data"), list(files.missing_data(data, languages))))
    for what, gone in lines:
        key = "lacking" if gone else "there"
        print(TEXTS.say(lang, key, what=what, files=", ".join(gone)))
    return 1 if any(gone for _, gone in lines) else 0


def _has_package(python: Path) -> bool:
    """Asked without importing it, since the import asks for its data."""
    look = "import importlib.util, sys; sys.exit(importlib.util.find_spec('genie_tts') is None)"
    return _done([str(python), "-c", look], quiet=True) == ""


def _done(command: Sequence[str], *, quiet: bool = False) -> str:
    """Run it; why it failed, empty if it did not. What it says goes to the terminal, or nowhere."""
    out = subprocess.DEVNULL if quiet else None
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            timeout=INSTALLING,
            check=False,
            env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
    except subprocess.TimeoutExpired:
        return f"it took longer than {INSTALLING / 60:.0f} minutes"
    except OSError as error:
        raise ConfigError(f"{command[0]} can't be run: {error.strerror or error}") from error
    return "" if done.returncode == 0 else f"exit code {done.returncode}"
