/**
 * A saved timeline from dropped files: JSON Lines as `timeline.record` writes them, with or without its sound.
 * Whatever is dropped, this does not throw: what can't be read is counted or named.
 */
import type { Entry } from "../talk/model";
import { isEntry } from "./fields";
import { type Wav, readWav } from "./wav";
import { isZip, unzip } from "./zip";

export const MAX_TEXT = 50 << 20;
export const MAX_SOUND = 200 << 20;
/** Characters; a longer line is no entry of ours. */
export const MAX_LINE = 4 << 20;

/** Why there is nothing to see. */
export type Problem = "nothing" | "not_ours" | "later" | "too_big" | "unreadable";
/** What is said beside what can be seen. */
export type Remark = "sound_too_big" | "sound_unreadable" | "sound_missing";

export interface SavedTimeline {
  readonly name: string;
  readonly problem: Problem | null;
  readonly session: string;
  readonly person: string;
  /** ISO 8601, as the file says it; empty where it says nothing. */
  readonly began: string;
  readonly entries: readonly Entry[];
  /** Entries that the recorder had to leave out. */
  readonly dropped: number;
  /** Lines that can't be read; the last one of a server that was killed is one. */
  readonly broken: number;
  readonly sound: { readonly user: Wav | null; readonly reply: Wav | null };
  readonly remarks: readonly Remark[];
  /** More than one conversation was dropped: the others, to be opened on demand. */
  readonly others: readonly { readonly name: string; open(): Promise<SavedTimeline> }[];
}

type Header = Readonly<Record<string, unknown>>;

const END = ".jsonl";

export async function openSaved(files: FileList | readonly File[]): Promise<SavedTimeline> {
  let all: File[] = [];
  try {
    for (const file of files) {
      if (await isZip(file)) all.push(...(await unzip(file, (name) => name.endsWith(END) || name.endsWith(".wav"))));
      else all.push(file);
    }
  } catch {
    return failed([...files][0]?.name ?? "", "unreadable");
  }
  const texts = all.filter((file) => file.name.endsWith(END)).sort((a, b) => (a.name < b.name ? 1 : -1));
  // A file that was renamed is tried all the same, if it is the only one.
  if (!texts.length && all.length === 1) texts.push(all[0]!);
  if (!texts.length) return failed("", "nothing");
  return open(texts[0]!, texts, all);
}

async function open(file: File, texts: readonly File[], all: readonly File[]): Promise<SavedTimeline> {
  const others = texts.filter((each) => each !== file).map((each) => ({ name: each.name, open: () => open(each, texts, all) }));
  if (file.size > MAX_TEXT) return { ...failed(file.name, "too_big"), others };
  try {
    return { ...(await read(file, all)), others };
  } catch {
    return { ...failed(file.name, "unreadable"), others };
  }
}

async function read(file: File, all: readonly File[]): Promise<SavedTimeline> {
  let header: Header | null = null;
  const entries: Entry[] = [];
  let [dropped, broken] = [0, 0];
  for await (const line of lines(file)) {
    if (line !== null && !line.trim()) continue;
    const value = line === null ? null : parsed(line);
    if (!header) {
      const version = value?.["aizuchi_timeline"];
      if (typeof version !== "number") return failed(file.name, "not_ours");
      if (version > 1) return failed(file.name, "later");
      header = value;
    } else if (value && "aizuchi_dropped" in value) {
      dropped += Number.isInteger(value["aizuchi_dropped"]) ? (value["aizuchi_dropped"] as number) : 0;
    } else if (isEntry(value)) entries.push(value);
    else broken += 1;
  }
  if (!header) return failed(file.name, "not_ours");
  const remarks: Remark[] = [];
  const sound = {
    user: await track(header, "user", file, all, remarks),
    reply: await track(header, "reply", file, all, remarks),
  };
  const said = (name: string) => (typeof header![name] === "string" ? (header![name] as string) : "");
  return {
    name: file.name,
    problem: null,
    session: said("session"),
    person: said("person"),
    began: said("began"),
    entries,
    dropped,
    broken,
    sound,
    remarks: [...new Set(remarks)],
    others: [],
  };
}

/** The sound that belongs to a timeline: as its header names it, else by the name both share. */
async function track(header: Header, who: "user" | "reply", file: File, all: readonly File[], remarks: Remark[]): Promise<Wav | null> {
  const names = header["sound"];
  const told = typeof names === "object" && names !== null ? (names as Header)[who] : undefined;
  const stem = file.name.slice(0, -END.length);
  const found = all.find((each) => each.name === told) ?? all.find((each) => each.name === `${stem}.${who}.wav`);
  if (!found) {
    if (typeof told === "string") remarks.push("sound_missing");
    return null;
  }
  if (found.size > MAX_SOUND) {
    remarks.push("sound_too_big");
    return null;
  }
  const wav = await readWav(found);
  if (!wav) remarks.push("sound_unreadable");
  return wav;
}

/** Line by line as it is read; null for one that is too long to be kept. */
export async function* lines(file: Blob, most = MAX_LINE): AsyncGenerator<string | null> {
  let rest = "";
  let skipping = false;
  const decoder = new TextDecoder();
  const reader = file.stream().getReader();
  for (;;) {
    const { done, value } = await reader.read();
    rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
    let from = 0;
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n", from)) {
      yield skipping || end - from > most ? null : rest.slice(from, end);
      skipping = false;
      from = end + 1;
    }
    rest = rest.slice(from);
    if (rest.length > most) [rest, skipping] = ["", true];
    if (done) break;
  }
  if (skipping) yield null;
  else if (rest) yield rest;
}

function parsed(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function failed(name: string, problem: Problem): SavedTimeline {
  const sound = { user: null, reply: null };
  return { name, problem, session: "", person: "", began: "", entries: [], dropped: 0, broken: 0, sound, remarks: [], others: [] };
}
