// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import textTurn from "../../../../../tests/wire/transcripts/native-text-turn.jsonl?raw";
import { createConversation } from "./conversation";
import type { Conversation, Picture } from "./model";

/** A server's end in the page, and no sound at all: jsdom has no AudioContext, so the page must do without. */
class FakeSocket {
  static last: FakeSocket;
  static readonly OPEN = 1;
  binaryType = "";
  readyState = 1;
  bufferedAmount = 0;
  sent: Record<string, unknown>[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  private seq = 1;

  constructor() {
    FakeSocket.last = this;
  }

  send(data: string): void {
    this.sent.push(JSON.parse(data) as Record<string, unknown>);
  }

  close(): void {
    this.readyState = 3;
  }

  tell(generation: number, message: object, turn = `turn-${generation}`): void {
    this.onmessage?.({ data: JSON.stringify({ seq: this.seq++, session_id: "s", generation_id: generation, turn_id: turn, ...message }) });
  }

  welcome(more: object = {}): void {
    this.onopen?.();
    this.tell(0, { type: "hello_ack", resumed: false, character: "mio", resume_token: "r", ...more });
  }
}

let talk: Conversation;
const server = () => FakeSocket.last;
const sentTypes = () => server().sent.map((each) => each["type"]);
const picture = (url: string): Picture => ({ mime: "image/png", data: "AA==", url });

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("fetch", async () => ({ ok: true, json: async () => ({ characters: [{ name: "mio", display_name: "Mio", language: "ja" }] }) }));
  vi.stubGlobal("URL", Object.assign(URL, { revokeObjectURL: vi.fn() }));
  localStorage.clear();
  sessionStorage.clear();
  talk = createConversation();
  talk.start();
  server().welcome();
});
afterEach(() => {
  vi.clearAllTimers();
  vi.useRealTimers();
});

describe("a conversation", () => {
  it("meets its character", async () => {
    expect(talk.character.value?.name).toBe("mio");
    await vi.advanceTimersByTimeAsync(1);
    expect(talk.character.value).toMatchObject({ displayName: "Mio", language: "ja", figure: { kind: "drawn" } });
    expect(talk.sound.value).toBe("unavailable");
  });

  it("goes as it was recorded", () => {
    for (const record of textTurn.trim().split("\n").map((line) => JSON.parse(line) as { down?: { type: string; generation_id: number; turn_id?: string } })) {
      if (record.down && record.down.type !== "hello_ack") server().tell(record.down.generation_id, record.down, record.down.turn_id);
    }
    expect(talk.state.value).toBe("idle");
    expect(talk.lines.value.some((line) => line.kind === "reply" && line.finish === "stop")).toBe(true);
  });

  it("sends what is typed, with at most four pictures", () => {
    for (let i = 0; i < 6; i += 1) talk.attach(picture(`blob:${i}`));
    talk.detach(talk.pictures.value[0]!);
    talk.say("look");
    expect(server().sent.at(-1)).toMatchObject({ type: "text_input", text: "look", images: [{ mime: "image/png", data: "AA==" }, {}, {}] });
    expect(talk.pictures.value).toEqual([]);
    expect(talk.lines.value.at(-1)).toMatchObject({ kind: "user", text: "look", pictures: [{ url: "blob:3" }, { url: "blob:4" }, { url: "blob:5" }] });
    talk.say("  ");
    expect(sentTypes().filter((each) => each === "text_input").length).toBe(1);
  });

  it("waits for the server to take up what was typed, and no longer than a while", async () => {
    talk.say("hello");
    expect(talk.awaited.value).toBe(true);
    server().tell(1, { type: "state_update", state: "thinking", previous: "idle" });
    expect(talk.awaited.value).toBe(false);
    talk.say("and now?");
    talk.interrupt();
    expect(sentTypes().slice(-2)).toEqual(["text_input", "interrupt"]);
    expect(talk.awaited.value).toBe(false);
    talk.say("nobody answers");
    await vi.advanceTimersByTimeAsync(6_000);
    expect(talk.awaited.value).toBe(false);
  });

  it("is silent at once, drops the rest of the reply, and shows what was heard", () => {
    server().tell(1, { type: "state_update", state: "speaking", previous: "thinking" });
    server().tell(1, { type: "assistant_text_delta", delta: "Once upon ", index: 0 });
    talk.interrupt();
    expect(sentTypes().at(-1)).toBe("interrupt");
    expect(talk.lines.value.at(-1)).toMatchObject({ finish: "interrupted" });
    server().tell(1, { type: "assistant_text_delta", delta: "a time", index: 1 });
    server().tell(1, { type: "assistant_text_end", text: "Once", finish_reason: "interrupted" });
    server().tell(2, { type: "state_update", state: "idle", previous: "speaking", reason: "interrupt" }, "turn-1");
    expect(talk.lines.value.at(-1)).toMatchObject({ text: "Once upon ", heard: "Once", finish: "interrupted" });
    expect(talk.state.value).toBe("idle");
  });

  it("is held while somebody speaks over a reply", () => {
    server().tell(1, { type: "state_update", state: "speaking", previous: "thinking" });
    server().tell(1, { type: "playback_pause", at_ms: 500 });
    server().tell(1, { type: "state_update", state: "speaking", previous: "speaking", reason: "held" });
    expect(talk.held.value).toBe(true);
    server().tell(1, { type: "playback_resume", at_ms: 500 });
    server().tell(1, { type: "state_update", state: "speaking", previous: "speaking", reason: "resumed" });
    expect(talk.held.value).toBe(false);
  });

  it("wears an expression without sound too, and cools down", () => {
    server().tell(1, { type: "emotion_tag", emotion: "happy", intensity: 0.7, sentence_index: 0 });
    expect(talk.emotion.value).toEqual({ name: "happy", intensity: 0.7 });
    server().tell(1, { type: "state_update", state: "idle", previous: "speaking", reason: "done" });
    vi.advanceTimersByTime(5_000);
    expect(talk.emotion.value.name).toBe("neutral");
  });

  it("tells of the queue, of trouble, and of less than usual", () => {
    server().tell(1, { type: "queue_update", position: 2, ahead: 2, eta_ms: 900 });
    expect(talk.queue.value).toEqual({ position: 2, etaMs: 900 });
    server().tell(1, { type: "queue_update", position: 0, ahead: 0 });
    expect(talk.queue.value).toBeNull();
    server().tell(1, { type: "error", code: "tts_failed", message: "x", recoverable: true });
    expect(talk.lines.value.at(-1)).toMatchObject({ kind: "note", level: "warning" });
    server().tell(1, { type: "state_update", state: "idle", previous: "thinking", degraded: true });
    expect(talk.degraded.value).toBe(true);
  });

  it("says a note in the chosen language", () => {
    talk.choose({ language: "ja" });
    server().tell(1, { type: "error", code: "busy", message: "x", recoverable: true });
    expect(talk.lines.value.at(-1)).toMatchObject({ text: expect.stringContaining("混み合って") as string });
  });

  it("begins anew with another character, and remembers whom", () => {
    const old = server();
    talk.meet("rin");
    expect(old.sent.at(-1)).toMatchObject({ type: "bye" });
    server().onopen?.();
    expect(server().sent[0]).toMatchObject({ type: "hello", character: "rin" });
    expect(server().sent[0]).not.toHaveProperty("resume");
  });

  it("talks with whoever is there when the character that was asked for is gone", () => {
    talk.meet("nobody");
    server().onopen?.();
    server().tell(0, { type: "error", code: "bad_message", message: "there is no character", recoverable: true });
    server().onopen?.();
    expect(server().sent[0]).not.toHaveProperty("character");
  });

  it("keeps a token in the tab and says it in the hello only", () => {
    server().onclose?.({ code: 4401, reason: "" });
    expect(talk.connection.value).toMatchObject({ status: "refused", reason: "token" });
    talk.authenticate(" secret ");
    server().onopen?.();
    expect(server().sent[0]).toMatchObject({ token: "secret" });
    expect(sessionStorage.getItem("aizuchi.token")).toBe("secret");
  });

  it("says why there is no microphone", async () => {
    await talk.openMic();
    // jsdom's page has no secure origin of its own to speak of.
    expect(["insecure", "missing"]).toContain(talk.mic.value);
    expect(sentTypes()).not.toContain("start_listen");
  });
});
