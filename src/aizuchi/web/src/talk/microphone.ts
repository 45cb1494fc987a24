/** The microphone: opened with the browser's echo cancellation, brought to 16 kHz frames of 20 ms by a worklet. */
import { signal } from "@preact/signals";
import worklet from "./capture.worklet.ts?worker&url";
import type { MicFrame } from "./framer";
import { Loudness } from "./loudness";
import type { MicStatus } from "./model";

/** What `getUserMedia` may answer, in our words. */
export function misfortune(name: string): MicStatus {
  switch (name) {
    case "NotAllowedError":
    case "PermissionDeniedError":
      return "denied";
    case "SecurityError":
      return "insecure";
    case "NotFoundError":
    case "DevicesNotFoundError":
    case "OverconstrainedError":
    case "ConstraintNotSatisfiedError":
      return "missing";
    case "NotReadableError":
    case "TrackStartError":
    case "AbortError":
      return "busy";
    default:
      return "failed";
  }
}

export class Microphone {
  readonly status = signal<MicStatus>("off");
  /** The browser takes our own sound out of what the microphone hears; null until it was open once. */
  echoCancelled: boolean | null = null;
  onFrame: (frame: MicFrame) => void = () => undefined;
  /** It was open and went away by itself. */
  onLost: () => void = () => undefined;
  private readonly loudness = new Loudness();
  private stream: MediaStream | null = null;
  private context: AudioContext | null = null;
  private device = "";
  /** Each opening has a number; a close or another opening meanwhile makes it stale. */
  private attempt = 0;
  private pending: Promise<boolean> | null = null;

  get open(): boolean {
    return this.status.value === "on";
  }

  level(): number {
    return this.loudness.read(performance.now());
  }

  /** True when it is open. Never throws: `status` tells why not. */
  async start(device: string): Promise<boolean> {
    if (this.open && device === this.device) return true;
    if (this.pending && device === this.device) return this.pending;
    this.stop();
    this.device = device;
    const pending = this.begin(device, this.attempt).finally(() => {
      if (this.pending === pending) this.pending = null;
    });
    this.pending = pending;
    return pending;
  }

  stop(status: MicStatus = "off"): void {
    this.attempt += 1;
    this.pending = null;
    for (const track of this.stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this.context?.close().catch(() => undefined);
    this.stream = null;
    this.context = null;
    this.loudness.hear(0, performance.now());
    this.status.value = status;
  }

  private async begin(device: string, attempt: number): Promise<boolean> {
    if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) {
      this.status.value = window.isSecureContext ? "missing" : "insecure";
      return false;
    }
    this.status.value = "asking";
    try {
      const stream = await ask(device);
      if (attempt !== this.attempt) {
        for (const track of stream.getTracks()) track.stop();
        return false;
      }
      this.stream = stream;
      await this.connect(stream);
      if (attempt !== this.attempt) return false;
      this.status.value = "on";
      return true;
    } catch (error) {
      if (attempt === this.attempt) this.stop(misfortune(error instanceof Error ? error.name : ""));
      return false;
    }
  }

  private async connect(stream: MediaStream): Promise<void> {
    const [track] = stream.getAudioTracks();
    if (!track) throw new DOMException("no sound in the stream", "NotFoundError");
    this.echoCancelled = track.getSettings().echoCancellation === true;
    track.onended = () => {
      this.stop("missing");
      this.onLost();
    };
    // The context has the device's own rate; the worklet does the rest, the same in every browser.
    const context = new AudioContext({ latencyHint: "interactive" });
    this.context = context;
    await context.audioWorklet.addModule(worklet);
    // A phone takes it away for a call, and gives it back only when it is asked.
    const wake = () => {
      if (context.state !== "running" && context.state !== "closed") context.resume().catch(() => undefined);
    };
    context.onstatechange = wake;
    wake();
    const node = new AudioWorkletNode(context, "aizuchi-capture", { numberOfOutputs: 1 });
    node.port.onmessage = (event: MessageEvent<MicFrame>) => {
      if (this.context !== context) return;
      this.loudness.hear(event.data.rms, performance.now());
      this.onFrame(event.data);
    };
    // A worklet that leads nowhere is not run by every browser; its output is silence.
    new MediaStreamAudioSourceNode(context, { mediaStream: stream }).connect(node).connect(context.destination);
  }
}

async function ask(device: string): Promise<MediaStream> {
  const wishes = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
  if (device) {
    try {
      return await navigator.mediaDevices.getUserMedia({ audio: { ...wishes, deviceId: { exact: device } } });
    } catch (error) {
      // The chosen one is gone: any is better than none.
      if (misfortune(error instanceof Error ? error.name : "") !== "missing") throw error;
    }
  }
  return navigator.mediaDevices.getUserMedia({ audio: wishes });
}
