/** The image of the viewer: zoom and pan by wheel, pinch, drag, keys and buttons. */
import { byId } from "./elements.js";

const MOST = 64;
const STEP = 1.25;
const KEY_PIXELS = 60;

/** A part of the image at some size, in pixels of the screen: the size of the whole, and the part. */
export interface View {
  readonly width: number;
  readonly height: number;
  readonly crop: readonly [number, number, number, number];
}

export class Stage {
  readonly #stage = byId("stage");
  readonly #image = byId<HTMLCanvasElement>("image");
  readonly #detail = byId<HTMLCanvasElement>("detail");
  readonly #zoom = byId<HTMLOutputElement>("zoom");
  readonly #pointers = new Map<number, PointerEvent>();
  #width = 0;
  #height = 0;
  /** CSS pixels of a pixel of the image, and where its corner is. */
  #scale = 1;
  #x = 0;
  #y = 0;
  #fitted = true;
  #quiet: ReturnType<typeof setTimeout> | undefined;

  /** `moved` is called a while after the last change of what is seen. */
  constructor(readonly moved: () => void) {
    const stage = this.#stage;
    stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey && document.activeElement !== stage) return; /* the page scrolls */
      event.preventDefault();
      this.#zoomAt(2 ** (-event.deltaY / (event.deltaMode ? 8 : 300)), event.offsetX, event.offsetY);
    });
    stage.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      stage.setPointerCapture(event.pointerId);
      this.#pointers.set(event.pointerId, event);
    });
    stage.addEventListener("pointermove", (event) => this.#drag(event));
    for (const type of ["pointerup", "pointercancel"] as const) {
      stage.addEventListener(type, (event) => this.#pointers.delete(event.pointerId));
    }
    stage.addEventListener("dblclick", (event) => this.#zoomAt(2, event.offsetX, event.offsetY));
    stage.addEventListener("keydown", (event) => this.#key(event));
    byId("zoom-in").addEventListener("click", () => this.#zoomMiddle(STEP));
    byId("zoom-out").addEventListener("click", () => this.#zoomMiddle(1 / STEP));
    byId("zoom-fit").addEventListener("click", () => this.#fit());
    byId("zoom-one").addEventListener("click", () => this.#zoomMiddle(1 / this.#scale));
    new ResizeObserver(() => (this.#fitted ? this.#fit() : this.#place())).observe(stage);
  }

  /** Say how large the image is; shows all of it, unless it has that size already. */
  begin(width: number, height: number): void {
    if (width === this.#width && height === this.#height) return;
    [this.#width, this.#height] = [width, height];
    this.#stage.style.aspectRatio = `${width} / ${height}`;
    this.#detail.hidden = true;
    this.#fit();
  }

  /** Forget the image: the next one is another. */
  clear(): void {
    this.#width = this.#height = 0;
    this.#detail.hidden = true;
  }

  /** Where a part of the image is drawn that is sharper than the rest. */
  showDetail(image: ImageData, view: View): void {
    this.#detail.width = image.width;
    this.#detail.height = image.height;
    this.#detail.getContext("2d")!.putImageData(image, 0, 0);
    const shrink = (this.#scale * this.#width) / view.width;
    const [x, y] = [this.#x + view.crop[0] * shrink, this.#y + view.crop[1] * shrink];
    this.#detail.style.transform = `translate(${x}px, ${y}px) scale(${shrink})`;
    this.#detail.hidden = false;
  }

  /** What is seen, in pixels of the screen; undefined while that shows no more than the image has. */
  get view(): View | undefined {
    const scale = this.#scale * devicePixelRatio;
    if (!this.#width || scale <= 1) return undefined;
    const [width, height] = [Math.round(this.#width * scale), Math.round(this.#height * scale)];
    const ratio = devicePixelRatio;
    const left = Math.max(0, Math.floor(-this.#x * ratio));
    const top = Math.max(0, Math.floor(-this.#y * ratio));
    const right = Math.min(width, Math.ceil((this.#stage.clientWidth - this.#x) * ratio));
    const bottom = Math.min(height, Math.ceil((this.#stage.clientHeight - this.#y) * ratio));
    if (right <= left || bottom <= top) return undefined;
    return { width, height, crop: [left, top, right - left, bottom - top] };
  }

  #fit(): void {
    if (!this.#width) return;
    const { clientWidth, clientHeight } = this.#stage;
    const fit = Math.min(clientWidth / this.#width, clientHeight / this.#height);
    this.#scale = fit < 1 ? fit : Math.min(8, Math.max(1, Math.floor(fit)));
    this.#x = this.#y = 0;
    this.#fitted = true;
    this.#place();
  }

  #zoomMiddle(factor: number): void {
    this.#zoomAt(factor, this.#stage.clientWidth / 2, this.#stage.clientHeight / 2);
  }

  /** Zoom about a point of the stage, which stays where it is. */
  #zoomAt(factor: number, x: number, y: number): void {
    const scale = Math.min(MOST, Math.max(1 / MOST, this.#scale * factor));
    const ratio = scale / this.#scale;
    this.#x = x - (x - this.#x) * ratio;
    this.#y = y - (y - this.#y) * ratio;
    this.#scale = scale;
    this.#fitted = false;
    this.#place();
  }

  #drag(event: PointerEvent): void {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    this.#pointers.set(event.pointerId, event);
    const [other] = [...this.#pointers.values()].filter(({ pointerId }) => pointerId !== event.pointerId);
    if (other) {
      const distance = (to: PointerEvent): number => Math.hypot(to.clientX - other.clientX, to.clientY - other.clientY);
      const box = this.#stage.getBoundingClientRect();
      const [x, y] = [(event.clientX + other.clientX) / 2 - box.left, (event.clientY + other.clientY) / 2 - box.top];
      this.#zoomAt(distance(event) / Math.max(1, distance(before)), x, y);
    }
    const share = other ? 0.5 : 1;
    this.#move((event.clientX - before.clientX) * share, (event.clientY - before.clientY) * share);
  }

  #move(x: number, y: number): void {
    this.#x += x;
    this.#y += y;
    this.#fitted = false;
    this.#place();
  }

  #key(event: KeyboardEvent): void {
    const keys: Record<string, () => void> = {
      ArrowLeft: () => this.#move(KEY_PIXELS, 0),
      ArrowRight: () => this.#move(-KEY_PIXELS, 0),
      ArrowUp: () => this.#move(0, KEY_PIXELS),
      ArrowDown: () => this.#move(0, -KEY_PIXELS),
      "+": () => this.#zoomMiddle(STEP),
      "=": () => this.#zoomMiddle(STEP),
      "-": () => this.#zoomMiddle(1 / STEP),
      "0": () => this.#fit(),
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]!();
  }

  /** Place the image: in the middle where the stage is larger, and never out of sight. */
  #place(): void {
    const { clientWidth, clientHeight } = this.#stage;
    const clamp = (at: number, size: number, room: number): number =>
      size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, at));
    this.#x = clamp(this.#x, this.#width * this.#scale, clientWidth);
    this.#y = clamp(this.#y, this.#height * this.#scale, clientHeight);
    this.#image.style.transform = `translate(${this.#x}px, ${this.#y}px) scale(${this.#scale})`;
    this.#image.classList.toggle("pixels", this.#scale * devicePixelRatio >= 3);
    this.#stage.classList.toggle("fitted", this.#fitted);
    this.#detail.hidden = true;
    this.#zoom.value = `${Math.round(100 * this.#scale)} %`;
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(this.moved, 150);
  }
}
