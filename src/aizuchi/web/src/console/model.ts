/** What the server's console says, as far as the page reads it. All of it is data: shown as text, never as HTML. */

export interface SessionRow {
  readonly session: string;
  readonly person: string;
  readonly character: string;
  readonly state: string;
  readonly links: number;
  readonly parked: boolean;
  readonly messages: number;
  readonly seconds: number;
  readonly protocols?: readonly string[];
  readonly turns?: number;
  readonly worker: number;
}

export interface Figure {
  readonly name: string;
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

export interface Trouble {
  readonly at: number;
  readonly session: string;
  readonly kind: "fault" | "fallback" | "dropped";
  readonly code: string;
  readonly text: string;
  readonly stage?: string;
  readonly provider?: string;
  readonly turn?: number | null;
}

export type TurnRow = Readonly<Record<string, number | string>> & { readonly at: number; readonly outcome: string };

export interface Picture {
  readonly now: number;
  readonly version: string;
  readonly status: string;
  readonly workers: number;
  readonly silent: readonly number[];
  readonly sessions: readonly SessionRow[];
  readonly count: number;
  readonly load: {
    readonly sockets: number;
    readonly refused: number;
    readonly overloaded: boolean;
    readonly calls: Readonly<Record<string, { readonly running: number; readonly waiting: number }>>;
  };
  readonly latency: readonly Figure[];
  readonly outcomes: Readonly<Record<string, number>>;
  readonly fallbacks: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly troubles: readonly Trouble[];
  readonly turns: readonly TurnRow[];
}

export type Stage = "vad" | "asr" | "turn" | "llm" | "tts";

export interface ProviderRow {
  readonly stage: Stage;
  readonly index: number;
  readonly name: string;
  readonly about: string;
  readonly ready: boolean;
  readonly embedded: boolean;
  readonly local: boolean;
  readonly spoken: string;
  readonly paused: number;
  readonly allowed: boolean;
}

export interface Tried {
  readonly ok: boolean;
  readonly error?: string;
  readonly first_ms?: number;
  readonly total_ms?: number;
  readonly said?: string;
  readonly text?: string;
  readonly wav?: string;
  readonly seconds?: number;
  readonly speech?: number;
  readonly silence?: number;
  readonly whole?: number;
  readonly half?: number;
  readonly sound?: boolean;
}

export interface CharacterRow {
  readonly name: string;
  readonly display_name: string;
  readonly language: string;
  readonly default: boolean;
  readonly packaged: boolean;
  readonly editable: boolean;
  readonly problem: string;
  /** With a problem: the version before it goes on. */
  readonly kept: boolean;
}

export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

export interface Preview {
  readonly problems: readonly Problem[];
  readonly display_name?: string;
  readonly system?: string;
  readonly greeting?: string;
  readonly emotions?: readonly string[];
  readonly emotion_tags?: Readonly<Record<string, string>>;
  readonly voices?: Readonly<Record<string, string>>;
  readonly figure?: Readonly<Record<string, unknown>>;
}

export interface Worker {
  readonly worker: number;
  readonly reloaded: boolean;
}

export interface CharacterFiles extends CharacterRow {
  readonly folder: string;
  readonly yaml: string;
  readonly prompt: string;
  readonly prompt_file: string;
  readonly hash: string;
  readonly preview: Preview;
  readonly reloaded?: boolean;
  readonly workers?: readonly Worker[];
}

export type Kind = "bool" | "int" | "float" | "text" | "choice" | "list" | "map" | "secret" | "secrets" | "chain";
export type Applied = "now" | "new_sessions" | "restart";

export interface Field {
  readonly path: string;
  readonly section: string;
  readonly type: Kind;
  readonly optional: boolean;
  readonly about: string;
  readonly default: unknown;
  readonly value: unknown;
  readonly source: "file" | "environment" | "default";
  readonly applies: Applied;
  readonly editable: boolean;
  readonly options?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  readonly variable?: string;
  readonly expression?: string;
  readonly provider?: string;
  readonly pending?: boolean;
}

export interface Configuration {
  readonly file: string;
  readonly exists?: boolean;
  readonly hash: string;
  readonly problem: string;
  readonly fields: readonly Field[];
}

export interface Changed extends Configuration {
  readonly results: readonly { readonly path: string; readonly applied: Applied }[];
  readonly workers: readonly Worker[];
}

export interface FieldError {
  readonly path: string;
  readonly text: string;
}
