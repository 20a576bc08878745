/** How long a photograph takes on one thread, beside the Python package in the same run; processor time,
 * in which other work on the machine counts less. */
import assert from "node:assert/strict";
import test from "node:test";
import { PREPARED, decodeFile, moduleOf, read } from "./support/files.js";

const RUNS = 8;

const elapsed = (since) => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
};

test("at most three times the native time, and a first picture within 100 ms", async (t) => {
  const { decode_ms: native } = JSON.parse(new TextDecoder().decode(read(PREPARED, "native.json")));
  const data = read(PREPARED, "photo.inr");
  const module = moduleOf("inr.wasm");
  const [decodes, firsts] = [[], []];
  for (let run = 0; run < RUNS; run++) {
    const start = process.cpuUsage();
    let first;
    const seen = ({ made }) => (first ??= made && elapsed(start));
    await decodeFile(module, data, { samples: false, progressive: run % 2 === 1 }, Infinity, seen);
    if (run % 2) firsts.push(first);
    else decodes.push(elapsed(start));
  }
  const told = (times) => times.map(Math.round).join(", ");
  t.diagnostic(`native ${Math.round(native)} ms; decodes ${told(decodes)} ms`);
  t.diagnostic(`first pictures ${told(firsts)} ms`);
  assert(Math.min(...decodes) <= 3 * native);
  assert(Math.min(...firsts) <= 100);
});
