/** The mouth shapes of the last replies, by sentence. They come in pieces, in order. */
import type { TimedViseme } from "./protocol";

/** Sentences that are remembered: what sounds now is among the last few. */
const KEPT = 64;

export class Visemes {
  private readonly shapes = new Map<string, TimedViseme[]>();

  add(line: string, sentence: number, shapes: readonly TimedViseme[]): void {
    const name = `${line}/${sentence}`;
    const before = this.shapes.get(name);
    if (before) before.push(...shapes);
    else this.shapes.set(name, [...shapes]);
    for (const old of this.shapes.keys()) {
      if (this.shapes.size <= KEPT) break;
      this.shapes.delete(old);
    }
  }

  /** Null where the voice tells none; the loudness moves the mouth then. */
  of(line: string, sentence: number): readonly TimedViseme[] | null {
    return this.shapes.get(`${line}/${sentence}`) ?? null;
  }

  clear(): void {
    this.shapes.clear();
  }
}
