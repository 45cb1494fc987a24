/** The texts of the sheets, which are loaded when one is opened. */
import { texts } from "../shared/i18n";

export const t = texts({
  // Camera
  cameraTitle: ["Take a picture", "拍照", "写真を撮る"],
  shoot: ["Take it", "拍摄", "撮る"],
  otherCamera: ["Other camera", "切换摄像头", "カメラを切り替える"],
  cameraWaiting: ["Waiting for the camera", "等待摄像头", "カメラを待っています"],
  cameraRefused: ["The camera was not allowed or not found.", "摄像头未获授权或未找到。", "カメラが許可されていないか、見つかりません。"],

  // Settings
  talking: ["Talking", "对话", "話す"],
  oneTurn: ["One at a time", "一问一答", "一回ずつ"],
  handsFreeHint: ["The microphone stays open; you may speak over {name}.", "麦克风一直开着，可以随时打断{name}。", "マイクは開いたまま。{name}が話していても割り込めます。"],
  oneTurnHint: ["The microphone closes by itself when you fall silent.", "你停下来后，麦克风自动关闭。", "話し終わるとマイクが自動で閉じます。"],
  microphone: ["Microphone", "麦克风", "マイク"],
  speaker: ["Speaker", "扬声器", "スピーカー"],
  systemDefault: ["System default", "系统默认", "システムの既定"],
  device: ["Device {number}", "设备 {number}", "デバイス {number}"],
  volume: ["Volume", "音量", "音量"],
  headphones: ["I’m wearing headphones", "我戴着耳机", "ヘッドホンを使っている"],
  headphonesHint: ["Then nothing of the character’s own voice has to be filtered out.", "这样就不必过滤角色自己的声音。", "キャラクター自身の声を取り除く必要がなくなります。"],
  look: ["Look", "外观", "表示"],
  language: ["Language", "语言", "言語"],
  theme: ["Theme", "主题", "テーマ"],
  themeAuto: ["Auto", "自动", "自動"],
  themeLight: ["Light", "浅色", "ライト"],
  themeDark: ["Dark", "深色", "ダーク"],
  subtitles: ["Subtitles", "翻译字幕", "訳の字幕"],
  subtitlesHint: ["The second language, where the character has one.", "如果角色有第二语言，则一并显示。", "キャラクターに第二言語がある場合に表示します。"],
  showThoughts: ["Inner thoughts", "内心想法", "心の声"],
  showThoughtsHint: ["Folded below a reply, where the model tells them.", "模型给出时，折叠显示在回复下方。", "モデルが示す場合、返答の下にたたんで表示します。"],
  whom: ["Character", "角色", "キャラクター"],
  whomHint: ["Another character begins a new conversation.", "换角色会开始新的对话。", "別のキャラクターを選ぶと新しい会話になります。"],
  wear: ["Another figure", "换个形象", "別のモデル"],
  wearHint: ["Drop a VRM or Live2D model anywhere on the page, or choose a file. It stays on this device.", "把 VRM 或 Live2D 模型拖到页面上，或选择文件。文件只留在本机。", "VRM か Live2D のモデルをページにドロップするか、ファイルを選んでください。この端末の外には送られません。"],
  wearChoose: ["Choose a file", "选择文件", "ファイルを選ぶ"],
  wearOwn: ["Back to {name}’s own", "恢复{name}原来的形象", "{name}本来の姿に戻す"],
  asText: ["Text", "文本", "テキスト"],
  asMarkdown: ["Markdown", "Markdown", "Markdown"],
  console: ["Open the console", "打开控制台", "コンソールを開く"],
});
