/** The page of `inrcodec serve` in Chromium: gallery, viewer, streaming, dropped files. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import path from "node:path";
import test, { after, before } from "node:test";
import { chromium } from "playwright-core";
import { PREPARED, VECTORS, read } from "./support/files.js";

const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";
const PYTHON = process.env.PYTHON ?? "python";
const PHOTO = path.join(PREPARED, "served", "photo.inr");
const PHOTO_RGB = read(PREPARED, "photo.rgb");
const [WIDTH, HEIGHT] = [768, 512];

let browser;
const servers = new Set();

before(async () => {
  browser = await chromium.launch({ executablePath: EXECUTABLE, args: ["--no-sandbox"] });
});

after(async () => {
  await browser?.close();
  for (const server of servers) server.kill("SIGKILL");
});

/** {url, kill} of a server of the prepared files. */
async function serve(port, ...options) {
  const command = ["-m", "inrcodec", "serve", path.join(PREPARED, "served"), "--port", String(port), ...options];
  const server = spawn(PYTHON, command, { stdio: ["ignore", "pipe", "pipe"] });
  servers.add(server);
  const url = await new Promise((resolve, reject) => {
    let said = "";
    server.stdout.on("data", () => undefined);
    server.stderr.on("data", (data) => {
      said += data;
      const found = /look at (\S+)/.exec(said);
      if (found) resolve(found[1]);
    });
    server.on("exit", () => reject(new Error(said)));
  });
  const kill = (signal = "SIGKILL") => {
    servers.delete(server);
    server.kill(signal);
    return new Promise((resolve) => server.on("exit", resolve));
  };
  return { url: url.slice(0, -1), kill };
}

/** A page at a path; `complaints` are errors of the console and of scripts, `requests` what it asked. */
async function open(url, options = {}) {
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 }, ...options });
  page.complaints = [];
  page.requests = [];
  page.on("console", (message) => message.type() === "error" && page.complaints.push(message.text()));
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.on("request", (request) => page.requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
  await page.goto(url);
  return page;
}

const completed = async (page, name) => {
  await page.waitForSelector("#viewer[data-complete]");
  assert.equal(await page.innerText("#name"), name);
};

const again = async (page) => {
  await page.click("#again");
  await page.waitForSelector("#viewer:not([data-complete])");
};

const counts = (page) =>
  page.evaluate(() => {
    const cells = [...document.querySelectorAll("#counts > *")].map(({ textContent }) => textContent);
    return Object.fromEntries(cells.flatMap((cell, i) => (i % 2 ? [[cells[i - 1], cell]] : [])));
  });

const milliseconds = (text) => Number.parseFloat(text) * (/ms$/.test(text) ? 1 : 1000);

/** Hold what is drawn to the photograph as the Python package decodes it. */
async function isPhotograph(page) {
  const drawn = await page.evaluate(() => {
    const canvas = document.getElementById("image");
    return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
  });
  assert.equal(drawn.length, WIDTH * HEIGHT * 4);
  let most = 0;
  for (let i = 0; i < WIDTH * HEIGHT; i++) {
    for (let c = 0; c < 3; c++) most = Math.max(most, Math.abs(drawn[4 * i + c] - PHOTO_RGB[3 * i + c]));
  }
  assert(most <= 1, `differs by ${most}`);
}

async function setSlider(page, id, value) {
  await page.evaluate(([id, value]) => {
    const slider = document.getElementById(id);
    slider.value = value;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  }, [id, value]);
}

test("the gallery: names, sizes, thumbnails; the viewer by keyboard, and back", async () => {
  const server = await serve(0);
  const page = await open(`${server.url}/`);
  await page.waitForFunction(() => document.querySelectorAll("#tiles canvas").length === 6);
  const tiles = await page.$$eval("#tiles li", (items) => items.map(({ innerText }) => innerText));
  assert.equal(tiles.length, 6);
  assert(tiles.some((tile) => /photo\.inr\s+768 × 512, \d+\.\d KB/.test(tile)), tiles.join(" | "));
  const asked = page.requests.filter((request) => request.startsWith("GET /files/photo.inr"));
  assert.equal(asked.length, 1);
  await page.focus("#tiles a[href='/view/rgb.inr']");
  await page.keyboard.press("Enter");
  await completed(page, "rgb.inr");
  assert.equal(new URL(page.url()).pathname, "/view/rgb.inr");
  assert.equal(await page.title(), "rgb.inr – inrcodec");
  assert.match(await page.innerText("#facts"), /32 × 24, RGB, 8 bit/);
  const heads = () => page.requests.filter((request) => request.startsWith("HEAD /files/")).length;
  const gets = (name) => page.requests.filter((request) => request === `GET /files/${name}`).length;
  const changed = { "accept-ranges": "bytes", etag: '"changed"' };
  await page.route("**/files/gray-16.inr", async (route) => {
    if (route.request().method() !== "HEAD") return route.continue();
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), ...changed } });
  });
  const before = [heads(), gets("photo.inr"), gets("gray-16.inr")];
  await page.goBack();
  await page.waitForSelector("#tiles li");
  assert.equal(await page.locator("#tiles canvas").count(), 6); /* at once: they were kept */
  assert(/768 × 512/.test(await page.innerText("#tiles")));
  while (heads() < before[0] + 6 || gets("gray-16.inr") === before[2]) await page.waitForTimeout(20);
  assert.deepEqual([gets("photo.inr"), gets("gray-16.inr")], [before[1], before[2] + 1]); /* but of a file that changed */
  assert.deepEqual(page.complaints, []);
  await page.close();
  await server.kill();
});

test("WebRTC: exact, the first picture within two round trips and 100 ms", async (t) => {
  const server = await serve(0, "--reference", path.join(PREPARED, "references"));
  const page = await open(`${server.url}/view/photo.inr`);
  await completed(page, "photo.inr");
  await isPhotograph(page);
  const found = await counts(page);
  assert.equal(found.Transport, "WebRTC");
  assert.equal(found.Layers.split(" of ")[0], found.Layers.split(" of ")[1]);
  await page.waitForSelector("#curve svg");
  assert.match(await page.innerText("#anatomy"), /parameters/);
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  const network = { offline: false, latency: 60, downloadThroughput: -1, uploadThroughput: -1 };
  await session.send("Network.emulateNetworkConditions", network);
  const firsts = [];
  for (let run = 0; run < 5; run++) {
    await again(page);
    await completed(page, "photo.inr");
    firsts.push(milliseconds((await counts(page))["First picture"]));
  }
  t.diagnostic(`first pictures at a round trip of 60 ms: ${firsts.join(", ")} ms`);
  assert(Math.min(...firsts) <= 2 * 60 + 100);
  assert.deepEqual(page.complaints, []);
  await page.close();
  await server.kill();
});

test("lost packets are asked for again, and the picture is the same", async (t) => {
  const server = await serve(0, "--reference", path.join(PREPARED, "references"));
  const page = await open(`${server.url}/view/photo.inr`);
  await completed(page, "photo.inr");
  await setSlider(page, "loss", 30);
  assert.equal(await page.innerText("#loss-text"), "30 %");
  await again(page);
  await completed(page, "photo.inr");
  await isPhotograph(page);
  const found = await counts(page);
  t.diagnostic(`at 30 % loss: ${found["Lost on purpose"]} lost, ${found["Asked for again"]} asked for again`);
  assert(Number(found["Lost on purpose"]) > 0 && Number(found["Asked for again"]) > 0);
  const label = await page.getAttribute("#curve svg", "aria-label");
  assert.match(label, /^PSNR from \d+\.\d dB after \d+ ms to \d+\.\d dB/);
  await page.close();
  await server.kill();
});

test("a server that is killed in the middle: the picture stays, and the rest arrives later", async () => {
  const first = await serve(0, "--simulate-packet-loss", "bernoulli:95%");
  const port = Number(new URL(first.url).port);
  const page = await open(`${first.url}/view/photo.inr`);
  await page.waitForFunction(() => /^[1-9] of/.test(document.getElementById("state").textContent));
  await first.kill();
  await page.waitForFunction(() => /connecting again/.test(document.getElementById("state").textContent), undefined, { timeout: 20000 });
  const before = await counts(page);
  assert.notEqual(before.Layers.split(" of ")[0], before.Layers.split(" of ")[1]);
  assert.equal(await page.evaluate(() => document.getElementById("image").width), WIDTH);
  const second = await serve(port);
  await completed(page, "photo.inr");
  await isPhotograph(page);
  await page.close();
  await second.kill();
});

test("HTTP shows the same, and goes on where it was cut", async () => {
  const server = await serve(0);
  const page = await open(`${server.url}/view/photo.inr`);
  await page.check("[name=transport][value=http]");
  await page.waitForFunction(() => document.querySelector("#counts dd")?.textContent === "HTTP");
  await completed(page, "photo.inr");
  await isPhotograph(page);
  assert.deepEqual(page.complaints, []);
  await page.close();
  await server.kill();
});

test("a dropped file is shown, and nothing is uploaded", async () => {
  const server = await serve(0);
  const page = await open(`${server.url}/`);
  await page.waitForSelector("#tiles li");
  page.requests.length = 0;
  await page.setInputFiles("#pick", path.join(VECTORS, "valid", "spinr.inr"));
  await completed(page, "spinr.inr");
  assert.match(await page.innerText("#facts"), /spinr/);
  const bytes = [...read(PHOTO)];
  await page.evaluate((bytes) => {
    const files = new DataTransfer();
    files.items.add(new File([new Uint8Array(bytes)], "dropped.inr"));
    dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
  }, bytes);
  await completed(page, "dropped.inr");
  await isPhotograph(page);
  await page.setInputFiles("#pick", path.join(PREPARED, "references", "photo.png"));
  await page.waitForFunction(() => /signature/.test(document.getElementById("state").textContent));
  assert.deepEqual(page.requests.filter((request) => !/^(GET|HEAD) \/(web|files|view)\//.test(request)), []);
  assert.deepEqual(page.requests.filter((request) => !/^(GET|HEAD) /.test(request)), []);
  await page.close();
  await server.kill();
});

test("an image wider than any canvas is drawn smaller, and lies where it would", async () => {
  const server = await serve(0);
  const page = await open(`${server.url}/`);
  await page.setInputFiles("#pick", path.join(PREPARED, "wide.inr"));
  await page.waitForSelector("#viewer[data-complete]");
  assert.match(await page.innerText("#facts"), /20000 × 24/);
  const [canvas, shown, stage] = await page.evaluate(() => {
    const [image, stage] = ["image", "stage"].map((id) => document.getElementById(id));
    return [[image.width, image.height], image.getBoundingClientRect().width, stage.clientWidth];
  });
  assert.deepEqual(canvas, [16384, 20]);
  assert(Math.abs(shown - stage) < 2, `${shown} of ${stage}`);
  assert.deepEqual(page.complaints, []);
  await page.close();
  await server.kill();
});

test("zoom and pan by keys, wheel and buttons; a network is drawn anew at that size", async () => {
  const server = await serve(0);
  const page = await open(`${server.url}/view/spinr.inr`);
  await completed(page, "spinr.inr");
  const zoom = () => page.innerText("#zoom").then((text) => Number.parseInt(text, 10));
  const before = await zoom();
  await page.focus("#stage");
  for (let i = 0; i < 12; i++) await page.keyboard.press("+");
  assert(await zoom() > 3 * before);
  await page.waitForSelector("#detail:not([hidden])");
  const place = () => page.evaluate(() => document.getElementById("image").style.transform);
  const at = await place();
  await page.keyboard.press("ArrowRight");
  assert.notEqual(await place(), at);
  await page.mouse.move(400, 400);
  await page.mouse.wheel(0, -300);
  await page.click("#zoom-one");
  assert.equal(await zoom(), 100);
  await page.click("#zoom-fit");
  assert.equal(await zoom(), before);
  assert.deepEqual(page.complaints, []);
  await page.close();
  await server.kill();
});

test("a slow reference delays nothing, and the curve has the times of the pictures", async () => {
  const SLOW_MS = 8000;
  const server = await serve(0, "--reference", path.join(PREPARED, "references"));
  const page = await browser.newPage();
  await page.route("**/references/*", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    await route.continue();
  });
  const begun = Date.now();
  await page.goto(`${server.url}/view/photo.inr`);
  await completed(page, "photo.inr");
  assert(Date.now() - begun < SLOW_MS);
  await page.waitForSelector("#curve svg");
  const label = await page.getAttribute("#curve svg", "aria-label");
  assert(Number(/to [\d.]+ dB after (\d+) ms/.exec(label)[1]) < SLOW_MS, label);
  await page.close();
  await server.kill();
});

test("a slow link over HTTP: nothing is shown before the base, and no error", async () => {
  const server = await serve(0);
  const page = await open(`${server.url}/view/coolchic-slices-alpha.inr`);
  await completed(page, "coolchic-slices-alpha.inr");
  await page.check("[name=transport][value=http]");
  await setSlider(page, "rate", 0);
  await again(page);
  await completed(page, "coolchic-slices-alpha.inr");
  assert.equal((await counts(page)).Transport, "HTTP");
  await page.close();
  await server.kill();
});

test("sliders have names and values; a refusal that is final is told at once", async () => {
  const server = await serve(0);
  const page = await open(`${server.url}/view/photo.inr`);
  await completed(page, "photo.inr");
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  const sliders = nodes.filter(({ role }) => role?.value === "slider").map(({ name }) => name.value);
  assert.deepEqual(sliders, ["Simulated packet loss", "Simulated rate"]);
  assert.equal(await page.getAttribute("#rate", "aria-valuetext"), "as it comes");
  const download = page.waitForEvent("download");
  await page.click("#download");
  assert.equal((await download).suggestedFilename(), "photo.inr");
  await page.close();
  await server.kill();
});

test("a token is asked for; a signed link shows its file alone", async () => {
  const server = await serve(0, "--token", "a-secret-of-tests");
  const page = await open(`${server.url}/`);
  await page.waitForSelector("#token-form:not([hidden])");
  assert.equal((await page.$$("#tiles li")).length, 0);
  await page.fill("#token", "another-secret");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => /not the token/.test(document.getElementById("token-note").textContent));
  await page.fill("#token", "a-secret-of-tests");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#tiles canvas");
  await page.click("#tiles a[href='/view/photo.inr']");
  await completed(page, "photo.inr");
  const download = page.waitForEvent("download");
  await page.click("#download");
  assert.equal((await download).suggestedFilename(), "photo.inr");
  await page.close();
  const stranger = await open(`${server.url}/view/photo.inr`);
  await stranger.waitForSelector("#token-form:not([hidden])", { timeout: 5000 });
  await stranger.close();
  await server.kill();
});

test("a name of no file: one clear line", async () => {
  const server = await serve(0);
  const page = await open(`${server.url}/view/nothing.inr`);
  await page.waitForFunction(() => /no such file/.test(document.getElementById("state").textContent));
  await page.close();
  await server.kill();
});

test("on a phone nothing is wider than the screen", async () => {
  const server = await serve(0);
  for (const where of ["/", "/view/photo.inr"]) {
    const page = await open(server.url + where, { viewport: { width: 360, height: 640 } });
    await page.waitForSelector(where === "/" ? "#tiles canvas" : "#viewer[data-complete]", { state: "attached" });
    assert(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await page.close();
  }
  await server.kill();
});
