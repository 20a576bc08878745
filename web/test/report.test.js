/** The section of a report that decodes in the page, opened as a file. */
import assert from "node:assert/strict";
import path from "node:path";
import test, { after, before } from "node:test";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { PREPARED } from "./support/files.js";

const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";

let browser;

before(async () => {
  browser = await chromium.launch({ executablePath: EXECUTABLE, args: ["--no-sandbox"] });
});

after(() => browser?.close());

test("a report shows what the first bytes show, at other sizes, too", async () => {
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(pathToFileURL(path.join(PREPARED, "report.html")).href);
  const told = async (value) => {
    await page.evaluate((value) => {
      const slider = document.getElementById("prefix-bytes");
      slider.value = value;
      slider.dispatchEvent(new Event("input"));
    }, value);
    await page.waitForFunction(() => /dB PSNR$/.test(document.getElementById("prefix-told").value));
    const [, share, psnr] = /\(([\d.]+) %\): ([\d.]+) dB PSNR$/.exec(await page.evaluate(() => document.getElementById("prefix-told").value));
    return [Number(share), Number(psnr)];
  };
  const found = [];
  for (const value of [0, 40, 70, 100]) found.push(await told(value));
  assert.equal(found[3][0], 100);
  for (let i = 1; i < found.length; i++) {
    assert(found[i][0] > found[i - 1][0] && found[i][1] > found[i - 1][1], `${found}`);
  }
  const psnr = Number(await page.innerText("[data-facts='1'] dd >> nth=2"));
  assert(Math.abs(psnr - found[3][1]) < 0.05, `${psnr} ${found[3][1]}`);
  await page.selectOption("#prefix-size", "0.5");
  await page.waitForFunction(() => document.getElementById("prefix-image").width === 384);
  assert.deepEqual(complaints, []);
});
