/** Every conformance vector through the package's own sources, with vectors of the processor and without. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import test from "node:test";
import { Container } from "../dist/container.js";
import { InrError } from "../dist/errors.js";
import { PREPARED, VECTORS, decodeFile, moduleOf, read } from "./support/files.js";
import { readPng } from "./support/png.js";

const names = (kind) =>
  fs
    .readdirSync(path.join(VECTORS, kind))
    .filter((name) => name.endsWith(".inr"))
    .map((name) => name.slice(0, -4));

const { codes } = JSON.parse(fs.readFileSync(path.join(PREPARED, "native.json")));
const modules = { simd: moduleOf("inr.wasm"), scalar: moduleOf("inr-scalar.wasm") };

const samplesOf = ({ data, depth }) => (depth === 16 ? new Uint16Array(data.buffer) : data);

function mostApart(one, two) {
  assert.equal(one.length, two.length);
  return one.reduce((most, value, i) => Math.max(most, Math.abs(value - two[i])), 0);
}

for (const [kind, module] of Object.entries(modules)) {
  for (const name of names("valid")) {
    test(`${name} (${kind})`, async () => {
      const record = JSON.parse(fs.readFileSync(path.join(VECTORS, "valid", `${name}.json`)));
      const expected = readPng(read(VECTORS, "valid", `${name}.png`));
      const { made, core } = await decodeFile(module, read(VECTORS, "valid", `${name}.inr`));
      const symbols = crypto.createHash("sha256").update(core.symbols()).digest("hex");
      assert.equal(symbols, record.symbols_sha256);
      const { width, height, channels, depth } = made;
      assert.deepEqual([width, height, channels, depth], [
        expected.width, expected.height, expected.channels, expected.depth,
      ]);
      assert(mostApart(samplesOf(made), expected.data) <= (depth === 16 ? 64 : 1));
    });
  }

  for (const name of names("invalid")) {
    test(`${name} is refused (${kind})`, async () => {
      const data = read(VECTORS, "invalid", `${name}.inr`);
      const error = await decodeFile(module, data).catch((reason) => reason);
      if (error.code === "ENOENT") error.code = "initial"; /* of the host, which has no such file */
      else assert(error instanceof InrError, String(error));
      assert.equal(error.code, codes[name]);
    });
  }
}

for (const name of names("signals")) {
  test(`${name} is refused with what it holds`, async () => {
    const data = read(VECTORS, "signals", `${name}.inr`);
    const error = await decodeFile(modules.simd, data).catch((reason) => reason);
    assert(error instanceof InrError, String(error));
    assert.equal(error.code, "format");
    const kind = name.startsWith("sound") ? "sound" : "a clip";
    assert.match(error.message, new RegExp(`a file of ${kind}, not of an image`));
  });
}

/** Mean difference of samples from those at the same place of a larger picture. */
function difference(small, large) {
  let sum = 0;
  for (let y = 0; y < large.height; y++) {
    for (let x = 0; x < large.width; x++) {
      const row = Math.floor((y * small.height) / large.height);
      const at = row * small.width + Math.floor((x * small.width) / large.width);
      for (let c = 0; c < 3; c++) {
        sum += Math.abs(small.data[at * 4 + c] - large.data[(y * large.width + x) * 4 + c]);
      }
    }
  }
  return sum / (large.width * large.height * 3);
}

test("a file in chunks of any size is the same", async () => {
  const data = read(VECTORS, "valid", "coolchic-slices-alpha.inr");
  const { made } = await decodeFile(modules.simd, data);
  for (const size of [1, 7, 500]) {
    const again = await decodeFile(modules.simd, data, {}, size);
    assert.deepEqual(again.made, made);
  }
});

test("progress shows pictures that get better, the last one whole", async () => {
  const data = read(VECTORS, "valid", "coolchic.inr");
  const { made } = await decodeFile(modules.simd, data, { samples: false });
  const wanted = { samples: false, progressive: true };
  const { statuses } = await decodeFile(modules.simd, data, wanted, 200);
  assert.equal(statuses[0].made, undefined); /* the size comes first */
  const pictures = statuses.filter((status) => status.made);
  assert(pictures.length >= 2);
  const widths = pictures.map(({ made: early }) => early.width);
  assert(widths[0] < made.width && widths.every((width, i) => !i || width >= widths[i - 1]));
  const errors = pictures.map(({ made: early }) => difference(early, made));
  assert(errors.at(-1) < errors[0] && errors[0] < 80, String(errors));
  assert(pictures.every(({ share }, i) => i === 0 || share > pictures[i - 1].share));
});

test("prefixes are pictures from PARAMETERS on", async () => {
  const data = read(VECTORS, "valid", "coolchic.inr");
  let made = 0;
  for (let cut = 0; cut < data.length; cut += 41) {
    try {
      await decodeFile(modules.simd, data.subarray(0, cut));
      made++;
    } catch (error) {
      assert(error instanceof InrError && error.code === "truncated", `${cut}: ${error}`);
      assert.equal(made, 0);
    }
  }
  assert(made > 5);
});

test("a file with a hole shows the coarser picture there", async () => {
  const data = read(VECTORS, "valid", "coolchic-slices-alpha.inr");
  const container = new Container();
  container.push(data);
  while (container.next());
  const { offset, size } = container.sections[4];
  const runs = [data.subarray(0, offset), data.subarray(offset + size)];
  const whole = await decodeFile(modules.simd, data);
  const { made, core } = await decodeFile(modules.simd, runs);
  assert(core.share < 1);
  assert.equal(made.data.length, whole.made.data.length);
  assert.notDeepEqual(made.data, whole.made.data);
});

test("sizes and crops", async () => {
  const data = read(VECTORS, "valid", "rgb.inr");
  const { made } = await decodeFile(modules.simd, data, { width: 64 });
  assert.deepEqual([made.width, made.height], [64, 48]);
  const crop = [3, 5, 10, 4];
  const part = await decodeFile(modules.simd, data, { width: 64, crop });
  const row = (y) => made.data.subarray((y * 64 + 3) * 3, (y * 64 + 13) * 3);
  assert.deepEqual(part.made.data, new Uint8Array([5, 6, 7, 8].flatMap((y) => [...row(y)])));
  const outside = decodeFile(modules.simd, data, { crop: [30, 0, 10, 4] });
  await assert.rejects(outside, { code: "option" });
});

test("limits are the caller's", async () => {
  const data = read(VECTORS, "valid", "rgb.inr");
  await assert.rejects(decodeFile(modules.simd, data, { maxPixels: 700 }), { code: "limit" });
  await assert.rejects(decodeFile(modules.simd, data, { maxWork: 1000 }), { code: "limit" });
  await assert.rejects(decodeFile(modules.simd, data, { maxMemory: 5000 }), { code: "limit" });
  const vast = read(VECTORS, "invalid", "billion-pixels-square.inr");
  await assert.rejects(decodeFile(modules.simd, vast), { code: "limit" });
});

test("a file without an end is not taken for ever", () => {
  const endless = { length: 2 ** 30 + 1 };
  assert.throws(() => new Container().push(endless), { code: "limit" });
});

test("a module imports nothing and is small", () => {
  for (const module of Object.values(modules)) {
    assert.deepEqual(WebAssembly.Module.imports(module), []);
  }
});
