/** The package in Chromium, every page under the strict policy of docs/guides/web.md. */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { chromium } from "playwright-core";
import { PREPARED, VECTORS, read } from "./support/files.js";
import { readPng } from "./support/png.js";
import { GUIDE_PAGE, serve } from "./support/server.js";

const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";
const PHOTO_PIXELS = [768, 512];

let server, browser, number = 0;

before(async () => {
  server = await serve();
  browser = await chromium.launch({ executablePath: EXECUTABLE, args: ["--no-sandbox"] });
});

after(async () => {
  await browser?.close();
  await server?.close();
});

/** A page with this body; `complaints` are errors of the console and of scripts. */
async function open(body, script = "/dist.js") {
  const where = `/page-${number++}`;
  const head = `<!doctype html><meta charset=utf-8><title>test</title>`;
  server.pages.set(where, `${head}<script type=module src="${script}"></script>${body}`);
  const page = await browser.newPage({ viewport: { width: 1000, height: 700 } });
  page.complaints = [];
  page.on("console", (message) => message.type() === "error" && page.complaints.push(message.text()));
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  await page.goto(server.url + where);
  await page.waitForSelector("html[data-ready]", { state: "attached" });
  return page;
}

const settled = (page, id) =>
  page.evaluate(async (id) => {
    const element = document.getElementById(id);
    const error = await element.decode().then(() => null, (reason) => `${reason.code}: ${reason.message}`);
    const { width, height } = element.getBoundingClientRect();
    const { naturalWidth, naturalHeight, complete } = element;
    return { error, width, height, naturalWidth, naturalHeight, complete, text: element.shadowRoot.querySelector("span:not([hidden])")?.textContent };
  }, id);

test("the element is sized and drawn as an image is", async () => {
  const page = await open(`<inr-image id=a src="/files/rgb.inr" alt="waves"></inr-image>
    <inr-image id=b src="/files/rgb.inr" alt="" width=64></inr-image>
    <inr-image id=c src="/files/rgb.inr" width=100 height=50></inr-image>`);
  const expected = { error: null, naturalWidth: 32, naturalHeight: 24, complete: true, text: undefined };
  assert.deepEqual(await settled(page, "a"), { ...expected, width: 32, height: 24 });
  assert.deepEqual(await settled(page, "b"), { ...expected, width: 64, height: 48 });
  assert.deepEqual(await settled(page, "c"), { ...expected, width: 100, height: 50 });
  const drawn = await page.evaluate(() => {
    const canvas = document.getElementById("a").shadowRoot.querySelector("canvas");
    return [...canvas.getContext("2d").getImageData(0, 0, 32, 24).data];
  });
  const { data } = readPng(read(VECTORS, "valid", "rgb.png"));
  drawn.forEach((value, i) => {
    const wanted = i % 4 === 3 ? 255 : data[(i >> 2) * 3 + (i % 4)];
    assert(Math.abs(value - wanted) <= 1);
  });
  assert.deepEqual(await page.evaluate(() => window.events.filter(([type]) => type !== "progress").length), 3);
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  const images = nodes.filter(({ role, ignored }) => !ignored && /^ima?ge?$/.test(role?.value));
  assert.deepEqual(images.map(({ name }) => name.value), ["waves", ""]); /* that of alt="" is none */
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test("an image wider than any canvas is drawn smaller, and has its own size all the same", async () => {
  const page = await open(`<inr-image id=a src="/photo/wide.inr" width=400 height=24></inr-image>`);
  const { error, naturalWidth, naturalHeight } = await settled(page, "a");
  assert.deepEqual([error, naturalWidth, naturalHeight], [null, 20000, 24]);
  const [size, colours] = await page.evaluate(() => {
    const canvas = document.getElementById("a").shadowRoot.querySelector("canvas");
    const { data } = canvas.getContext("2d").getImageData(canvas.width - 600, 0, 600, canvas.height);
    return [[canvas.width, canvas.height], new Set(data).size];
  });
  assert.deepEqual(size, [16384, 20]);
  assert(colours > 50, `${colours}`);
  const half = await page.evaluate(async () => {
    const source = new Uint8Array(await (await fetch("/photo/wide.inr")).arrayBuffer());
    const sizes = [];
    for (const options of [{ maxSide: 10000 }, { maxSide: 30000 }, { maxSide: 100, width: 500 }]) {
      const { width, height } = await inr.decode(source, options);
      sizes.push([width, height]);
    }
    return sizes;
  });
  assert.deepEqual(half, [[10000, 12], [20000, 24], [500, 1]]);
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test("rules of the page come before attributes, and keep the proportions", async () => {
  const page = await open(`<link rel=stylesheet href="/files/none.css"><div id=box>
    <inr-image id=a src="/files/rgb.inr" width=400 height=300></inr-image></div>
    <inr-image id=b src="/files/rgb.inr"></inr-image>`);
  const sizes = await page.evaluate(async () => {
    const [a, b] = ["a", "b"].map((id) => document.getElementById(id));
    await Promise.all([a.decode(), b.decode()]);
    document.getElementById("box").style.width = "200px";
    a.style.maxWidth = "100%";
    a.style.height = "auto";
    b.style.height = "48px";
    return [a, b].map((e) => [e.offsetWidth, e.offsetHeight]);
  });
  assert.deepEqual(sizes, [[200, 150], [64, 48]]);
  await page.close();
});

test("the size is there with the header, and nothing moves afterwards", async () => {
  const page = await open(`<inr-image id=a></inr-image><p id=after>text</p>`);
  const { early, tops, pictures } = await page.evaluate(async () => {
    const element = document.getElementById("a");
    const after = document.getElementById("after");
    const tops = [];
    let early;
    element.addEventListener("progress", (event) => {
      early ??= [element.offsetWidth, element.offsetHeight, event.loaded, event.total];
      tops.push(after.offsetTop);
    });
    element.src = "/photo/photo.inr?slow";
    await element.decode();
    tops.push(after.offsetTop);
    return { early, tops, pictures: tops.length };
  });
  assert.deepEqual(early.slice(0, 2), PHOTO_PIXELS);
  assert(early[2] < early[3]);
  assert.equal(new Set(tops).size, 1);
  assert(pictures >= 2);
  await page.close();
});

test("a photograph: exact, and off the main thread", async (t) => {
  const page = await open("");
  const found = await page.evaluate(async () => {
    const bytes = new Uint8Array(await (await fetch("/photo/photo.inr")).arrayBuffer());
    const times = [];
    const firsts = [];
    let image;
    for (let run = 0; run < 8; run++) {
      const start = performance.now();
      let first;
      const onProgress = (progress) => (first ??= progress.image && performance.now() - start);
      if (run % 2 === 0) await inr.decode(bytes, { onProgress });
      else image = await inr.decode(bytes);
      if (run % 2 === 0) firsts.push(first);
      else times.push(performance.now() - start);
    }
    const sum = [0, 0, 0, 0];
    image.data.forEach((value, i) => (sum[i % 4] += value));
    const pixels = [...image.data.subarray(0, 4 * 768 * 40)];
    return { times, firsts, sum, pixels, longest: window.longest };
  });
  const rgb = read(PREPARED, "photo.rgb");
  found.pixels.forEach((value, i) => {
    const wanted = i % 4 === 3 ? 255 : rgb[(i >> 2) * 3 + (i % 4)];
    assert(Math.abs(value - wanted) <= 1);
  });
  for (let c = 0; c < 3; c++) {
    let sum = 0;
    for (let i = c; i < rgb.length; i += 3) sum += rgb[i];
    assert(Math.abs(sum - found.sum[c]) < rgb.length / 3);
  }
  const told = (times) => times.map(Math.round).join(", ");
  t.diagnostic(`decodes ${told(found.times)} ms`); /* speed.test.js holds the bars */
  t.diagnostic(`first pictures ${told(found.firsts)} ms, the first with the start of the worker`);
  t.diagnostic(`longest task of the main thread ${found.longest} ms`);
  assert(found.firsts.every((first, i) => first < found.times[i] * 2));
  assert(found.longest < 50);
  await page.close();
});

test("twenty on a page", async () => {
  const names = fs.readdirSync(path.join(VECTORS, "valid")).filter((name) => name.endsWith(".inr"));
  const tags = names.slice(0, 20).map((name, i) => `<inr-image id=i${i} src="/files/${name}"></inr-image>`);
  const page = await open(tags.join(""));
  for (let i = 0; i < 20; i++) assert.equal((await settled(page, `i${i}`)).error, null);
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test("a lazy image loads when it comes near", async () => {
  const page = await open(`<div id=top></div>
    <inr-image id=a src="/files/rgb.inr?lazy" loading=lazy width=32 height=24></inr-image>`);
  await page.evaluate(() => (document.getElementById("top").style.height = "9000px"));
  await page.waitForTimeout(300);
  const asked = () => server.requests.filter((name) => name.includes("lazy")).length;
  const before = asked(); /* it may have been near before the page grew */
  await page.evaluate(() => document.getElementById("a").setAttribute("src", "/files/rgb.inr?lazy=2"));
  await page.waitForTimeout(300);
  assert.equal(asked(), before);
  await page.evaluate(() => document.getElementById("a").scrollIntoView());
  await page.waitForFunction(() => document.getElementById("a").complete);
  assert.equal(asked(), before + 1);
  await page.close();
});

test("another source takes the place of one that is on its way", async () => {
  const page = await open(`<inr-image id=a></inr-image>`);
  const found = await page.evaluate(async () => {
    const element = document.getElementById("a");
    element.src = "/photo/photo.inr?slow";
    const first = element.decode().then(() => "drawn", ({ code }) => code);
    await new Promise((resolve) => element.addEventListener("progress", resolve, { once: true }));
    element.src = "/files/rgb.inr";
    await element.decode();
    const { offsetWidth, naturalWidth, complete } = element;
    element.removeAttribute("src");
    return [await first, offsetWidth, naturalWidth, complete, element.naturalWidth, element.offsetWidth];
  });
  assert.deepEqual(found, ["load", 32, 32, true, 0, 0]);
  await page.waitForTimeout(600); /* in which the first one would have come */
  const events = await page.evaluate(() => window.events.filter(([type]) => type !== "progress"));
  assert.deepEqual(events, [["load", "a"]]);
  await page.close();
});

test("a lost connection leaves the picture of what came, at once or not", async () => {
  for (const how of ["slow&drop", "drop"]) {
    const page = await open(`<inr-image id=a src="/photo/photo.inr?${how}"></inr-image>`);
    const { error, width, text } = await settled(page, "a");
    assert.match(error, /load: the rest of the file cannot be loaded/);
    assert.deepEqual([width, text], [PHOTO_PIXELS[0], undefined]);
    const [shown, isDraft] = await page.evaluate(() => {
      const [whole, draft] = document.getElementById("a").shadowRoot.querySelectorAll("canvas");
      return [whole.getContext("2d").getImageData(0, 0, 1, 1).data[3], !draft.hidden];
    });
    assert.deepEqual([shown, isDraft], [255, false]);
    await page.close();
  }
});

const REFUSED = {
  "/files/rgb.inr?404": /load: .*status 404/,
  "/files/rgb.inr?html&type=text/html": /format: .*signature.*text\/html/,
  "/files/rgb.inr?cut=40": /truncated/,
  "/files/empty": /load/,
  "http://localhost:1/a.inr": /load: .*cannot be loaded/,
};

for (const [source, pattern] of Object.entries(REFUSED)) {
  test(`refused with one message: ${source}`, async () => {
    const page = await open(`<inr-image id=a src="${source}" alt="a cup"></inr-image>`);
    const { error, text, complete } = await settled(page, "a");
    assert.match(error, pattern);
    assert(text.startsWith("a cup ("));
    assert(complete);
    const events = await page.evaluate(() => window.events.filter(([type]) => type !== "progress"));
    assert.deepEqual(events, [["error", "a"]]);
    await page.close();
  });
}

test("a wrong type does not matter where the bytes are right; a cut file shows what is there", async () => {
  const page = await open(`<inr-image id=a src="/files/rgb.inr?type=text/plain"></inr-image>
    <inr-image id=b src="/photo/photo.inr?cut=20000"></inr-image>`);
  assert.equal((await settled(page, "a")).error, null);
  const { error, width } = await settled(page, "b");
  assert.deepEqual([error, width], [null, PHOTO_PIXELS[0]]);
  await page.close();
});

test("missing initial values are named; children are shown instead", async () => {
  const page = await open(
    `<inr-image id=a src="/photo/photo.inr" alt="a cup"></inr-image>
     <inr-image id=b src="/photo/photo.inr"><b id=instead>instead</b></inr-image>
     <inr-image id=c src="/files/rgb.inr"><b id=hidden>instead</b></inr-image>`,
    "/broken.js",
  );
  assert.match((await settled(page, "a")).error, /initial: the file needs the initial values [0-9a-f]{8}-\d+/);
  await settled(page, "b");
  assert(await page.locator("#instead").isVisible());
  assert.equal((await settled(page, "c")).error, null);
  assert(!(await page.locator("#hidden").isVisible()));
  await page.close();
});

test("a decoder that is not there is named", async () => {
  const page = await open(`<inr-image id=a src="/files/rgb.inr"></inr-image>`, "/empty.js");
  assert.match((await settled(page, "a")).error, /load: the decoder is not at .*inr\.wasm .status 404/);
  await page.close();
});

test("functions: info, samples, runs, streams, abort, options", async () => {
  const page = await open("");
  const found = await page.evaluate(async () => {
    const get = async (name) => new Uint8Array(await (await fetch(name)).arrayBuffer());
    const rgb = await get("/files/rgb.inr");
    const told = inr.info(rgb);
    const deep = await inr.decodeSamples(await get("/files/rgb-16.inr"));
    const { body } = await fetch("/photo/photo.inr?slow");
    const seen = [];
    const image = await inr.decode(body, { width: 96, onProgress: ({ image, share }) => image && seen.push(share) });
    const code = (promise) => promise.then(() => "none", ({ code, name }) => (name === "InrError" ? code : name));
    const abort = new AbortController();
    const aborted = code(inr.decode(await get("/photo/photo.inr"), { signal: abort.signal }));
    abort.abort();
    const slow = new AbortController();
    const cancelled = code(inr.decode((await fetch("/photo/photo.inr?slow")).body, { signal: slow.signal }));
    setTimeout(() => slow.abort(), 100);
    return {
      told: [told.width, told.height, told.model, told.complete, told.metadata],
      meta: inr.info(await get("/files/metadata.inr")).metadata,
      deep: [deep.data.constructor.name, deep.depth, deep.channels, Math.max(...deep.data)],
      small: [image.width, image.height],
      seen,
      codes: [
        await aborted,
        await cancelled,
        await code(inr.decode(rgb, { width: 0 })),
        await code(inr.decode(rgb, { crop: [0, 0, 100, 1] })),
        await code(inr.decode(rgb.subarray(0, 9))),
        await code(inr.decode(rgb, { maxWork: 1e-9 })),
        await code(inr.decode([rgb, rgb])),
      ],
    };
  });
  assert.deepEqual(found.told, [32, 24, "pe-siren", true, []]);
  assert.deepEqual(found.meta, ["icc", "exif", "xmp"]);
  assert.deepEqual(found.deep.slice(0, 3), ["Uint16Array", 16, 3]);
  assert(found.deep[3] > 256);
  assert.deepEqual(found.small, [96, 64]);
  assert(found.seen.length >= 2 && found.seen.every((share, i) => !i || share > found.seen[i - 1]));
  const codes = ["AbortError", "AbortError", "option", "option", "truncated", "limit", "format"];
  assert.deepEqual(found.codes, codes);
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test("it is printed", async () => {
  const page = await open(`<inr-image id=a src="/files/rgb.inr" width=200></inr-image>`);
  await settled(page, "a");
  const pdf = (await page.pdf()).toString("latin1");
  assert.match(pdf, /\/Subtype \/Image/);
  await page.close();
});

test("the page of the guide works as it stands", async () => {
  server.pages.set("/photo/guide", GUIDE_PAGE);
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(`${server.url}/photo/guide`);
  const drawn = await page.evaluate(async () => {
    await customElements.whenDefined("inr-image");
    const element = document.querySelector("inr-image");
    await element.decode();
    return [element.offsetWidth, element.offsetHeight, element.naturalWidth];
  });
  assert.deepEqual(drawn, [768, 512, 768]);
  assert.deepEqual(complaints.filter((text) => !text.includes("favicon")), []);
  await page.close();
});
