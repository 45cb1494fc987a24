"""What `--help` says, in English and Chinese."""

from __future__ import annotations

from typing import Final

from aizuchi.texts import Texts

HELP: Final = Texts(
    {
        "aizuchi": (
            "A server that gives characters a voice: it hears, thinks and speaks.",
            "让角色开口说话的服务器：能听、能想、能说。",
        ),
        "epilog": (
            "Start with `aizuchi talk --text`, or `aizuchi serve` and another terminal.",
            "可先试 `aizuchi talk --text`，或运行 `aizuchi serve` 后另开一个终端。",
        ),
        "called": ("usage: ", "用法："),
        "options": ("options", "选项"),
        "arguments": ("arguments", "参数"),
        "help": ("show this help", "显示此帮助"),
        "version": ("show the version", "显示版本"),
        "command": ("COMMAND", "命令"),
        "commands": ("commands", "命令"),
        "lang": ("language of the messages", "消息语言"),
        "config": (
            "configuration file; default: aizuchi.yaml here, if there is one",
            "配置文件；默认为当前目录的 aizuchi.yaml（如有）",
        ),
        "init": ("ask three questions and write a configuration", "回答三个问题，写出一份配置"),
        "init.folder": ("where to write; default: here", "写到哪里；默认当前目录"),
        "init.yes": ("ask nothing, take the defaults", "不提问，全用默认值"),
        "init.force": ("overwrite what is there", "覆盖已有文件"),
        "import": ("take over what another system is set up with", "导入其他系统的设置"),
        "import.system": ("whose: chatanon", "哪个系统：chatanon"),
        "import.path": ("its folder, or one of its files", "其文件夹，或其中一个文件"),
        "import.to": ("folder of aizuchi.yaml; default: here", "aizuchi.yaml 所在文件夹；默认当前目录"),
        "import.dry_run": ("show what would come over, write nothing", "只显示将导入的内容，不写文件"),
        "serve": ("start the server", "启动服务器"),
        "serve.host": ("address to listen on (default 127.0.0.1)", "监听地址（默认 127.0.0.1）"),
        "serve.port": ("port to listen on (default 12393)", "监听端口（默认 12393）"),
        "serve.listen": ("one more address; may be repeated", "额外的监听地址，可重复"),
        "serve.open": ("let anybody on the network in without a token", "允许网络上的任何人无令牌连接"),
        "serve.browser": ("open the page in the browser", "在浏览器中打开页面"),
        "serve.workers": (
            "processes behind the port (default 1; 0 for one per core)",
            "端口背后的进程数（默认 1；0 表示每核一个）",
        ),
        "serve.tls": ("https and wss with a certificate of our own", "启用 https 与 wss，自动生成证书"),
        "serve.cert": ("your own certificate, PEM", "您自己的证书（PEM）"),
        "serve.key": ("the key of that certificate, PEM", "该证书的私钥（PEM）"),
        "talk": ("talk with a character in the terminal", "在终端里与角色对话"),
        "talk.url": (
            "a running server (default http://127.0.0.1:12393); where none runs, one is started for the talk",
            "正在运行的服务器（默认 http://127.0.0.1:12393）；没有则临时启动一个",
        ),
        "talk.text": ("type instead of speaking", "打字而不是说话"),
        "talk.wav": ("say this recording, in real time", "按真实速度播送这段录音"),
        "talk.save": ("keep the reply's sound in this file", "把回答的声音存入此文件"),
        "talk.character": ("who is to answer", "由哪个角色回答"),
        "talk.token": (
            "token, if the server wants one (better: the variable AIZUCHI_TOKEN)",
            "服务器所需的令牌（建议用变量 AIZUCHI_TOKEN）",
        ),
        "talk.insecure": ("do not check the server's certificate", "不检查服务器证书"),
        "talk.mode": (
            "with --wav: silence ends the utterance (auto), the end of the file does (push), or all is said,"
            " over the replies too (continuous)",
            "与 --wav 同用：静音结束这句话（auto），文件结尾结束（push），"
            "或一直说下去，不等回答说完（continuous）",
        ),
        "chat": (
            "chat with a ChatAnon server, ours or another one",
            "与 ChatAnon 服务器聊天（本服务器或其他实现）",
        ),
        "chat.url": (
            "its address (default ws://127.0.0.1:12393/ws)",
            "服务器地址（默认 ws://127.0.0.1:12393/ws）",
        ),
        "chat.token": (
            "its token (better: the variable AIZUCHI_CHAT_TOKEN; else AIZUCHI_TOKEN, or the first of"
            " VALID_API_TOKENS)",
            "服务器的令牌（建议用变量 AIZUCHI_CHAT_TOKEN；其次 AIZUCHI_TOKEN 或 VALID_API_TOKENS 的第一个）",
        ),
        "chat.mode": (
            "typed (text), one spoken utterance at a time (voice), or a call in which one just speaks"
            " (voice_call; agent is its older name)",
            "打字（text）、一次说一句（voice），或直接说话的通话（voice_call；agent 是其旧名）",
        ),
        "chat.wav": (
            "say this recording, without a microphone: whole (text), streamed (voice), or in a call",
            "用这段录音代替麦克风：整段发送（text）、流式发送（voice），或在通话中播送",
        ),
        "chat.save_audio": (
            "save each reply as response_NNN.wav here",
            "把每段回答存为当前目录的 response_NNN.wav",
        ),
        "chat.no_audio": ("do not play replies", "不播放回答"),
        "chat.debug": ("show every message on stderr", "在标准错误输出中显示每条消息"),
        "check": (
            "read the configuration and try every chosen provider for real",
            "检查配置，并真实试用每个提供方",
        ),
        "check.voices": ("also list the voices", "同时列出可用的音色"),
        "check.offline": ("read the configuration only, try nothing", "只检查配置，不试用"),
        "voices": (
            "list the voices of the chosen providers; clone, list and delete your own",
            "列出所选提供方的音色；复刻、列出、删除自己的音色",
        ),
        "voices.action": (
            "what to do with voices of your own, or the provider whose voices are to be listed",
            "对自己的音色做什么，或只列出哪个提供方的音色",
        ),
        "voices.subject": (
            "the recording to clone a voice from, or its public address; the voice to delete",
            "用来复刻的录音或其公开地址；要删除的音色",
        ),
        "voices.name": ("what the new voice is called", "新音色的名称"),
        "voices.provider": ("only this provider's", "只用此提供方"),
        "voices.model": ("the model the new voice is for", "新音色所用的模型"),
        "voices.force": ("send the recording whatever is wrong with it", "无论录音有何问题都上传"),
        "voices.yes": ("do not ask before deleting", "删除前不询问"),
        "voices.json": ("print JSON", "以 JSON 输出"),
        "models": (
            "models for the sherpa recogniser: list, download, check",
            "sherpa 识别模型：列出、下载、检查",
        ),
        "models.action": ("what to do (default: list)", "要做什么（默认 list）"),
        "models.name": ("a model's name from the list", "列表中的模型名称"),
        "genie": (
            "Genie TTS: prepare its own Python and its data, look at what is there",
            "Genie TTS：准备其 Python 环境与数据，检查已有的文件",
        ),
        "genie.action": ("what to do (default: check)", "要做什么（默认 check）"),
        "replay": ("show a saved timeline as a waterfall", "以瀑布图显示一份存盘的会话"),
        "replay.timeline": ("a .jsonl file that the recorder wrote", "录存的 .jsonl 文件"),
        "replay.play": ("print the events at the pace they had", "按原有节奏逐条输出"),
        "replay.speed": ("times as fast", "倍速"),
        "asr-eval": ("word error rate of the chosen recogniser", "所选识别器的词错误率"),
        "asr-eval.folder": (
            "recordings with their words: x.wav beside x.txt, or a .tsv of file and text",
            "带文本的录音：x.wav 与 x.txt，或列出文件与文本的 .tsv",
        ),
        "asr-eval.limit": ("at most so many recordings", "最多多少段录音"),
        "usage": ("what the providers used, by day", "各提供方每日用量"),
        "usage.days": ("how many days back", "向前多少天"),
        "data": ("hand out or delete what is kept of a person", "导出或删除某人的数据"),
        "data.action": ("what to do", "要做什么"),
        "data.person": ("whose data", "谁的数据"),
        "data.to": (
            "the zip file to make; default: PERSON-export.zip here",
            "要生成的 zip 文件；默认为当前目录的 PERSON-export.zip",
        ),
        "data.yes": ("do not ask before deleting", "删除前不询问"),
        "bitnp-path": (
            'the folder that makes a bitnp project\'s imports ours: PYTHONPATH="$(aizuchi bitnp-path)"',
            '供 bitnp 智能体项目导入的文件夹：PYTHONPATH="$(aizuchi bitnp-path)"',
        ),
        "docs": ("write the generated pages of the documentation", "生成参考文档"),
        "docs.folder": ("the docs folder; default: that of the checkout", "docs 文件夹；默认为源码目录中的"),
        "docs.check": ("write nothing; fail if a page is not current", "不写文件；若有页面过时则失败"),
    }
)
