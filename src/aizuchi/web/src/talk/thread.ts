/** What is needed to take a session up again, kept in the tab, so that it outlives a reload of the page. */
import type { Store } from "./storage";

const KEY = "aizuchi.resume";
/** The server keeps a lost session so long; later nothing is asked for. */
const RESUMABLE_MS = 120_000;
const EVERY_MS = 1_000;

export interface Thread {
  readonly session: string;
  readonly token: string;
  readonly seq: number;
  readonly generation: number;
}

export class Threads {
  private savedAt = 0;

  constructor(private readonly storage: Store) {}

  /** Seldom, since it is asked at every message; `now`: at once. */
  save(thread: () => Thread, now = false): void {
    if (!now && Date.now() - this.savedAt < EVERY_MS) return;
    this.savedAt = Date.now();
    this.storage.setItem(KEY, JSON.stringify({ ...thread(), at: this.savedAt }));
  }

  recall(): Thread | null {
    try {
      const kept = JSON.parse(this.storage.getItem(KEY) ?? "null") as (Thread & { at: number }) | null;
      return kept && Date.now() - kept.at <= RESUMABLE_MS ? kept : null;
    } catch {
      this.storage.removeItem(KEY);
      return null;
    }
  }

  forget(): void {
    this.storage.removeItem(KEY);
  }
}
