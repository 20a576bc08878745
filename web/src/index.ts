/** Decodes .inr images in a browser, in workers: `decode`, `decodeSamples`, `info`.
 *
 * `import "inrcodec/element"` defines the element `<inr-image>`. */
import { Container } from "./container.js";
import { MAX_PIXELS, FAMILIES, type Header } from "./header.js";
import type { Made, Status, Wanted } from "./decoding.js";
import { InrError } from "./errors.js";
import { type Input, decodeInWorker, prepareWorker } from "./pool.js";
import { KIND_NAMES } from "./sections.js";

export { InrError, type ErrorCode } from "./errors.js";

/** The bytes of a file; a stream of them; or, of a file that lost bytes, the runs that are left: the
 * first is its beginning, every other one begins with a section. */
export type Source = Uint8Array | ArrayBuffer | ReadableStream<Uint8Array> | readonly Uint8Array[];

/** What is told while an image is decoded. */
export interface Progress {
  /** What the header says. */
  readonly info: HeaderInfo;
  /** Bytes of the file that are there. */
  readonly received: number;
  /** The share of the file's symbols or layers that are decoded, 0 to 1. */
  readonly share: number;
  /** The image as it is now, or null if nothing is new. While its finest grids are missing it is a
   * half, a quarter or an eighth as large. */
  readonly image: ImageData | null;
}

/** What is wanted of an image. */
export interface DecodeOptions {
  /** The size of the whole image in pixels; its own by default, and in proportion if one is given. */
  readonly width?: number;
  readonly height?: number;
  /** The longest side if no size is given: a larger image is made smaller, in proportion. */
  readonly maxSide?: number;
  /** x, y, width, height of a part of the image at that size. */
  readonly crop?: readonly [number, number, number, number];
  /** Is called when the header is there, and whenever a better picture is. */
  readonly onProgress?: (progress: Progress) => void;
  /** Ends the decoding; the promise is rejected with its reason. */
  readonly signal?: AbortSignal;
  /** The most pixels that the image and the view may have; 2^25 by default, 2^27 at most. */
  readonly maxPixels?: number;
  /** The most work of one section or view, in 10^9 multiply-accumulates; 128 by default. */
  readonly maxWork?: number;
}

/** Samples of all channels, row by row, those of a pixel side by side. */
export interface Samples {
  readonly width: number;
  readonly height: number;
  /** 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha; alpha is straight. */
  readonly channels: number;
  readonly depth: 8 | 16;
  readonly data: Uint8Array | Uint16Array;
}

/** What the header of a file says. */
export interface HeaderInfo {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly depth: 8 | 16;
  /** The family of its networks, such as "coolchic". */
  readonly model: string;
  readonly dimensions: readonly number[];
  /** Identity and index of the initial values that its parameters add to. */
  readonly initial: readonly [number, number] | undefined;
  /** Side of the slices of its grids in symbols. */
  readonly slice: number | undefined;
}

/** What a file or a prefix of one says of itself. */
export interface FileInfo extends HeaderInfo {
  readonly size: number;
  /** Whether the end of the file is there. */
  readonly complete: boolean;
  /** Blocks of metadata that arrived whole: "icc", "exif", "xmp". They are not applied. */
  readonly metadata: readonly string[];
  readonly sections: readonly SectionInfo[];
}

/** A section of a file. */
export interface SectionInfo {
  readonly kind: string;
  readonly offset: number;
  /** Bytes with its framing. */
  readonly size: number;
  readonly intact: boolean;
}

const USUAL_PIXELS = 2 ** 25;
const USUAL_WORK = 128;
const MOST_MEMORY = 2 ** 30;

const here = import.meta.url; /* in a name of its own: bundlers take this folder for a file otherwise */
let base = new URL("./", here).href;

/** Say where the files of the decoder are (`inr.wasm`, `inr-scalar.wasm`, `initial/`), if not beside
 * this script; for bundlers and content delivery networks. */
export function setBase(url: string | URL): void {
  base = new URL(url, globalThis.location?.href).href;
}

/** Load the decoder now: the first image is then there sooner. */
export function prepare(): void {
  prepareWorker(base);
}

/** Decode an image to red, green, blue and straight alpha of 8 bits.
 *
 * A file that is cut short gives the picture of what is there; `onProgress` tells the share. Colours
 * are taken for sRGB: an ICC profile is named by `info`, not applied. Rejects with an `InrError` for
 * anything that is not a valid file. */
export async function decode(source: Source, options: DecodeOptions = {}): Promise<ImageData> {
  return imageOf(await made(source, options, false));
}

/** Decode an image to the samples of its channels, 8 or 16 bits as the file has them. */
export async function decodeSamples(source: Source, options: DecodeOptions = {}): Promise<Samples> {
  const { width, height, channels, depth, data } = await made(source, options, true);
  const samples = depth === 16 ? new Uint16Array(data.buffer) : data;
  return { width, height, channels, depth, data: samples };
}

/** Describe a file, or a prefix that holds the header; throws an `InrError`. */
export function info(bytes: Uint8Array | ArrayBuffer): FileInfo {
  const container = new Container();
  container.push(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes));
  while (container.next());
  container.finish();
  const found = new Set<string>();
  const sections = container.sections.map(({ kind, offset, size, intact }) => {
    if (kind >= 128 && intact && kind in KIND_NAMES) found.add(KIND_NAMES[kind]!);
    return { kind: KIND_NAMES[kind] ?? `unknown-${kind}`, offset, size, intact };
  });
  return {
    ...headerInfo(container.header!),
    size: container.received,
    complete: container.complete,
    metadata: [...found],
    sections,
  };
}

function headerInfo(header: Header): HeaderInfo {
  const { width, height, channels, depth, family, dimensions, initial, slice } = header;
  return { width, height, channels, depth, model: FAMILIES[family]!, dimensions, initial, slice };
}

function imageOf({ width, height, data }: Made): ImageData {
  return new ImageData(new Uint8ClampedArray(data.buffer), width, height);
}

function made(source: Source, options: DecodeOptions, samples: boolean): Promise<Made> {
  const { onProgress } = options;
  const wanted: Wanted = { ...checked(options), samples, progressive: !!onProgress && !samples };
  const status = ({ header, received, share, made }: Status): void => {
    onProgress?.({ info: headerInfo(header), received, share, image: made ? imageOf(made) : null });
  };
  return decodeInWorker(inputOf(source), wanted, base, status, options.signal);
}

function inputOf(source: Source): Input {
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  const runs = Array.isArray(source) && source.every((run) => run instanceof Uint8Array);
  if (source instanceof Uint8Array || source instanceof ReadableStream) return source;
  if (!runs || !source.length) throw new InrError("option", "a source is bytes or a stream of them");
  return source.length === 1 ? source[0]! : source;
}

function whole(name: string, value: number | undefined, low: number, high: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= low && value <= high)) return;
  throw new InrError("option", `${name} must be a whole number in [${low}, ${high}], got ${value}`);
}

/** Options with their defaults. */
function checked(options: DecodeOptions): Omit<Wanted, "samples" | "progressive"> {
  const { width, height, crop, maxPixels = USUAL_PIXELS, maxWork = USUAL_WORK } = options;
  const most = 2 ** 31 - 1;
  const { maxSide = most } = options;
  whole("width", width, 1, most);
  whole("height", height, 1, most);
  whole("maxSide", maxSide, 1, most);
  whole("maxPixels", maxPixels, 1, MAX_PIXELS);
  crop?.forEach((value, i) => whole("crop", value, i < 2 ? 0 : 1, most));
  if (crop && crop.length !== 4) throw new InrError("option", "crop must be x, y, width, height");
  if (!(maxWork >= 0)) throw new InrError("option", `maxWork must be a number, got ${maxWork}`);
  return { width, height, maxSide, crop, maxPixels, maxWork: maxWork * 1e9, maxMemory: MOST_MEMORY };
}
