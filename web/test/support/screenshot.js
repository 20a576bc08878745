/** Draws pages in Chromium: node screenshot.js JSON, of [{url, output, width, height, dark, wait}], where
 * `wait` is a selector of what must be there first. */
import { chromium } from "playwright-core";

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
for (const { url, output, width, height, dark, wait } of JSON.parse(process.argv[2])) {
  const colorScheme = dark ? "dark" : "light";
  const page = await browser.newPage({ viewport: { width, height }, colorScheme });
  await page.goto(url);
  await page.waitForSelector(wait, { timeout: 60000 });
  await page.waitForTimeout(500); /* what is there is drawn */
  await page.screenshot({ path: output });
  await page.close();
}
await browser.close();
