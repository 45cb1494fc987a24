/** Loudness for showing: 0..1 on a scale as the ear has it, quick to rise and slow to fall. */
const FLOOR_DB = -50;
const FULL_DB = -12;
const RISE_MS = 25;
const FALL_MS = 110;

/** A root mean square becomes a share of the scale. */
export function scaled(rms: number): number {
  if (rms <= 0) return 0;
  const db = 20 * Math.log10(rms);
  return Math.max(0, Math.min(1, (db - FLOOR_DB) / (FULL_DB - FLOOR_DB)));
}

export class Loudness {
  private value = 0;
  private aim = 0;
  private at = 0;

  hear(rms: number, now: number): void {
    this.read(now);
    this.aim = scaled(rms);
  }

  /** At once, as the sound itself. */
  silence(): void {
    this.value = 0;
    this.aim = 0;
  }

  read(now: number): number {
    const passed = Math.max(0, now - this.at);
    this.at = now;
    const time = this.aim > this.value ? RISE_MS : FALL_MS;
    this.value += (this.aim - this.value) * (1 - Math.exp(-passed / time));
    if (this.value < 0.001) this.value = 0;
    return this.value;
  }
}
