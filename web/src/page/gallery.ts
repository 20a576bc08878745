/** The gallery: every file of the server with a thumbnail, which is a prefix of the file. */
import { decode } from "../index.js";
import { byId, made, paint } from "./elements.js";
import { TokenWanted, beginning, fileUrl, head, keepToken, names } from "./server.js";
import { bytes } from "./text.js";

/** The most bytes of a thumbnail, unless its base layer alone has more. */
const THUMBNAIL_BYTES = 12000;

/** Columns of a thumbnail. */
const THUMBNAIL_WIDTH = 440;

/** Thumbnails that are made at once. */
const AT_ONCE = 2;

export class Gallery {
  readonly #tiles = byId("tiles");
  readonly #note = byId("gallery-note");
  readonly #form = byId<HTMLFormElement>("token-form");
  #stop = new AbortController();
  #making = 0;
  readonly #queue: HTMLElement[] = [];
  readonly #observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        this.#observer.unobserve(target);
        this.#queue.push(target as HTMLElement);
      }
      this.#next();
    },
    { rootMargin: "200px" },
  );

  constructor() {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      keepToken(byId<HTMLInputElement>("token").value.trim());
      void this.show();
    });
  }

  async show(): Promise<void> {
    this.hide();
    this.#stop = new AbortController();
    this.#form.hidden = true;
    this.#note.textContent = "";
    let found: string[];
    try {
      found = await names();
    } catch (error) {
      this.#form.hidden = !(error instanceof TokenWanted);
      this.#note.textContent = error instanceof TokenWanted ? "" : (error as Error).message;
      return;
    }
    if (!found.length) this.#note.textContent = "There are no files here. Drop one on this page to look at it.";
    this.#tiles.replaceChildren(...found.map((name) => this.#tile(name)));
  }

  hide(): void {
    this.#stop.abort(new DOMException("the gallery is closed", "AbortError"));
    this.#observer.disconnect();
    this.#queue.length = 0;
    this.#tiles.replaceChildren();
  }

  #tile(name: string): HTMLLIElement {
    const link = made("a");
    link.href = `/view/${encodeURIComponent(name)}`;
    link.append(made("span", "", "picture"), made("span", name, "title"), made("span", "", "soft"));
    const item = made("li");
    item.append(link);
    item.dataset["name"] = name;
    this.#observer.observe(item);
    return item;
  }

  #next(): void {
    while (this.#making < AT_ONCE && this.#queue.length) {
      this.#making++;
      const { signal } = this.#stop;
      void this.#make(this.#queue.shift()!, signal).finally(() => {
        this.#making--;
        this.#next();
      });
    }
  }

  async #make(item: HTMLElement, signal: AbortSignal): Promise<void> {
    const name = item.dataset["name"]!;
    const picture = item.querySelector(".picture")!;
    const facts = item.querySelector(".soft")!;
    try {
      const url = fileUrl(name);
      const { size, starts } = await head(url, signal);
      facts.textContent = bytes(size);
      const ends = [...starts.slice(1), size];
      const end = ends.filter((at) => at <= THUMBNAIL_BYTES).at(-1) ?? ends[0]!;
      const data = await beginning(url, end, signal);
      const canvas = made("canvas");
      const onProgress = ({ info }: { info: { width: number; height: number } }): void => {
        facts.textContent = `${info.width} × ${info.height}, ${bytes(size)}`;
      };
      paint(canvas, await decode(data, { width: THUMBNAIL_WIDTH, onProgress, signal }));
      picture.replaceChildren(canvas);
    } catch (error) {
      if (!signal.aborted) picture.replaceChildren(made("span", (error as Error).message, "trouble"));
    }
  }
}
