/** The few names of the audio thread's global scope that our worklets use; TypeScript's DOM library leaves them out. */
declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;
