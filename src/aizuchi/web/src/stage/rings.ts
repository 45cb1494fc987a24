/**
 * The drawing around the figure: water that answers. Sound that is heard runs in, sound that is said runs out, a
 * thought circles, a held reply is a still, broken ring. Each mood has a weight, so that one flows into the next.
 */
import type { Mood } from "./context";

export const MOODS: readonly Mood[] = ["idle", "listening", "thinking", "speaking", "held", "offline"];

const TAU = Math.PI * 2;
/** How far out a wave begins or ends, in radii. */
const REACH = 1.62;
/** Seconds that a wave travels. */
const TRAVEL = 2.4;
const MOST_WAVES = 10;

interface Wave {
  readonly born: number;
  readonly strength: number;
  readonly out: boolean;
}

export class Rings {
  private readonly weight: Record<Mood, number> = { idle: 0, listening: 0, thinking: 0, speaking: 0, held: 0, offline: 0 };
  private waves: Wave[] = [];
  private level = 0;
  private next = 0;

  /** One frame. `still`: the person asked for less motion; then only the shapes tell the moods apart. */
  draw(context: CanvasRenderingContext2D, size: { x: number; y: number; r: number }, mood: Mood, level: number, now: number, dt: number, still: boolean): void {
    for (const each of MOODS) {
      const target = each === mood ? 1 : 0;
      this.weight[each] = still ? target : this.weight[each] + (target - this.weight[each]) * Math.min(1, dt * 5);
    }
    // Quick to rise, slow to fall, like an eye following a meter.
    this.level += (level - this.level) * Math.min(1, dt * (level > this.level ? 22 : 6));
    const w = this.weight;
    const { x, y, r } = size;
    const breath = still ? 0 : Math.sin(now * 1.15) * 0.012;
    const pulse = this.level * (w.listening + w.speaking);

    context.globalAlpha = 0.08 + 0.06 * pulse;
    context.beginPath();
    context.arc(x, y, r * (1 + breath), 0, TAU);
    context.fill();

    const whole = Math.max(0, 1 - w.held - w.offline - w.thinking * 0.65);
    this.ripple(context, x, y, r * (1 + breath), 0.35 + 0.5 * whole * (w.idle * 0.5 + w.listening + w.speaking), whole, pulse, now, still);
    if (w.listening + w.speaking > 0.02) this.travel(context, x, y, r, w, now, dt, still);
    if (w.idle > 0.02) this.ring(context, x, y, r * (1.13 - breath * 2), 1.2, 0.28 * w.idle);
    if (w.thinking > 0.02) this.thought(context, x, y, r * 1.06, w.thinking, now, still);
    if (w.held > 0.02) this.broken(context, x, y, r * 1.04, w.held, now, still);
    if (w.offline > 0.02) this.search(context, x, y, r * 1.04, w.offline, now, still);
    context.globalAlpha = 1;
  }

  private ring(context: CanvasRenderingContext2D, x: number, y: number, r: number, width: number, alpha: number): void {
    context.globalAlpha = Math.max(0, Math.min(1, alpha));
    context.lineWidth = width;
    context.beginPath();
    context.arc(x, y, r, 0, TAU);
    context.stroke();
  }

  /** The ring itself, which trembles with the voice. */
  private ripple(context: CanvasRenderingContext2D, x: number, y: number, r: number, alpha: number, weight: number, pulse: number, now: number, still: boolean): void {
    if (weight < 0.02) return;
    const depth = still ? 0 : r * 0.034 * pulse;
    // Three strands: in silence they lie on one another, with the voice they come apart.
    for (let strand = 0; strand < (depth > 0.5 ? 3 : 1); strand += 1) {
      context.globalAlpha = Math.min(1, alpha * weight * (1 - strand * 0.28));
      context.lineWidth = 2 + pulse * (2 - strand * 0.6);
      context.beginPath();
      for (let step = 0; step < 144; step += 1) {
        const a = (step / 144) * TAU;
        const swing = Math.sin(a * 4 + now * (1.7 + strand * 0.5) + strand * 2.1) * 0.6 + Math.sin(a * 7 - now * (2.3 - strand * 0.4)) * 0.4;
        const radius = r + depth * swing;
        context.lineTo(x + Math.cos(a) * radius, y + Math.sin(a) * radius);
      }
      context.closePath();
      context.stroke();
    }
  }

  private travel(context: CanvasRenderingContext2D, x: number, y: number, r: number, w: Readonly<Record<Mood, number>>, now: number, dt: number, still: boolean): void {
    const out = w.speaking > w.listening;
    const shown = Math.max(w.listening, w.speaking);
    if (still) {
      for (const step of [1, 2]) this.ring(context, x, y, r * (out ? 1 + step * 0.13 : 1 - step * 0.06), 1.6, (0.5 - step * 0.13) * shown);
      return;
    }
    this.next -= dt * (0.55 + this.level * 2.6);
    if (this.next <= 0) {
      this.next = 0.62;
      this.waves = [...this.waves.slice(1 - MOST_WAVES), { born: now, strength: 0.22 + this.level * 0.78, out }];
    }
    this.waves = this.waves.filter((wave) => now - wave.born < TRAVEL);
    for (const wave of this.waves) {
      const part = (now - wave.born) / TRAVEL;
      const eased = 1 - (1 - part) ** 1.7;
      const radius = wave.out ? 1 + (REACH - 1) * eased : REACH - (REACH - 1) * eased;
      const fade = wave.out ? (1 - part) ** 1.3 : Math.sin(part * Math.PI) ** 1.2;
      this.ring(context, x, y, r * radius, 1.2 + wave.strength * 2.2, fade * wave.strength * 0.75 * shown);
    }
  }

  /** Three drops that circle after one another. */
  private thought(context: CanvasRenderingContext2D, x: number, y: number, r: number, weight: number, now: number, still: boolean): void {
    for (let drop = 0; drop < 3; drop += 1) {
      const head = still ? (drop / 3) * TAU - Math.PI / 2 : now * 1.5 + (drop / 3) * TAU + Math.sin(now * 1.5 + drop) * 0.22;
      for (let tail = 0; tail < 14; tail += 1) {
        const a = head - tail * 0.045;
        context.globalAlpha = weight * (1 - tail / 14) ** 2 * 0.9;
        context.beginPath();
        context.arc(x + Math.cos(a) * r, y + Math.sin(a) * r, Math.max(1, r * 0.026 * (1 - tail / 18)), 0, TAU);
        context.fill();
      }
    }
  }

  private broken(context: CanvasRenderingContext2D, x: number, y: number, r: number, weight: number, now: number, still: boolean): void {
    context.globalAlpha = weight * (still ? 0.9 : 0.7 + Math.sin(now * 3) * 0.2);
    context.lineWidth = 4;
    for (let dash = 0; dash < 12; dash += 1) {
      const from = (dash / 12) * TAU;
      context.beginPath();
      context.arc(x, y, r, from, from + TAU / 24);
      context.stroke();
    }
  }

  /** An arc that goes round and looks for the other end. */
  private search(context: CanvasRenderingContext2D, x: number, y: number, r: number, weight: number, now: number, still: boolean): void {
    this.ring(context, x, y, r, 1.5, 0.3 * weight);
    context.globalAlpha = 0.85 * weight;
    context.lineWidth = 3;
    const from = still ? -Math.PI / 2 : now * 1.1;
    context.beginPath();
    context.arc(x, y, r, from, from + TAU * 0.2);
    context.stroke();
  }
}
