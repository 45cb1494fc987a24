import { texts } from "../shared/i18n";

export const t = texts({
  webgl: [
    "This browser can't draw in 3D (no WebGL). Switch hardware acceleration on, or use the drawn figure.",
    "此浏览器无法绘制 3D（没有 WebGL）。请开启硬件加速，或使用绘制的形象。",
    "このブラウザーでは 3D を描画できません（WebGL がありません）。ハードウェアアクセラレーションを有効にするか、描画されたキャラクターをお使いください。",
  ],
  large: ["The model is too large: {size} MB, and {limit} MB is the most.", "模型太大：{size} MB，最多 {limit} MB。", "モデルが大きすぎます：{size} MB（上限は {limit} MB）。"],
  host: [
    "This page loads models from its own server only, not from {host}. Download the file and drop it here.",
    "此页面只从自己的服务器加载模型，不从 {host} 加载。请下载文件后拖到这里。",
    "このページは自分のサーバーからのみモデルを読み込みます（{host} からは読み込みません）。ファイルをダウンロードしてここにドロップしてください。",
  ],
  missing: ["The model was not found: {name}.", "找不到模型：{name}。", "モデルが見つかりません：{name}。"],
  failed: ["The model could not be loaded: {why}", "无法加载模型：{why}", "モデルを読み込めませんでした：{why}"],
  notVrm: [
    "{name} is not a VRM model. VRM 0.x and 1.0 files can be shown.",
    "{name} 不是 VRM 模型。可以显示 VRM 0.x 和 1.0 的文件。",
    "{name} は VRM モデルではありません。VRM 0.x と 1.0 のファイルを表示できます。",
  ],
  notLive2d: [
    "{name} is not a Live2D model: a .model3.json with its .moc3 and pictures was expected.",
    "{name} 不是 Live2D 模型：需要 .model3.json 以及它的 .moc3 和图片。",
    "{name} は Live2D モデルではありません。.model3.json とその .moc3、画像が必要です。",
  ],
  core: [
    "Live2D needs Cubism Core, which its makers do not let us ship: download it from live2d.com and set web.cubism_core in the configuration.",
    "Live2D 需要 Cubism Core，其作者不允许我们附带：请从 live2d.com 下载，并在配置中设置 web.cubism_core。",
    "Live2D には Cubism Core が必要ですが、同梱は許可されていません。live2d.com からダウンロードし、設定の web.cubism_core に指定してください。",
  ],
  coreBroken: [
    "Cubism Core could not be started. Check the file that web.cubism_core names.",
    "Cubism Core 无法启动。请检查 web.cubism_core 指定的文件。",
    "Cubism Core を起動できませんでした。web.cubism_core で指定したファイルを確認してください。",
  ],
});
