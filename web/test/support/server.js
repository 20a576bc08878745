/** A server of the built package, of files for tests and of pages with a policy. */
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { DIST, PREPARED, VECTORS, read } from "./files.js";

const TYPES = { ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };

/** The page and the policy that docs/guides/web.md shows. */
const GUIDE = fs.readFileSync(path.join(DIST, "..", "..", "docs", "guides", "web.md"), "utf8");
export const GUIDE_PAGE = /^```html\n(<!doctype.*?)^```/ms.exec(GUIDE)[1];
export const POLICY = /^default-src .*$/m.exec(GUIDE)[0];

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** {url, requests, pages, close}: `pages` are bodies by path, all served with the strict policy. */
export async function serve() {
  const pages = new Map();
  const requests = [];
  const answer = async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://localhost");
    requests.push(pathname + (searchParams.size ? `?${searchParams}` : ""));
    const headers = { "content-security-policy": POLICY, "cache-control": "no-store" };
    if (pages.has(pathname)) {
      response.writeHead(200, { ...headers, "content-type": "text/html" });
      response.end(pages.get(pathname));
      return;
    }
    const roots = { dist: DIST, broken: DIST, empty: DIST, inrcodec: DIST, photo: PREPARED };
    roots.files = path.join(VECTORS, "valid");
    const [, root, ...rest] = pathname.split("/");
    const file = roots[root] && path.join(roots[root], ...rest);
    const hidden =
      (root === "broken" && rest[0] === "initial") || (root === "empty" && rest[0].endsWith(".wasm"));
    const script = /^\/(dist|broken|empty)\.js$/.exec(pathname);
    if (script) {
      response.writeHead(200, { ...headers, "content-type": TYPES[".js"] });
      response.end(PAGE.replaceAll("/dist/", `/${script[1]}/`));
    } else if (!file || hidden || !fs.existsSync(file) || searchParams.has("404")) {
      response.writeHead(404, { ...headers, "content-type": "text/html" });
      response.end("<h1>not here</h1>");
    } else {
      const type = searchParams.get("type") ?? TYPES[path.extname(file)] ?? "image/x-inr";
      const data = searchParams.has("html") ? Buffer.from("<h1>hello</h1>") : Buffer.from(read(file));
      const cut = data.subarray(0, Number(searchParams.get("cut") ?? data.length));
      response.writeHead(200, { ...headers, "content-type": type, "content-length": cut.length });
      const [slow, drop] = [searchParams.has("slow"), searchParams.has("drop")];
      const step = slow || drop ? Math.ceil(cut.length / 8) : cut.length;
      for (let at = 0; at < cut.length; at += step) {
        response.write(cut.subarray(at, at + step));
        if (slow) await wait(60);
        if (drop && at > cut.length / 2) {
          await wait(100); /* in which the page reads what was written */
          response.destroy();
          return;
        }
      }
      response.end();
    }
  };
  const server = http.createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    pages,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

/** The script of every page: the package as `inr`, and events of elements as they come. */
const PAGE = `
import * as inr from "/dist/index.js";
import "/dist/element.js";
window.inr = inr;
window.events = [];
window.longest = 0;
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
}).observe({ type: "longtask" });
for (const type of ["load", "error", "progress"]) {
  document.addEventListener(type, ({ target }) => {
    if (target.localName === "inr-image") window.events.push([type, target.id]);
  }, true);
}
document.documentElement.dataset.ready = "";
`;
