/** The session's own timeline, as it comes: bounded, and given out a few times a second instead of at every message. */
import { signal } from "@preact/signals";
import type { Entry } from "./model";

export const MOST_ENTRIES = 4_000;
const EVERY_MS = 100;

export class Journal {
  readonly entries = signal<readonly Entry[]>([]);
  private fresh: Entry[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;

  add(entries: readonly Entry[]): void {
    this.fresh.push(...entries);
    this.timer ??= setTimeout(() => this.publish(), EVERY_MS);
  }

  clear(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.fresh = [];
    this.entries.value = [];
  }

  private publish(): void {
    this.timer = undefined;
    this.entries.value = [...this.entries.value, ...this.fresh].slice(-MOST_ENTRIES);
    this.fresh = [];
  }
}
