"""The providers' options in Chinese: "kind.provider.option" -> what it means.

The providers describe their options in English, in their own files; a test sees that none is missing here
and that none stands here which no longer exists.
"""

from __future__ import annotations

from typing import Final

_API: Final = {
    "base_url": "服务地址，写到 /v1 为止；留空则用环境变量 OPENAI_BASE_URL，再无则为 OpenAI 官方",
    "api_key": "密钥；留空则用环境变量 OPENAI_API_KEY。自建的服务器可能不需要",
    "headers": "额外的 HTTP 头（名称: 值），不会被打印",
    "proxy": "代理地址；留空用环境中的代理，但本机的服务器从不经代理",
    "verify_tls": "检查服务器证书",
    "connect_timeout": "连接服务器的时限（秒）",
    "retries": "再试次数，仅在尚未得到任何应答之前",
    "retry_wait": "再试前等待的秒数，每次加倍，并有四分之一的浮动",
}

_OWN: Final = {
    "vad.silero.model": "另一个 silero_vad.onnx 的路径；留空用已安装的",
    "vad.silero.gate": "明显的静音不经模型直接判定",
    "vad.energy.above": "高出环境噪声多少分贝算开始说话",
    "vad.energy.least": "低于此电平（dBFS）一律不算说话",
    "asr.pocketsphinx.grammar": "允许说的句子，或 JSGF 语法（文件或文本）；留空则不限",
    "asr.pocketsphinx.workers": "同时识别的句数，每句占一个进程",
    "asr.pocketsphinx.waiting": "可排队等待空闲进程的句数",
    "asr.openai.model": "该服务器上的模型名称",
    "asr.openai.language": "ISO 639-1 语言代码；留空用角色所期望的，否则任意",
    "asr.openai.prompt": "决定文字风格的提示，放在引擎提示的名称之前",
    "asr.openai.upload": "stream：边说边上传（服务器支持时）；whole：说完再上传",
    "asr.openai.stream": "要求边识别边返回文字，可得到中间结果",
    "asr.openai.temperature": "留空用模型自己的",
    "asr.openai.timeout": "说完之后等待结果的秒数，超出则放弃",
    "asr.sherpa.model": "模型所在文件夹；`aizuchi models` 可列出并下载模型",
    "asr.sherpa.kind": "模型种类；留空则由其文件判断",
    "asr.sherpa.int8": "模型有两种版本时优先用小的",
    "asr.sherpa.language": "用于 SenseVoice 与 Whisper：所说的语言；留空不限",
    "asr.sherpa.languages": "模型能听懂的语言；留空则按模型列表所示",
    "asr.sherpa.itn": "用于 SenseVoice：数字写成阿拉伯数字，并加标点",
    "asr.sherpa.threads": "一次解码可用的线程数",
    "asr.sherpa.provider": "onnxruntime 的执行后端：cpu、cuda、coreml",
    "asr.sherpa.workers": "进程数；每个进程各自载入模型",
    "turn.smart_turn.model": (
        "smart-turn 的 .onnx 文件或其所在文件夹；留空用已安装的 pipecat-ai 中的那份；"
        "可用 `aizuchi models download smart-turn-v3.2-cpu` 下载"
    ),
    "turn.smart_turn.threads": "一次判断可用的线程数",
    "turn.smart_turn.workers": "进程数；每个进程一次判断一处停顿",
    "llm.openai.model": "该服务器上的模型名称（豆包也可写 ep-...）",
    "llm.openai.dialect": "服务器种类，决定推理开关所用的字段；auto 按地址与模型判断",
    "llm.openai.reasoning": "开口之前可以思考多久",
    "llm.openai.stream": "模型不支持流式时填 false，回答会来得晚",
    "llm.openai.sees": "能否看图；留空则按模型名称推测",
    "llm.openai.temperature": "留空用模型自己的",
    "llm.openai.top_p": "留空用模型自己的",
    "llm.openai.max_tokens": "回答的最大词元数；留空则按引擎的要求（如有）",
    "llm.openai.max_tokens_field": "该服务器对此字段的叫法",
    "llm.openai.extra_body": "每次请求原样附加的字段",
    "llm.openai.timeout": "一次回答的总时限（秒），到时放弃",
    "llm.script.file": "规则所在的 YAML 文件；留空用自带的",
    "llm.script.tokens_per_second": "回答的速度（词元每秒）；0 表示立即给出",
    "llm.script.first_token_ms": "首个词元之前的思考时间（毫秒）",
    "llm.script.introduce": "第一次回答时说明自己只是脚本",
    "tts.espeak.voices": "语言代码 -> espeak-ng 的音色，例如 `en: en-gb+f3`；其余用默认音色",
    "tts.espeak.language": "句子未标明语言时所用的语言",
    "tts.espeak.rate": "角色语速为 1.0 时每分钟的词数",
    "tts.espeak.pitch": "角色音高为 1.0 时的音高",
    "tts.espeak.volume": "音量；100 为该库的常用值",
    "tts.espeak.workers": "进程数；一个即可服务数十个会话",
    "tts.openai.model": "该服务器上的模型名称",
    "tts.openai.voice": "角色没有为 openai 指定音色时所用的音色",
    "tts.openai.response_format": "pcm 出声最快；其余节省带宽，边收边解码",
    "tts.openai.sample_rate": "pcm 应答未说明采样率时所用的采样率（Hz）",
    "tts.openai.speed": "语速倍数，与角色自身的语速相乘",
    "tts.openai.instructions": "对朗读方式的要求，用于能听从要求的模型",
    "tts.openai.emotions": "把句子的情绪加进要求里",
    "tts.openai.extra_body": "每次请求原样附加的字段",
    "tts.openai.timeout": "一句话的总时限（秒），到时放弃",
    "tts.cosyvoice.model": "模型名称",
    "tts.cosyvoice.voice": "角色没有为 cosyvoice 指定音色时所用的音色",
    "tts.cosyvoice.base_url": "WebSocket 地址；其他地域与业务空间各有自己的地址",
    "tts.cosyvoice.api_key": "密钥；留空则用环境变量 DASHSCOPE_API_KEY",
    "tts.cosyvoice.workspace": "密钥所属业务空间的 ID（如需要）",
    "tts.cosyvoice.sample_rate": "声音的采样率（Hz）",
    "tts.cosyvoice.volume": "音量；50 为常用值",
    "tts.cosyvoice.parameters": "每次任务原样附加的参数",
    "tts.cosyvoice.connect_timeout": "连接服务器的时限（秒），开始任务的时限亦同",
    "tts.tone.frequency": "音高表示什么：text 句子的校验值，count 已发声的次数，index 句子在回合中的序号",
    "tts.tone.rate": "采样率（Hz）",
    "tts.tone.ms_per_character": "每个字符的时长（毫秒）",
    "tts.tone.shortest_ms": "一句话的最短时长（毫秒）",
    "tts.tone.first_ms": "首段声音之前的等待（毫秒）",
    "tts.tone.slice_ms": "每段声音的长度（毫秒）",
    "tts.tone.pace": "以实际播放速度的多少倍给出声音；0 表示立即",
    "tts.tone.level": "振幅，1 为满幅",
    "tts.tone.streaming": "也接受边生成边送来的文字",
}

OPTIONS: Final[dict[str, str]] = {
    **{f"{kind}.openai.{name}": text for kind in ("asr", "llm", "tts") for name, text in _API.items()},
    **_OWN,
}
