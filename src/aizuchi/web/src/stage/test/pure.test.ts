// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import type { Sentence } from "../../talk/model";
import { route } from "../drops";
import { sends, wish } from "../keys";
import { languageOf } from "../language-of";
import { further, heardUpTo, inLanguage, pieces, sentencesHeard, sentencesText, speaksOtherwise } from "../spoken";
import { Sticky } from "../sticky";
import { asMarkdown, asText, fileName } from "../transcript";
import { zipNames } from "../zip";
import { reply, user } from "./pretend";

const sentence = (index: number, text: string, words: Sentence["words"] = []): Sentence => ({ index, text, words, subtitles: {} });
const key = (key: string, more: Partial<KeyboardEvent> = {}) =>
  ({ key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, isComposing: false, keyCode: 0, repeat: false, target: document.body, defaultPrevented: false, ...more }) as KeyboardEvent;

describe("spoken text", () => {
  const text = "One two. Three four. Five.";
  const sentences = [sentence(0, "One two."), sentence(1, "Three four.", [{ atMs: 0, ms: 200, text: "Three" }, { atMs: 300, ms: 200, text: "four" }]), sentence(2, "Five.")];
  const shown = (at: { sentence: number; atMs: number } | null) => pieces(text, sentences, at).map((each) => [each.phase, each.text]);

  it("is all ahead before its sound", () => expect(shown(null)).toEqual([["ahead", text]]));

  it("marks the word that sounds", () => {
    expect(shown({ sentence: 1, atMs: 100 })).toEqual([["said", "One two. "], ["now", "Three"], ["ahead", " four. Five."]]);
    expect(shown({ sentence: 1, atMs: 310 })).toEqual([["said", "One two. Three "], ["now", "four"], ["ahead", ". Five."]]);
  });

  it("marks the sentence where no words are known", () => {
    expect(shown({ sentence: 2, atMs: 0 })).toEqual([["said", "One two. Three four. "], ["now", "Five."]]);
  });

  it.each([null, { sentence: 0, atMs: 0 }, { sentence: 1, atMs: 250 }, { sentence: 9, atMs: 0 }])("loses no letter at %o", (at) => {
    expect(pieces(text, sentences, at).map((each) => each.text).join("")).toBe(text);
  });

  it("passes over sentences that do not stand in the text", () => {
    expect(pieces("Hello.", [sentence(0, "こんにちは。")], { sentence: 0, atMs: 0 }).map((each) => each.text).join("")).toBe("Hello.");
    expect(speaksOtherwise("Hello.", [sentence(0, "こんにちは。")])).toBe(true);
    expect(speaksOtherwise("Hello.", [])).toBe(false);
  });

  it("joins sentences with a space only where the script has one", () => {
    expect(sentencesText([sentence(0, "A."), sentence(1, "B.")])).toBe("A. B.");
    expect(sentencesText([sentence(0, "一。"), sentence(1, "二。")])).toBe("一。二。");
  });

  it("takes what is said in its own language, and the heard part from the other one", () => {
    const both = [
      { ...sentence(0, "你好。"), subtitles: { ja: "こんにちは。", zh: "你好。" } },
      { ...sentence(1, "再见。"), subtitles: { ja: "さようなら。", zh: "再见。" } },
      sentence(2, "OK"),
    ];
    expect(inLanguage(both, "ja").map((each) => each.text)).toEqual(["こんにちは。", "さようなら。", "OK"]);
    expect(sentencesHeard(both, "zh", "")).toBe(0);
    expect(sentencesHeard(both, "zh", "你好。再")).toBe(1);
    expect(sentencesHeard(both, "zh", "你好。再见。 OK")).toBe(3);
  });

  it("never goes back", () => {
    expect(further({ sentence: 2, atMs: 5 }, { sentence: 1, atMs: 900 })).toEqual({ sentence: 2, atMs: 5 });
    expect(further(null, { sentence: 0, atMs: 0 })).toEqual({ sentence: 0, atMs: 0 });
  });

  it("finds the heard part, whatever the spaces", () => {
    expect(heardUpTo("Once  upon a time", "Once upon")).toBe("Once  upon ".length);
    expect(heardUpTo("Once upon", "")).toBe(0);
    expect(heardUpTo("Once upon", "Twice")).toBeNull();
  });
});

describe("stickiness", () => {
  const sizes = (scrollTop: number, scrollHeight: number, clientHeight = 100) => ({ scrollTop, scrollHeight, clientHeight });

  it("follows while lines grow", () => {
    const sticky = new Sticky();
    sticky.scrolled(sizes(100, 200));
    expect(sticky.changed(sizes(100, 400))).toBe(300);
  });

  it("lets go when the person scrolls up and comes back at the end", () => {
    const sticky = new Sticky();
    sticky.scrolled(sizes(300, 400));
    sticky.scrolled(sizes(120, 400));
    expect(sticky.changed(sizes(120, 500))).toBeNull();
    sticky.scrolled(sizes(395, 500));
    expect(sticky.changed(sizes(395, 520))).toBe(420);
  });

  it("follows the words that sound in a reply that is written long before it is said", () => {
    const sticky = new Sticky();
    sticky.scrolled(sizes(100, 200));
    // The reply begins at 210; all of it is there at once.
    expect(sticky.changed(sizes(100, 900), 210)).toBe(150);
    expect(sticky.changed(sizes(150, 900), 400)).toBe(340);
    // Whoever reads ahead is not taken back, and the end is the end.
    expect(sticky.changed(sizes(500, 900), 420)).toBe(500);
    expect(sticky.changed(sizes(500, 900), 890)).toBe(800);
    expect(sticky.changed(sizes(790, 900), null)).toBe(800);
  });

  it("is not shaken off by text that outruns a scroll down", () => {
    const sticky = new Sticky();
    sticky.scrolled(sizes(100, 200));
    sticky.scrolled(sizes(150, 900));
    expect(sticky.follows).toBe(true);
  });

  it("is not shaken off when lines vanish", () => {
    const sticky = new Sticky();
    sticky.scrolled(sizes(900, 1000));
    sticky.scrolled(sizes(40, 300));
    expect(sticky.follows).toBe(true);
  });
});

describe("keys", () => {
  const now = { mode: "push", holding: false, dialog: false, stoppable: true } as const;
  const button = document.createElement("button");
  const area = document.createElement("textarea");

  it("sends at Enter, not while a word is being composed", () => {
    expect(sends(key("Enter"))).toBe(true);
    expect(sends(key("Enter", { shiftKey: true }))).toBe(false);
    expect(sends(key("Enter", { isComposing: true }))).toBe(false);
    expect(sends(key("Enter", { keyCode: 229 }))).toBe(false);
  });

  it.each([
    ["Esc stops", key("Escape"), now, "interrupt"],
    ["Esc with nothing to stop", key("Escape"), { ...now, stoppable: false }, null],
    ["Esc of a dialog is the dialog's", key("Escape"), { ...now, dialog: true }, null],
    ["Esc ends a composition", key("Escape", { isComposing: true }), now, null],
    ["Space holds", key(" "), now, "hold"],
    ["Space in the text box is a space", key(" ", { target: area }), now, null],
    ["Space on a button presses it", key(" ", { target: button }), now, null],
    ["a repeated Space is the same hold", key(" ", { repeat: true }), now, null],
    ["hands-free needs no Space", key(" "), { ...now, mode: "continuous" as const }, null],
  ])("%s", (_name, event, state, wanted) => expect(wish("down", event, state)).toBe(wanted));

  it("releases wherever the focus went", () => {
    expect(wish("up", key(" ", { target: area }), { ...now, holding: true })).toBe("release");
    expect(wish("up", key(" "), now)).toBeNull();
  });
});

/** A ZIP of empty members: enough for its directory. */
function zipOf(...names: string[]): File {
  const bytes: number[] = [];
  const two = (n: number) => [n & 255, n >> 8];
  const four = (n: number) => [n & 255, (n >> 8) & 255, (n >> 16) & 255, n >> 24];
  for (const name of names) bytes.push(...four(0x02014b50), ...new Array<number>(24).fill(0), ...two(name.length), ...two(0), ...two(0), ...new Array<number>(12).fill(0), ...new TextEncoder().encode(name));
  const size = bytes.length;
  bytes.push(...four(0x06054b50), ...new Array<number>(8).fill(0), ...four(size), ...four(0), ...two(0));
  return new File([new Uint8Array(bytes)], "some.zip");
}

describe("dropped files", () => {
  const file = (name: string, type = "") => new File(["x"], name, { type });

  it.each([
    ["pictures", [file("a.png", "image/png"), file("notes.txt")]],
    ["figure", [file("Mika.VRM")]],
    ["figure", [file("m.model3.json"), file("texture.png", "image/png")]],
    ["timeline", [file("talk.jsonl"), file("1.wav", "audio/wav")]],
    ["timeline", [zipOf("a/talk.jsonl", "a/1.wav")]],
    ["figure", [zipOf("m/m.model3.json")]],
    ["nowhere", [file("notes.txt")]],
    ["nowhere", [file("broken.zip")]],
  ])("go to %s", async (to, files) => expect((await route(files)).to).toBe(to));

  it("are named without unpacking", async () => expect(await zipNames(zipOf("a.txt", "b/c.txt"))).toEqual(["a.txt", "b/c.txt"]));
});

describe("taking the conversation away", () => {
  const names = { you: "You", character: "Aizu", interrupted: "interrupted", pictures: (count: number) => `pictures: ${count}` };
  const lines = [
    user("1", "Look", true, [{ mime: "image/png", data: "", url: "" }]),
    reply("2", "Once upon a time", { finish: "interrupted", heard: "Once upon" }),
    { kind: "note", id: "3", level: "info", text: "hm", at: 0 } as const,
  ];

  it("keeps what was heard", () => {
    expect(asText(lines, names)).toBe("You: Look [pictures: 1]\n\nAizu: Once upon … [interrupted]\n");
    expect(asMarkdown(lines, names, "Talk")).toContain("**Aizu**\n\nOnce upon … [interrupted]");
  });

  it("is named by the day", () => expect(fileName(new Date(2026, 7, 1, 9, 5), "md")).toBe("aizuchi-2026-08-01-0905.md"));
});

it.each([
  ["こんにちは", "zh", "ja"],
  ["你好", undefined, "zh"],
  ["京都", "ja", "ja"],
  ["안녕", "en", "ko"],
  ["Hello", "en", "en"],
  ["Hello", "ja", "en"],
  ["Guten Tag", "de", "de"],
  ["12:30", "en", undefined],
])("%s (%s) is written in %s", (text, hint, language) => expect(languageOf(text, hint)).toBe(language));
