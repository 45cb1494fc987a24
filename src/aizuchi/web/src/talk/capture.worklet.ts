/** The microphone's end in the audio thread; frames leave as transferables, so nothing is copied. */
import { Framer } from "./framer";

class Capture extends AudioWorkletProcessor {
  private readonly framer = new Framer(sampleRate, 16_000, 320);

  process(inputs: Float32Array[][]): boolean {
    const channels = inputs[0];
    if (!channels?.[0]) return true;
    for (const frame of this.framer.push(mono(channels))) this.port.postMessage(frame, [frame.pcm.buffer]);
    return true;
  }
}

function mono(channels: Float32Array[]): Float32Array {
  const first = channels[0]!;
  if (channels.length === 1) return first;
  return first.map((_, i) => channels.reduce((sum, each) => sum + each[i]!, 0) / channels.length);
}

registerProcessor("aizuchi-capture", Capture);
