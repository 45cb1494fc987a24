// @vitest-environment jsdom
import { signal } from "@preact/signals";
import { render } from "preact";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { language } from "../shared/i18n";
import type { Entry } from "../talk/model";
import { comparable, medians, steps } from "./compare";
import recorded from "./fixtures/recorded.json?raw";
import { TimelinePanel } from "./panel";
import { SavedTimelineView } from "./saved-view";
import type { SavedTimeline } from "./saved";
import { Folding } from "./turns";

const { entries } = JSON.parse(recorded) as { entries: Entry[] };
let host: HTMLElement;

beforeEach(() => {
  host = document.createElement("div");
  document.body.append(host);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance", "requestAnimationFrame"] });
});
afterEach(() => {
  render(null, host);
  host.remove();
  language.value = "en";
  vi.useRealTimers();
});

const rows = () => [...host.querySelectorAll<HTMLElement>("[data-testid=turn-row]")];
const settle = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe("the panel", () => {
  it("grows with the session, the newest turn on top", async () => {
    const list = signal<readonly Entry[]>([]);
    render(<TimelinePanel entries={list} />, host);
    await settle(50);
    expect(rows().length).toBe(0);
    list.value = entries.slice(0, entries.findIndex((entry) => entry.turn === 3));
    await settle(250);
    expect(rows().map((row) => row.dataset["turn"])).toEqual(["2", "1"]);
    list.value = entries;
    await settle(250);
    expect(rows().length).toBe(6);
    expect(host.querySelector(".tl-compare h3")!.textContent).toBe("The last 6 turns");
  });

  it("names the slowest stage at the head, in the page's language", async () => {
    render(<TimelinePanel entries={signal(entries)} />, host);
    await settle(250);
    const head = () => rows().at(-1)!.querySelector(".tl-verdict strong")!.textContent;
    expect(head()).toBe("end-point wait 362 ms");
    language.value = "zh";
    await settle(250);
    expect(head()).toBe("断句等待 362 ms");
  });

  it("draws no more than ten times a second", async () => {
    const list = signal<readonly Entry[]>([]);
    render(<TimelinePanel entries={list} />, host);
    let drawn = 0;
    new MutationObserver(() => (drawn += 1)).observe(host, { subtree: true, childList: true, attributes: true });
    for (let index = 1; index <= 200; index += 1) {
      list.value = entries.slice(0, index * 2);
      await settle(10);
    }
    expect(drawn).toBeGreaterThan(3);
    expect(drawn).toBeLessThan(40);
  });

  it("tells of each bar by the arrow keys, and of all in a table", async () => {
    render(<TimelinePanel entries={signal(entries)} />, host);
    await settle(250);
    const row = rows().at(-1)!;
    const button = row.querySelector<HTMLButtonElement>(".tl-head")!;
    const press = async (key: string) => {
      button.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
      await settle(50);
    };
    await press("ArrowRight");
    await press("ArrowRight");
    expect(row.querySelector("[aria-live]")!.textContent).toContain("End-point wait: silence, 362 ms, 0 ms to 362 ms after the voice end");
    await press("Escape");
    expect(row.querySelector(".tl-tip")).toBeNull();
    button.click();
    await settle(50);
    expect(button.getAttribute("aria-expanded")).toBe("true");
    expect([...row.querySelectorAll("tbody th")].map((cell) => cell.textContent)).toContain("LLM, to the first token");
    expect(row.textContent).toContain("first_audio_from_voice_ms");
  });
});

it("the comparison is of turns that were waited for, and its steps make up the wait", () => {
  const folding = new Folding();
  for (const entry of entries) folding.read(entry);
  const turns = comparable(folding.turns);
  expect(turns.length).toBe(6);
  for (const turn of turns) {
    const { e2e_from_voice_ms: voice, e2e_ms: user } = turn.numbers();
    expect(steps(turn).reduce((sum, [, ms]) => sum + ms, 0)).toBeCloseTo((voice ?? user)!, 1);
  }
  expect(medians(turns).steps.find(([step]) => step === "end_point")![1]).toBe(362);
});

const EMPTY: SavedTimeline = {
  name: "a.jsonl",
  problem: null,
  session: "s",
  person: "ann",
  began: "",
  entries: [],
  dropped: 0,
  broken: 0,
  sound: { user: null, reply: null },
  remarks: [],
  others: [],
};

describe("a saved timeline", () => {
  it("is shown and plays silently without its sound", async () => {
    const saved: SavedTimeline = { ...EMPTY, entries, broken: 1, remarks: ["sound_missing"] };
    render(<SavedTimelineView saved={saved} />, host);
    await settle(50);
    expect(rows().map((row) => row.dataset["turn"])).toEqual(["1", "2", "3", "4", "5", "6"]);
    expect(host.textContent).toContain("plays silently");
    expect(host.textContent).toContain("1 lines can't be read.");
    const play = host.querySelector<HTMLButtonElement>("[data-testid=saved-play]")!;
    expect(host.querySelectorAll(".tl-future").length).toBe(0);
    play.click();
    await settle(500);
    expect(play.getAttribute("aria-label")).toBe("Pause");
    expect(host.querySelectorAll(".tl-future").length).toBeGreaterThan(8);
    await settle(2_600);
    expect(host.querySelector(".tl-line:not(.tl-future) .tl-text")!.textContent).toBe("go forward ten meters");
  });

  it("says why there is none", () => {
    render(<SavedTimelineView saved={{ ...EMPTY, problem: "not_ours" }} />, host);
    expect(host.querySelector("[role=alert]")!.textContent).toBe("a.jsonl is no timeline of Aizuchi.");
    expect(host.querySelector<HTMLElement>("[data-testid=saved-timeline]")!.dataset["problem"]).toBe("not_ours");
  });
});
