// @vitest-environment jsdom
import { afterEach, describe, expect, it, vi } from "vitest";
import { askCharacters, character, described } from "./characters";
import { Journal, MOST_ENTRIES } from "./journal";
import { misfortune } from "./microphone";
import { fitted } from "./pictures";
import { defaults, keepSettings, merged, recallSettings } from "./preferences";

afterEach(() => vi.unstubAllGlobals());

describe("settings", () => {
  it("are kept", () => {
    keepSettings(localStorage, { ...defaults(), mode: "push", volume: 0.5 });
    expect(recallSettings(localStorage)).toMatchObject({ mode: "push", volume: 0.5 });
  });

  it("are taken only as far as they make sense", () => {
    const wishes = { mode: "shout", language: "fr", volume: 7, theme: "dark", thoughts: "yes", unknown: 1, headphones: true };
    expect(merged(defaults(), wishes)).toEqual({ ...defaults(), theme: "dark", headphones: true });
    expect(recallSettings({ getItem: () => "{" })).toEqual(defaults());
  });
});

describe("characters", () => {
  it("are asked for with the token in a header", async () => {
    const ask = vi.fn(async () => ({ ok: true, json: async () => ({ characters: [{ name: "mio", display_name: "Mio", language: "ja", figure: { kind: "vrm", url: "/x" } }, { no: 1 }] }) }));
    vi.stubGlobal("fetch", ask);
    expect(await askCharacters("t")).toEqual([{ name: "mio", displayName: "Mio", language: "ja", subtitles: "", figure: { kind: "vrm", url: "/x" } }]);
    expect(ask).toHaveBeenCalledWith("/api/characters", { headers: { Authorization: "Bearer t" } });
  });

  it("wear the drawn figure where nothing else is told", () => {
    expect(character({ name: "a", figure: { kind: "hologram" } })).toEqual({ name: "a", displayName: "a", language: "", subtitles: "", figure: { kind: "drawn" } });
  });

  it("are told of in the person's language, else as it was written", () => {
    const mio = character({ name: "mio", language: "ja", description: { en: "A baker", ja: "パン屋" } });
    expect(["en", "ja", "zh"].map((each) => described(mio, each))).toEqual(["A baker", "パン屋", "パン屋"]);
    expect(described(character({ name: "a", description: { "": "Somebody" } }), "zh")).toBe("Somebody");
    expect(described(character({ name: "a", description: null }), "en")).toBe("");
    expect(described(null, "en")).toBe("");
  });

  it("are none when the server can't be asked", async () => {
    vi.stubGlobal("fetch", async () => Promise.reject(new Error("gone")));
    expect(await askCharacters("")).toEqual([]);
  });
});

describe("a refused microphone", () => {
  it.each([
    ["NotAllowedError", "denied"], ["NotFoundError", "missing"], ["OverconstrainedError", "missing"], ["NotReadableError", "busy"],
    ["AbortError", "busy"], ["SecurityError", "insecure"], ["TypeError", "failed"],
  ])("%s is %s", (name, status) => expect(misfortune(name)).toBe(status));
});

describe("pictures", () => {
  it("are made to fit by their longer side", () => {
    expect(fitted(3200, 1200)).toEqual({ width: 1600, height: 600 });
    expect(fitted(800, 600)).toEqual({ width: 800, height: 600 });
    expect(fitted(9000, 2)).toEqual({ width: 1600, height: 1 });
  });
});

describe("the journal", () => {
  it("is bounded and given out a few times a second", () => {
    vi.useFakeTimers();
    const journal = new Journal();
    const entry = (seq: number) => ({ seq, at: seq, turn: null, generation: 0, kind: "x" });
    for (let i = 0; i < MOST_ENTRIES + 10; i += 1) journal.add([entry(i)]);
    expect(journal.entries.value.length).toBe(0);
    vi.advanceTimersByTime(100);
    expect(journal.entries.value.length).toBe(MOST_ENTRIES);
    expect(journal.entries.value[0]!.seq).toBe(10);
    vi.useRealTimers();
  });
});
