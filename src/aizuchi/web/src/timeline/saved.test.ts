import { describe, expect, it } from "vitest";
import { MAX_SOUND, MAX_TEXT, lines, openSaved } from "./saved";
import { readWav } from "./wav";

const HEADER = { aizuchi_timeline: 1, session: "s-1", person: "ann", began: "2026-11-21T09:15:02+00:00", sound: { user: "a.user.wav", reply: "a.reply.wav" } };
const ENTRY = { seq: 0, at: 0, turn: null, generation: 0, kind: "session_opened" };

function jsonl(name: string, ...rows: unknown[]): File {
  return new File([rows.map((row) => (typeof row === "string" ? row : JSON.stringify(row))).join("\n") + "\n"], name);
}

function wav(name: string, samples: number[], { rate = 16_000, told = samples.length * 2, channels = 1 } = {}): File {
  const view = new DataView(new ArrayBuffer(44 + samples.length * 2));
  const word = (at: number, text: string) => [...text].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
  word(0, "RIFF");
  word(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint16(34, 16, true);
  word(36, "data");
  view.setUint32(40, told, true);
  samples.forEach((sample, index) => view.setInt16(44 + 2 * index, sample, true));
  return new File([view.buffer], name);
}

/** A file of a size that nobody wants in a test. */
function huge(file: File, size: number): File {
  Object.defineProperty(file, "size", { value: size });
  return file;
}

describe("a saved timeline", () => {
  it("is read with its sound", async () => {
    const saved = await openSaved([wav("a.reply.wav", [1, 2], { rate: 22_050 }), jsonl("a.jsonl", HEADER, ENTRY), wav("a.user.wav", [1, 2, 3])]);
    expect(saved).toMatchObject({ problem: null, session: "s-1", person: "ann", broken: 0, dropped: 0, remarks: [] });
    expect(saved.entries).toEqual([ENTRY]);
    expect([saved.sound.user?.rate, saved.sound.reply?.rate]).toEqual([16_000, 22_050]);
  });

  it("plays silently without, and says what is missing", async () => {
    const saved = await openSaved([jsonl("a.jsonl", HEADER, ENTRY)]);
    expect(saved.sound).toEqual({ user: null, reply: null });
    expect(saved.remarks).toEqual(["sound_missing"]);
    expect((await openSaved([jsonl("b.jsonl", { ...HEADER, sound: {} })])).remarks).toEqual([]);
  });

  it("counts what it can't read and goes on", async () => {
    const rows = [HEADER, ENTRY, "{", "[]", "7", "", { ...ENTRY, at: "soon" }, { aizuchi_dropped: 12 }, { aizuchi_dropped: "x" }, { ...ENTRY, seq: 9 }, '{"seq":1,"at":1e999,"turn":null,"generation":0,"kind":"x"}'];
    const saved = await openSaved([jsonl("a.jsonl", ...rows)]);
    expect([saved.entries.length, saved.broken, saved.dropped]).toEqual([2, 5, 12]);
  });

  it.each([
    ["nothing", []],
    ["nothing", [new File(["x"], "a.png"), new File(["x"], "b.png")]],
    ["not_ours", [new File(["\x89PNG\r\n\x1a\n\0\0"], "a.png")]],
    ["not_ours", [new File([""], "a.jsonl")]],
    ["not_ours", [jsonl("a.jsonl", { hello: 1 }, ENTRY)]],
    ["not_ours", [new File([crypto.getRandomValues(new Uint8Array(60_000))], "a.jsonl")]],
    ["later", [jsonl("a.jsonl", { ...HEADER, aizuchi_timeline: 2 })]],
    ["too_big", [huge(jsonl("a.jsonl", HEADER), MAX_TEXT + 1)]],
    ["unreadable", [new File(["PK\x03\x04 but no zip"], "a.zip")]],
  ] as const)("of anything else it says why not: %s", async (problem, files) => {
    expect((await openSaved([...files])).problem).toBe(problem);
  });

  it("leaves out sound that is too large or no sound", async () => {
    const text = jsonl("a.jsonl", HEADER, ENTRY);
    expect((await openSaved([text, huge(wav("a.user.wav", [1]), MAX_SOUND + 1), wav("a.reply.wav", [1])])).remarks).toEqual(["sound_too_big"]);
    const stereo = wav("a.reply.wav", [1], { channels: 2 });
    const saved = await openSaved([text, new File(["RIFF"], "a.user.wav"), stereo]);
    expect([saved.problem, saved.remarks]).toEqual([null, ["sound_unreadable"]]);
  });

  it("offers the others where several were dropped, the newest first", async () => {
    const saved = await openSaved([jsonl("2026a.jsonl", { ...HEADER, session: "old" }), jsonl("2026b.jsonl", HEADER)]);
    expect(saved.name).toBe("2026b.jsonl");
    const other = await saved.others[0]!.open();
    expect([other.session, other.others.map((each) => each.name)]).toEqual(["old", ["2026b.jsonl"]]);
  });

  it("is found in the archive of an export, stored or deflated", async () => {
    const text = jsonl("timelines/ann/a.jsonl", HEADER, ...Array.from({ length: 200 }, (_, seq) => ({ ...ENTRY, seq })));
    for (const deflated of [false, true]) {
      const archive = await zip([text, wav("timelines/ann/a.user.wav", [1, 2, 3])], deflated);
      const saved = await openSaved([archive]);
      expect([saved.problem, saved.name, saved.entries.length]).toEqual([null, "a.jsonl", 200]);
      expect(saved.sound.user?.ms).toBeCloseTo(3 / 16);
    }
  });
});

describe("lines", () => {
  it("are cut where they end, in whatever pieces they come", async () => {
    const found: (string | null)[] = [];
    for await (const line of lines(new Blob(["ab\n\nc", "é\nlast"]))) found.push(line);
    expect(found).toEqual(["ab", "", "cé", "last"]);
  });

  it("that are too long are passed over", async () => {
    const found: (string | null)[] = [];
    for await (const line of lines(new Blob(["ok\n", "x".repeat(300_000), "\nok"]), 100)) found.push(line);
    expect(found).toEqual(["ok", null, "ok"]);
  });
});

describe("a WAV file", () => {
  it("is read in pieces, with zeros where it has nothing", async () => {
    const sound = (await readWav(wav("a", [0, 16_384, -32_768, 8_192], { rate: 4_000 })))!;
    expect(sound.ms).toBe(1);
    expect([...(await sound.read(0.25, 0.5))]).toEqual([0.5, -1]);
    expect([...(await sound.read(0.75, 0.5))]).toEqual([0.25, 0]);
    expect([...(await sound.read(99, 0.25))]).toEqual([0]);
  });

  it("of a server that was killed is as long as it is", async () => {
    expect((await readWav(wav("a", Array(160).fill(1), { told: 0 })))!.ms).toBe(10);
    expect((await readWav(wav("a", Array(160).fill(1), { told: 0xffff_ffff })))!.ms).toBe(10);
  });
});

async function zip(files: File[], deflated: boolean): Promise<File> {
  const parts: BlobPart[] = [];
  const directory: BlobPart[] = [];
  let at = 0;
  let size = 0;
  for (const file of files) {
    const name = new TextEncoder().encode(file.name);
    const stream = file.stream();
    const data = deflated ? await new Response(stream.pipeThrough(new CompressionStream("deflate-raw"))).arrayBuffer() : await file.arrayBuffer();
    const head = new DataView(new ArrayBuffer(30));
    head.setUint32(0, 0x04034b50, true);
    head.setUint16(26, name.length, true);
    const entry = new DataView(new ArrayBuffer(46));
    entry.setUint32(0, 0x02014b50, true);
    entry.setUint16(10, deflated ? 8 : 0, true);
    entry.setUint32(20, data.byteLength, true);
    entry.setUint16(28, name.length, true);
    entry.setUint32(42, at, true);
    parts.push(head.buffer, name, data);
    directory.push(entry.buffer, name);
    at += 30 + name.length + data.byteLength;
    size += 46 + name.length;
  }
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint32(12, size, true);
  end.setUint32(16, at, true);
  return new File([...parts, ...directory, end.buffer], "ann-export.zip");
}
