// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Link, type Wishes } from "./connection";
import { packFrame } from "./protocol";
import { storage } from "./storage";

class FakeSocket {
  static all: FakeSocket[] = [];
  static readonly OPEN = 1;
  binaryType = "";
  readyState = 0;
  bufferedAmount = 0;
  sent: (string | ArrayBuffer)[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;

  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }

  send(data: string | ArrayBuffer): void {
    this.sent.push(data);
  }

  close(): void {
    this.readyState = 3;
  }

  // What the other side does.
  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  tell(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  die(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code, reason: "" });
  }

  welcome(session = "s-1", more: object = {}): void {
    this.open();
    this.tell({ type: "hello_ack", session_id: session, seq: 0, generation_id: 0, resumed: false, resume_token: "r", character: "mio", ...more });
  }

  said(index: number): Record<string, unknown> {
    return JSON.parse(this.sent[index] as string) as Record<string, unknown>;
  }
}

const last = () => FakeSocket.all.at(-1)!;
const wishes: Wishes = { mode: "continuous", echo_cancelled: true, token: undefined, character: undefined };

function link(more: Partial<Wishes> = {}) {
  const events = { message: vi.fn(), sound: vi.fn(), welcomed: vi.fn(), lost: vi.fn() };
  const made = new Link(() => ({ ...wishes, ...more }), events, storage("sessionStorage"), () => 1);
  made.start();
  return { made, events };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", FakeSocket);
  FakeSocket.all = [];
  sessionStorage.clear();
});
afterEach(() => {
  vi.clearAllTimers();
  vi.useRealTimers();
});

describe("the beginning", () => {
  it("says hello first, with the token there and not in the address", () => {
    link({ token: "secret", character: "mio" });
    last().open();
    expect(last().said(0)).toMatchObject({ type: "hello", seq: 0, protocol: "dh.v1", audio: "binary", mode: "continuous", token: "secret", character: "mio", echo_cancelled: true });
    expect(last().said(0)["want"]).toContain("hold");
    expect(last().url).toMatch(/^ws:\/\/localhost(:\d+)?\/digital-human\/ws$/);
  });

  it("numbers text and sound together", () => {
    const { made } = link();
    last().welcome();
    made.sendSound(new Int16Array(320));
    made.send({ type: "stop_listen" });
    expect(new DataView(last().sent[1] as ArrayBuffer).getUint32(4)).toBe(1);
    expect(last().said(2)).toMatchObject({ type: "stop_listen", seq: 2, session_id: "s-1" });
  });

  it("keeps what was typed before the session was there, and no sound", () => {
    const { made, events } = link();
    made.send({ type: "text_input", text: "hello" });
    made.sendSound(new Int16Array(320));
    expect(made.send({ type: "stop_listen" })).toBe(false);
    last().welcome();
    expect(events.welcomed).toHaveBeenCalledWith(false, true);
    expect(last().said(1)).toMatchObject({ type: "text_input", seq: 1, text: "hello" });
    expect(last().sent.length).toBe(2);
  });
});

describe("what comes", () => {
  it("is dropped when its generation is over", () => {
    const { events } = link();
    last().welcome();
    last().tell({ type: "state_update", generation_id: 4, seq: 1 });
    last().tell({ type: "assistant_text_delta", generation_id: 3, seq: 2 });
    expect(events.message.mock.calls.map(([message]) => message.type)).toEqual(["hello_ack", "state_update"]);
  });

  it("is sound when it is binary", () => {
    const { events } = link();
    last().welcome();
    const bytes = packFrame(5, Int16Array.of(1, 2));
    new DataView(bytes).setUint8(0, 2);
    last().onmessage?.({ data: bytes });
    expect(events.sound).toHaveBeenCalledWith(expect.objectContaining({ seq: 5, generation: 0 }));
  });
});

describe("a loss", () => {
  it("is tried again after 0.5, 1, 2 ... 15 seconds", () => {
    const { made } = link();
    const pauses: number[] = [];
    for (let i = 0; i < 7; i += 1) {
      last().die();
      const now = made.status.value;
      if (now.status !== "waiting") throw new Error(now.status);
      pauses.push(now.retryAt - Date.now());
      vi.advanceTimersByTime(pauses[i]!);
    }
    expect(pauses).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
  });

  it("ends with the same session", () => {
    const { made, events } = link();
    last().welcome();
    last().tell({ type: "state_update", generation_id: 4, seq: 9 });
    last().die();
    expect(events.lost).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(500);
    last().open();
    expect(last().url).toContain("?session=s-1");
    expect(last().said(0)["resume"]).toEqual({ session_id: "s-1", last_seq: 9, generation_id: 4, resume_token: "r" });
    last().welcome("s-1", { resumed: true, generation_id: 5 });
    expect(events.welcomed).toHaveBeenLastCalledWith(true, false);
    expect(made.status.value).toEqual({ status: "online", resumed: true });
  });

  it("ends with a fresh session where the old one is gone, and its generations begin again", () => {
    const { events } = link();
    last().welcome();
    last().tell({ type: "state_update", generation_id: 8, seq: 1 });
    last().die();
    vi.advanceTimersByTime(500);
    last().welcome("s-2");
    expect(events.welcomed).toHaveBeenLastCalledWith(false, true);
    last().tell({ type: "error", code: "resume_expired", recoverable: false, message: "", generation_id: 0, seq: 1 });
    last().tell({ type: "state_update", generation_id: 1, seq: 2 });
    expect(events.message).toHaveBeenLastCalledWith(expect.objectContaining({ type: "state_update", generation_id: 1 }));
  });

  it("is mended after the page was loaded again", () => {
    link();
    last().welcome();
    last().tell({ type: "state_update", generation_id: 2, seq: 3 });
    window.dispatchEvent(new Event("pagehide"));
    link();
    last().open();
    expect(last().said(0)["resume"]).toMatchObject({ session_id: "s-1", last_seq: 3, generation_id: 2 });
  });

  it("is not taken up again after the server's patience", () => {
    link();
    last().welcome();
    window.dispatchEvent(new Event("pagehide"));
    vi.advanceTimersByTime(1);
    vi.setSystemTime(Date.now() + 121_000);
    link();
    last().open();
    expect(last().said(0)).not.toHaveProperty("resume");
  });

  it("is tried at once when the network is back", () => {
    link();
    for (let i = 0; i < 5; i += 1) {
      last().die();
      vi.advanceTimersByTime(15_000);
    }
    last().die();
    const before = FakeSocket.all.length;
    window.dispatchEvent(new Event("online"));
    expect(FakeSocket.all.length).toBe(before + 1);
  });

  it("is seen when the other side says nothing any more", () => {
    const { made } = link();
    last().welcome();
    const socket = last();
    vi.advanceTimersByTime(8_000);
    expect(socket.said(1)).toMatchObject({ type: "ping" });
    socket.tell({ type: "pong", seq: 1 });
    vi.advanceTimersByTime(6_000 + 8_000);
    expect(made.status.value.status).toBe("online");
    vi.advanceTimersByTime(20_000);
    expect(socket.readyState).toBe(3);
    expect(made.status.value.status).not.toBe("online");
  });

  it("is seen when the socket never opens", () => {
    const { made } = link();
    vi.advanceTimersByTime(10_000);
    expect(made.status.value).toMatchObject({ status: "waiting", attempt: 1, why: "lost" });
  });
});

describe("a refusal", () => {
  it.each([[4401, "token"], [4406, "version"], [4409, "taken_over"]] as const)("%i is not tried again by itself", (code, reason) => {
    const { made } = link();
    last().welcome();
    last().tell({ type: "error", code: "x", message: "why", recoverable: false, seq: 1 });
    last().die(code);
    vi.advanceTimersByTime(60_000);
    expect(made.status.value).toEqual({ status: "refused", reason, message: "why" });
    expect(FakeSocket.all.length).toBe(1);
    made.retry();
    expect(FakeSocket.all.length).toBe(2);
  });

  it("of the session begins another one", () => {
    link();
    last().welcome();
    last().die(4404);
    vi.advanceTimersByTime(500);
    last().open();
    expect(last().said(0)).not.toHaveProperty("resume");
  });

  it("of a full server waits as long as it says", () => {
    const { made } = link();
    last().open();
    last().tell({ type: "error", code: "overloaded", message: "full", recoverable: false, retry_after_ms: 7000, seq: 0 });
    last().die(1013);
    expect(made.status.value).toMatchObject({ status: "waiting", why: "full" });
    vi.advanceTimersByTime(6_999);
    expect(FakeSocket.all.length).toBe(1);
    vi.advanceTimersByTime(1);
    expect(FakeSocket.all.length).toBe(2);
  });

  it("of a server that stops is a wait", () => {
    const { made } = link();
    last().welcome();
    last().die(1012);
    expect(made.status.value).toMatchObject({ status: "waiting", why: "restart" });
  });
});

describe("another conversation", () => {
  it("says goodbye to the old one and does not ask for it again", () => {
    const { made } = link();
    last().welcome();
    const old = last();
    made.anew();
    expect(old.said(1)).toMatchObject({ type: "bye" });
    last().open();
    expect(last()).not.toBe(old);
    expect(last().said(0)).not.toHaveProperty("resume");
  });

  it("hears nothing more of the old socket", () => {
    const { made, events } = link();
    last().welcome();
    const old = last();
    made.anew();
    const before = events.message.mock.calls.length;
    old.tell({ type: "state_update", generation_id: 9, seq: 5 });
    old.die();
    expect(events.message.mock.calls.length).toBe(before);
    expect(events.lost).not.toHaveBeenCalled();
  });
});
