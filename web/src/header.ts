import { InrError, formatError } from "./errors.js";
import { PackedReader } from "./msgpack.js";

/** Families by their number in the header. */
export const FAMILIES: Readonly<Record<number, string>> = {
  1: "siren",
  2: "pe-siren",
  3: "coolchic-v1",
  4: "coolchic-v2",
  5: "coolchic",
  6: "nif",
  7: "fourier",
  8: "mfn-fourier",
  9: "mfn-gabor",
  10: "wire",
  11: "diner",
  12: "spinr",
};

const LATENT = new Set([3, 4, 5]);
export const SPINR = 12;

/** The most pixels that an image may have. */
export const MAX_PIXELS = 2 ** 27;

const MAX_SIDE = 2 ** 20;
const MAX_BYTES = 256;
const MAX_DIMENSIONS = 16;

/** Identity of evenly spread phases, the initial values that need no table. */
export const PHASES = 1;

/** What a file says of its image before the first parameter. */
export interface Header {
  readonly width: number;
  readonly height: number;
  /** 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha. */
  readonly channels: 1 | 2 | 3 | 4;
  readonly depth: 8 | 16;
  /** The number of the family; `FAMILIES` has names. */
  readonly family: number;
  readonly dimensions: readonly number[];
  /** Identity and index of the initial values that parameters add to. */
  readonly initial: readonly [number, number] | undefined;
  /** Side of the slices that grids are cut into, in symbols. */
  readonly slice: number | undefined;
}

/** Whether images of a family are latent grids. */
export function isLatent(family: number): boolean {
  return LATENT.has(family);
}

/** Whether a model, by its name, is a network of coordinates: it is drawn at any size as it is. DINER
 * has a table of the pixels instead. */
export function isDrawnAtAnySize(model: string): boolean {
  return !/^(coolchic|diner)/.test(model);
}

function integer(name: string, value: unknown, low: number, high: number): number {
  if (typeof value !== "number") throw formatError(`header field ${name} must be an integer`);
  if (value < low || value > high) {
    throw new InrError("limit", `header field ${name} = ${value} is outside [${low}, ${high}]`);
  }
  return value;
}

function integers(name: string, value: unknown, high: number): number[] {
  const items = value as (number | undefined)[];
  return items.map((item) => {
    if (item === undefined || item < 0 || item > high) {
      throw formatError(`header field ${name} holds what is not an integer in [0, ${high}]`);
    }
    return item;
  });
}

/** The map of a payload: every required key once, and no unknown one. */
function fields(payload: Uint8Array): Map<number, number | undefined | (number | undefined)[]> {
  if (payload.length > MAX_BYTES) {
    const size = `the header has ${payload.length} bytes`;
    throw new InrError("limit", `${size}; the limit is ${MAX_BYTES}`);
  }
  const reader = new PackedReader(payload);
  const found = new Map<number, number | undefined | (number | undefined)[]>();
  const wrong = "the header is not the msgpack map of its fields";
  const pairs = reader.map();
  if (pairs === undefined || pairs > 11) throw formatError(wrong);
  for (let n = 0; n < pairs; n++) {
    const key = reader.integer();
    if (key === undefined || key < 1 || found.has(key)) throw formatError(wrong);
    if (key > 10) throw formatError(`unknown header key ${key}: written by a newer version?`);
    if (key === 6 || key === 7 || key === 9) {
      const length = reader.array();
      if (length === undefined || length > MAX_DIMENSIONS) throw formatError(wrong);
      found.set(key, Array.from({ length }, () => reader.integer()));
    } else {
      found.set(key, reader.integer());
    }
  }
  if (!reader.ended) throw formatError(wrong);
  for (let key = 1; key <= 6; key++) {
    if (!found.has(key)) throw formatError("the header must hold the keys 1 to 6");
  }
  return found;
}

/** Parse the payload of a HEADER section and check every field. */
export function readHeader(payload: Uint8Array): Header {
  const found = fields(payload);
  if (found.has(9) || found.has(10)) {
    const kind = found.has(10) ? "a clip" : "sound";
    throw formatError(`a file of ${kind}, not of an image: this decoder draws images alone`);
  }
  const width = integer("width", found.get(1), 1, MAX_SIDE);
  const height = integer("height", found.get(2), 1, MAX_SIDE);
  if (width * height > MAX_PIXELS) {
    const size = `${width} x ${height} pixels are over the limit of ${MAX_PIXELS}`;
    throw new InrError("limit", size);
  }
  const depth = integer("bit depth", found.get(4), 8, 16);
  if (depth !== 8 && depth !== 16) throw formatError(`bit depth must be 8 or 16, got ${depth}`);
  const family = integer("family", found.get(5), 0, 2 ** 16);
  if (!(family in FAMILIES)) {
    throw formatError(`unknown model family ${family}: written by a newer version?`);
  }
  if (found.has(8) && !isLatent(family)) {
    throw formatError(`images of family ${FAMILIES[family]} have no slices`);
  }
  const dimensions = integers("dimensions", found.get(6), MAX_SIDE);
  const channels = integer("channels", found.get(3), 1, 4) as 1 | 2 | 3 | 4;
  let initial: [number, number] | undefined;
  if (found.has(7)) {
    const pair = integers("initial values", found.get(7), 2 ** 32 - 1);
    if (pair.length !== 2 || pair[1]! > 255) {
      throw formatError("header field initial values must be [identity, index]");
    }
    initial = [pair[0]!, pair[1]!];
  }
  const slice = found.has(8) ? integer("slice", found.get(8), 8, 4096) : undefined;
  return { width, height, channels, depth, family, dimensions, initial, slice };
}
