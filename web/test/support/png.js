/** Reads the PNG files of the conformance vectors: 8 and 16 bits, not interlaced, no palette. */
import zlib from "node:zlib";

/** {width, height, channels, depth, data}: samples side by side. */
export function readPng(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts = [];
  let head;
  for (let at = 8; at < bytes.length; ) {
    const size = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (kind === "IHDR") head = at + 8;
    if (kind === "IDAT") parts.push(bytes.subarray(at + 8, at + 8 + size));
    at += size + 12;
  }
  const [width, height] = [view.getUint32(head), view.getUint32(head + 4)];
  const depth = bytes[head + 8];
  const channels = { 0: 1, 2: 3, 4: 2, 6: 4 }[bytes[head + 9]];
  if (!channels || bytes[head + 12]) throw new Error("a kind of PNG that no vector is");
  const pixel = (channels * depth) / 8;
  const lines = zlib.inflateSync(Buffer.concat(parts));
  const rows = unfiltered(lines, width * pixel, height, pixel);
  const data = depth === 8 ? rows : new Uint16Array(rows.length / 2);
  for (let i = 0; depth === 16 && i < data.length; i++) data[i] = (rows[2 * i] << 8) | rows[2 * i + 1];
  return { width, height, channels, depth, data };
}

function unfiltered(lines, size, height, pixel) {
  const out = new Uint8Array(size * height);
  for (let y = 0; y < height; y++) {
    const filter = lines[y * (size + 1)];
    for (let x = 0; x < size; x++) {
      const left = x < pixel ? 0 : out[y * size + x - pixel];
      const up = y ? out[(y - 1) * size + x] : 0;
      const corner = y && x >= pixel ? out[(y - 1) * size + x - pixel] : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      out[y * size + x] = lines[y * (size + 1) + 1 + x] + guess;
    }
  }
  return out;
}

function paeth(left, up, corner) {
  const [a, b, c] = [left, up, corner].map((value) => Math.abs(left + up - corner - value));
  return a <= b && a <= c ? left : b <= c ? up : corner;
}
