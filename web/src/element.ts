/** Defines the element `<inr-image src alt width height loading>`, which behaves as `<img>` does. */
import { type Progress, InrError, decode, prepare } from "./index.js";
import type { HeaderInfo } from "./index.js";
import { type Fetched, fetched } from "./fetching.js";
import { isDrawnAtAnySize } from "./header.js";
import { Picture } from "./picture.js";
import { CANVAS_SIDE } from "./sides.js";

const STYLE = `
:host { display: inline-block; }
:host([hidden]) { display: none; }
div { display: grid; inline-size: 100%; block-size: 100%; object-fit: inherit; object-position: inherit; }
canvas { grid-area: 1 / 1; inline-size: 100%; block-size: 100%; object-fit: inherit; object-position: inherit; min-inline-size: 0; min-block-size: 0; }
div[hidden], canvas[hidden], span[hidden], slot[hidden] { display: none; }
span { display: block; font: inherit; overflow-wrap: anywhere; }
`;

/** How far from the window a lazy image begins to load. */
const MARGIN = "600px";

/** How long an element keeps its size, in milliseconds, before its network is drawn at that size. */
const CALM = 200;

/** Most pixels of a network that is drawn larger than its image. */
const SHARP_PIXELS = 2 ** 23;

const shared = new CSSStyleSheet();
shared.replaceSync(STYLE);

const observer = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) (entry.target as InrImage).loadNow();
    }
  },
  { rootMargin: MARGIN },
);

const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) (target as InrImage).sharpenSoon();
});

function pixels(value: string | null): number | undefined {
  const number = value === null ? NaN : Number.parseInt(value, 10);
  return number >= 0 ? number : undefined;
}

/** An image that is decoded in a worker and drawn on a canvas.
 *
 * Attributes as of `<img>`: `src`, `alt`, `width`, `height`, `loading`, `crossorigin`. Events: `load`,
 * `error` (the reason is in the property `error`), `progress` (a `ProgressEvent` of bytes). Children
 * are shown where the image cannot be. */
export class InrImage extends HTMLElement {
  static readonly observedAttributes = ["src", "alt", "width", "height", "loading"];

  readonly #internals = this.attachInternals();
  readonly #sheet = new CSSStyleSheet();
  readonly #picture = new Picture();
  readonly #text = document.createElement("span");
  readonly #slot = document.createElement("slot");
  #request: AbortController | undefined;
  #info: HeaderInfo | undefined;
  #error: Error | undefined;
  #complete = true;
  /** The last picture on its way to the screen. */
  #drawn = Promise.resolve();
  /** Whether it waits to come near the window, or for its first turn. */
  #unloaded = false;
  #calm: ReturnType<typeof setTimeout> | undefined;
  #waiting: { resolve: () => void; reject: (error: unknown) => void }[] = [];

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [shared, this.#sheet];
    this.#text.setAttribute("part", "message");
    root.append(this.#picture.box, this.#text, this.#slot);
    this.#internals.role = "img";
    this.#show("nothing");
  }

  get src(): string {
    const src = this.getAttribute("src");
    return src === null ? "" : new URL(src, document.baseURI).href;
  }

  set src(value: string) {
    this.setAttribute("src", value);
  }

  get alt(): string {
    return this.getAttribute("alt") ?? "";
  }

  set alt(value: string) {
    this.setAttribute("alt", value);
  }

  get loading(): "eager" | "lazy" {
    return this.getAttribute("loading")?.toLowerCase() === "lazy" ? "lazy" : "eager";
  }

  set loading(value: string) {
    this.setAttribute("loading", value);
  }

  get width(): number {
    return pixels(this.getAttribute("width")) ?? this.clientWidth;
  }

  set width(value: number) {
    this.setAttribute("width", String(value));
  }

  get height(): number {
    return pixels(this.getAttribute("height")) ?? this.clientHeight;
  }

  set height(value: number) {
    this.setAttribute("height", String(value));
  }

  /** Width of the image in pixels, 0 before its header is there. */
  get naturalWidth(): number {
    return this.#info?.width ?? 0;
  }

  /** Height of the image in pixels, 0 before its header is there. */
  get naturalHeight(): number {
    return this.#info?.height ?? 0;
  }

  /** Whether there is nothing more to load. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Why the image is not there, if it failed. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Resolves once the image is drawn; rejects if it cannot be. */
  decode(): Promise<void> {
    if (this.#complete && this.#info && !this.#error) return Promise.resolve();
    if (this.#complete) {
      return Promise.reject(this.#error ?? new InrError("option", "the image has no source"));
    }
    this.loadNow();
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  connectedCallback(): void {
    if (this.hasAttribute("src") && this.#complete && !this.#info && !this.#error) this.#begin();
    else if (this.#unloaded && this.loading === "lazy") observer.observe(this);
    resized.observe(this);
  }

  disconnectedCallback(): void {
    observer.unobserve(this);
    resized.unobserve(this);
  }

  attributeChangedCallback(name: string): void {
    if (name === "src") this.#begin();
    else if (name === "alt") this.#tellAlt();
    else if (name !== "loading") this.#lay();
    else if (this.loading === "eager") this.loadNow();
  }

  /** Load an image that waits to come near the window. */
  loadNow(): void {
    if (!this.#unloaded) return;
    this.#unloaded = false;
    observer.unobserve(this);
    const request = new AbortController();
    this.#request = request;
    void this.#load(this.src, request);
  }

  /** A network of coordinates is an image of any size: draw it at that of the element, once that has
   * been the same for a while. */
  sharpenSoon(): void {
    clearTimeout(this.#calm);
    if (this.#info && !isDrawnAtAnySize(this.#info.model)) return;
    this.#calm = setTimeout(() => void this.#sharpen(), CALM);
  }

  async #sharpen(): Promise<void> {
    const { signal } = this.#request ?? {};
    const info = this.#info;
    if (!info || !signal || signal.aborted || !this.#complete || this.#error) return;
    if (!isDrawnAtAnySize(info.model)) return;
    const ratio = info.width / info.height;
    const most = Math.floor(Math.min(Math.sqrt(SHARP_PIXELS * ratio), CANVAS_SIDE, CANVAS_SIDE * ratio));
    const width = Math.min(most, Math.round(this.clientWidth * devicePixelRatio));
    if (width <= this.#picture.columns) return;
    try {
      const { body } = await this.#fetch(this.src, signal, "force-cache");
      await this.#picture.draw(await decode(body, { width, signal }), signal);
    } catch {
      /* the picture as it is stays */
    }
  }

  #begin(): void {
    this.#request?.abort();
    this.#settle(new InrError("load", "the image has another source now"));
    this.#info = this.#error = undefined;
    this.#picture.reset();
    this.#show("nothing");
    this.#tellAlt();
    observer.unobserve(this);
    this.#complete = !this.getAttribute("src");
    this.#unloaded = !this.#complete;
    if (this.#complete) return;
    if (this.loading !== "lazy") queueMicrotask(() => this.loadNow());
    else if (this.isConnected) observer.observe(this);
  }

  async #load(src: string, request: AbortController): Promise<void> {
    const { signal } = request;
    try {
      prepare();
      const { body, length, type } = await this.#fetch(src, signal);
      const onProgress = (progress: Progress): void => {
        if (!signal.aborted) this.#progress(progress, length);
      };
      const image = await decode(body, { onProgress, signal, maxSide: CANVAS_SIDE }).catch((error) => {
        if (error instanceof InrError && /signature/.test(error.message) && type) {
          throw new InrError(error.code, `${error.message}; the server says that it is ${type}`);
        }
        throw error;
      });
      await this.#picture.draw(image, signal);
      if (signal.aborted) return;
      this.#complete = true;
      this.#settle();
      this.dispatchEvent(new Event("load"));
      this.sharpenSoon();
    } catch (error) {
      await this.#drawn.catch(() => undefined);
      if (!signal.aborted) this.#fail(error instanceof Error ? error : new Error(String(error)));
      request.abort();
    }
  }

  #fetch(src: string, signal: AbortSignal, cache: RequestCache = "default"): Promise<Fetched> {
    const credentials = this.getAttribute("crossorigin") === "use-credentials" ? "include" : "same-origin";
    return fetched(src, { signal, credentials, cache });
  }

  #progress({ info, image, received }: Progress, total: number): void {
    if (!this.#info) {
      this.#info = info;
      this.#picture.size(info, CANVAS_SIDE);
      this.#lay();
      this.#show("image");
    }
    if (image) this.#drawn = this.#picture.draw(image, this.#request!.signal);
    const lengthComputable = total >= received;
    const numbers = { lengthComputable, loaded: received, total: lengthComputable ? total : 0 };
    this.dispatchEvent(new ProgressEvent("progress", numbers));
  }

  #fail(error: Error): void {
    this.#error = error;
    this.#complete = true;
    this.#text.textContent = this.alt ? `${this.alt} (${error.message})` : error.message;
    const lost = error instanceof InrError && error.code === "load" && this.#picture.begun;
    if (!lost) this.#show(this.children.length ? "children" : "message");
    this.#settle(error);
    this.dispatchEvent(new ErrorEvent("error", { error, message: error.message }));
  }

  #settle(error?: Error): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { resolve, reject } of waiting) error ? reject(error) : resolve();
  }

  #show(what: "nothing" | "image" | "message" | "children"): void {
    this.#picture.box.hidden = what !== "image";
    this.#text.hidden = what !== "message";
    this.#slot.hidden = what !== "children";
  }

  #tellAlt(): void {
    this.#internals.role = this.hasAttribute("alt") && !this.alt ? "presentation" : "img";
    this.#internals.ariaLabel = this.alt || null;
  }

  /** Sizes as those of `<img>`: rules of the page come before them. */
  #lay(): void {
    const width = pixels(this.getAttribute("width"));
    const height = pixels(this.getAttribute("height"));
    const ratio = this.#info ?? (width && height ? { width, height } : undefined);
    const rules = [
      width === undefined ? "" : `inline-size: ${width}px;`,
      height === undefined ? "" : `block-size: ${height}px;`,
      ratio ? `aspect-ratio: ${ratio.width} / ${ratio.height};` : "",
    ];
    this.#sheet.replaceSync(`:host { ${rules.join(" ")} }`);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "inr-image": InrImage;
  }
}

if (!customElements.get("inr-image")) customElements.define("inr-image", InrImage);
