/** What the server's complaints mean for the person who talks. Where nothing can be done about it, nothing is said. */
import { texts } from "../shared/i18n";

const t = texts({
  rate_limited: [
    "That was too much at once. What came after it was not heard; wait a moment.",
    "一下子太多了，之后的内容没有听到，请稍等片刻。",
    "一度に多すぎました。その後の分は聞こえていません。少し待ってください。",
  ],
  busy: [
    "There are many conversations at the moment. Please ask again shortly.",
    "现在对话的人很多，请稍后再问一次。",
    "いま混み合っています。少ししてからもう一度話してください。",
  ],
  asr: [
    "Speech recognition did not answer. Say it again, or type it.",
    "语音识别没有响应。请再说一遍，或者打字。",
    "音声認識が応答しませんでした。もう一度話すか、文字で入力してください。",
  ],
  llm: [
    "The language model did not answer.",
    "语言模型没有响应。",
    "言語モデルが応答しませんでした。",
  ],
  tts: [
    "The voice failed; the reply is shown as text.",
    "语音合成失败，回答以文字显示。",
    "音声合成に失敗したため、返事は文字で表示します。",
  ],
  resume_expired: [
    "The earlier conversation was over; this is a new one.",
    "之前的对话已经结束，这是新的对话。",
    "前の会話は終わっていたため、新しい会話を始めました。",
  ],
  bad_message: ["The server did not take it: {message}", "服务器没有接受：{message}", "サーバーが受け付けませんでした：{message}"],
});

export interface Said {
  readonly level: "info" | "warning" | "error";
  readonly text: string;
}

export function noteOf(code: string, message: string): Said | null {
  if (code === "resume_expired") return { level: "info", text: t("resume_expired") };
  if (code === "rate_limited" || code === "busy") return { level: "warning", text: t(code) };
  if (code.startsWith("asr_")) return { level: "warning", text: t("asr") };
  if (code.startsWith("llm_")) return { level: "error", text: t("llm") };
  if (code.startsWith("tts_")) return { level: "warning", text: t("tts") };
  if (code === "bad_message") return { level: "warning", text: t("bad_message", { message }) };
  // The rest ends the connection, and the banner above tells of that.
  return null;
}
