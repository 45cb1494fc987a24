"""What `aizuchi voices clone|list|delete` says, in English and Chinese."""

from __future__ import annotations

from typing import Final

from aizuchi.texts import Texts

TEXTS: Final = Texts(
    {
        "nobody": (
            "no chosen voice can be given a cloned one. Choose {known} for tts, or name one with --provider",
            "所选的语音都不支持复刻音色。请在 tts 中选用 {known}，或用 --provider 指明",
        ),
        "no_cloner": (
            '"{name}" does not clone voices; {known}',
            "“{name}”不支持复刻音色；{known}",
        ),
        "which_file": (
            "say which recording: aizuchi voices clone FILE --name NAME",
            "请指明录音：aizuchi voices clone 文件 --name 名称",
        ),
        "which_name": (
            "give the voice a name: --name NAME ({rule})",
            "请给音色起名：--name 名称（{rule}）",
        ),
        "which_id": (
            "say which voice: aizuchi voices delete ID; `aizuchi voices list` shows them",
            "请指明音色：aizuchi voices delete ID；`aizuchi voices list` 可列出",
        ),
        "sample": (
            "{path}: {seconds:.1f} s of {kind}, {rate} Hz, {channels}; speech at {level:.0f} dB, peaks at"
            " {peak:.0f} dB, {silence:.0f}% pauses",
            "{path}：{kind}，{seconds:.1f} 秒，{rate} Hz，{channels}；语音 {level:.0f} dB，"
            "峰值 {peak:.0f} dB，停顿占 {silence:.0f}%",
        ),
        "mono": ("mono", "单声道"),
        "stereo": ("{count} channels", "{count} 声道"),
        "unseen": (
            "{path} is fetched by the vendor; it can't be looked at here.",
            "{path} 由厂商自行下载，此处无法检查。",
        ),
        "short": (
            "It is too short: {seconds:.1f} s; {least:g} s at least, best are {low:g} to {high:g} s.",
            "太短：{seconds:.1f} 秒；至少 {least:g} 秒，最好 {low:g} 至 {high:g} 秒。",
        ),
        "long": (
            "It is too long: {seconds:.1f} s; {most:g} s at most, best are {low:g} to {high:g} s.",
            "太长：{seconds:.1f} 秒；最多 {most:g} 秒，最好 {low:g} 至 {high:g} 秒。",
        ),
        "better": (
            "Best are {low:g} to {high:g} s; this is {seconds:.1f} s.",
            "最好 {low:g} 至 {high:g} 秒；现为 {seconds:.1f} 秒。",
        ),
        "rate": (
            "It is sampled at {rate} Hz; the vendor wants {wanted} Hz or more. Record it anew: raising the"
            " rate adds nothing.",
            "采样率为 {rate} Hz；厂商要求不低于 {wanted} Hz。请重新录制：事后提高采样率没有用。",
        ),
        "quiet": (
            "It is too quiet: the speech is at {level:.0f} dB, its peaks at {peak:.0f} dB; about -20 and -3"
            " dB are good. Go nearer to the microphone, or raise its level.",
            "声音太小：语音 {level:.0f} dB，峰值 {peak:.0f} dB；约 -20 与 -3 dB 为宜。"
            "请靠近麦克风或调高音量。",
        ),
        "soft": (
            "It is rather quiet: the speech is at {level:.0f} dB; about -20 dB is good.",
            "声音偏小：语音 {level:.0f} dB；约 -20 dB 为宜。",
        ),
        "clipped": (
            "It is overdriven: {share:.1f}% of it is at full scale. Lower the microphone's level and record"
            " it anew.",
            "录音过载：{share:.1f}% 达到满幅。请调低麦克风音量后重录。",
        ),
        "empty": (
            "{share:.0f}% of it is silence; speak without long pauses, or cut them out.",
            "其中 {share:.0f}% 是静音；请连续朗读，或剪去停顿。",
        ),
        "broken": (
            "The longest stretch of speech is {speech:.1f} s; {wanted:g} s without a longer pause are"
            " needed.",
            "最长的连续语音只有 {speech:.1f} 秒；至少要有 {wanted:g} 秒没有明显停顿。",
        ),
        "pause": (
            "It has a pause of {pause:.1f} s; the vendor wants {wanted:g} s at most.",
            "有 {pause:.1f} 秒的停顿；厂商要求不超过 {wanted:g} 秒。",
        ),
        "noise": (
            "The room is loud: its noise is only {apart:.0f} dB below the speech, and will be in the voice.",
            "环境较吵：噪声仅比语音低 {apart:.0f} dB，会带进音色。",
        ),
        "mixed": ("Its {channels} channels are mixed into one.", "{channels} 个声道将混为一个。"),
        "converted": ("It is sent as a 16-bit WAV.", "将转换为 16 位 WAV 后上传。"),
        "large": (
            "It is too large: {size:.1f} MB; {largest:.1f} MB at most.",
            "太大：{size:.1f} MB；最多 {largest:.1f} MB。",
        ),
        "not_sent": (
            "Nothing was sent. Mend the recording, or send it as it is with --force.",
            "未上传。请改进录音，或用 --force 照样上传。",
        ),
        "consent": (
            "Clone a voice only with its owner's consent.",
            "复刻音色须经声音所有者同意。",
        ),
        "sending": ("sending to {host}", "正在上传至 {host}"),
        "working": ("the vendor works on it", "厂商处理中"),
        "made": ("The voice is {id}", "音色为 {id}"),
        "unfinished": (
            "It is not ready yet; `aizuchi voices list` tells when it is.",
            "尚未就绪；可用 `aizuchi voices list` 查看。",
        ),
        "note": ("The vendor remarks: {note}", "厂商提示：{note}"),
        "use": ("To use it, in aizuchi.yaml:", "使用方法，在 aizuchi.yaml 中："),
        "character": (
            "or for one character, in its character.yaml:",
            "或只用于某个角色，在其 character.yaml 中：",
        ),
        "id": ("voice", "音色"),
        "provider": ("provider", "提供方"),
        "model": ("model", "模型"),
        "when": ("made", "创建时间"),
        "state": ("state", "状态"),
        "state_ready": ("ready", "可用"),
        "state_working": ("not yet ready", "处理中"),
        "state_refused": ("refused", "未通过"),
        "none": ("No voice was cloned yet.", "还没有复刻过音色。"),
        "unknown": (
            'there is no voice "{id}"; `aizuchi voices list` shows them',
            "没有音色“{id}”；`aizuchi voices list` 可列出",
        ),
        "sure": (
            "Delete the voice {id} of {provider} for good? (y/N) ",
            "永久删除 {provider} 的音色 {id}？(y/N) ",
        ),
        "left": ("Nothing was deleted.", "未删除任何音色。"),
        "deleted": ("Deleted {id}.", "已删除 {id}。"),
        "slow": ("no answer within {limit:g} s", "{limit:g} 秒内无应答"),
    }
)
