"""The prose of the reference pages, language by language. `describe.py` adds the tables."""

from __future__ import annotations

from typing import Final

INTRO: Final = {
    "en": """\
One YAML file: the one named by `--config` (or by the variable `AIZUCHI_CONFIG`), else `aizuchi.yaml` in the
folder you start from, else none at all: everything has a default. `aizuchi init` writes one with every key.

- The environment goes before the file: `AIZUCHI_SECTION__KEY`, for example `AIZUCHI_SERVER__PORT=8080` or
  `AIZUCHI_LLM=script`. A value that begins with `[` or `{` is read as YAML.
- `VALID_API_TOKENS` (with commas), the name that ChatAnon's servers have for it, adds to `server.tokens`.
- `${NAME}` in the file is replaced by that variable, `${NAME:-default}` by the default if it is missing or
  empty, `${NAME-default}` only if it is missing; write `$${` for a literal `${`.
- `.env` (lines `NAME=value`) and `secrets.yaml` (`NAME: value`, names in capital letters) beside the file add
  to the environment and never override it. Keep keys there; `aizuchi init` tells git to leave them out.
- Relative paths count from the file's folder.
- An unknown key is refused, with its line and the nearest known one. `aizuchi check` tries everything for
  real.
""",
    "zh": """\
一个 YAML 文件：由 `--config`（或变量 `AIZUCHI_CONFIG`）指定，否则为启动目录下的 `aizuchi.yaml`，
再否则不需要文件：一切皆有默认值。`aizuchi init` 会写出包含全部键的文件。

- 环境变量优先于文件：`AIZUCHI_SECTION__KEY`，例如 `AIZUCHI_SERVER__PORT=8080` 或 `AIZUCHI_LLM=script`。
  以 `[` 或 `{` 开头的值按 YAML 解析。
- `VALID_API_TOKENS`（以逗号分隔，ChatAnon 服务器所用的名称）会加入 `server.tokens`。
- 文件中的 `${NAME}` 替换为该变量；`${NAME:-默认值}` 在变量缺失或为空时用默认值，
  `${NAME-默认值}` 仅在缺失时使用；字面的 `${` 写作 `$${`。
- 文件旁的 `.env`（每行 `NAME=value`）与 `secrets.yaml`（`NAME: value`，名称大写）补充环境变量，但不覆盖。
  密钥请放在那里；`aizuchi init` 会让 git 忽略它们。
- 相对路径从该文件所在的文件夹算起。
- 未知的键会被拒绝，并指出行号与最接近的键。`aizuchi check` 会逐项真实试用。
""",
}

CHOOSING: Final = {
    "en": """\
`vad`, `asr`, `llm` and `tts` each take a name, a mapping with `use` and the provider's options, or a list of
either. A list is tried in order: the next one serves when one fails, is silent too long, or has used up its
cap. `turn`, a model that hears whether the user has finished, is chosen in the same way, and is none unless
you choose one; of `vad` and `turn` only the first of a list serves.

```yaml
tts: espeak
llm: {use: openai, model: some-model, base_url: "http://127.0.0.1:11434/v1"}
asr:
  - use: openai
    language: en
  - pocketsphinx
```

Where the file says nothing, the embedded ones serve (no key, no network): EMBEDDED.

A vendor's own key in the environment is enough to choose its provider there: `BYTEDANCE_APP_KEY` with
`BYTEDANCE_ACCESS_KEY` make `asr` be `volcengine`, `DOUBAO_API_KEY` (`ARK_API_KEY`) makes `llm` be `doubao`,
`GLM_API_KEY` (or `ZHIPUAI_API_KEY`, `ZAI_API_KEY`) `glm`, `MINIMAX_API_KEY` makes `tts` be `minimax`;
recogniser and voice have the embedded ones behind them. Where several keys serve one stage, the first in this
order does: Volcengine's and MiniMax's, Doubao, GLM, then OpenAI's. The others stay unused; a list in the file
uses more than one. [providers.md](providers.md#keys) says where each key is made.

If `OPENAI_API_KEY` or
`OPENAI_BASE_URL` is set, `llm` is `openai`. It has no stand-in: when a real model is silent the character
says so, and a script in its place would only pretend. `asr` and `tts` follow, with the embedded ones behind
them, only if there is a key and the address is OpenAI's own, because most other servers of that protocol have
no sound; choose them in the file where yours has. A `base_url` in the file counts as such an address, so that
a key for another server never sends a voice to OpenAI.
""",
    "zh": """\
`vad`、`asr`、`llm`、`tts` 各可填一个名称、带 `use` 与选项的映射，或二者的列表。列表依次尝试：
某个失败、太久无响应或用量达到上限时，由下一个接替。`turn`（从声音判断用户是否说完的模型）写法相同，
默认不用；`vad` 与 `turn` 的列表只用第一项。

```yaml
tts: espeak
llm: {use: openai, model: some-model, base_url: "http://127.0.0.1:11434/v1"}
asr:
  - use: openai
    language: zh
  - pocketsphinx
```

文件未写明时使用内置部件（无需密钥与网络）：EMBEDDED。

环境变量中有厂商自己的密钥，即选用该厂商：`BYTEDANCE_APP_KEY` 与 `BYTEDANCE_ACCESS_KEY` 使 `asr` 为
`volcengine`；`DOUBAO_API_KEY`（或 `ARK_API_KEY`）使 `llm` 为 `doubao`；`GLM_API_KEY`（或
`ZHIPUAI_API_KEY`、`ZAI_API_KEY`）使其为 `glm`；`MINIMAX_API_KEY` 使 `tts` 为 `minimax`；识别与语音以内置部件
作后备。同一环节有多个密钥时按此顺序取第一个：火山引擎与 MiniMax、豆包、GLM，最后是 OpenAI；其余不用，
要同时使用请在文件中写成列表。密钥在哪里创建见 [providers.md](providers.md#keys)。

若设置了 `OPENAI_API_KEY` 或 `OPENAI_BASE_URL`，
`llm` 即为 `openai`，且没有替身：真实模型不回答时角色会如实说明，用脚本顶替只是假装。
仅当有密钥且地址是 OpenAI 官方时，`asr` 与 `tts` 才随之改用 `openai`（内置部件作后备），
因为多数同协议的服务器没有语音接口；若您的有，请在文件中写明。文件中的 `base_url` 也算作地址，
因此其他服务器的密钥绝不会把声音送往 OpenAI。
""",
}
