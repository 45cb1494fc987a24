/** Where dropped, pasted or chosen files go: to the next turn, to the figure, or to the timeline's viewer. */
import { zipNames } from "./zip";

export type Destination =
  | { readonly to: "pictures"; readonly files: readonly File[] }
  | { readonly to: "figure"; readonly kind: "vrm" | "live2d"; readonly files: readonly File[] }
  | { readonly to: "timeline"; readonly files: readonly File[] }
  | { readonly to: "nowhere"; readonly names: readonly string[] };

const ends = (name: string, ...extensions: readonly string[]) => extensions.some((each) => name.toLowerCase().endsWith(each));
const isPicture = (file: File) => file.type.startsWith("image/");

/**
 * One drop has one meaning. A model brings its textures and a timeline its sounds along, so these are asked for
 * first, and pictures last. Of an archive the names inside decide.
 */
export async function route(files: readonly File[]): Promise<Destination> {
  const vrm = files.find((file) => ends(file.name, ".vrm"));
  if (vrm) return { to: "figure", kind: "vrm", files: [vrm] };
  if (files.some((file) => ends(file.name, ".model3.json"))) return { to: "figure", kind: "live2d", files };
  if (files.some((file) => ends(file.name, ".jsonl"))) return { to: "timeline", files };
  const archive = files.find((file) => ends(file.name, ".zip"));
  if (archive) {
    const names = await zipNames(archive);
    const inside = names.find((name) => ends(name, ".vrm", ".model3.json"));
    if (inside) return { to: "figure", kind: ends(inside, ".vrm") ? "vrm" : "live2d", files: [archive] };
    if (names.some((name) => ends(name, ".jsonl"))) return { to: "timeline", files: [archive] };
  }
  const pictures = files.filter(isPicture);
  if (pictures.length > 0) return { to: "pictures", files: pictures };
  return { to: "nowhere", names: files.map((file) => file.name) };
}

const MOST_FILES = 300;

/** What was dropped, with what lies in dropped folders. The entries must be asked for before the event has passed. */
export async function filesOf(data: DataTransfer): Promise<readonly File[]> {
  const roots = [...data.items].map((item) => (item.kind === "file" ? (item.webkitGetAsEntry?.() ?? null) : null));
  const files = [...data.files];
  if (!roots.some((root) => root?.isDirectory)) return files;
  const found: File[] = [];
  for (const root of roots) if (root) await walk(root, found, 3);
  return found;
}

async function walk(entry: FileSystemEntry, found: File[], depth: number): Promise<void> {
  if (found.length >= MOST_FILES) return;
  if (entry.isFile) {
    const file = await new Promise<File | null>((done) => (entry as FileSystemFileEntry).file(done, () => done(null)));
    if (file) found.push(file);
  } else if (depth > 0) {
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    // Browsers give a folder in portions; an empty one is the end.
    for (;;) {
      const portion = await new Promise<FileSystemEntry[]>((done) => reader.readEntries(done, () => done([])));
      if (portion.length === 0) return;
      for (const each of portion) await walk(each, found, depth - 1);
    }
  }
}
