/** One section of a file: kind, length, payload, checksum. */
import { crc32 } from "./crc32.js";
import { InrError, formatError } from "./errors.js";

/** Kinds of sections; bit 7 marks the ancillary ones, which a reader may skip. */
export const Kind = {
  header: 1,
  parameters: 2,
  latents: 3,
  alphaParameters: 4,
  alphaLatents: 5,
  layer: 6,
  end: 15,
  icc: 0x80,
  exif: 0x81,
  xmp: 0x82,
} as const;

export const KIND_NAMES: Readonly<Record<number, string>> = {
  1: "header",
  2: "parameters",
  3: "latents",
  4: "alpha parameters",
  5: "alpha latents",
  6: "layer",
  15: "end",
  0x80: "icc",
  0x81: "exif",
  0x82: "xmp",
};

const CRITICAL = new Set<number>([1, 2, 3, 4, 5, 6, 15]);
const MAX_SECTION_BYTES = 2 ** 28;

/** One section: its payload lies in the bytes of the file. */
export interface Section {
  readonly kind: number;
  readonly payload: Uint8Array;
  readonly offset: number;
  /** Bytes with its framing. */
  readonly size: number;
  /** Whether its checksum is right. */
  readonly intact: boolean;
}

/** (value, offset behind it) of a LEB128 number; undefined if the bytes end within it. */
function leb128(data: Uint8Array, at: number): [number, number] | undefined {
  let value = 0;
  for (let index = 0; index < 5; index++) {
    const byte = data[at + index];
    if (byte === undefined) return undefined;
    value += (byte & 127) * 2 ** (7 * index);
    if (byte < 128) {
      if (index && !byte) throw formatError("a number is not in its shortest form", at);
      return [value, at + index + 1];
    }
  }
  throw formatError("a number has more than 5 bytes", at);
}

/** The kind of the section at an offset and where its payload lies; undefined if that is not there. */
function framing(data: Uint8Array, at: number): [number, number, number] | undefined {
  const kind = data[at];
  if (kind === undefined) return undefined;
  if (kind < 128 && !CRITICAL.has(kind)) {
    throw formatError(`unknown critical section of kind ${kind}`, at);
  }
  const length = leb128(data, at + 1);
  if (length === undefined) return undefined;
  if (length[0] > MAX_SECTION_BYTES) {
    throw new InrError("limit", `a section claims ${length[0]} bytes (at byte ${at})`);
  }
  return [kind, length[1], length[1] + length[0]];
}

/** The section at an offset, or undefined if not all of it is there. */
export function sectionAt(data: Uint8Array, at: number): Section | undefined {
  const frame = framing(data, at);
  if (frame === undefined) return undefined;
  const [kind, first, last] = frame;
  if (last + 4 > data.length) return undefined;
  const told = new DataView(data.buffer, data.byteOffset + last, 4).getUint32(0, true);
  const intact = crc32(data.subarray(at, last)) === told;
  if (!intact && kind < 128) {
    throw formatError(`section ${kind} is damaged: its checksum is wrong`, at);
  }
  return { kind, payload: data.subarray(first, last), offset: at, size: last + 4 - at, intact };
}

/** What is there of a section that the bytes end in; undefined if not even its length is. */
export function partialSection(data: Uint8Array, at: number): Section | undefined {
  try {
    const length = data[at] === undefined ? undefined : leb128(data, at + 1);
    if (length === undefined || length[0] > MAX_SECTION_BYTES) return undefined;
    const payload = data.subarray(length[1], length[1] + length[0]);
    return { kind: data[at]!, payload, offset: at, size: data.length - at, intact: false };
  } catch {
    return undefined;
  }
}
