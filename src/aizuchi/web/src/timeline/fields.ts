/** An entry's fields as what they should be. Entries come from a wire or a file: nothing is taken on trust. */
import type { Entry } from "../talk/model";

export function number(entry: Entry, name: string): number | null {
  const value = entry[name];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

export function count(entry: Entry, name: string): number {
  return number(entry, name) ?? 0;
}

export function text(entry: Entry, name: string): string {
  const value = entry[name];
  return typeof value === "string" ? value : "";
}

/** The turn that the event speaks of; it is written only where it is not the entry's own. */
export function turnOf(entry: Entry): number | null {
  return "of_turn" in entry ? number(entry, "of_turn") : entry.turn;
}

/** Whether a value read as JSON is an entry of a timeline. */
export function isEntry(value: unknown): value is Entry {
  if (typeof value !== "object" || value === null) return false;
  const { seq, at, turn, generation, kind } = value as Record<string, unknown>;
  return (
    Number.isInteger(seq) &&
    Number.isFinite(at) &&
    Number.isInteger(generation) &&
    typeof kind === "string" &&
    (turn === null || Number.isInteger(turn))
  );
}
