/** Decodes files in this process, without a worker: the same sources but for messages and fetches. */
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Decoding } from "../../dist/decoding.js";

const HERE = path.dirname(fileURLToPath(import.meta.url));
export const DIST = path.join(HERE, "..", "..", "dist");
export const VECTORS = path.join(HERE, "..", "..", "..", "tests", "vectors");

/** Where support/prepare.py has written. */
export const PREPARED = path.join(HERE, "..", "..", "..", "build", "web");

export function read(...names) {
  return new Uint8Array(fs.readFileSync(path.join(...names)));
}

export function moduleOf(name) {
  return new WebAssembly.Module(read(DIST, name));
}

export const WANTED = {
  width: undefined,
  height: undefined,
  maxSide: Infinity,
  crop: undefined,
  samples: true,
  progressive: false,
  maxPixels: 2 ** 27,
  maxWork: 2 ** 36,
  maxMemory: 2 ** 30,
};

function hostOf(module, status) {
  return {
    module: async () => module,
    initial: async (name) => read(DIST, "initial", `${name}.bin`),
    pause: async () => undefined,
    now: () => 0, /* no picture is left out for lack of time */
    status,
  };
}

/** {made, core, statuses} of the bytes of a file, or of an array of runs; `seen` is called with each
 * status as it comes. */
export async function decodeFile(module, data, wanted = {}, chunkSize = Infinity, seen = () => undefined) {
  const statuses = [];
  const host = hostOf(module, (status) => {
    statuses.push(status);
    seen(status);
  });
  const decoding = new Decoding({ ...WANTED, ...wanted }, host);
  let at = 0;
  const next = async () => {
    if (at >= data.length) return undefined;
    const chunk = data.subarray(at, at + chunkSize);
    at += chunk.length;
    return chunk;
  };
  const source = Array.isArray(data) ? { runs: data } : { next, waits: () => chunkSize < Infinity };
  const made = await decoding.run(source);
  return { made, core: decoding.core, statuses };
}
