/** A conversation without a server, for tests and for looking at the page: its signals are set from outside. */
import { signal, type Signal } from "@preact/signals";
import { language } from "../../shared/i18n";
import type { CharacterInfo, Conversation, Entry, Line, Picture, Settings } from "../../talk/model";

type Loose<T> = { -readonly [Key in keyof T]: T[Key] extends { readonly value: infer Value } ? Signal<Value> : T[Key] };

export interface Pretended extends Loose<Conversation> {
  /** What was asked of it, in order. */
  readonly calls: (readonly unknown[])[];
}

export const AIZU: CharacterInfo = { name: "aizuchi", displayName: "Aizu", language: "en", subtitles: "", figure: { kind: "drawn" } };

export const user = (id: string, text: string, final = true, pictures: readonly Picture[] = []): Line => ({ kind: "user", id, text, final, pictures, at: 0 });

export const reply = (id: string, text: string, more: Partial<Extract<Line, { kind: "reply" }>> = {}): Line => ({
  kind: "reply",
  id,
  generation: 1,
  text,
  sentences: [],
  thoughts: "",
  tools: [],
  at: 0,
  ...more,
});

export const note = (id: string, level: "info" | "warning" | "error", text: string): Line => ({ kind: "note", id, level, text, at: 0 });

export function pretend(): Pretended {
  const calls: (readonly unknown[])[] = [];
  const did = (name: string) => (...args: readonly unknown[]): void => void calls.push([name, ...args]);
  const settings = signal<Settings>({
    mode: "continuous",
    language: "en",
    microphone: "",
    speaker: "",
    volume: 1,
    theme: "auto",
    thoughts: true,
    subtitles: true,
    headphones: false,
  });
  const pictures = signal<readonly Picture[]>([]);
  const lines = signal<readonly Line[]>([]);
  return {
    calls,
    connection: signal({ status: "online", resumed: false }),
    sound: signal("ready"),
    state: signal("idle"),
    awaited: signal(false),
    held: signal(false),
    degraded: signal(false),
    queue: signal(null),
    lines,
    speaking: signal(null),
    emotion: signal({ name: "neutral", intensity: 0 }),
    character: signal<CharacterInfo | null>(AIZU),
    characters: signal<readonly CharacterInfo[]>([AIZU, { ...AIZU, name: "mika", displayName: "美佳", language: "ja" }]),
    pictures,
    entries: signal<readonly Entry[]>([]),
    mic: signal("off"),
    devices: signal({ inputs: [], outputs: [] }),
    settings,
    cues: { level: () => 0, mouth: () => null, userLevel: () => 0 },
    start: did("start"),
    say: did("say"),
    attach: (picture) => {
      did("attach")(picture);
      pictures.value = [...pictures.value, picture];
    },
    detach: (picture) => {
      did("detach")(picture);
      pictures.value = pictures.value.filter((each) => each !== picture);
    },
    interrupt: did("interrupt"),
    openMic: () => Promise.resolve(did("openMic")()),
    closeMic: did("closeMic"),
    hold: () => Promise.resolve(did("hold")()),
    release: did("release"),
    choose: (wish) => {
      did("choose")(wish);
      settings.value = { ...settings.value, ...wish };
      language.value = settings.value.language;
    },
    meet: did("meet"),
    authenticate: did("authenticate"),
    retry: did("retry"),
    clear: () => {
      did("clear")();
      lines.value = [];
    },
  };
}
