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
