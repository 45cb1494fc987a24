/**
 * Whether the captions follow the newest line. They do until the person scrolls up, and again once the end is back in
 * sight. Only a scroll decides that: growth alone moves the end away and must not count as leaving it.
 *
 * A reply may be written long before it is said. Then the place that sounds is followed, and not the end.
 */
export interface Sizes {
  readonly scrollTop: number;
  readonly clientHeight: number;
  readonly scrollHeight: number;
}

/** Nearer than this many pixels is "at the end": about one line of text. */
const NEAR = 28;
/** So far down the box, of its height, the words that sound may stand. */
const READING = 0.6;

export const atEnd = ({ scrollTop, clientHeight, scrollHeight }: Sizes): boolean => scrollHeight - scrollTop - clientHeight <= NEAR;

export class Sticky {
  follows = true;
  private top = 0;
  private height = 0;

  /** The box was scrolled, by a person or by us. A scroll down never lets go: the end may have run ahead of it. */
  scrolled(sizes: Sizes): void {
    const up = sizes.scrollTop < this.top - 1;
    // A box that shrinks or loses lines is scrolled up by the browser, not by the person.
    const shrunk = sizes.scrollHeight < this.height;
    if (atEnd(sizes)) this.follows = true;
    else if (up && !shrunk) this.follows = false;
    this.top = sizes.scrollTop;
    this.height = sizes.scrollHeight;
  }

  /**
   * Lines, the box or what sounds have changed. `sounding` is where the words that sound stand in the list, in pixels
   * from its top; null when nothing is still to be said. Returns where to scroll, or null to stay.
   */
  changed(sizes: Sizes, sounding: number | null = null): number | null {
    this.height = sizes.scrollHeight;
    if (!this.follows) return null;
    const end = Math.max(0, sizes.scrollHeight - sizes.clientHeight);
    if (sounding === null) return end;
    // Never back: whoever reads ahead is left alone.
    return Math.min(end, Math.max(sizes.scrollTop, sounding - sizes.clientHeight * READING));
  }
}
