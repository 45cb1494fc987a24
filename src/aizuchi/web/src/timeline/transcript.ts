/** What was said in a recording, line by line, each piece of text with the time at which it is to appear. */
import type { Entry } from "../talk/model";
import { number, text } from "./fields";
import type { Figures } from "./figures";
import { heard } from "./lanes";

export interface Piece {
  readonly at: number;
  readonly text: string;
}

export interface Said {
  readonly who: "user" | "reply" | "tool";
  readonly turn: number | null;
  readonly at: number;
  /** Of a user each replaces the one before, as the recogniser thought better of it; of a reply they follow. */
  readonly pieces: Piece[];
  interrupted: boolean;
}

export function transcript(entries: readonly Entry[], turns: readonly Figures[]): readonly Said[] {
  const said: Said[] = [];
  const utterances = new Map<number, Said>();
  const replies = new Map<number, Said>();
  const tools = new Map<string, Said>();
  const starts = new Map(turns.map((turn) => [turn.turn, sentenceStarts(turn)]));
  let unanswered = false;
  const add = (who: Said["who"], turn: number | null, piece: Piece): Said => {
    const line: Said = { who, turn, at: piece.at, pieces: [piece], interrupted: false };
    said.push(line);
    return line;
  };
  for (const entry of entries) {
    const { at, turn } = entry;
    switch (entry.kind) {
      case "heard_partial":
      case "heard": {
        const key = number(entry, "utterance") ?? -1;
        const piece = { at, text: text(entry, "text") };
        const line = utterances.get(key);
        if (line) line.pieces.push(piece);
        else if (piece.text) utterances.set(key, add("user", null, piece));
        if (entry.kind === "heard") {
          utterances.delete(key);
          unanswered ||= piece.text !== "";
        }
        break;
      }
      case "typed":
        add("user", null, { at, text: text(entry, "text") });
        unanswered = true;
        break;
      case "turn_begun":
        if (!unanswered && text(entry, "text")) add("user", turn, { at, text: text(entry, "text") });
        unanswered = false;
        break;
      case "sentence": {
        if (turn === null) break;
        const spoken = starts.get(turn);
        const began = spoken?.get(number(entry, "index") ?? -1);
        // Of a reply that sounds, a sentence whose sound was never heard did not appear.
        const unheard = spoken?.size && text(entry, "spoken").trim() ? Infinity : at;
        const piece = { at: began ?? unheard, text: text(entry, "shown") };
        const line = replies.get(turn);
        // Code and lone tags are not spoken: they come with what stands before them.
        if (line) line.pieces.push({ ...piece, at: Math.max(piece.at, line.pieces.at(-1)!.at) });
        else replies.set(turn, add("reply", turn, piece));
        break;
      }
      case "text_done":
        if (turn !== null && !replies.has(turn) && text(entry, "text"))
          replies.set(turn, add("reply", turn, { at, text: text(entry, "text") }));
        break;
      case "tool_call":
        tools.set(text(entry, "id"), add("tool", turn, { at, text: text(entry, "name") }));
        break;
      case "tool_done": {
        const result = text(entry, "error") || text(entry, "result");
        tools.get(text(entry, "id"))?.pieces.push({ at, text: `: ${result.slice(0, 200)}` });
        break;
      }
      case "interrupted": {
        const line = turn === null ? undefined : replies.get(turn);
        if (line) line.interrupted = true;
        break;
      }
    }
  }
  for (const turn of turns) {
    const line = replies.get(turn.turn);
    if (line?.interrupted && turn.interrupted !== null) cut(line.pieces, turn.interrupted, turn.heard);
  }
  return said.filter((line) => line.pieces.length).sort((a, b) => a.at - b.at);
}

/** Of an interrupted reply only what was heard, where the server tells. */
function cut(pieces: Piece[], end: number, heardText: string): void {
  const kept = pieces.filter((piece) => piece.at <= end);
  pieces.splice(0, pieces.length, ...kept);
  const last = kept.pop();
  const before = kept.map((piece) => piece.text).join("");
  if (!last || !heardText.startsWith(before) || !(before + last.text).startsWith(heardText)) return;
  const rest = heardText.slice(before.length);
  if (rest.length < last.text.trimEnd().length) pieces[pieces.length - 1] = { ...last, text: `${rest.trimEnd()}…` };
}

function sentenceStarts(turn: Figures): Map<number, number> {
  const found = new Map<number, number>();
  for (const span of heard(turn)) if (!found.has(span.sentence)) found.set(span.sentence, span.from);
  return found;
}

/** The text of a line as it stood at a time; null before it appeared. */
export function textAt(line: Said, at: number): string | null {
  const shown = line.pieces.filter((piece) => piece.at <= at);
  if (!shown.length) return null;
  return line.who === "user" ? shown.at(-1)!.text : shown.map((piece) => piece.text).join("");
}
