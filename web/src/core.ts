import { type ErrorCode, InrError } from "./errors.js";
import { type Header, PHASES, isLatent } from "./header.js";

/** A part of an image at some size: `wide` x `high` pixels from (x, y) on of the whole image at
 * `width` x `height` pixels. */
export interface View {
  readonly width: number;
  readonly height: number;
  readonly x: number;
  readonly y: number;
  readonly wide: number;
  readonly high: number;
}

interface Exports {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  inr_allow_memory(bytes: number): void;
  inr_in_use(): number;
  inr_obtain(bytes: number): number;
  inr_release(address: number): void;
  inr_open(allocator: number, header: number, error: number): number;
  inr_allow(decoder: number, work: number): void;
  inr_initial_count(decoder: number): number;
  inr_initial(decoder: number, numbers: number, count: number): number;
  inr_parameters(decoder: number, plane: number, payload: number, size: number): number;
  inr_layer(decoder: number, payload: number, size: number): number;
  inr_latents(decoder: number, sections: number, count: number): number;
  inr_latents_size(decoder: number, payload: number, size: number): number;
  inr_end(decoder: number, complete: number, gap: number): number;
  inr_share(decoder: number): number;
  inr_band(decoder: number, view: number): number;
  inr_size(decoder: number, view: number, layout: number, depth: number): number;
  inr_empty_levels(decoder: number): number;
  inr_draft(
    decoder: number,
    levels: number,
    view: number,
    layout: number,
    depth: number,
    out: number,
  ): number;
  inr_symbols(decoder: number, symbols: number, room: bigint): bigint;
}

const HEADER_FIELDS = 24;
const NO_INITIAL = -8;

const ERRORS: Readonly<Record<number, [ErrorCode, string]>> = {
  [-1]: ["limit", "there is not enough memory to decode this image"],
  [-2]: ["format", "the dimensions in the header describe no network of this family"],
  [-3]: ["limit", "the file asks for more than the limits of the format allow"],
  [-4]: ["format", "a section is out of order, repeats, or belongs to no such image"],
  [-5]: ["format", "a section is too short, or not of its form"],
  [-6]: ["format", "a section does not hold a valid range coder stream"],
  [-7]: ["format", "the context network is not one of multiples of 2^-8"],
  [NO_INITIAL]: ["initial", "the file needs initial values that are none of its network's"],
  [-9]: ["option", "the view lies outside of the image, or is too large"],
  [-10]: ["limit", "decoding would take more work than allowed (option maxWork)"],
  [-11]: ["truncated", "a section that a picture needs is not there"],
  [-12]: ["format", "the context network is beyond what integers of 32 bits can compute"],
};

function initialKind(header: Header): number {
  if (!header.initial) return 0;
  return header.initial[0] === PHASES && !isLatent(header.family) ? 2 : 1;
}

/** One decoder in an instance of the WebAssembly module of its own, whose memory goes with it. */
export class Core {
  readonly #wasm: Exports;
  readonly #decoder: number;
  /** Room for the fields of a view or of a section. */
  readonly #fields: number;
  #gap = false;

  /** Begins with the fields of a header; `maxWork` in multiply-accumulates, `maxMemory` in bytes. */
  constructor(
    module: WebAssembly.Module,
    readonly header: Header,
    maxWork: number,
    maxMemory: number,
  ) {
    this.#wasm = new WebAssembly.Instance(module, {}).exports as unknown as Exports;
    this.#wasm._initialize();
    this.#wasm.inr_allow_memory(maxMemory);
    if (initialKind(header) === 2 && header.initial![1]) {
      const named = header.initial!.join(", ");
      throw new InrError("initial", `there are no initial values [${named}]`);
    }
    const { width, height, channels, depth, family, slice, dimensions } = header;
    const fields = [width, height, channels, depth, family, slice ?? 0, initialKind(header)];
    const given = this.#put(new Uint8Array(HEADER_FIELDS * 4));
    const numbers = new Int32Array(this.#wasm.memory.buffer, given, HEADER_FIELDS);
    numbers.set([...fields, dimensions.length, ...dimensions]);
    const error = this.#put(new Uint8Array(4));
    this.#decoder = this.#wasm.inr_open(0, given, error);
    if (!this.#decoder) throw this.#error(new Int32Array(this.#wasm.memory.buffer, error, 1)[0]!);
    this.#wasm.inr_allow(this.#decoder, maxWork);
    this.#wasm.inr_release(error);
    this.#fields = given;
  }

  /** The name of the initial values that the parameters need, or undefined. */
  get initialName(): string | undefined {
    if (initialKind(this.header) !== 1) return undefined;
    const [identity, index] = this.header.initial!;
    return `${identity.toString(16).padStart(8, "0")}-${index}`;
  }

  /** How many 16-bit integers they are. */
  get initialCount(): number {
    return this.#wasm.inr_initial_count(this.#decoder);
  }

  /** Bytes of memory of the instance, which only grow. */
  get memoryBytes(): number {
    return this.#wasm.memory.buffer.byteLength;
  }

  /** Bytes of memory that are in use. */
  get inUse(): number {
    return this.#wasm.inr_in_use();
  }

  /** Take the initial values, as bytes of little-endian 16-bit integers. */
  initial(numbers: Uint8Array): void {
    this.#with(numbers, (at) => this.#wasm.inr_initial(this.#decoder, at, numbers.length / 2));
  }

  /** Take the parameters of a plane. */
  parameters(plane: 0 | 1, payload: Uint8Array): void {
    const size = payload.length;
    this.#with(payload, (at) => this.#wasm.inr_parameters(this.#decoder, plane, at, size));
  }

  /** Take a layer of a network. */
  layer(payload: Uint8Array): void {
    this.#with(payload, (at) => this.#wasm.inr_layer(this.#decoder, at, payload.length));
  }

  /** Decode symbols of a plane; of a section that is not whole, those that are certain. */
  latents(plane: 0 | 1, payload: Uint8Array, whole: boolean): void {
    this.#with(payload, (at) => {
      const fields = [at, payload.length, plane, Number(whole), Number(this.#gap)];
      this.#gap = false;
      new Int32Array(this.#wasm.memory.buffer, this.#fields, fields.length).set(fields);
      return this.#wasm.inr_latents(this.#decoder, this.#fields, 1);
    });
  }

  /** How many symbols a section of latents would decode. */
  latentsSize(payload: Uint8Array): number {
    const head = payload.subarray(0, 8);
    return this.#with(head, (at) => this.#wasm.inr_latents_size(this.#decoder, at, head.length));
  }

  /** Bytes are missing before the next section, or at the end. */
  gap(): void {
    this.#gap = true;
  }

  /** No more sections come. */
  end(complete: boolean): void {
    const code = this.#wasm.inr_end(this.#decoder, Number(complete), Number(this.#gap));
    if (code < 0 && complete) throw new InrError("format", "the file has not all of its sections");
    this.#check(code);
  }

  /** The share of symbols or layers that are there, 0 to 1. */
  get share(): number {
    return this.#wasm.inr_share(this.#decoder);
  }

  /** Rows of a view that are best rendered at once. */
  band(view: View): number {
    return this.#wasm.inr_band(this.#decoder, this.#putView(view));
  }

  /** The view as bytes of samples of all channels, of 8 bits or, little-endian, 16. */
  samples(view: View, depth: 8 | 16): Uint8Array<ArrayBuffer> {
    return this.#render(view, 0, depth);
  }

  /** How many of the finest levels of grids have no symbols yet, at most 3. */
  get emptyLevels(): number {
    return this.#wasm.inr_empty_levels(this.#decoder);
  }

  /** The view as bytes of red, green, blue and straight alpha; of the image at its size divided by
   * 2^levels, quickly, where those levels are empty. */
  rgba(view: View, levels: number): Uint8Array<ArrayBuffer> {
    return this.#render(view, 1, 8, levels);
  }

  /** All symbols in file order: for tests. */
  symbols(): Int32Array {
    const count = this.#wasm.inr_symbols(this.#decoder, 0, 0n);
    const at = this.#obtain(Number(count) * 4);
    this.#wasm.inr_symbols(this.#decoder, at, count);
    const symbols = new Int32Array(this.#wasm.memory.buffer, at, Number(count)).slice();
    this.#wasm.inr_release(at);
    return symbols;
  }

  #render(view: View, layout: number, depth: number, levels = 0): Uint8Array<ArrayBuffer> {
    const at = this.#putView(view);
    const size = this.#wasm.inr_size(this.#decoder, at, layout, depth) >>> 0;
    if (!size) throw this.#error(-9);
    const out = this.#obtain(size);
    try {
      this.#check(this.#wasm.inr_draft(this.#decoder, levels, at, layout, depth, out));
      return new Uint8Array(this.#wasm.memory.buffer, out, size).slice() as Uint8Array<ArrayBuffer>;
    } finally {
      this.#wasm.inr_release(out);
    }
  }

  #putView({ width, height, x, y, wide, high }: View): number {
    const fields = new Int32Array(this.#wasm.memory.buffer, this.#fields, 6);
    fields.set([width, height, x, y, wide, high]);
    return this.#fields;
  }

  #obtain(size: number): number {
    const at = this.#wasm.inr_obtain(size) >>> 0;
    if (!at) throw this.#error(-1);
    return at;
  }

  #put(data: Uint8Array): number {
    const at = this.#obtain(data.length);
    new Uint8Array(this.#wasm.memory.buffer, at, data.length).set(data);
    return at;
  }

  #with(data: Uint8Array, call: (address: number) => number): number {
    const at = this.#put(data);
    const code = call(at);
    this.#wasm.inr_release(at);
    return this.#check(code);
  }

  #check(code: number): number {
    if (code < 0) throw this.#error(code);
    return code;
  }

  #error(code: number): InrError {
    const [kind, message] = ERRORS[code] ?? ["format", `the decoder fails with code ${code}`];
    return new InrError(kind, message);
  }
}
