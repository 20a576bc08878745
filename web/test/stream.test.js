/** The receiving end of a stream, against that of the Python package. */
import assert from "node:assert/strict";
import path from "node:path";
import test from "node:test";
import { Link, draws } from "../dist/stream/link.js";
import { PacketError, parse } from "../dist/stream/messages.js";
import { Receiver, joined } from "../dist/stream/receiver.js";
import { PREPARED, read } from "./support/files.js";

const facts = JSON.parse(new TextDecoder().decode(read(PREPARED, "stream.json")));
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
const text = (datagram) => Buffer.from(datagram).toString("base64");
const manifest = bytes(facts.manifest);
const symbols = facts.symbols.map(bytes);
const file = bytes(facts.file);

function receiverOf(datagrams) {
  const receiver = new Receiver();
  for (const datagram of datagrams) receiver.push(datagram);
  return receiver;
}

test("a file in order: every layer once, then the whole file", () => {
  const receiver = receiverOf([manifest]);
  assert.equal(receiver.size, file.length);
  const whole = symbols.flatMap((symbol) => receiver.push(symbol));
  assert.deepEqual(whole, Array.from({ length: facts.layers }, (_, layer) => layer));
  assert(receiver.complete);
  assert.equal(receiver.runs().length, 1);
  assert.deepEqual(receiver.runs()[0], file);
});

test("in any order, any number of times", () => {
  const draw = draws(1);
  const shuffled = [...symbols, ...symbols].map((symbol) => [draw(), symbol]).sort(([a], [b]) => a - b);
  const receiver = receiverOf([manifest, ...shuffled.map(([, symbol]) => symbol)]);
  assert.deepEqual(joined(receiver.runs()), file);
});

test("what is left of lost packets, and what is said, is what the Python package says", () => {
  const left = symbols.filter((_, number) => !facts.lost.includes(number));
  const receiver = receiverOf([manifest, ...left]);
  assert(facts.lost.length > 3 && facts.runs.length > 1);
  assert.deepEqual(receiver.runs().map(text), facts.runs);
  assert.deepEqual(receiver.resume().map(text), facts.resume);
  assert.deepEqual(receiver.wantsAll().map(text), facts.wants);
  for (const number of facts.lost) receiver.push(symbols[number]);
  assert(receiver.complete);
});

test("without the base there is nothing to decode", () => {
  assert.deepEqual(receiverOf([manifest, ...symbols.slice(1)]).runs(), []);
  assert.deepEqual(new Receiver().runs(), []);
  assert.throws(() => new Receiver().push(symbols[0]), PacketError);
});

test("damage is refused, and changes nothing", () => {
  const draw = draws(2);
  const receiver = receiverOf([manifest]);
  for (const datagram of [manifest, ...symbols]) {
    for (let i = 0; i < 20; i++) {
      const damaged = datagram.slice();
      damaged[Math.floor(draw() * damaged.length)] ^= 1 << Math.floor(draw() * 8);
      assert.throws(() => receiver.push(damaged), PacketError);
    }
    assert.throws(() => parse(datagram.subarray(0, datagram.length - 1)), PacketError);
  }
  assert.throws(() => parse(new Uint8Array(0)), PacketError);
  assert.equal(receiver.news, 0);
});

test("a link loses the share that was asked for, and delivers in order at its rate", async () => {
  const link = new Link({ loss: 0.1, seed: 3 });
  let arrived = 0;
  for (let i = 0; i < 10000; i++) link.push(100, true, () => arrived++);
  assert.equal(arrived + link.lost, 10000);
  assert(Math.abs(link.lost - 1000) < 120);
  const slow = new Link({ loss: 1, rate: 10000 });
  const begun = performance.now();
  const order = [];
  await new Promise((resolve) => {
    for (let i = 0; i < 10; i++) slow.push(100, false, () => order.push(i) === 10 && resolve());
  });
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert(performance.now() - begun > 95);
});
