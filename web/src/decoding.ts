import { Container, type Part, Runs } from "./container.js";
import { Kind, type Section } from "./sections.js";
import { Core, type View } from "./core.js";
import { InrError } from "./errors.js";
import type { Header } from "./header.js";
import { initialNumbers } from "./initial.js";
import { within } from "./sides.js";

/** What is wanted of a decoding; numbers have their defaults and are checked. */
export interface Wanted {
  readonly width: number | undefined;
  readonly height: number | undefined;
  /** The longest side of an image of which no size is given. */
  readonly maxSide: number;
  readonly crop: readonly [number, number, number, number] | undefined;
  /** Samples of all channels instead of red, green, blue, alpha of 8 bits. */
  readonly samples: boolean;
  /** Whether pictures before the last one are wanted. */
  readonly progressive: boolean;
  readonly maxPixels: number;
  /** In multiply-accumulates. */
  readonly maxWork: number;
  readonly maxMemory: number;
}

/** A picture, finished or on its way. */
export interface Made {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly depth: 8 | 16;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** How far a decoding is. */
export interface Status {
  readonly header: Header;
  /** The size of the view in pixels. */
  readonly size: readonly [number, number];
  /** Bytes that are there. */
  readonly received: number;
  /** The share of symbols or layers that are decoded, 0 to 1. */
  readonly share: number;
  readonly made: Made | undefined;
}

/** What a decoding needs of its surroundings. */
export interface Host {
  /** The compiled decoder. */
  module(): Promise<WebAssembly.Module>;
  /** A file of initial values by its name. */
  initial(name: string): Promise<Uint8Array>;
  /** Lets messages in; throws if the decoding is to end. */
  pause(): Promise<void>;
  /** Milliseconds of some clock. */
  now(): number;
  status(status: Status): void;
}

/** Bytes of a file as they come: a whole file, what is left of one, or chunks. */
export interface Source {
  /** Runs of bytes of a file with holes. */
  readonly runs?: readonly Uint8Array[] | undefined;
  /** The next chunk, or undefined at the end. */
  next?(): Promise<Uint8Array | undefined>;
  /** Whether `next` would have to wait. */
  waits?(): boolean;
}

/** The view that options ask for of an image. */
export function viewOf(header: Header, wanted: Wanted): View {
  const ratio = header.width / header.height;
  let { width, height } = wanted;
  if (width === undefined && height !== undefined) width = Math.max(1, Math.round(height * ratio));
  if (width === undefined) ({ width, height } = within(header, wanted.maxSide));
  height ??= Math.max(1, Math.round(width / ratio));
  const [x, y, wide, high] = wanted.crop ?? [0, 0, width, height];
  if (x + wide > width || y + high > height) {
    throw new InrError("option", `the crop ${x},${y},${wide},${high} is outside ${width} x ${height}`);
  }
  for (const [name, pixels] of [
    ["image", header.width * header.height],
    ["view", wide * high],
  ] as const) {
    if (pixels > wanted.maxPixels) {
      const limit = `the limit is ${wanted.maxPixels} (option maxPixels)`;
      throw new InrError("limit", `the ${name} has ${pixels} pixels; ${limit}`);
    }
  }
  return { width, height, x, y, wide, high };
}

/** One decoding: sections in, pictures out. */
export class Decoding {
  core!: Core;
  view!: View;
  readonly #wanted: Wanted;
  readonly #host: Host;
  #shown = 0;
  #last = -Infinity;
  #took = 0;
  #paused = 0;

  constructor(wanted: Wanted, host: Host) {
    this.#wanted = wanted;
    this.#host = host;
    this.#paused = host.now();
  }

  /** Take all of a source and return the last picture. */
  async run(source: Source): Promise<Made> {
    if (source.runs) await this.#takeRuns(new Runs(source.runs));
    else await this.#takeChunks(source);
    return this.draw();
  }

  /** The view as it is now. */
  draw(): Promise<Made> {
    return this.#drawn(this.view, 0);
  }

  /** The view as it is now, a half, a quarter or an eighth as large if finer grids are empty. */
  #draft(): Promise<Made> {
    const { view, core } = this;
    const levels = core.emptyLevels;
    const scale = 2 ** levels;
    const [width, height] = [Math.ceil(view.width / scale), Math.ceil(view.height / scale)];
    const [x, y] = [Math.floor(view.x / scale), Math.floor(view.y / scale)];
    const wide = Math.min(width - x, Math.ceil(view.wide / scale));
    const high = Math.min(height - y, Math.ceil(view.high / scale));
    return this.#drawn({ width, height, x, y, wide, high }, levels);
  }

  async #drawn(view: View, levels: number): Promise<Made> {
    const { core } = this;
    const depth = this.#wanted.samples ? core.header.depth : 8;
    const channels = this.#wanted.samples ? core.header.channels : 4;
    const row = view.wide * channels * (depth / 8);
    const data = new Uint8Array(view.high * row);
    const band = core.band(view);
    for (let top = 0; top < view.high; top += band) {
      const part = { ...view, y: view.y + top, high: Math.min(band, view.high - top) };
      const samples = this.#wanted.samples ? core.samples(part, depth) : core.rgba(part, levels);
      data.set(samples, top * row);
      await this.#breathe();
    }
    return { width: view.wide, height: view.high, channels, depth, data };
  }

  async #takeChunks(source: Source): Promise<void> {
    const container = new Container();
    for (;;) {
      const chunk = await source.next!();
      if (!chunk) break;
      container.push(chunk);
      for (let section = container.next(); section; section = container.next()) {
        await this.#take({ section, whole: true, gap: false }, container.header!, container.received);
      }
      if (source.waits!() && !container.complete) await this.#preview(container.received);
    }
    const partial = container.finish();
    if (partial) {
      const part = { section: partial, whole: false, gap: false };
      await this.#take(part, container.header!, container.received);
    }
    this.core.end(container.complete);
  }

  async #takeRuns(runs: Runs): Promise<void> {
    for (const part of runs.parts) await this.#take(part, runs.header, runs.received);
    if (runs.gapAtEnd) this.core.gap();
    this.core.end(false);
  }

  async #begin(header: Header, received: number): Promise<void> {
    this.view = viewOf(header, this.#wanted);
    const module = await this.#host.module();
    this.core = new Core(module, header, this.#wanted.maxWork, this.#wanted.maxMemory);
    this.#status(received, undefined);
    const name = this.core.initialName;
    if (name) this.core.initial(initialNumbers(await this.#host.initial(name), header));
  }

  async #take({ section, whole, gap }: Part, header: Header, received: number): Promise<void> {
    if (!this.core) await this.#begin(header, received);
    const { core } = this;
    if (gap) core.gap();
    const { kind, payload } = section;
    if (kind === Kind.latents || kind === Kind.alphaLatents) {
      if (this.#isLong(section)) await this.#preview(received);
      core.latents(kind === Kind.latents ? 0 : 1, payload, whole);
    } else if (whole && kind === Kind.parameters) core.parameters(0, payload);
    else if (whole && kind === Kind.alphaParameters) core.parameters(1, payload);
    else if (whole && kind === Kind.layer) core.layer(payload);
    await this.#breathe();
  }

  /** Whether a section takes so long that what is there is shown before. */
  #isLong(section: Section): boolean {
    const pixels = this.core.header.width * this.core.header.height;
    return this.core.latentsSize(section.payload) > pixels / 8;
  }

  /** Show what is there, unless nothing is new or pictures would take a third of the time. */
  async #preview(received: number): Promise<void> {
    if (!this.#wanted.progressive || !this.core) return;
    const start = this.#host.now();
    const share = this.core.share;
    if (share <= this.#shown || start - this.#last < 2 * this.#took) return;
    const made = await this.#draft();
    this.#status(received, made);
    this.#shown = share;
    this.#last = this.#host.now();
    this.#took = this.#last - start;
  }

  #status(received: number, made: Made | undefined): void {
    const { header, share } = this.core;
    const size = [this.view.wide, this.view.high] as const;
    this.#host.status({ header, size, received, share, made });
  }

  /** Let messages in every few milliseconds. */
  async #breathe(): Promise<void> {
    if (this.#host.now() - this.#paused < 20) return;
    await this.#host.pause();
    this.#paused = this.#host.now();
  }
}
