import { crc32 } from "./crc32.js";
import { InrError } from "./errors.js";
import type { Header } from "./header.js";
import { isLatent } from "./header.js";

const MAGIC = [0x49, 0x4e, 0x52, 0x49, 1];

/** The numbers of a file of initial values, little-endian 16-bit integers, checked against the header
 * that needs them. Throws an `InrError` for a file that is damaged or of another network. */
export function initialNumbers(data: Uint8Array, header: Header): Uint8Array {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const damaged = new InrError("initial", "the file of initial values is damaged");
  if (data.length < 17 || MAGIC.some((byte, i) => data[i] !== byte)) throw damaged;
  const end = data.length - 4;
  if (crc32(data.subarray(0, end)) !== view.getUint32(end, true)) throw damaged;
  const [family, channels, count, index] = [data[5]!, data[6]!, data[7]!, data[8]!];
  const numbers = 9 + 4 * count + 4;
  if (numbers > end) throw damaged;
  const dimensions = Array.from({ length: count }, (_, i) => view.getUint32(9 + 4 * i, true));
  const suits =
    family === header.family &&
    (isLatent(family) || channels === header.channels) &&
    dimensions.length === header.dimensions.length &&
    dimensions.every((value, i) => value === header.dimensions[i]) &&
    view.getUint32(9 + 4 * count, true) === header.initial![0] &&
    index === header.initial![1];
  if (!suits) throw new InrError("initial", "the initial values are those of another network");
  return data.subarray(numbers, end);
}
