/** What every part of the stage reaches: the conversation, and what only the page itself remembers. */
import { signal, type ReadonlySignal, type Signal } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { SavedTimeline } from "../timeline";
import type { Worn } from "../figure/figure";
import type { CharacterInfo, Conversation, State } from "../talk/model";

export interface Notice {
  readonly id: number;
  readonly text: string;
  readonly bad: boolean;
}

export class Page {
  readonly sheet: Signal<"settings" | "camera" | null> = signal(null);
  readonly timelineOpen = signal(false);
  readonly saved: Signal<SavedTimeline | null> = signal(null);
  /** A dropped figure, or one from an address, that is worn instead of the character's own. */
  readonly worn: Signal<Worn | null> = signal(null);
  readonly holding = signal(false);
  /** The person is writing: the figure looks there. */
  readonly writing = signal(false);
  /** The microphone help was closed by hand, for this status. */
  readonly helpClosed: Signal<string | null> = signal(null);
  readonly notices: Signal<readonly Notice[]> = signal([]);
  private counted = 0;

  /** A short word to the person that goes away by itself. */
  tell(text: string, bad = false): void {
    const id = (this.counted += 1);
    this.notices.value = [...this.notices.value.slice(-2), { id, text, bad }];
    setTimeout(() => this.forget(id), bad ? 9_000 : 3_000);
  }

  forget(id: number): void {
    this.notices.value = this.notices.value.filter((each) => each.id !== id);
  }
}

export interface Surroundings {
  readonly conversation: Conversation;
  readonly page: Page;
}

export const StageContext = createContext<Surroundings | null>(null);

export function useStage(): Surroundings {
  const found = useContext(StageContext);
  if (!found) throw new Error("no StageContext above");
  return found;
}

export type Mood = State | "held" | "offline";

/** What colour and motion show. */
export function moodOf(conversation: Conversation): Mood {
  if (conversation.connection.value.status !== "online") return "offline";
  if (conversation.held.value) return "held";
  return conversation.state.value;
}

/** Is there anything that Esc and the stop button would end? */
export const stoppable = (conversation: Conversation): boolean =>
  conversation.awaited.value || conversation.held.value || conversation.speaking.value !== null || conversation.state.value === "speaking" || conversation.state.value === "thinking";

export const nameOf = (character: ReadonlySignal<CharacterInfo | null>): string => character.value?.displayName || "Aizuchi";
