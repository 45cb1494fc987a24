/** The stage over a pretended conversation, to be looked at in every state: `npx vite build -c src/stage/test/look.config.ts`. */
import { render } from "preact";
import "../../shared/base.css";
import { Stage } from "../stage";
import "../stage.css";
import * as parts from "./pretend";

const conversation = parts.pretend();
let loud = 0;
conversation.cues = {
  level: () => loud * (0.55 + 0.45 * Math.abs(Math.sin(performance.now() / 130))),
  mouth: () => null,
  userLevel: () => loud * (0.5 + 0.5 * Math.abs(Math.sin(performance.now() / 170))),
};
Object.assign(window, { conversation, parts, loud: (level: number) => (loud = level) });
conversation.choose({});
render(<Stage conversation={conversation} />, document.getElementById("app")!);
