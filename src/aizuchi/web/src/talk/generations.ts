/**
 * Which messages still live. Whatever is of a lower generation than the highest seen belongs to a reply that was
 * interrupted; after an interrupt of our own, nothing more of the reply that ran is wanted either, although the
 * server's answer is still on its way. Sans-I/O.
 */
const REPLY: ReadonlySet<string> = new Set([
  "assistant_text", "assistant_text_delta", "tts_audio", "tts_audio_chunk", "tts_audio_end", "emotion_tag", "viseme_timeline",
  "word_timeline", "assistant_subtitle", "thought_delta", "playback_pause", "playback_resume",
]);

export class Generations {
  /** The highest that was seen. */
  newest = 0;
  private silenced = -1;

  /** Whether a message is worth delivering. Sound frames are asked for as `tts_audio_chunk`. */
  lives(generation: number, type: string): boolean {
    if (generation < this.newest) return false;
    this.newest = generation;
    return !(REPLY.has(type) && generation <= this.silenced);
  }

  /** The person wants silence: all of the running reply is dead from now on. */
  silence(): void {
    this.silenced = this.newest;
  }

  /** A fresh session counts from the start. */
  reset(): void {
    this.newest = 0;
    this.silenced = -1;
  }
}
