/** A model's files: beside the model3.json on the server, or among what was dropped. */
import { FigureError, type Worn } from "../figure";
import { address, type Bytes, download, nameOf, readFile } from "../files";
import { t } from "../texts";

export interface Source {
  readonly name: string;
  /** A file by its path beside the model3.json. */
  read(path: string): Promise<Bytes>;
}

export interface Manifest {
  readonly moc: string;
  readonly textures: readonly string[];
  /** Parameters that the mouth and the lids move; the standard ones where the model names none. */
  readonly lips: readonly string[];
  readonly lids: readonly string[];
  readonly expressions: readonly { readonly name: string; readonly file: string }[];
}

export function sourceOf(spec: Worn, signal: AbortSignal): { readonly manifest: string; readonly source: Source } {
  const main = spec.files?.find((each) => each.name.toLowerCase().endsWith(".model3.json"));
  if (spec.files && main) {
    // A dropped folder gives paths; files dropped one by one are found by their names.
    const folder = main.webkitRelativePath.slice(0, -main.name.length);
    const files = spec.files;
    const read = async (path: string): Promise<Bytes> => {
      const last = path.split("/").pop();
      const file = files.find((each) => each.webkitRelativePath === folder + path) ?? files.find((each) => each.name === last);
      if (!file) throw new FigureError(t("missing", { name: path }));
      return readFile(file);
    };
    return { manifest: main.name, source: { name: main.name, read } };
  }
  if (!spec.url) throw new FigureError(t("missing", { name: ".model3.json" }));
  const base = address(spec.url);
  const read = (path: string): Promise<Bytes> => {
    const url = new URL(path.split("/").map(encodeURIComponent).join("/"), base);
    if (url.origin !== base.origin) throw new FigureError(t("missing", { name: path }));
    return download(url, signal);
  };
  return { manifest: nameOf(base), source: { name: nameOf(base), read } };
}

export function parse(bytes: Bytes): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

const words = (value: unknown): string[] => (Array.isArray(value) ? value.filter((each) => typeof each === "string") : []);

/** What a model3.json names, or null if it is none. Paths that lead out of the folder are not taken. */
export function manifestOf(tree: unknown): Manifest | null {
  const references = (tree as { FileReferences?: Record<string, unknown> } | null)?.FileReferences;
  const safe = (path: unknown): path is string =>
    typeof path === "string" && path !== "" && !path.includes("\\") && !path.includes(":") && !path.startsWith("/") && !path.split("/").includes("..");
  const textures = words(references?.Textures);
  if (!references || !safe(references.Moc) || textures.length === 0 || !textures.every(safe)) return null;
  const groups = (tree as { Groups?: unknown }).Groups;
  const group = (name: string, otherwise: readonly string[]): readonly string[] => {
    const found = Array.isArray(groups) ? groups.find((each: { Name?: unknown }) => each?.Name === name) : undefined;
    const ids = words((found as { Ids?: unknown } | undefined)?.Ids);
    return ids.length ? ids : otherwise;
  };
  const expressions = Array.isArray(references.Expressions) ? references.Expressions : [];
  return {
    moc: references.Moc,
    textures,
    lips: group("LipSync", ["ParamMouthOpenY"]),
    lids: group("EyeBlink", ["ParamEyeLOpen", "ParamEyeROpen"]),
    expressions: expressions.flatMap((each: { Name?: unknown; File?: unknown }) =>
      typeof each?.Name === "string" && safe(each.File) ? [{ name: each.Name, file: each.File }] : [],
    ),
  };
}
