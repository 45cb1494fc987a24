/** The names in a ZIP archive, from its central directory; nothing is unpacked. Enough to tell what was dropped. */
const END = 0x06054b50;
const ENTRY = 0x02014b50;

/** Empty for what is no readable archive. Source: the ZIP file format, APPNOTE 6.3, sections 4.3.12 and 4.3.16. */
export async function zipNames(file: Blob): Promise<readonly string[]> {
  // The end record is 22 bytes and a comment of at most 64 KiB.
  const tail = new DataView(await file.slice(Math.max(0, file.size - 65_557)).arrayBuffer());
  for (let at = tail.byteLength - 22; at >= 0; at -= 1) {
    if (tail.getUint32(at, true) !== END) continue;
    const size = tail.getUint32(at + 12, true);
    const start = tail.getUint32(at + 16, true);
    if (start + size > file.size) return [];
    return entries(new DataView(await file.slice(start, start + size).arrayBuffer()));
  }
  return [];
}

function entries(directory: DataView): readonly string[] {
  const names: string[] = [];
  for (let at = 0; at + 46 <= directory.byteLength && directory.getUint32(at, true) === ENTRY; ) {
    const length = directory.getUint16(at + 28, true);
    if (at + 46 + length > directory.byteLength) break;
    names.push(new TextDecoder().decode(new Uint8Array(directory.buffer, directory.byteOffset + at + 46, length)));
    at += 46 + length + directory.getUint16(at + 30, true) + directory.getUint16(at + 32, true);
  }
  return names;
}
