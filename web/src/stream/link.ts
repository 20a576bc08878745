/** A simulated link between a receiver and what arrives. */

/** What a link does to packets. */
export interface LinkOptions {
  /** The share of media packets that are lost, 0 to 1, independently. */
  readonly loss?: number;
  /** Bytes per second; 0 for as many as come. */
  readonly rate?: number;
  readonly seed?: number;
}

/** Numbers in [0, 1) by a seed: xorshift32. */
export function draws(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Delivers packets in order, at most so many bytes a second, and loses some on purpose. */
export class Link {
  /** Packets that were lost on purpose. */
  lost = 0;
  readonly #queue: { size: number; deliver: () => void }[] = [];
  readonly #draw: () => number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the last packet is through, in milliseconds. */
  #free = 0;

  constructor(readonly options: LinkOptions) {
    this.#draw = draws(options.seed ?? 0);
  }

  /** Whether packets are under way. */
  get busy(): boolean {
    return this.#queue.length > 0;
  }

  /** Take a packet of so many bytes; only what may be lost is. */
  push(size: number, losable: boolean, deliver: () => void): void {
    if (losable && this.#draw() < (this.options.loss ?? 0)) {
      this.lost++;
      return;
    }
    if (!this.options.rate) {
      deliver();
      return;
    }
    this.#queue.push({ size, deliver });
    this.#next();
  }

  /** Milliseconds that so many bytes take. */
  time(size: number): number {
    return this.options.rate ? (1000 * size) / this.options.rate : 0;
  }

  close(): void {
    this.#queue.length = 0;
    clearTimeout(this.#timer);
  }

  #next(): void {
    const first = this.#queue[0];
    if (!first || this.#timer !== undefined) return;
    const now = performance.now();
    this.#free = Math.max(this.#free, now) + this.time(first.size);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#queue.shift();
      first.deliver();
      this.#next();
    }, this.#free - now);
  }
}
