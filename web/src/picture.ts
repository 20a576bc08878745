/** What an element shows of an image: the picture at its own size, and smaller ones before it. */
import { within } from "./sides.js";

/** Pixels that are drawn without a pause. */
const BAND_PIXELS = 2 ** 19;

function canvas(): HTMLCanvasElement {
  const made = document.createElement("canvas");
  made.setAttribute("part", "image");
  return made;
}

/** Two canvases, one upon the other, in a box. */
export class Picture {
  readonly box = document.createElement("div");
  readonly #whole = canvas();
  /** Lies over the other and shows smaller pictures, which the browser scales for the screen. */
  readonly #draft = canvas();
  /** The number of the picture that is drawn, of those of this source. */
  #drawing = 0;
  #columns = 0;

  constructor() {
    this.box.append(this.#whole, this.#draft);
  }

  /** Columns of the picture that is shown. */
  get columns(): number {
    return this.#columns;
  }

  /** Whether a picture of this source was drawn, or begun. */
  get begun(): boolean {
    return this.#drawing > 0;
  }

  /** Another source. */
  reset(): void {
    this.#drawing = this.#columns = 0;
  }

  /** Take the size of an image, at most `side` pixels a side. */
  size(image: { width: number; height: number }, side: number): void {
    const { width, height } = within(image, side);
    this.#whole.width = width;
    this.#whole.height = height;
    this.#draft.hidden = true;
  }

  /** Draw a picture, in bands between which the page may do something else. */
  async draw(image: ImageData, signal: AbortSignal): Promise<void> {
    const { width, height } = image;
    const drawing = ++this.#drawing; /* the last one that begins is the one that ends */
    const whole = width === this.#whole.width && height === this.#whole.height;
    const target = whole ? this.#whole : this.#draft;
    if (!whole) [target.width, target.height] = [width, height];
    const context = target.getContext("2d")!;
    const band = Math.max(1, Math.floor(BAND_PIXELS / width));
    for (let top = 0; top < height; top += band) {
      if (top) await new Promise((resolve) => setTimeout(resolve));
      if (signal.aborted || this.#drawing !== drawing) return;
      context.putImageData(image, 0, 0, 0, top, width, band);
    }
    this.#draft.hidden = whole;
    this.#columns = width;
  }
}
