/** Samples that wait, first in, first out. It grows when it must and is never emptied by moving. */
export class Ring {
  private samples = new Float32Array(1 << 17);
  private head = 0;
  length = 0;

  write(more: Float32Array): void {
    while (this.length + more.length > this.samples.length) this.grow();
    const size = this.samples.length;
    const at = (this.head + this.length) % size;
    const first = Math.min(more.length, size - at);
    this.samples.set(more.subarray(0, first), at);
    this.samples.set(more.subarray(first), 0);
    this.length += more.length;
  }

  /** How many samples there were; the rest of `out` is left as it is. */
  peek(out: Float32Array): number {
    const count = Math.min(out.length, this.length);
    const first = Math.min(count, this.samples.length - this.head);
    out.set(this.samples.subarray(this.head, this.head + first));
    out.set(this.samples.subarray(0, count - first), first);
    return count;
  }

  read(out: Float32Array): number {
    const count = this.peek(out);
    this.head = (this.head + count) % this.samples.length;
    this.length -= count;
    return count;
  }

  clear(): void {
    this.head = 0;
    this.length = 0;
  }

  private grow(): void {
    const larger = new Float32Array(2 * this.samples.length);
    const length = this.peek(larger.subarray(0, this.length));
    this.samples = larger;
    this.head = 0;
    this.length = length;
  }
}
