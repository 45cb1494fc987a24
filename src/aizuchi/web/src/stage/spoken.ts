/** How a reply's text is cut for showing: what was said, what sounds now, what is to come. Pure. */
import type { Sentence } from "../talk/model";

export type Phase = "said" | "now" | "ahead";

/** A stretch of text of one phase. `word`: it is exactly the word that sounds. */
export interface Piece {
  readonly text: string;
  readonly phase: Phase;
  readonly word?: boolean;
}

/** How far the voice has come in a reply. */
export interface Reached {
  readonly sentence: number;
  readonly atMs: number;
}

export const further = (a: Reached | null, b: Reached): Reached =>
  a && (a.sentence > b.sentence || (a.sentence === b.sentence && a.atMs >= b.atMs)) ? a : b;

/**
 * Cuts `text` at the sentences and, within the one that sounds, at its words.
 *
 * Sentences are looked for in order; one that does not stand in the text (a bilingual voice) is passed over. Without
 * `reached` all is still ahead: the text was written before its sound.
 */
export function pieces(text: string, sentences: readonly Sentence[], reached: Reached | null): readonly Piece[] {
  if (!reached) return [{ text, phase: "ahead" }];
  const found: Piece[] = [];
  let cursor = 0;
  let before: Phase = "said";
  for (const sentence of sentences) {
    const spoken = sentence.text.trim();
    const at = spoken ? text.indexOf(spoken, cursor) : -1;
    if (at < 0) continue;
    const phase = sentence.index < reached.sentence ? "said" : sentence.index > reached.sentence ? "ahead" : "now";
    // What stands between two sentences goes with the later one's past.
    if (at > cursor) found.push({ text: text.slice(cursor, at), phase: before === "said" && phase !== "ahead" ? "said" : phase });
    if (phase === "now") found.push(...words(spoken, sentence, reached.atMs));
    else found.push({ text: spoken, phase });
    cursor = at + spoken.length;
    before = phase;
  }
  if (cursor < text.length) found.push({ text: text.slice(cursor), phase: "ahead" });
  return join(found);
}

function words(text: string, sentence: Sentence, atMs: number): readonly Piece[] {
  if (sentence.words.length === 0) return [{ text, phase: "now" }];
  const lower = text.toLowerCase();
  const found: Piece[] = [];
  let cursor = 0;
  let last: Phase = "said";
  for (const [number, word] of sentence.words.entries()) {
    const needle = word.text.trim().toLowerCase();
    const at = needle ? lower.indexOf(needle, cursor) : -1;
    if (at < 0) continue;
    const next = sentence.words[number + 1]?.atMs ?? word.atMs + Math.max(word.ms, 1);
    const phase: Phase = atMs >= next ? "said" : atMs >= word.atMs ? "now" : "ahead";
    if (at > cursor) found.push({ text: text.slice(cursor, at), phase: phase === "ahead" ? "ahead" : "said" });
    found.push(phase === "now" ? { text: text.slice(at, at + needle.length), phase, word: true } : { text: text.slice(at, at + needle.length), phase });
    cursor = at + needle.length;
    last = phase;
  }
  if (cursor < text.length) found.push({ text: text.slice(cursor), phase: last === "said" ? "said" : "ahead" });
  return found;
}

/** Neighbours of one phase become one piece: fewer elements, and ligatures stay whole. */
function join(list: readonly Piece[]): readonly Piece[] {
  const joined: Piece[] = [];
  for (const piece of list) {
    const last = joined.at(-1);
    if (last && last.phase === piece.phase && !last.word && !piece.word) joined[joined.length - 1] = { text: last.text + piece.text, phase: last.phase };
    else joined.push(piece);
  }
  return joined;
}

/** True if none of the sentences stands in the text: the voice speaks another language than the text shows. */
export const speaksOtherwise = (text: string, sentences: readonly Sentence[]): boolean =>
  sentences.some((each) => each.text.trim() !== "") && !sentences.some((each) => each.text.trim() !== "" && text.includes(each.text.trim()));

/** Sentences with the text that is said, as it is written: of a bilingual reply not the one that is shown with it. */
export const inLanguage = (sentences: readonly Sentence[], language: string): readonly Sentence[] =>
  sentences.map((each) => (each.subtitles[language] ? { ...each, text: each.subtitles[language] } : each));

/** Sentences as one text; between Han and kana no space is written. */
export const sentencesText = (sentences: readonly Sentence[]): string =>
  sentences.reduce((whole, { text }) => whole + (whole && !/[\u3000-\u9fff\uff00-\uffef]$/.test(whole) ? " " : "") + text.trim(), "");

/**
 * Where the heard part of an interrupted reply ends in its text. Spaces are not compared, since the history keeps its
 * own. Null when what was heard is not the beginning of the text.
 */
export function heardUpTo(text: string, heard: string): number | null {
  let at = 0;
  for (const char of heard) {
    if (/\s/.test(char)) continue;
    while (at < text.length && /\s/.test(text[at]!)) at += 1;
    if (!text.startsWith(char, at)) return null;
    at += char.length;
  }
  // The space after the last heard word was heard as well.
  while (at < text.length && /\s/.test(text[at]!)) at += 1;
  return at;
}

/** Of a reply that is shown in the language `read`: how many of its sentences stand in what was heard. */
export function sentencesHeard(sentences: readonly Sentence[], read: string, heard: string): number {
  let shown = "";
  for (const [number, each] of sentences.entries()) {
    shown += each.subtitles[read] ?? each.text;
    if (heardUpTo(heard, shown) === null) return number;
  }
  return sentences.length;
}
