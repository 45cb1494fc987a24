/** Stand-in until the timeline panel is here. */
import type { ReadonlySignal } from "@preact/signals";
import type { Entry } from "../talk/model";

export interface SavedTimeline {
  readonly entries: readonly Entry[];
}

export function TimelinePanel({ entries }: { entries: ReadonlySignal<readonly Entry[]> }) {
  return <p>{entries.value.length}</p>;
}

export function openSaved(_files: FileList | readonly File[]): Promise<SavedTimeline> {
  return Promise.reject(new Error("not yet"));
}

export function SavedTimelineView({ saved }: { saved: SavedTimeline }) {
  return <p>{saved.entries.length}</p>;
}
