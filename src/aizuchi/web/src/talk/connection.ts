/**
 * The socket, and what it takes to keep one: a hello first, the server's session taken up again after a loss, attempts
 * with growing pauses, a check that the other side still lives. It delivers only what still lives (`generations.ts`)
 * and knows nothing of what the messages mean.
 */
import { signal } from "@preact/signals";
import { Generations } from "./generations";
import type { Connection } from "./model";
import { type Down, type Frame, type Hello, packFrame, parse, PATH, PROTOCOL, unpackFrame, type Up, WANT } from "./protocol";
import type { Store } from "./storage";
import { Threads } from "./thread";

const FIRST_MS = 500;
const MOST_MS = 15_000;
const OPENING_MS = 10_000;
/** So long may nothing come before the server is asked whether it is there, and so long it may take to answer. */
const QUIET_MS = 8_000;
const ANSWER_MS = 6_000;
/** What was said while the socket was away waits for it, this much of it. */
const KEPT = 8;

export type Wishes = Pick<Hello, "mode" | "echo_cancelled"> & { readonly token?: string | undefined; readonly character?: string | undefined };

export interface ConnectionEvents {
  message(message: Down): void;
  sound(frame: Frame): void;
  /** The session is there. `fresh`: it is another one than before. */
  welcomed(resumed: boolean, fresh: boolean): void;
  lost(): void;
}

export class Link {
  readonly status = signal<Connection>({ status: "connecting" });
  readonly generations = new Generations();
  private socket: WebSocket | null = null;
  private welcomed = false;
  private started = false;
  private nextSeq = 0;
  private lastSeq = -1;
  private session = "";
  private resumeToken = "";
  private attempt = 0;
  private retryAfter: number | null = null;
  private farewell = "";
  private heardAt = 0;
  private waiting: Up[] = [];
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private watchTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly threads: Threads;

  constructor(
    private readonly wishes: () => Wishes,
    private readonly events: ConnectionEvents,
    storage: Store,
    private readonly random: () => number = Math.random,
  ) {
    this.threads = new Threads(storage);
  }

  /** Of the session that there is, or that is asked for again; empty when there was none. */
  get sessionId(): string {
    return this.session;
  }

  get online(): boolean {
    return this.status.value.status === "online";
  }

  start(): void {
    if (this.started) return;
    this.started = true;
    this.recall();
    window.addEventListener("online", () => this.hurry());
    window.addEventListener("pagehide", () => this.save(true));
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.hurry();
    });
    this.connect();
  }

  /** Try now. What a person does may also mend what was refused. */
  retry(): void {
    this.attempt = 0;
    this.drop();
    this.connect();
  }

  /** Another hello for the same session: something that only a hello can say has changed. */
  refresh(): void {
    if (!this.online) return;
    this.save(true);
    this.retry();
  }

  /** Ends this conversation and begins another. */
  anew(): void {
    if (this.online) this.send({ type: "bye" });
    this.forget();
    this.waiting = [];
    this.retry();
  }

  /** False when it could be neither sent nor kept. */
  send(message: Up): boolean {
    if (!this.welcomed || this.socket?.readyState !== WebSocket.OPEN) {
      const keep = message.type === "text_input" && this.waiting.length < KEPT;
      if (keep) this.waiting.push(message);
      return keep;
    }
    this.write(message);
    return true;
  }

  /** Sound is of its moment: what can't be sent now is not sent later. */
  sendSound(pcm: Int16Array): void {
    if (!this.welcomed || this.socket?.readyState !== WebSocket.OPEN) return;
    // On a clogged line old sound would only come ever later.
    if (this.socket.bufferedAmount > 256_000) return;
    this.socket.send(packFrame(this.nextSeq, pcm));
    this.nextSeq += 1;
  }

  // -- coming

  private connect(): void {
    clearTimeout(this.retryTimer);
    this.status.value = { status: "connecting" };
    this.nextSeq = 0;
    this.retryAfter = null;
    this.farewell = "";
    let socket: WebSocket;
    try {
      socket = new WebSocket(this.address(), [PROTOCOL]);
    } catch {
      this.wait();
      return;
    }
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    const mine = (act: () => void) => () => {
      if (this.socket === socket) act();
    };
    socket.onopen = mine(() => {
      this.write(this.hello());
    });
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      if (this.socket === socket) this.receive(event.data);
    };
    socket.onclose = (event) => {
      if (this.socket === socket) this.closed(event.code, event.reason);
    };
    clearTimeout(this.watchTimer);
    this.watchTimer = setTimeout(mine(() => this.closed(1006, "")), OPENING_MS);
  }

  private address(): string {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const query = this.session ? `?session=${encodeURIComponent(this.session)}` : "";
    return `${scheme}://${location.host}${PATH}${query}`;
  }

  private hello(): Hello {
    const { mode, echo_cancelled, token, character } = this.wishes();
    return {
      type: "hello",
      protocol: PROTOCOL,
      audio: "binary",
      mode,
      want: WANT,
      echo_cancelled,
      ...(token ? { token } : {}),
      ...(character ? { character } : {}),
      ...(this.session
        ? { resume: { session_id: this.session, last_seq: this.lastSeq, generation_id: this.generations.newest, resume_token: this.resumeToken } }
        : {}),
    };
  }

  private receive(data: string | ArrayBuffer): void {
    this.heardAt = Date.now();
    if (typeof data !== "string") {
      const frame = unpackFrame(data);
      if (!frame) return;
      this.lastSeq = Math.max(this.lastSeq, frame.seq);
      if (this.generations.lives(frame.generation, "tts_audio_chunk")) this.events.sound(frame);
      return;
    }
    const message = parse(data);
    if (!message) return;
    // A fresh session counts its generations from the start, so its welcome comes before the filter.
    if (message.type === "hello_ack") this.welcome(message);
    this.lastSeq = Math.max(this.lastSeq, message.seq);
    if (!this.generations.lives(message.generation_id, message.type)) return;
    if (message.type === "error") this.mark(message);
    this.events.message(message);
    this.save();
  }

  private welcome(message: Down & { type: "hello_ack" }): void {
    const fresh = message.session_id !== this.session;
    if (fresh) this.generations.reset();
    this.lastSeq = -1;
    this.session = message.session_id;
    this.resumeToken = message.resume_token ?? "";
    this.attempt = 0;
    this.welcomed = true;
    this.status.value = { status: "online", resumed: message.resumed };
    this.save(true);
    this.watch();
    this.events.welcomed(message.resumed, fresh);
    for (const kept of this.waiting.splice(0)) this.send(kept);
  }

  private mark({ code, message, recoverable, retry_after_ms: retryAfter }: Down & { type: "error" }): void {
    if (retryAfter != null) this.retryAfter = retryAfter;
    // After `resume_expired` the connection goes on.
    if (!recoverable && code !== "resume_expired") this.farewell = message;
  }

  private write(message: Up): void {
    const session = message.type !== "hello" && this.session ? { session_id: this.session } : {};
    const { type, ...fields } = message;
    this.socket?.send(JSON.stringify({ type, seq: this.nextSeq, ...session, ...fields }));
    this.nextSeq += 1;
  }

  // -- going

  private closed(code: number, reason: string): void {
    const was = this.welcomed;
    this.drop();
    if (was) this.events.lost();
    const message = this.farewell || reason;
    if (code === 4401) return this.refuse("token", message);
    if (code === 4406) return this.refuse("version", message);
    if (code === 4409) return this.refuse("taken_over", message);
    if (code === 4404) this.forget();
    this.wait(code === 1013 ? "full" : code === 1012 ? "restart" : "lost");
  }

  private refuse(reason: "token" | "taken_over" | "version", message: string): void {
    this.status.value = { status: "refused", reason, message };
  }

  private wait(why: "lost" | "restart" | "full" = "lost"): void {
    this.attempt += 1;
    const pause = Math.min(MOST_MS, FIRST_MS * 2 ** (this.attempt - 1));
    // Half of it by chance, so that all pages of a server that comes back do not come at once.
    const ms = Math.round(Math.max(this.retryAfter ?? 0, pause * (0.5 + this.random() / 2)));
    this.status.value = { status: "waiting", retryAt: Date.now() + ms, attempt: this.attempt, why };
    this.retryTimer = setTimeout(() => this.connect(), ms);
  }

  /** The network is back, or somebody looks again: what waits, waits no longer; what is open is asked at once. */
  private hurry(): void {
    const now = this.status.value;
    if (now.status === "waiting" && now.why !== "full") this.connect();
    else if (now.status === "online") this.ask();
  }

  private watch(): void {
    clearTimeout(this.watchTimer);
    this.watchTimer = setTimeout(() => {
      if (Date.now() - this.heardAt < QUIET_MS) this.watch();
      else this.ask();
    }, QUIET_MS);
  }

  private ask(): void {
    const asked = Date.now();
    this.send({ type: "ping", t: asked });
    clearTimeout(this.watchTimer);
    this.watchTimer = setTimeout(() => {
      if (this.heardAt >= asked) this.watch();
      else this.closed(1006, "");
    }, ANSWER_MS);
  }

  private drop(): void {
    clearTimeout(this.retryTimer);
    clearTimeout(this.watchTimer);
    const socket = this.socket;
    this.socket = null;
    this.welcomed = false;
    socket?.close();
  }

  // -- the thread to take up again

  private save(now = false): void {
    if (!this.session) return;
    const thread = () => ({ session: this.session, token: this.resumeToken, seq: this.lastSeq, generation: this.generations.newest });
    this.threads.save(thread, now);
  }

  private recall(): void {
    const thread = this.threads.recall();
    if (!thread) return;
    this.session = thread.session;
    this.resumeToken = thread.token;
    this.lastSeq = thread.seq;
    this.generations.lives(thread.generation, "");
  }

  private forget(): void {
    this.session = "";
    this.resumeToken = "";
    this.lastSeq = -1;
    this.generations.reset();
    this.threads.forget();
  }
}
