import { describe, expect, it } from "vitest";
import bargeIn from "../../../../../tests/wire/transcripts/native-barge-in.jsonl?raw";
import interrupt from "../../../../../tests/wire/transcripts/native-interrupt.jsonl?raw";
import resume from "../../../../../tests/wire/transcripts/native-resume.jsonl?raw";
import textTurn from "../../../../../tests/wire/transcripts/native-text-turn.jsonl?raw";
import voiceTurn from "../../../../../tests/wire/transcripts/native-voice-turn.jsonl?raw";
import { Generations } from "./generations";
import { type Heading, Intake } from "./intake";
import type { Picture } from "./model";
import { type Body, type Down, parse } from "./protocol";
import { MOST_LINES, Transcript } from "./transcript";

type Record = { down?: object; frame?: { seq: number; generation_id: number; last: boolean; bytes: number } };
const records = (text: string) => text.trim().split("\n").map((line) => JSON.parse(line) as Record);

/** What the server of a recorded conversation sends, through the same filter as on the page. */
function follow(text: string, transcript = new Transcript(undefined, () => 7)): Transcript {
  const generations = new Generations();
  for (const { down } of records(text)) {
    const message = down && parse(JSON.stringify(down));
    if (message && generations.lives(message.generation_id, message.type)) transcript.receive(message);
  }
  return transcript;
}

const say = (body: Body, generation = 1, turn: string | null = `turn-${generation}`): Down =>
  ({ session_id: "s", seq: 0, generation_id: generation, turn_id: turn, ts: 0, ...body });

describe("a recorded conversation", () => {
  it("by voice: partial texts become the final one, and the reply has words", () => {
    const [user, reply] = follow(voiceTurn).lines.value;
    expect(user).toMatchObject({ kind: "user", text: "go forward", final: true });
    expect(reply).toMatchObject({
      kind: "reply",
      text: "Going.",
      finish: "stop",
      sentences: [{ index: 0, text: "Going.", words: [{ atMs: 0, ms: 40, text: "Going" }] }],
    });
  });

  it("by text", () => {
    const lines = follow(textTurn).lines.value;
    expect(lines.filter((line) => line.kind === "reply").every((line) => line.finish === "stop")).toBe(true);
  });

  it("interrupted by voice: what was heard is told, and the new words follow", () => {
    const lines = follow(bargeIn).lines.value;
    expect(lines[0]).toMatchObject({ kind: "reply", text: "Well, ", finish: "interrupted", heard: "" });
    expect(lines[1]).toMatchObject({ kind: "user", text: "stop please", final: true });
  });

  it("interrupted by a click", () => {
    expect(follow(interrupt).lines.value).toContainEqual(expect.objectContaining({ kind: "reply", finish: "interrupted" }));
  });

  it("taken up again: the lost reply ends under the new generation, on its own line", () => {
    const transcript = new Transcript(undefined, () => 7);
    transcript.receive(say({ type: "assistant_text_delta", delta: "Once upon a", index: 0 }, 4, "turn-2"));
    follow(resume, transcript);
    expect(transcript.lines.value).toMatchObject([
      { kind: "reply", generation: 4, finish: "interrupted", heard: "Once upon" },
      { kind: "reply", generation: 6, text: "A time." },
    ]);
  });
});

describe("transcript", () => {
  it("takes away an utterance in which nothing was recognised", () => {
    const transcript = new Transcript();
    transcript.receive(say({ type: "asr_partial", text: "hm", utterance_id: "u" }));
    transcript.receive(say({ type: "asr_final", text: "", utterance_id: "u" }));
    expect(transcript.lines.value).toEqual([]);
  });

  it("keeps one unfinished utterance at a time, and none when the socket is lost", () => {
    const transcript = new Transcript();
    transcript.receive(say({ type: "asr_partial", text: "one", utterance_id: "u1" }));
    transcript.receive(say({ type: "asr_partial", text: "two", utterance_id: "u2" }));
    expect(transcript.lines.value).toMatchObject([{ text: "two", final: false }]);
    transcript.lost();
    expect(transcript.lines.value).toEqual([]);
  });

  it("shows an interrupt at once, and what was heard when it is told", () => {
    const transcript = new Transcript();
    transcript.receive(say({ type: "assistant_text_delta", delta: "A long story", index: 0 }));
    transcript.interrupt(1);
    expect(transcript.lines.value[0]).toMatchObject({ finish: "interrupted" });
    transcript.receive(say({ type: "assistant_text_end", text: "A long story", finish_reason: "stop" }));
    expect(transcript.lines.value[0]).toMatchObject({ finish: "interrupted" });
    transcript.receive(say({ type: "heard", of_generation: 1, text: "A long" }, 2));
    expect(transcript.lines.value[0]).toMatchObject({ finish: "interrupted", heard: "A long", text: "A long story" });
  });

  it("goes on with a held reply under its new generation on the same line", () => {
    const transcript = new Transcript();
    transcript.receive(say({ type: "assistant_text_delta", delta: "One. ", index: 0 }, 1, "turn-1"));
    transcript.receive(say({ type: "assistant_text_delta", delta: "Two.", index: 1 }, 3, "turn-1"));
    expect(transcript.lines.value).toMatchObject([{ text: "One. Two." }]);
    expect(transcript.lineOf(3)).toBe(transcript.lineOf(1));
  });

  it("gathers thoughts, tools and subtitles of a reply", () => {
    const transcript = new Transcript();
    transcript.receive(say({ type: "thought_delta", delta: "hm" }));
    transcript.receive(say({ type: "tool_status", call_id: "c", name: "clock", state: "running", arguments: { zone: "UTC" } }));
    transcript.receive(say({ type: "tool_status", call_id: "c", name: "clock", state: "done", result: "12:00" }));
    transcript.receive(say({ type: "assistant_subtitle", sentence_index: 1, language: "ja", text: "正午" }));
    transcript.receive(say({ type: "emotion_tag", emotion: "happy", intensity: 0.8, sentence_index: 0 }));
    expect(transcript.lines.value).toMatchObject([
      {
        thoughts: "hm",
        tools: [{ callId: "c", name: "clock", state: "done", arguments: { zone: "UTC" }, result: "12:00" }],
        sentences: [{ index: 0, emotion: { name: "happy", intensity: 0.8 } }, { index: 1, subtitles: { ja: "正午" } }],
      },
    ]);
  });

  it("keeps a bounded page and gives pictures back", () => {
    const released: Picture[] = [];
    const transcript = new Transcript((pictures) => void released.push(...pictures));
    const picture: Picture = { mime: "image/png", data: "", url: "blob:x" };
    transcript.typed("look", [picture]);
    for (let i = 0; i < MOST_LINES; i += 1) transcript.typed(`line ${i}`, []);
    expect(transcript.lines.value.length).toBe(MOST_LINES);
    expect(released).toEqual([picture]);
  });

  it("does not mix up the names of two sessions", () => {
    const transcript = new Transcript();
    transcript.receive(say({ type: "assistant_text_delta", delta: "old", index: 0 }));
    transcript.anew();
    transcript.receive(say({ type: "assistant_text_delta", delta: "new", index: 0 }));
    expect(transcript.lines.value).toMatchObject([{ text: "old", finish: "interrupted" }, { text: "new" }]);
  });

  it("outlives a reload, and the reply that was lost then still finds its line", () => {
    const before = new Transcript();
    before.anew();
    before.typed("hello", [{ mime: "image/png", data: "x", url: "blob:x" }]);
    before.receive(say({ type: "assistant_text_delta", delta: "Once upon a", index: 0 }, 4, "turn-2"));
    const after = new Transcript();
    after.restore(before.save());
    follow(resume, after);
    expect(after.lines.value).toMatchObject([{ text: "hello", pictures: [] }, { finish: "interrupted", heard: "Once upon" }, { text: "A time." }]);
    after.restore("{");
    expect(after.lines.value.length).toBe(3);
  });

  it("says the same trouble once", () => {
    const transcript = new Transcript();
    transcript.note("warning", "busy");
    transcript.note("warning", "busy");
    expect(transcript.lines.value.length).toBe(1);
  });
});

describe("intake", () => {
  const head = (sentence: number, generation = 1, turn = "turn-1") =>
    ({ ...say({ type: "tts_audio_chunk", codec: "pcm_s16le", sample_rate: 16_000, channels: 1, chunk_index: 0, sentence_index: sentence }, generation, turn) }) as Heading;
  const frame = (generation = 1) => ({ seq: 1, generation, last: false, pcm: new Int16Array(320) });

  it("counts from each sentence's first sample", () => {
    const intake = new Intake();
    intake.head(head(0));
    expect([intake.frame(frame()), intake.frame(frame())].map((each) => each?.atMs)).toEqual([0, 20]);
    intake.head(head(1));
    expect(intake.frame(frame())).toMatchObject({ sentence: 1, atMs: 0, rate: 16_000 });
  });

  it("places a reply that goes on under another generation", () => {
    const intake = new Intake();
    intake.head(head(0));
    for (let i = 0; i < 5; i += 1) intake.frame(frame());
    intake.head(head(1));
    for (let i = 0; i < 5; i += 1) intake.frame(frame());
    intake.resume({ ...say({ type: "playback_resume", at_ms: 140 }, 3, "turn-1"), at_ms: 140 });
    intake.head(head(1, 3));
    expect(intake.frame(frame(3))?.atMs).toBe(40);
  });

  it("does not mix up the turns of two sessions", () => {
    const intake = new Intake();
    intake.head(head(0));
    intake.frame(frame());
    intake.reset();
    expect(intake.frame(frame())).toBeNull();
    intake.head(head(0));
    expect(intake.frame(frame())?.atMs).toBe(0);
  });

  it("plays nothing without a heading", () => expect(new Intake().frame(frame())).toBeNull());

  it("reads the frames of a recorded reply", () => {
    const intake = new Intake();
    const places: unknown[] = [];
    for (const { down, frame: said } of records(voiceTurn)) {
      const message = down && parse(JSON.stringify(down));
      if (message?.type === "tts_audio_chunk") intake.head(message);
      if (said) {
        const pcm = new Int16Array(said.bytes / 2);
        const sound = intake.frame({ seq: said.seq, generation: said.generation_id, last: said.last, pcm });
        places.push([sound?.sentence, sound?.atMs, sound?.last]);
      }
    }
    expect(places).toEqual([[0, 0, false], [0, 20, true]]);
  });
});
