// @vitest-environment jsdom
import { signal } from "@preact/signals";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { MicFrame } from "./framer";
import { Listening } from "./listening";
import type { Microphone } from "./microphone";
import type { MicStatus, Mode } from "./model";

/** A microphone that opens when the test lets it. */
function fake() {
  const status = signal<MicStatus>("off");
  const microphone = {
    status,
    get open() {
      return status.value === "on";
    },
    onFrame: (_: MicFrame) => undefined as void,
    onLost: () => undefined as void,
    start: vi.fn(async () => {
      await Promise.resolve();
      status.value = "on";
      return true;
    }),
    stop: vi.fn(() => {
      status.value = "off";
    }),
  };
  const said: string[] = [];
  const line = {
    send: (message: { type: string; mode?: string }) => {
      said.push(message.mode ? `${message.type}:${message.mode}` : message.type);
      return true;
    },
    sendSound: (pcm: Int16Array) => void said.push(`${pcm[0]}`),
  };
  let mode: Mode = "continuous";
  const listening = new Listening(microphone as unknown as Microphone, line, () => mode, () => "");
  const hear = (value: number) => microphone.onFrame({ pcm: Int16Array.of(value), rms: 0 });
  return { microphone, said, listening, hear, choose: (wish: Mode) => (mode = wish) };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("hands-free", () => {
  it("sends from opening to closing", async () => {
    const { said, listening, hear, microphone } = fake();
    await listening.open();
    hear(1);
    listening.close();
    hear(2);
    expect(said).toEqual(["start_listen:continuous", "1", "stop_listen"]);
    expect(microphone.open).toBe(false);
  });

  it("is told again to a server that lost its session", async () => {
    const { said, listening } = fake();
    listening.again();
    await listening.open();
    listening.again();
    expect(said).toEqual(["start_listen:continuous", "start_listen:continuous"]);
  });

  it("says nothing when the microphone is refused", async () => {
    const { said, listening, microphone } = fake();
    microphone.start.mockResolvedValueOnce(false);
    expect(await listening.open()).toBe(false);
    listening.close();
    expect(said).toEqual([]);
  });

  it("goes on with another device, or says that it stops", async () => {
    const { said, listening, microphone } = fake();
    await listening.open();
    microphone.start.mockResolvedValueOnce(false);
    microphone.onLost();
    await vi.runAllTimersAsync();
    expect(said).toEqual(["start_listen:continuous", "stop_listen"]);
  });
});

describe("hold to talk", () => {
  it("sends what was said just before the press, and a little after it", async () => {
    const { said, listening, hear, choose, microphone } = fake();
    choose("push");
    await listening.warm();
    for (let i = 1; i <= 20; i += 1) hear(i);
    await listening.hold();
    hear(21);
    listening.release();
    hear(22);
    vi.advanceTimersByTime(80);
    hear(23);
    expect(said).toEqual(["start_listen:push", ..."9 10 11 12 13 14 15 16 17 18 19 20 21 22".split(" "), "stop_listen"]);
    expect(microphone.open).toBe(true);
  });

  it("sends nothing when the key is up before the browser was answered", async () => {
    const { said, listening, choose } = fake();
    choose("push");
    const held = listening.hold();
    listening.release();
    await held;
    expect(said).toEqual([]);
  });

  it("goes on when it is pressed again at once", async () => {
    const { said, listening, hear, choose } = fake();
    choose("push");
    await listening.hold();
    listening.release();
    await listening.hold();
    vi.advanceTimersByTime(200);
    hear(1);
    expect(said.filter((each) => each === "stop_listen")).toEqual([]);
    expect(said.at(-1)).toBe("1");
  });
});
