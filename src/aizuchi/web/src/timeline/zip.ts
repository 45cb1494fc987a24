/** The files of a zip archive, as `aizuchi data export` writes them: stored or deflated, below 4 GB. */

const END = 0x06054b50;
const FILE = 0x02014b50;
/** More than a recording may hold is not unpacked; see the limits in `saved.ts`. */
const MOST = 260 << 20;
const MOST_FILES = 1_000;

export async function isZip(file: File): Promise<boolean> {
  return file.name.toLowerCase().endsWith(".zip") && new DataView(await padded(file, 0, 4)).getUint32(0, true) === 0x04034b50;
}

/** Throws where the archive is damaged. */
export async function unzip(file: Blob, wanted: (name: string) => boolean): Promise<File[]> {
  const tail = new DataView(await file.slice(Math.max(0, file.size - 65_557)).arrayBuffer());
  let end = tail.byteLength - 22;
  while (end >= 0 && tail.getUint32(end, true) !== END) end -= 1;
  if (end < 0) throw new Error("no directory");
  const [size, start] = [tail.getUint32(end + 12, true), tail.getUint32(end + 16, true)];
  const directory = new DataView(await file.slice(start, start + size).arrayBuffer());
  const files: File[] = [];
  let room = MOST;
  for (let at = 0; at + 46 <= directory.byteLength && files.length < MOST_FILES; ) {
    if (directory.getUint32(at, true) !== FILE) throw new Error("damaged directory");
    const [way, packed] = [directory.getUint16(at + 10, true), directory.getUint32(at + 20, true)];
    const [name, extra, comment] = [28, 30, 32].map((field) => directory.getUint16(at + field, true)) as [number, number, number];
    const path = new TextDecoder().decode(new Uint8Array(directory.buffer, at + 46, name));
    const place = directory.getUint32(at + 42, true);
    at += 46 + name + extra + comment;
    if (!wanted(path)) continue;
    const head = new DataView(await padded(file, place, 30));
    const from = place + 30 + head.getUint16(26, true) + head.getUint16(28, true);
    const raw = file.slice(from, from + packed);
    const parts = way === 0 ? [raw] : await inflated(raw, room);
    room -= parts.reduce((sum, part) => sum + part.size, 0);
    if (room < 0) throw new Error("too big");
    files.push(new File(parts, path.slice(path.lastIndexOf("/") + 1)));
  }
  return files;
}

/** Stops where more comes out than there is room for: a small archive can hold a great deal of zeros. */
async function inflated(raw: Blob, room: number): Promise<Blob[]> {
  const reader = raw.stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const parts: Blob[] = [];
  for (let size = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return parts;
    size += value.byteLength;
    if (size > room) throw new Error("too big");
    parts.push(new Blob([value]));
  }
}

async function padded(file: Blob, from: number, length: number): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  bytes.set(new Uint8Array(await file.slice(from, from + length).arrayBuffer()));
  return bytes.buffer;
}
