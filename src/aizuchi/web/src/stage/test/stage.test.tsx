// @vitest-environment jsdom
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Stage } from "../stage";
import { AIZU, note, pretend, reply, user, type Pretended } from "./pretend";

vi.mock("../../figure", () => ({
  makeFigure: () => Promise.resolve({ mount: () => Promise.resolve(), state() {}, emotion() {}, gaze() {}, dispose() {} }),
}));

let talk: Pretended;
let host: HTMLElement;
const all = (id: string) => [...document.querySelectorAll<HTMLElement>(`[data-testid="${id}"]`)];
const one = (id: string) => all(id)[0]!;
const calls = (name: string) => talk.calls.filter((each) => each[0] === name);
const press = (target: EventTarget, kind: string, key: string, more: KeyboardEventInit = {}) =>
  act(() => void target.dispatchEvent(new KeyboardEvent(kind, { key, bubbles: true, cancelable: true, ...more })));
function write(text: string): void {
  const box = one("text-input") as HTMLTextAreaElement;
  act(() => {
    box.value = text;
    box.dispatchEvent(new InputEvent("input", { bubbles: true }));
  });
}

beforeEach(() => {
  Object.assign(globalThis, { ResizeObserver: class { observe() {} disconnect() {} }, CSS: { supports: () => true } });
  HTMLElement.prototype.scrollTo = () => {};
  HTMLCanvasElement.prototype.getContext = () => null;
  HTMLDialogElement.prototype.showModal = function () { this.open = true; };
  HTMLDialogElement.prototype.close = function () { this.open = false; };
  talk = pretend();
  talk.choose({ language: "en" });
  host = document.createElement("div");
  document.body.append(host);
  act(() => render(<Stage conversation={talk} />, host));
});

afterEach(() => {
  act(() => render(null, host));
  host.remove();
});

it("tells its state by attributes and words", () => {
  expect(one("stage").dataset).toMatchObject({ state: "idle", held: "false", connection: "online", mic: "off" });
  act(() => void (talk.state.value = "thinking"));
  expect(one("stage").dataset.state).toBe("thinking");
  expect(one("state").textContent).toBe("Thinking");
  act(() => talk.choose({ language: "ja" }));
  expect(one("state").textContent).toBe("考えています");
  expect(document.documentElement.lang).toBe("ja");
});

it("shows a stop button only when there is something to stop, and Esc does the same", () => {
  expect(all("stop")).toHaveLength(0);
  press(document.body, "keydown", "Escape");
  expect(calls("interrupt")).toHaveLength(0);
  act(() => void (talk.state.value = "speaking"));
  act(() => one("stop").click());
  press(one("text-input"), "keydown", "Escape");
  expect(calls("interrupt")).toHaveLength(2);
});

it("sends at Enter, but not the one that ends a composition", () => {
  write("こんにちは");
  press(one("text-input"), "keydown", "Enter", { isComposing: true });
  expect(calls("say")).toHaveLength(0);
  press(one("text-input"), "keydown", "Enter");
  expect(calls("say")).toEqual([["say", "こんにちは"]]);
  expect((one("text-input") as HTMLTextAreaElement).value).toBe("");
});

it("keeps what was written while there is no connection", () => {
  act(() => void (talk.connection.value = { status: "waiting", retryAt: Date.now() + 5000, attempt: 1, why: "lost" }));
  write("later");
  press(one("text-input"), "keydown", "Enter");
  expect(calls("say")).toHaveLength(0);
  expect((one("text-input") as HTMLTextAreaElement).value).toBe("later");
});

it("holds to talk with the button and with Space", () => {
  act(() => talk.choose({ mode: "push" }));
  expect(all("mic")).toHaveLength(0);
  press(document.body, "keydown", " ");
  press(document.body, "keyup", " ");
  expect(calls("hold")).toHaveLength(1);
  expect(calls("release")).toHaveLength(1);
  act(() => void one("hold").dispatchEvent(new MouseEvent("pointerdown", { bubbles: true, button: 0 })));
  act(() => void one("hold").dispatchEvent(new MouseEvent("pointerup", { bubbles: true })));
  expect(calls("release")).toHaveLength(2);
});

it("draws lines with their kinds and ends, and text as text", () => {
  act(() => {
    talk.lines.value = [
      user("1", "<b>hi</b>", false),
      reply("2", "Once upon a time", { finish: "interrupted", heard: "Once" }),
      note("3", "error", "no model"),
    ];
  });
  expect(all("caption").map((each) => [each.dataset.kind, each.dataset.final, each.dataset.finish])).toEqual([
    ["user", "false", ""],
    ["reply", "true", "interrupted"],
    ["note", "true", ""],
  ]);
  expect(all("caption")[0]!.querySelector("b")).toBeNull();
  expect(all("caption")[1]!.querySelector("s")!.textContent).toBe("upon a time");
  expect(one("announcer").textContent).toBe("no model");
});

it("shows what is said large and its subtitle below, if that is wanted", () => {
  const said = (index: number, ja: string, zh: string) => ({ index, text: ja, words: [], subtitles: { ja, zh } });
  const line = (more: object) => (talk.lines.value = [reply("1", "你好。再见。", more)]);
  const texts = () => [".said", ".subtitle"].map((each) => document.querySelector(each)?.textContent);
  act(() => {
    talk.character.value = { ...AIZU, language: "ja", subtitles: "zh" };
    line({});
  });
  expect(texts()).toEqual([undefined, "你好。再见。"]);
  const sentences = [said(0, "こんにちは。", "你好。"), said(1, "さようなら。", "再见。")];
  act(() => void line({ sentences }));
  expect(texts()).toEqual(["こんにちは。さようなら。", "你好。再见。"]);
  act(() => void line({ sentences, finish: "interrupted", heard: "你好。" }));
  expect(document.querySelector("s.unheard")!.textContent).toBe("さようなら。");
  act(() => talk.choose({ subtitles: false }));
  expect(texts()).toEqual(["こんにちは。さようなら。", undefined]);
});

it("folds thoughts and leaves them out when they are not wanted", () => {
  act(() => void (talk.lines.value = [reply("1", "Yes.", { thoughts: "hm", finish: "stop" })]));
  expect(document.querySelector("details.thoughts")).not.toBeNull();
  act(() => talk.choose({ thoughts: false }));
  expect(document.querySelector("details.thoughts")).toBeNull();
});

it("asks for a token and gives it on", () => {
  act(() => void (talk.connection.value = { status: "refused", reason: "token", message: "" }));
  const input = one("token") as HTMLInputElement;
  expect(input.type).toBe("password");
  act(() => {
    input.value = "secret";
    input.dispatchEvent(new InputEvent("input", { bubbles: true }));
  });
  act(() => one("token-send").click());
  expect(calls("authenticate")).toEqual([["authenticate", "secret"]]);
});

it.each(["denied", "missing", "busy", "insecure", "failed"] as const)("helps when the microphone is %s", (status) => {
  act(() => void (talk.mic.value = status));
  expect(one("mic-help").textContent!.length).toBeGreaterThan(40);
  if (status === "insecure") expect(one("mic-help").textContent).toContain("aizuchi serve --host 0.0.0.0 --tls --open");
});

it("lets waiting pictures be taken off", () => {
  act(() => talk.attach({ mime: "image/png", data: "", url: "data:," }));
  expect(all("picture")).toHaveLength(1);
  act(() => one("picture").querySelector("button")!.click());
  expect(all("picture")).toHaveLength(0);
});

it("opens the settings and meets another character there", async () => {
  act(() => one("settings").click());
  await vi.waitFor(() => expect(all("settings-sheet")).toHaveLength(1));
  const picker = one("character") as HTMLSelectElement;
  act(() => {
    picker.value = "mika";
    picker.dispatchEvent(new Event("change", { bubbles: true }));
  });
  expect(calls("meet")).toEqual([["meet", "mika"]]);
  act(() => void one("settings-sheet").dispatchEvent(new Event("cancel", { cancelable: true })));
  expect(all("settings-sheet")).toHaveLength(0);
});
