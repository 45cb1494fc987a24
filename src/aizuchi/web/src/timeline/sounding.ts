/** The sound of a recording along with its clock: stretches of both tracks, read a little ahead and scheduled. */
import type { Clip } from "./clips";
import type { Sounding } from "./player";
import type { Wav } from "./wav";

/** Seconds of the recording that are read at once, and so many are scheduled ahead of what sounds. */
const PIECE = 10;
const AHEAD = 3;
const TICK_MS = 250;
/** Seconds from the button to the first sound, for reading it. */
const DELAY = 0.08;

/** Stretches cut into pieces that are quickly read. Pure. */
export function pieces(clips: readonly Clip[], most = PIECE): readonly Clip[] {
  return clips.flatMap((clip) => {
    const count = Math.max(1, Math.ceil(clip.ms / (most * 1000)));
    return Array.from({ length: count }, (_, index) => {
      const from = index * most * 1000;
      return { ...clip, at: clip.at + from / 1000, fromMs: clip.fromMs + from, ms: Math.min(most * 1000, clip.ms - from) };
    });
  });
}

export class Tracks implements Sounding {
  private readonly todo: readonly Clip[];
  private context: AudioContext | null = null;
  private sources = new Set<AudioBufferSourceNode>();
  private timer: ReturnType<typeof setInterval> | undefined;
  /** Grows with each start: what was still being read for an older one is not played. */
  private run = 0;

  constructor(
    clips: readonly Clip[],
    private readonly sound: { readonly user: Wav | null; readonly reply: Wav | null },
    private readonly make: () => AudioContext = () => new AudioContext(),
  ) {
    this.todo = pieces(clips);
  }

  start(position: number, rate: number): void {
    this.stop();
    const run = this.run;
    const context = (this.context ??= this.make());
    void context.resume().then(() => {
      if (run !== this.run) return;
      const zero = context.currentTime + DELAY;
      let next = this.todo.findIndex((clip) => clip.at + clip.ms / 1000 > position);
      const ahead = () => {
        const until = position + (context.currentTime - zero + AHEAD) * rate;
        while (next >= 0 && next < this.todo.length && this.todo[next]!.at < until) {
          void this.schedule(context, this.todo[next]!, run, { zero, position, rate });
          next += 1;
        }
      };
      ahead();
      this.timer = setInterval(ahead, TICK_MS);
    }, ignore);
  }

  private async schedule(context: AudioContext, clip: Clip, run: number, from: { zero: number; position: number; rate: number }): Promise<void> {
    const wav = this.sound[clip.who];
    if (!wav) return;
    const samples = await wav.read(clip.fromMs, clip.ms).catch(() => null);
    if (!samples?.length || run !== this.run) return;
    const buffer = context.createBuffer(1, samples.length, wav.rate);
    buffer.copyToChannel(samples, 0);
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.playbackRate.value = from.rate;
    source.connect(context.destination);
    source.onended = () => this.sources.delete(source);
    const due = from.zero + (clip.at - from.position) / from.rate;
    const late = Math.max(0, context.currentTime - due);
    this.sources.add(source);
    source.start(Math.max(due, context.currentTime), late * from.rate);
  }

  stop(): void {
    this.run += 1;
    clearInterval(this.timer);
    for (const source of this.sources) source.stop();
    this.sources.clear();
  }

  close(): void {
    this.stop();
    void this.context?.close().catch(ignore);
    this.context = null;
  }
}

function ignore(): void {}
