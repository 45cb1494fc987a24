import { describe, expect, it } from "vitest";
import { HEADER_BYTES, packFrame, parse, unbase64, unpackFrame } from "./protocol";

const down = (bytes: number[]) => new Uint8Array(bytes).buffer;

describe("binary frames", () => {
  it("puts kind, flags, number and generation in front, big-endian, and the sound little-endian", () => {
    const bytes = [...new Uint8Array(packFrame(0x01020304, Int16Array.of(1, -2), true))];
    expect(bytes).toEqual([1, 1, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 1, 0, 0xfe, 0xff]);
  });

  it("reads what the server sends", () => {
    const frame = unpackFrame(down([2, 1, 0, 0, 0, 0, 1, 0, 0xff, 0, 0, 7, 0xff, 0x7f, 0, 0x80]));
    expect(frame).toEqual({ seq: 256, generation: 0xff000007, last: true, pcm: Int16Array.of(32767, -32768) });
  });

  it("takes a frame without sound, which only ends its sentence", () => {
    expect(unpackFrame(down([2, 1, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1]))?.pcm.length).toBe(0);
  });

  it.each([[[]], [[2, 0, 0]], [[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]], [[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]]])(
    "passes over what is no frame of the server (%j)",
    (bytes) => expect(unpackFrame(down(bytes))).toBeNull(),
  );

  it("has a header of twelve bytes", () => expect(packFrame(0, new Int16Array(320)).byteLength).toBe(HEADER_BYTES + 640));
});

describe("messages", () => {
  it("fills in the envelope", () => {
    expect(parse('{"type":"pong"}')).toEqual({ type: "pong", session_id: "", seq: 0, generation_id: 0, ts: 0 });
  });

  it.each(["", "null", "[1]", '{"seq":1}', "{"])("passes over %j", (text) => expect(parse(text)).toBeNull());

  it("reads sound that comes as base64", () => expect(unbase64("AQD+/w==")).toEqual(Int16Array.of(1, -2)));
});
