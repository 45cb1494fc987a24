/**
 * The loudspeaker: the server's sound goes to the playback worklet, and what was heard is told back, to the server
 * (`playback_started`, `playback_done`) and to whoever moves a mouth. Where the browser wants a gesture first, sound
 * that comes before it is not kept: its moment has passed.
 */
import { signal } from "@preact/signals";
import { Loudness } from "./loudness";
import type { SoundStatus } from "./model";
import type { Beat, Order } from "./playback.worklet";
import worklet from "./playback.worklet.ts?worker&url";
import type { Position, Sound } from "./playout";
import type { Up } from "./protocol";

/** Positions are told at most so often while a sentence sounds. */
const REPORT_MS = 250;

export interface SpeakerEvents {
  /** The sentence that sounds has changed, or how far it is; null in silence. */
  moved(position: Position | null): void;
  tell(message: Up): void;
}

export class Speaker {
  readonly status = signal<SoundStatus>("blocked");
  private context: AudioContext | null = null;
  private node: AudioWorkletNode | null = null;
  private gain: GainNode | null = null;
  private opening: Promise<void> | null = null;
  private readonly loudness = new Loudness();
  private position: Position | null = null;
  private positionAt = 0;
  private toldAt = 0;
  private volume = 1;
  private sink = "";
  /** The last frame that was played, until it is told. */
  private untold: { generation: number; seq: number } | null = null;

  constructor(private readonly events: SpeakerEvents) {}

  /** Makes the way to the ear. Called again by each gesture until the browser lets us sound. */
  async open(): Promise<void> {
    this.opening ??= this.build();
    await this.opening;
    // Without a gesture `resume` may stay open for ever, so nobody waits for it.
    if (this.context && this.context.state !== "running") this.context.resume().catch(() => undefined);
  }

  play(sound: Sound): void {
    if (this.context?.state !== "running") return;
    this.post({ kind: "sound", sound }, [sound.pcm.buffer as ArrayBuffer]);
  }

  /** The reply's sound is all there. */
  end(generation: number): void {
    this.post({ kind: "end", generation });
  }

  /** Silence at once, and nothing more of this generation or of lower ones. */
  cut(generation: number): void {
    this.post({ kind: "cut", generation });
    this.loudness.silence();
    this.tellPlayed();
    this.place(null);
  }

  /** Another session: its generations count from the start. */
  reset(): void {
    this.post({ kind: "reset" });
    this.untold = null;
    this.loudness.silence();
    this.place(null);
  }

  pause(): void {
    this.post({ kind: "pause" });
    this.tellPlayed();
  }

  resume(): void {
    this.post({ kind: "resume" });
  }

  loud(volume: number): void {
    this.volume = Math.max(0, Math.min(1, volume));
    if (this.gain && this.context) this.gain.gain.setTargetAtTime(this.volume, this.context.currentTime, 0.015);
  }

  /** Another output device, where the browser can choose one. */
  async choose(sink: string): Promise<void> {
    this.sink = sink;
    const context = this.context as (AudioContext & { setSinkId?: (id: string) => Promise<void> }) | null;
    // The chosen device may have been pulled out; the system's own one will do.
    await context?.setSinkId?.(sink).catch(() => undefined);
  }

  level(): number {
    return this.loudness.read(performance.now());
  }

  /** Where the ear is at this very moment; reports come sixty times a second, so it is carried on in between. */
  now(): Position | null {
    if (!this.position) return null;
    const since = Math.min(50, performance.now() - this.positionAt);
    return { ...this.position, atMs: Math.max(0, this.position.atMs + since - this.latencyMs()) };
  }

  private latencyMs(): number {
    const latency = this.context?.outputLatency ?? 0;
    return Number.isFinite(latency) ? Math.min(300, latency * 1000) : 0;
  }

  private async build(): Promise<void> {
    try {
      const context = new AudioContext({ latencyHint: "interactive" });
      await context.audioWorklet.addModule(worklet);
      const node = new AudioWorkletNode(context, "aizuchi-playback", { numberOfInputs: 0, outputChannelCount: [1] });
      const gain = new GainNode(context, { gain: this.volume });
      node.connect(gain).connect(context.destination);
      node.port.onmessage = (event: MessageEvent<Beat>) => this.heed(event.data);
      [this.context, this.node, this.gain] = [context, node, gain];
      context.onstatechange = () => this.look();
      this.look();
      if (this.sink) await this.choose(this.sink);
    } catch {
      this.status.value = "unavailable";
    }
  }

  private look(): void {
    const running = this.context?.state === "running";
    this.status.value = running ? "ready" : "blocked";
    if (!running) this.place(null);
  }

  private post(order: Order, transfer: ArrayBuffer[] = []): void {
    this.node?.port.postMessage(order, transfer);
  }

  private heed(beat: Beat): void {
    this.loudness.hear(beat.rms, performance.now());
    for (const report of beat.reports) {
      if (report.kind === "begun") {
        this.events.tell({ type: "playback_started", generation_id: report.generation, sentence_index: report.sentence });
      } else if (report.kind === "played") {
        this.untold = { generation: report.generation, seq: report.seq };
        if (report.last) this.tellPlayed();
      } else if (report.kind === "drained") {
        this.tellPlayed();
      }
    }
    if (this.untold && performance.now() - this.toldAt > REPORT_MS) this.tellPlayed();
    this.place(beat.position);
  }

  private tellPlayed(): void {
    if (!this.untold) return;
    this.events.tell({ type: "playback_done", generation_id: this.untold.generation, chunk_seq: this.untold.seq });
    this.untold = null;
    this.toldAt = performance.now();
  }

  private place(position: Position | null): void {
    if (position === null && this.position === null) return;
    this.position = position;
    this.positionAt = performance.now();
    this.events.moved(this.now());
  }
}

/** Any touch or key lets the page sound. The listeners stay: a phone may take the sound away again for a call. */
export function openAtGestures(speaker: Speaker): void {
  for (const kind of ["pointerdown", "pointerup", "keydown", "touchend"] as const) {
    window.addEventListener(kind, () => void speaker.open(), { capture: true, passive: true });
  }
}
