/** Mutated files must give an image or an InrError, in bounded memory: node test/support/fuzz.js [CASES [SEED]] */
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { Container } from "../../dist/container.js";
import { crc32 } from "../../dist/crc32.js";
import { InrError } from "../../dist/errors.js";
import { VECTORS, decodeFile, moduleOf, read } from "./files.js";

const MAX_MEMORY = 2 ** 28;

/** Numbers in [0, n) that only depend on the seed. */
function pickerOf(seed) {
  let state = (seed * 2654435761 + 1) >>> 0;
  return (n) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
  };
}

function mutated(data, other, pick) {
  const at = pick(data.length);
  const bytes = Array.from({ length: 1 + pick(30) }, () => pick(256));
  switch (pick(6)) {
    case 0: {
      const changed = data.slice();
      for (let n = 1 + pick(8); n; n--) changed[pick(changed.length)] ^= 1 + pick(255);
      return changed;
    }
    case 1:
      return data.slice(0, at);
    case 2:
      return joined(data.subarray(0, at), other.subarray(pick(other.length)));
    case 3:
      return joined(data.subarray(0, at), bytes, data.subarray(at));
    case 4:
      return joined(data.subarray(0, at), data.subarray(at + bytes.length));
    default: {
      const changed = data.slice();
      const lie = [0, 1, 0x7f, 0x80, 0xff][pick(5)];
      for (let k = 0; k <= pick(5); k++) changed[Math.min(changed.length - 1, at + k)] = lie;
      return changed;
    }
  }
}

function joined(...parts) {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function sectionBytes(kind, payload) {
  const length = [];
  let rest = payload.length;
  for (; rest > 127; rest >>= 7) length.push((rest & 127) | 128);
  const framed = joined([kind, ...length, rest], payload);
  return joined(framed, new Uint8Array(new Uint32Array([crc32(framed)]).buffer));
}

/** The payload of one section mutated, and every checksum right again. */
function repaired(data, other, pick) {
  const container = new Container();
  container.push(data);
  while (container.next());
  const sections = container.sections.slice(0, -1).map(({ kind, payload }) => [kind, payload]);
  const chosen = sections[pick(sections.length)];
  chosen[1] = mutated(joined(chosen[1], [0]), other, pick).subarray(0, 1 << 16);
  let critical = data.slice(0, 5);
  let out = critical;
  for (const [kind, payload] of sections) {
    const section = sectionBytes(kind, payload);
    out = joined(out, section);
    if (kind < 128) critical = joined(critical, section);
  }
  return joined(out, sectionBytes(15, new Uint8Array(new Uint32Array([crc32(critical)]).buffer)));
}

/** {refused, decoded, by: counts by code}. Throws for anything that is not an image or an InrError. */
export async function fuzz(cases, seed) {
  const pick = pickerOf(seed);
  const modules = [moduleOf("inr.wasm"), moduleOf("inr-scalar.wasm")];
  const folder = path.join(VECTORS, "valid");
  const files = fs.readdirSync(folder).filter((name) => name.endsWith(".inr")).sort();
  const all = files.map((name) => read(folder, name));
  const counts = { decoded: 0, by: {} };
  const start = process.memoryUsage().rss;
  for (let n = 0; n < cases; n++) {
    const [one, two] = [all[pick(all.length)], all[pick(all.length)]];
    const data = (pick(2) ? mutated : repaired)(one, two, pick);
    const crop = [0, 0, 1 + pick(4), 1 + pick(4)];
    const limits = { maxWork: 1e9, maxMemory: MAX_MEMORY };
    const module = modules[n % 8 ? 0 : 1];
    try {
      await decodeFile(module, data, { ...limits, crop }).catch((error) => {
        if (error.code !== "option") throw error;
        return decodeFile(module, data, limits); /* the image is smaller than that */
      });
      counts.decoded++;
    } catch (error) {
      if (error.code === "ENOENT") error = new InrError("initial", ""); /* none of these values */
      if (!(error instanceof InrError)) {
        throw new Error(`case ${n}: ${Buffer.from(data).toString("hex")}`, { cause: error });
      }
      counts.by[error.code] = (counts.by[error.code] ?? 0) + 1;
    }
  }
  const grown = process.memoryUsage().rss - start;
  if (grown > 4 * MAX_MEMORY) throw new Error(`memory grew by ${grown} bytes`);
  return { ...counts, grownMB: Math.round(grown / 2 ** 20) };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [cases, seed] = process.argv.slice(2).map(Number);
  const start = performance.now();
  const counts = await fuzz(cases || 20000, seed || 0);
  console.log(JSON.stringify(counts), `${Math.round((performance.now() - start) / 1000)} s`);
}
