/** Reads msgpack of strangers item by item: heads of maps and arrays where they are expected, and
 * integers. Everything else gives undefined. */
export class PackedReader {
  #at = 0;
  readonly #view: DataView;

  constructor(data: Uint8Array) {
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  /** Whether all bytes are read. */
  get ended(): boolean {
    return this.#at === this.#view.byteLength;
  }

  /** The number of pairs of a map, or undefined. */
  map(): number | undefined {
    return this.#length(0x80, 0xde);
  }

  /** The number of items of an array, or undefined. */
  array(): number | undefined {
    return this.#length(0x90, 0xdc);
  }

  /** An integer in any of its forms, or undefined; those beyond 2^53 are rounded. */
  integer(): number | undefined {
    const head = this.#number(1, false);
    if (head === undefined) return undefined;
    if (head < 0x80) return head;
    if (head >= 0xe0) return head - 256;
    if (head >= 0xcc && head <= 0xd3) return this.#number(1 << (head & 3), head >= 0xd0);
    return undefined;
  }

  #length(few: number, many: number): number | undefined {
    const head = this.#number(1, false);
    if (head === undefined) return undefined;
    if (head >> 4 === few >> 4) return head & 15;
    if (head === many) return this.#number(2, false);
    return head === many + 1 ? this.#number(4, false) : undefined;
  }

  #number(size: number, signed: boolean): number | undefined {
    const at = this.#at;
    if (at + size > this.#view.byteLength) return undefined;
    this.#at += size;
    const view = this.#view;
    if (size === 8) return Number(signed ? view.getBigInt64(at) : view.getBigUint64(at));
    if (size === 4) return signed ? view.getInt32(at) : view.getUint32(at);
    if (size === 2) return signed ? view.getInt16(at) : view.getUint16(at);
    return signed ? view.getInt8(at) : view.getUint8(at);
  }
}
