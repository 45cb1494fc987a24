"""What a user may set, in users' words: one YAML file, one model.

Every key carries its description in English and in Chinese; `aizuchi init`, `docs/configuration.md` and
the error messages are made from here, so that they can't disagree. The sections at the end are
`engine/rules.py` key by key; a test compares names and defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from aizuchi.config.choices import Choices, embedded
from aizuchi.engine.rules import BargeIn, Echo, Hearing, Rules, Silences, Speculation, StageLimits, TurnEnd
from aizuchi.events import ListenMode, TtsStrategy
from aizuchi.wire.chatanon.manners import Dialect


def key(default: Any, en: str, zh: str, **bounds: Any) -> Any:
    """A documented field. `default` may be a function that makes it."""
    given: dict[str, Any] = {"default_factory": default} if callable(default) else {"default": default}
    return Field(**given, description=en, json_schema_extra={"zh": zh}, **bounds)


class Section(BaseModel):
    """Unknown keys are refused; numbers are accepted where text is meant (a token of digits).

    A key with nothing behind it means its default, as in a section whose keys are all commented out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        given = cast("dict[str, Any]", value)
        return {
            name: each for name, each in given.items() if each is not None or name not in cls.model_fields
        }


class Tls(Section):
    on: bool = key(
        False,
        "https and wss with a certificate of our own, made on first use (the same as --tls)",
        "启用 https 与 wss；首次使用时自动生成证书（同 --tls）",
    )
    cert: Path | None = key(
        None, "your own certificate, PEM; implies https", "您自己的证书（PEM），填写即启用 https"
    )
    key: Path | None = key(None, "the private key that goes with it, PEM", "与证书对应的私钥（PEM）")


def _named(value: Any) -> Any:
    """A list of tokens without names is fine for one household."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list):
        return {f"token{number}": token for number, token in enumerate(value, start=1)}  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
    return value


class Server(Section):
    host: str = key(
        "127.0.0.1",
        "address to listen on; 0.0.0.0 for the whole network (then set tokens, or open)",
        "监听地址；0.0.0.0 表示整个网络（此时请设置 tokens 或 open）",
    )
    port: int = key(12393, "port to listen on", "监听端口", ge=0, le=65535)
    listen: list[str] = key(
        list,
        "more addresses for the same server, each HOST:PORT; a busy one only warns",
        "同一服务的其他地址，每项为 HOST:PORT；被占用时只给出警告",
    )
    tokens: Annotated[dict[str, SecretStr], BeforeValidator(_named)] = key(
        dict,
        "person: token; who has a token is that person. Better kept in the environment: ${MY_TOKEN}",
        "人名: 令牌；持有令牌者即为此人。建议放在环境变量中：${MY_TOKEN}",
    )
    operators: list[str] = key(
        list,
        "names of tokens whose owners may use the console; with tokens and without operators nobody may",
        "可使用控制台的令牌人名；设了 tokens 而此处为空时，任何人都不能使用",
    )
    origins: list[str] = key(
        list,
        "web origins that may connect besides the server's own and loopback, such as https://app.example",
        "除本机与回环地址外允许连接的网页来源，例如 https://app.example",
    )
    open: bool = key(
        False,
        "allow anybody on the network without a token (the same as --open)",
        "允许网络上的任何人无令牌连接（同 --open）",
    )
    tls: Tls = key(Tls, "https and wss", "https 与 wss")
    resume_ttl: float = key(
        120.0,
        "seconds a conversation waits for a lost client to come back",
        "连接中断后会话等待客户端回来的秒数",
        ge=0,
    )
    max_sessions: int = key(
        1000, "conversations at a time; more are refused", "同时进行的会话数上限，超出则拒绝", ge=1
    )
    workers: int = key(
        1,
        "processes behind the port; 0 for one per core. Each loads its own models; not on Windows",
        "端口背后的进程数；0 表示每核一个。每个进程各自加载模型；Windows 上不可用",
        ge=0,
        le=256,
    )
    drain: float = key(
        10.0, "seconds that running turns get when the server stops", "服务停止时留给进行中回合的秒数", ge=0
    )


class Web(Section):
    hosts: list[str] = key(
        list,
        "further servers that the page may load figures from, such as https://models.example; by default it"
        " asks nobody but this server",
        "页面可以从中加载形象的其他服务器，例如 https://models.example；默认只访问本服务器",
    )
    cubism_core: str = key(
        "",
        "Live2D's Cubism Core for figures of that kind, which its licence keeps us from shipping: your"
        " live2dcubismcore.min.js, or an https address of it",
        "Live2D 形象所需的 Cubism Core（因许可原因不能附带）：您的 live2dcubismcore.min.js，或其 https 地址",
    )


class Tools(Section):
    use: list[str] = key(
        lambda: ["current_time"], "built-in tools the model may call", "模型可以调用的内置工具"
    )
    functions: list[str] = key(
        list,
        "your own Python functions as tools, each module:function (or module, for all its @tool functions)",
        "您自己的 Python 函数工具，每项为 module:function（或 module，即其中所有 @tool 函数）",
    )
    timezone: str = key(
        "",
        "IANA time zone of current_time; empty for the machine's own",
        "current_time 的时区（IANA 名）；留空用本机时区",
    )


class Recording(Section):
    record: Literal["off", "events", "audio"] = key(
        "off",
        "keep conversations on disk: nothing, what happened, or what happened and all sound",
        "是否把会话存盘：off 不存，events 只存事件，audio 连同全部声音",
    )
    folder: Path | None = key(
        None, "where to; default: timelines in the data folder", "存放位置；默认为数据文件夹中的 timelines"
    )
    max_mb: float = key(
        1000.0, "megabytes of recordings to keep; the oldest go first", "录存总量上限（MB），先删最旧的", gt=0
    )
    max_days: float = key(30.0, "days to keep a recording", "每份录存保留的天数", gt=0)


class Cap(Section):
    tokens: int | None = key(None, "tokens, in and out", "词元数（输入与输出）", ge=0)
    characters: int | None = key(None, "characters spoken", "朗读的字符数", ge=0)
    audio_seconds: float | None = key(None, "seconds of sound", "声音秒数", ge=0)


class Usage(Section):
    caps: dict[str, Cap] = key(
        dict,
        "provider: {tokens, characters, audio_seconds} allowed per day; beyond it the next provider serves",
        "提供方: {tokens, characters, audio_seconds} 每日上限；超出后改用下一个提供方",
    )


class CallKeys(Section):
    asr: int | None = key(
        None, "utterances recognised at a time; empty: no limit", "同时识别的句数；留空不限", ge=1
    )
    llm: int | None = key(
        None, "answers of a model at a time; empty: no limit", "同时请求模型的数量；留空不限", ge=1
    )
    tts: int | None = key(
        None, "sentences synthesised at a time; empty: no limit", "同时合成的句数；留空不限", ge=1
    )


class Admission(Section):
    sockets: int = key(
        1000,
        "open connections of a process; more are refused before the handshake",
        "每个进程的连接数上限，超出者在握手前拒绝",
        ge=1,
    )
    sessions_per_token: int | None = key(
        None,
        "conversations at a time with one token; empty: no limit",
        "每个令牌同时进行的会话数；留空不限",
        ge=1,
    )
    calls: CallKeys = key(
        CallKeys,
        "requests to providers at a time, over all conversations",
        "同时向提供方发出的请求数（全部会话合计）",
    )
    waiting: int = key(
        100,
        "requests that may wait, for each stage with a limit; more are told busy",
        "每个有上限的阶段可排队的请求数，更多则答复繁忙",
        ge=0,
    )
    wait: float = key(
        15.0,
        "seconds a request may wait; then its turn is told busy",
        "请求排队的秒数上限，超出则答复繁忙",
        gt=0,
    )
    order: Literal["interactive_first", "lecture_first"] = key(
        "interactive_first",
        "who goes first among those that wait: replies or lectures; background work is always last",
        "排队时谁优先：interactive_first 回答优先，lecture_first 讲解优先；后台工作总在最后",
    )
    background_llm: str = key(
        "",
        "a smaller model for background work (summaries, memory) while replies need the others: "
        "the name of a later entry of llm; empty: it waits",
        "回答占用模型时，后台工作（摘要、记忆）改用的较小模型：llm 列表中靠后一项的名称；留空则等待",
    )
    background_wait: float = key(
        60.0, "seconds background work may take before it is dropped", "后台工作的秒数上限，超出则放弃", gt=0
    )
    audio_seconds_per_minute: float | None = key(
        None,
        "seconds of microphone sound a minute and token (without tokens: conversation); empty: no limit",
        "每分钟可发送的麦克风声音秒数，按令牌计（无令牌时按会话计）；留空不限",
        gt=0,
    )
    messages_per_minute: int | None = key(
        None,
        "messages a minute on one connection; sound alone is 3,000 in chunks of 20 ms; empty: no limit",
        "每个连接每分钟的消息数；仅 20 毫秒一块的声音就有 3000 条；留空不限",
        ge=1,
    )
    overload_lag_ms: float = key(
        150.0,
        "a server that is so late for three seconds takes no new conversations until it has caught up",
        "服务滞后达到此毫秒数并持续三秒时，暂不接受新会话，直到恢复",
        gt=0,
    )


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = key("info", "how much to log", "日志详细程度")
    format: Literal["auto", "console", "json"] = key(
        "auto",
        "console for people, json for programs; auto: console in a terminal",
        "console 便于人读，json 便于程序；auto 在终端中用 console",
    )


class HearingKeys(Section):
    threshold: float = key(
        0.5, "speech probability at which speech may begin", "判定开始说话的语音概率", gt=0, lt=1
    )
    release: float = key(
        0.35, "probability below which a stretch counts as silence", "低于此概率视为静音", gt=0, lt=1
    )
    min_speech_ms: int = key(60, "shorter sounds are not speech", "更短的声音不算说话", ge=0, le=2000)
    silence_ms: int = key(600, "silence that ends an utterance", "多长的静音算说完", ge=50, le=10_000)
    preroll_ms: int = key(
        300,
        "sound before the onset that still belongs to the utterance",
        "说话开始前一并计入的声音长度",
        ge=0,
        le=2000,
    )
    max_utterance_ms: int = key(30_000, "longest utterance", "一句话的最长时间", ge=1000, le=600_000)
    pause_ms: int = key(
        80,
        "silence at which what was said so far is first looked at",
        "多长的停顿后开始判断是否说完",
        ge=20,
        le=2000,
    )
    mode: ListenMode = key(
        "auto",
        "push: the client opens and closes the microphone; auto: silence closes it; "
        "continuous: always open, the voice interrupts",
        "push 由客户端开关麦克风；auto 静音即结束；continuous 一直开着，可用声音打断",
    )


class TurnEndKeys(Section):
    transcript: bool = key(
        True, "look whether what was said ends like a finished sentence", "参考文字是否像一句说完的话"
    )
    habits: bool = key(True, "learn the pauses a speaker makes within a sentence", "学习说话人句中停顿的习惯")
    model: bool = key(True, "ask the turn-end model, if one is chosen", "若在 turn 中选了模型，也听它的判断")
    shortest_ms: int = key(
        250, "not even the surest sign ends an utterance sooner", "再有把握也至少等这么久", ge=50, le=5000
    )
    longest_ms: int = key(2_000, "doubt waits no longer", "再拿不准也最多等这么久", ge=100, le=10_000)


class SpeculationKeys(Section):
    on: bool = key(
        True,
        "transcribe and begin to answer at the first hint of silence; unheard until it is certain that the"
        " user is done. Costs some requests that come to nothing",
        "一出现停顿就先识别并准备回答；确认用户说完之前不会播出。会多出一些最终作废的请求",
    )
    tries: int = key(4, "attempts per utterance", "每句话最多尝试的次数", ge=0, le=20)
    seconds: float = key(
        10.0, "an attempt not confirmed by then is dropped", "未获确认的尝试保留的秒数", gt=0
    )
    tokens: int = key(120, "tokens an attempt may run ahead", "一次尝试最多预先生成的词元数", ge=1)
    budget_tokens: int = key(
        40_000,
        "tokens, prompts included, that dropped attempts may cost per conversation",
        "每个会话中作废尝试可消耗的词元总数（含提示）",
        ge=0,
    )


class BargeInKeys(Section):
    policy: Literal["pause", "immediate", "after_ms", "after_word", "never"] = key(
        "pause",
        "when the user's voice interrupts a reply; pause: it is held at once, a word or a long voice ends "
        "it, and after a cough or a mere mm-hm it goes on",
        "用户的声音何时打断回答；pause：立即暂停，听到话语或较长的人声才算打断，只是咳嗽或“嗯”“对”则接着说",
    )
    after_ms: int = key(
        200,
        "with after_ms, and with pause where nothing can be held: so much voiced sound",
        "用 after_ms 时（或用 pause 而无法暂停时）：多长的人声才算打断",
        ge=0,
        le=5000,
    )
    decide_ms: int = key(
        400,
        "with pause: so much voiced sound interrupts although no word is known yet",
        "用 pause 时：尚无文字而人声达到此长度即算打断",
        ge=50,
        le=5000,
    )
    backchannel_ms: int = key(
        1_000,
        "with pause: so much voiced sound interrupts although only a mm-hm is known",
        "用 pause 时：只听到“嗯”“对”之类而人声达到此长度即算打断",
        ge=50,
        le=10_000,
    )


class EchoKeys(Section):
    guard: Literal["auto", "off", "on"] = key(
        "auto",
        "compare what is heard with what is being said, so that the character never answers itself; "
        "auto: unless the client cancels echo",
        "把听到的与正在说的相比较，避免角色回答自己的声音；auto：除非客户端自行消除回声",
    )
    adapt_ms: int = key(
        2_000,
        "for so much of a conversation's first speech only words interrupt, while the client's canceller "
        "adapts",
        "会话最初播放这么久之内，只有听懂的话才算打断，以便客户端的回声消除先适应",
        ge=0,
        le=60_000,
    )


class SilenceKeys(Section):
    nudge_after: float = key(
        0.0,
        "seconds without a word after which the character says something; 0: never",
        "沉默多少秒后角色主动说一句；0 表示从不",
        ge=0,
    )
    nudges: int = key(1, "how often in a row", "连续主动开口的次数", ge=0)
    goodbye_after: float = key(
        0.0,
        "seconds without a word after which it says goodbye and the conversation ends; 0: never",
        "沉默多少秒后道别并结束会话；0 表示从不",
        ge=0,
    )


class LimitKeys(Section):
    vad_gap: float = key(
        15.0, "seconds that microphone sound may wait for the VAD", "麦克风声音等待语音检测的秒数", gt=0
    )
    asr_final: float = key(
        5.0, "seconds from the end of speech to the final text", "说完到得出最终文字的秒数", gt=0
    )
    llm_first: float = key(8.0, "seconds to a model's first token", "模型给出首个词元的秒数", gt=0)
    llm_gap: float = key(15.0, "seconds between two tokens", "两个词元之间的秒数", gt=0)
    tts_first: float = key(4.0, "seconds to a voice's first sound", "语音发出首段声音的秒数", gt=0)
    tts_gap: float = key(4.0, "seconds between two slices of sound", "两段声音之间的秒数", gt=0)
    retrieve: float = key(0.3, "seconds for looking up passages", "检索资料的秒数", gt=0)
    breaker_failures: int = key(
        3, "failures in a row after which a provider is left alone", "连续失败多少次后暂停使用该提供方", ge=1
    )
    breaker_pause: float = key(30.0, "for so many seconds", "暂停的秒数", ge=0)


class ConversationKeys(Section):
    ahead: float = key(6.0, "seconds of speech made ahead of the listener", "语音合成领先播放的秒数", gt=0)
    ear_grace: float = key(
        2.0,
        "seconds a client may be late in reporting what it played",
        "客户端报告播放进度可迟到的秒数",
        ge=0,
    )
    history_tokens: int = key(
        6_000, "budget of the conversation in the prompt, in tokens", "提示中对话部分的词元预算", ge=100
    )
    max_reply_tokens: int | None = key(
        None, "longest reply in tokens; empty: the model's own", "回答的最大词元数；留空由模型决定", ge=1
    )
    tool_rounds: int = key(5, "rounds of tool calls in one turn", "一个回合内工具调用的轮数", ge=0)
    tool_timeout: float = key(10.0, "seconds a tool may take", "单个工具的时限（秒）", gt=0)
    tool_result_chars: int = key(
        8_000, "longest tool result the model sees", "模型所见工具结果的最大字符数", ge=100
    )
    max_text_chars: int = key(8_000, "longest text a client may send", "客户端文字的最大字符数", ge=1)
    max_images: int = key(4, "images per turn", "每回合的图片数", ge=0)
    max_image_bytes: int = key(8 << 20, "largest image", "单张图片的最大字节数", ge=1024)
    max_context_chars: int = key(4_000, "longest page or segment text", "页面或片段文字的最大字符数", ge=0)
    first_clause_chars: int = key(
        24,
        "a first clause may be cut at a comma from about so many characters",
        "首个分句约到多少字符即可在逗号处断开",
        ge=4,
    )
    tts_strategy: TtsStrategy = key(
        "sentence",
        "sentence: the voice gets whole sentences; stream: text as it is written, for voices that take it",
        "sentence 逐句送给语音；stream 边生成边送（语音支持时）",
    )
    waiting_turns: int = key(
        4, "turns that may wait for the floor; more are shed", "可排队等待的回合数，更多则放弃", ge=0
    )
    mic_queue_ms: int = key(
        20_000,
        "microphone sound that may wait to be heard; more is shed",
        "可排队等待处理的麦克风声音，更多则放弃",
        ge=1000,
    )


class ChatAnonKeys(Section):
    dialect: Dialect = key(
        "auto",
        "seed: the order of messages of the first clients; head: of the newest; auto: head for browsers and "
        "whoever uses voice_call_* names, else one that both generations of the command line client take",
        "seed 为最早客户端的消息顺序，head 为最新的；auto 对浏览器及使用 voice_call_* 的客户端为 head，"
        "其余采用两代命令行客户端都能接受的顺序",
    )
    sentence_gap_ms: int = key(
        500,
        "silence between two sentences of a reply; so much more sound is sent ahead",
        "回答中两句之间的静音；声音会相应提前发送",
        ge=0,
        le=2_000,
    )


class BitnpKeys(Section):
    agent_tokens: Annotated[dict[str, SecretStr], BeforeValidator(_named)] = key(
        dict,
        "name: token; agents must bring one, in a Bearer header or as ?token=. Empty: the server's",
        "名称: 令牌；智能体须出示其一（Bearer 头或 ?token=）。留空则用服务器令牌",
    )
    page_tokens: Annotated[dict[str, SecretStr], BeforeValidator(_named)] = key(
        dict, "the same for pages", "同上，用于页面"
    )
    open: bool = key(
        False,
        "ask agents and pages for no token where none is given above, though the server has tokens",
        "上面未设令牌时，即使服务器设有令牌，也不要求智能体与页面出示",
    )
    origins: list[str] = key(
        list,
        "web origins whose pages may connect here, besides server.origins; * for all",
        "除 server.origins 外，此处允许连接的网页来源；* 表示全部",
    )
    envelope: Literal["event", "bare"] = key(
        "event",
        "what relayed events look like: with type, time and data, or as the original has them, without type",
        "转发事件的格式：event 含 type、time、data；bare 同原版，不含 type",
    )
    takeover: bool = key(
        True,
        "an outside agent may take the name of one of our own, which comes back when it leaves",
        "外部智能体可以接管内置智能体的名称，离开后归还",
    )
    holder_patience: float = key(
        2.5,
        "seconds that the agent of a name has to answer a ping when another one wants it; 0: never asked",
        "另一智能体要用同一名称时，留给现有智能体回应 ping 的秒数；0 表示不询问",
        ge=0,
        le=8,
    )
    linger: float = key(
        60.0,
        "seconds that an agent of our own stays after its last page has left",
        "最后一个页面离开后，内置智能体保留的秒数",
        ge=0,
    )
    queue_mb: float = key(
        8.0,
        "megabytes that may wait for one connection; a page that lets more pile up is cut off",
        "每个连接可排队的数据量（MB）；积压更多的页面会被断开",
        gt=0,
        le=1000,
    )
    stalled: float = key(
        10.0,
        "seconds after which a page is cut off that takes nothing of what waits for it",
        "有数据等待而页面毫不接收，超过此秒数即断开",
        gt=0,
    )
    slides_dir: Path | None = key(
        None, "folder of slide pictures to serve; empty: none", "提供幻灯片图片的文件夹；留空则不提供"
    )
    slides_path: str = key(
        "/documents/slides", "path below which they are served", "幻灯片的访问路径", pattern=r"^/[^?#\s]*$"
    )


class LectureKeys(Section):
    script: Path | None = key(
        None,
        "text with page marks such as [PPT_1], or YAML; or a folder that holds one",
        "讲稿：带 [PPT_1] 之类页面标记的文本，或 YAML；也可以是存放讲稿的文件夹",
    )
    slides: Path | None = key(
        None,
        "folder of pictures, sorted by the last number in their names; empty: none",
        "幻灯片图片文件夹，按文件名中最后的数字排序；留空则没有",
    )
    auto_start: bool = key(
        True,
        "begin when the first page is there; else when somebody says so",
        "第一个页面到来时自动开讲；否则等待指令",
    )


class AgentKeys(Section):
    character: str = key("", "who it is; empty: the default character", "由哪个角色担任；留空为默认角色")
    lecture: LectureKeys | None = key(None, "what it tells, page by page", "逐页讲解的内容")
    expressions: dict[str, str] = key(
        dict,
        "emotion: tag for the pages' figure, besides the built-in ones (点头, 摇头, wink)",
        "情绪: 页面形象的表情标签，补充内置的（点头、摇头、wink）",
    )
    public_url: str = key(
        "",
        "where pages reach this server for slides, such as https://talk.example; empty: localhost",
        "页面获取幻灯片所用的本服务地址，例如 https://talk.example；留空为 localhost",
        pattern=r"^(https?://[^\s/?#]+/?)?$",
    )


class Settings(Section):
    """The whole of a configuration; `Settings()` is what runs with none."""

    lang: Literal["", "en", "zh"] = key(
        "", "language of messages in the terminal; empty: the system's", "终端消息的语言；留空随系统"
    )
    data: Path | None = key(
        None,
        "folder for everything Aizuchi keeps; default: data in a checkout, else the user's data folder; "
        "the environment's AIZUCHI_HOME goes before both",
        "Aizuchi 保存数据的文件夹；默认为源码目录下的 data，否则为用户数据文件夹；环境变量 AIZUCHI_HOME 优先",
    )
    character: str = key(
        "aizuchi", "the character who answers unless a client asks for another", "默认应答的角色"
    )
    characters: list[Path] = key(
        list,
        "folders to look for characters in; empty: characters in the data folder. The packaged ones are "
        "always there",
        "角色文件夹；留空为数据文件夹中的 characters。内置角色始终可用",
    )
    watch_characters: bool = key(
        True,
        "take changed, new and removed characters while the server runs",
        "运行中自动读取有改动、新增或删除的角色",
    )
    server: Server = key(Server, "where the server listens, and to whom", "服务监听何处、为谁服务")
    web: Web = key(Web, "the page to talk with, and the console", "对话页面与控制台")
    vad: Choices = key(lambda: embedded("vad"), "voice activity detection", "语音活动检测")
    asr: Choices = key(lambda: embedded("asr"), "speech recognition", "语音识别")
    turn: Choices = key(
        lambda: embedded("turn"),
        "a model that hears whether the user has finished; none by default",
        "从声音判断用户是否说完的模型；默认不用",
    )
    llm: Choices = key(lambda: embedded("llm"), "the language model", "语言模型")
    tts: Choices = key(lambda: embedded("tts"), "the voice", "语音合成")
    tools: Tools = key(Tools, "what the model may call", "模型可调用的工具")
    hearing: HearingKeys = key(HearingKeys, "when an utterance begins and ends", "一句话何时开始、何时结束")
    turn_end: TurnEndKeys = key(
        TurnEndKeys, "who has a say in when an utterance is over", "由什么来判断一句话说完了"
    )
    speculation: SpeculationKeys = key(
        SpeculationKeys, "beginning to answer before it is certain", "确认说完之前先准备回答"
    )
    barge_in: BargeInKeys = key(BargeInKeys, "interrupting by voice", "用声音打断")
    silences: SilenceKeys = key(SilenceKeys, "when nobody says anything for long", "长时间无人说话时")
    echo: EchoKeys = key(
        EchoKeys, "the reply that comes back through the microphone", "麦克风里听到的角色自己的声音"
    )
    limits: LimitKeys = key(
        LimitKeys, "how long each stage may take before its fallback", "各阶段的时限，超时则用后备方案"
    )
    conversation: ConversationKeys = key(
        ConversationKeys, "budgets and sizes of a conversation", "会话的预算与大小"
    )
    admission: Admission = key(
        Admission, "how much at a time, and who goes first", "同时处理多少，以及谁优先"
    )
    chatanon: ChatAnonKeys = key(ChatAnonKeys, "ChatAnon's clients, at /ws", "ChatAnon 客户端（/ws）")
    bitnp: BitnpKeys = key(
        BitnpKeys,
        "agents and pages of bitnp-ai-vtuber, at /ws/agent and /ws/frontend",
        "bitnp-ai-vtuber 的智能体与页面（/ws/agent 与 /ws/frontend）",
    )
    agents: dict[str, AgentKeys] = key(
        dict,
        "bitnp agents that are our own characters: name: {character, lecture: {script, slides, auto_start},"
        " expressions, public_url}",
        "由我们的角色担任的 bitnp 智能体，名称: {character, lecture: {script, slides, auto_start},"
        " expressions, public_url}",
    )
    timeline: Recording = key(Recording, "keeping conversations on disk", "会话存盘")
    usage: Usage = key(Usage, "caps on what providers may use per day", "各提供方每日用量上限")
    log: Log = key(Log, "what the server writes about itself", "服务日志")

    def rules(self) -> Rules:
        """The numbers a session is run by."""
        return Rules(
            hearing=Hearing(**self.hearing.model_dump()),
            turn_end=TurnEnd(**self.turn_end.model_dump()),
            speculation=Speculation(**self.speculation.model_dump()),
            barge_in=BargeIn(**self.barge_in.model_dump()),
            silences=Silences(**self.silences.model_dump()),
            echo=Echo(**self.echo.model_dump()),
            limits=StageLimits(**self.limits.model_dump()),
            **self.conversation.model_dump(),
        )


def tokens_in_clear(settings: Settings) -> Mapping[str, str]:
    """person -> token, for the one place that compares them."""
    return {person: token.get_secret_value() for person, token in settings.server.tokens.items()}
