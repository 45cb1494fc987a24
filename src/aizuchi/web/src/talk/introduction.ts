/** How the page introduces itself: with which token, to whom, and whether its microphone hears its own speaker. */
import type { Wishes } from "./connection";
import type { Microphone } from "./microphone";
import type { Mode, Settings } from "./model";
import type { Store } from "./storage";

const TOKEN = "aizuchi.token";
const CHARACTER = "aizuchi.character";
const ECHO = "aizuchi.echo";

export class Introduction {
  private said = false;

  constructor(
    private readonly microphone: Microphone,
    private readonly settings: () => Settings,
    /** Over visits, and as long as the tab is open: a token is never kept longer. */
    private readonly kept: Store,
    private readonly passing: Store,
  ) {}

  get token(): string {
    return this.passing.getItem(TOKEN) ?? "";
  }

  set token(token: string) {
    this.passing.setItem(TOKEN, token.trim());
  }

  /** The character that was asked for; empty where the server's own choice will do. */
  get character(): string {
    return this.passing.getItem(CHARACTER) ?? "";
  }

  set character(name: string) {
    if (name) this.passing.setItem(CHARACTER, name);
    else this.passing.removeItem(CHARACTER);
  }

  wishes(mode: Mode): Wishes {
    this.said = this.echoCancelled();
    return { mode, echo_cancelled: this.said, token: this.token || undefined, character: this.character || undefined };
  }

  /** The microphone was opened, and has told what it does about echo. */
  learn(): void {
    this.kept.setItem(ECHO, String(this.microphone.echoCancelled === true));
  }

  /** What the last hello said of the echo is not so any more; only a hello can say it. */
  get outdated(): boolean {
    return this.echoCancelled() !== this.said;
  }

  /** What the microphone says of itself; before it was open, what it said last time, or what the browser can do. */
  private echoCancelled(): boolean {
    if (this.settings().headphones) return true;
    const able = () => navigator.mediaDevices?.getSupportedConstraints?.().echoCancellation === true;
    const last = this.kept.getItem(ECHO);
    return this.microphone.echoCancelled ?? (last === null ? able() : last === "true");
  }
}
