import assert from "node:assert/strict";
import test from "node:test";
import { fuzz } from "./support/fuzz.js";

test("mutated files give an image or an error of ours", async () => {
  const { decoded, by } = await fuzz(1000, 1);
  assert(decoded > 50);
  assert(by.format > 50);
});
