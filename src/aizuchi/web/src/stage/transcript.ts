/** The captions as a file or as text in the clipboard. */
import type { Line } from "../talk/model";
import { heardUpTo } from "./spoken";

export interface Names {
  readonly you: string;
  readonly character: string;
  readonly interrupted: string;
  readonly pictures: (count: number) => string;
}

/** One line as text. Of an interrupted reply only what was heard is kept, as in the character's own memory. */
function said(line: Line, names: Names): { who: string; text: string } | null {
  switch (line.kind) {
    case "note":
      return null;
    case "user":
      return { who: names.you, text: [line.text, line.pictures.length > 0 ? `[${names.pictures(line.pictures.length)}]` : ""].filter(Boolean).join(" ") };
    case "reply": {
      const end = line.heard === undefined ? null : heardUpTo(line.text, line.heard);
      const text = end === null ? line.text : line.text.slice(0, end);
      return { who: names.character, text: line.finish === "interrupted" ? `${text.trimEnd()} … [${names.interrupted}]` : text };
    }
  }
}

export function asText(lines: readonly Line[], names: Names): string {
  return lines.map((line) => said(line, names)).filter((each) => each?.text).map((each) => `${each!.who}: ${each!.text}\n`).join("\n");
}

export function asMarkdown(lines: readonly Line[], names: Names, title: string): string {
  const body = lines.map((line) => said(line, names)).filter((each) => each?.text);
  return `# ${title}\n\n${body.map((each) => `**${each!.who}**\n\n${each!.text}\n`).join("\n")}`;
}

/** `aizuchi-2026-08-01-1405.txt`, in the person's own time. */
export function fileName(now: Date, extension: string): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  return `aizuchi-${day}-${two(now.getHours())}${two(now.getMinutes())}.${extension}`;
}
