/** The gallery: every file of the server with a thumbnail, which is a prefix of the file. */
import { decode, info } from "../index.js";
import { byId, made, paint } from "./elements.js";
import { TokenWanted, beginning, fileUrl, head, names } from "./server.js";
import { bytes } from "./text.js";

/** The most bytes of a thumbnail, unless its base layer alone has more. */
const THUMBNAIL_BYTES = 12000;

/** The most columns and rows of a thumbnail; images that are smaller stay as they are. */
const [MOST_COLUMNS, MOST_ROWS] = [440, 330];

/** Thumbnails that are made at once. */
const AT_ONCE = 2;

/** The most thumbnails that are kept, of half a megabyte each. */
const MOST_KEPT = 100;

/** What a tile shows of a file. */
interface Thumbnail {
  readonly canvas: HTMLCanvasElement;
  readonly facts: string;
  /** The ETag of the file that it was made of. */
  readonly tag: string | null;
}

export class Gallery {
  readonly #tiles = byId("tiles");
  readonly #note = byId("gallery-note");
  #stop = new AbortController();
  #making = 0;
  readonly #queue: HTMLElement[] = [];
  /** Thumbnails by name, those used last behind. */
  readonly #kept = new Map<string, Thumbnail>();
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

  /** `refused` is called if the server wants a token. */
  constructor(readonly refused: () => void) {}

  async show(): Promise<void> {
    this.hide();
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.#note.textContent = "";
    let found: string[];
    try {
      found = await names(signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof TokenWanted) this.refused();
      else this.#note.textContent = (error as Error).message;
      return;
    }
    if (signal.aborted) return;
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
    const kept = this.#kept.get(name);
    if (kept) show(item, kept);
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
    const facts = item.querySelector(".soft")!;
    try {
      const url = fileUrl(name);
      const { size, starts, tag } = await head(url, signal);
      const kept = this.#kept.get(name);
      if (kept && tag !== null && kept.tag === tag) return this.#keep(name, kept);
      facts.textContent = bytes(size);
      const ends = [...starts.slice(1), size];
      const end = ends.filter((at) => at <= THUMBNAIL_BYTES).at(-1) ?? ends[0]!;
      const data = await beginning(url, end, signal);
      const { width, height } = info(data);
      const scale = Math.min(1, MOST_COLUMNS / width, MOST_ROWS / height);
      const canvas = made("canvas");
      paint(canvas, await decode(data, { width: Math.max(1, Math.round(width * scale)), signal }));
      const thumbnail = { canvas, facts: `${width} × ${height}, ${bytes(size)}`, tag };
      this.#keep(name, thumbnail);
      show(item, thumbnail);
    } catch (error) {
      if (signal.aborted) return;
      const trouble = made("span", (error as Error).message, "trouble");
      item.querySelector(".picture")!.replaceChildren(trouble);
    }
  }

  /** Keep a thumbnail for when the gallery is shown again. */
  #keep(name: string, thumbnail: Thumbnail): void {
    this.#kept.delete(name);
    this.#kept.set(name, thumbnail);
    if (this.#kept.size > MOST_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
  }
}

function show(item: HTMLElement, { canvas, facts }: Thumbnail): void {
  item.querySelector(".picture")!.replaceChildren(canvas);
  item.querySelector(".soft")!.textContent = facts;
}
