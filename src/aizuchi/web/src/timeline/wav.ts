/** A WAV file of mono s16le, read piece by piece: a recording of an hour need not fit into memory. */

export interface Wav {
  readonly rate: number;
  readonly ms: number;
  /** Samples between two places; zeros where the file has none. */
  read(fromMs: number, ms: number): Promise<Float32Array<ArrayBuffer>>;
}

const HEAD = 4_096;

/** Null for anything that is not such a file. */
export async function readWav(file: Blob): Promise<Wav | null> {
  try {
    const head = new DataView(await file.slice(0, HEAD).arrayBuffer());
    const word = (at: number) => String.fromCharCode(...new Uint8Array(head.buffer, at, 4));
    if (word(0) !== "RIFF" || word(8) !== "WAVE") return null;
    let rate = 0;
    for (let at = 12; at + 8 <= head.byteLength; ) {
      const [name, size] = [word(at), head.getUint32(at + 4, true)];
      if (name === "fmt ") {
        const [coding, channels, bits] = [head.getUint16(at + 8, true), head.getUint16(at + 10, true), head.getUint16(at + 22, true)];
        if (coding !== 1 || channels !== 1 || bits !== 16) return null;
        rate = head.getUint32(at + 12, true);
      } else if (name === "data") {
        if (rate < 3_000 || rate > 192_000) return null;
        // The length is written when the recording ends: where a server was killed, the file's own counts.
        const there = file.size - at - 8;
        return track(file, at + 8, size > 0 ? Math.min(size, there) : there, rate);
      }
      at += 8 + size + (size & 1);
    }
  } catch {
    // Cut short, or gone since it was dropped.
  }
  return null;
}

function track(file: Blob, start: number, bytes: number, rate: number): Wav {
  const samples = bytes >> 1;
  return {
    rate,
    ms: (samples / rate) * 1000,
    async read(fromMs, ms) {
      const from = Math.max(0, Math.round((fromMs * rate) / 1000));
      const length = Math.max(0, Math.round((ms * rate) / 1000));
      const sound = new Float32Array(length);
      const there = Math.max(0, Math.min(length, samples - from));
      const view = new DataView(await file.slice(start + 2 * from, start + 2 * (from + there)).arrayBuffer());
      for (let index = 0; index < there; index += 1) sound[index] = view.getInt16(2 * index, true) / 32_768;
      return sound;
    },
  };
}
