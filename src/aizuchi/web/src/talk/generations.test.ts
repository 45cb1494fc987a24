import { describe, expect, it } from "vitest";
import { Generations } from "./generations";

describe("generations", () => {
  it("lets nothing through that is older than the newest", () => {
    const generations = new Generations();
    expect(generations.lives(3, "assistant_text_delta")).toBe(true);
    expect(generations.lives(2, "assistant_text_delta")).toBe(false);
    expect(generations.lives(2, "state_update")).toBe(false);
    expect(generations.lives(3, "state_update")).toBe(true);
  });

  it("drops the running reply after an interrupt of our own, and delivers how it ended", () => {
    const generations = new Generations();
    generations.lives(3, "state_update");
    generations.silence();
    expect(generations.lives(3, "tts_audio_chunk")).toBe(false);
    expect(generations.lives(3, "viseme_timeline")).toBe(false);
    expect(generations.lives(3, "assistant_text_end")).toBe(true);
    expect(generations.lives(4, "state_update")).toBe(true);
    expect(generations.lives(4, "tts_audio_chunk")).toBe(true);
  });

  it("counts a fresh session from the start", () => {
    const generations = new Generations();
    generations.lives(9, "state_update");
    generations.silence();
    generations.reset();
    expect(generations.lives(0, "assistant_text_delta")).toBe(true);
  });
});
