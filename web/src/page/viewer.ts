/** The viewer: one image as it arrives, what has arrived of it, and what it is made of. */
import { isDrawnAtAnySize } from "../header.js";
import { CANVAS_SIDE, within } from "../sides.js";
import { type HeaderInfo, InrError, decode, info } from "../index.js";
import { type Arrival, type Transport, receive } from "../stream/index.js";
import { anatomyOf } from "./anatomy.js";
import { byId, made, paint } from "./elements.js";
import { psnr } from "../psnr.js";
import { type Point, curveOf, pixelsOf } from "./quality.js";
import { type Head, TokenWanted, fileUrl, head, headers, whole } from "./server.js";
import { Stage } from "./stage.js";
import { bitsPerSecond, bytes, plural, seconds } from "./text.js";

/** Rates of the slider in bits per second; the last one stands for as much as comes. */
const RATES = [32e3, 64e3, 128e3, 256e3, 512e3, 1e6, 2e6, 4e6, 0];

const MAX_PIXELS = 2 ** 27;

/** Bytes of the largest file that is opened from this device. */
const MAX_FILE_BYTES = 2 ** 26;

/** How long a slider rests, in milliseconds, before the file is received anew. */
const REST = 250;

export class Viewer {
  readonly #stage = new Stage(() => void this.#sharpen());
  readonly #state = byId("state");
  readonly #image = byId<HTMLCanvasElement>("image");
  #stop = new AbortController();
  #drawing = new AbortController();
  #name = "";
  #query = "";
  #info: HeaderInfo | undefined;
  #runs: readonly Uint8Array[] = [];
  #reference: Promise<ImageData | undefined> = Promise.resolve(undefined);
  #points: Point[] = [];
  #first: number | undefined;
  #rest: ReturnType<typeof setTimeout> | undefined;

  /** `refused` is called if the server wants a token. */
  constructor(readonly refused: () => void) {
    byId("again").addEventListener("click", () => this.#receive());
    byId("download").addEventListener("click", () => void this.#save());
    for (const input of document.querySelectorAll("#stream input")) {
      input.addEventListener("input", () => this.#tellLink());
      input.addEventListener("change", () => {
        clearTimeout(this.#rest);
        this.#rest = setTimeout(() => this.#receive(), REST);
      });
    }
    this.#tellLink();
  }

  /** Show a file of the server; `query` is that of a signed link. */
  show(name: string, query: string): void {
    this.#begin(name);
    this.#query = query;
    this.#receive();
  }

  /** Show the bytes of a file that was dropped; nothing leaves the page. */
  async showFile(file: File): Promise<void> {
    this.#begin(file.name);
    byId("stream").hidden = byId("download").hidden = true;
    document.querySelector(".columns")!.classList.add("alone");
    const { signal } = this.#restart();
    this.#tell("Reading");
    try {
      if (file.size > MAX_FILE_BYTES) throw new InrError("limit", `files of more than ${bytes(MAX_FILE_BYTES)} are not read`);
      const data = new Uint8Array(await file.arrayBuffer());
      await this.#draw([data], signal);
      this.#tell("Shown from this device");
      this.#complete([data]);
    } catch (error) {
      if (!signal.aborted) this.#fail(error);
    }
  }

  hide(): void {
    clearTimeout(this.#rest);
    this.#stop.abort(new DOMException("the viewer is closed", "AbortError"));
    this.#drawing.abort();
  }

  #begin(name: string): void {
    this.hide();
    this.#stage.clear();
    this.#name = name;
    byId("name").textContent = name;
    document.title = `${name} – inrcodec`;
    this.#image.setAttribute("aria-label", name);
    byId("stream").hidden = byId("download").hidden = false;
    document.querySelector(".columns")!.classList.remove("alone");
  }

  /** Let go of what was there. */
  #restart(): AbortController {
    this.hide();
    this.#info = undefined;
    this.#runs = [];
    this.#points = [];
    this.#first = undefined;
    this.#reference = Promise.resolve(undefined);
    this.#image.width = this.#image.height = 0;
    byId("facts").textContent = "";
    delete byId("viewer").dataset["complete"];
    byId("counts").replaceChildren();
    byId("layers").replaceChildren();
    byId("anatomy-section").hidden = byId("curve-section").hidden = true;
    this.#stop = new AbortController();
    return this.#stop;
  }

  #receive(): void {
    const { signal } = this.#restart();
    this.#tell("Connecting");
    const url = fileUrl(this.#name, this.#query);
    const transport = this.#transport;
    const link = { loss: this.#loss, rate: this.#rate / 8 };
    const arrivals = receive(url, { transport: transport === "http" ? "http" : "auto", link, headers: headers(), signal });
    void this.#follow(arrivals, head(url, signal), signal);
  }

  async #follow(arrivals: AsyncGenerator<Arrival>, asked: Promise<Head>, signal: AbortSignal): Promise<void> {
    this.#reference = asked.then((found) => this.#referenceOf(found, signal)).catch(() => undefined);
    let newest: Arrival | undefined;
    try {
      for await (const arrival of arrivals) {
        newest = arrival;
        if (arrival.runs.length) await this.#drawArrival(arrival, signal);
        this.#count(arrival);
        if (!arrival.complete) this.#tell(this.#waiting(arrival), !!arrival.trouble);
      }
      if (signal.aborted || !newest) return;
      this.#tell(`All ${plural(newest.totalLayers, "layer")} after ${seconds(newest.elapsed)}`);
      this.#complete(newest.runs);
    } catch (error) {
      if (signal.aborted) return;
      const refused = await asked.then(() => undefined, (reason: unknown) => reason); /* which says more */
      if (signal.aborted) return;
      this.#fail(newest?.runs.length ? error : (refused ?? error));
      if (refused instanceof TokenWanted) this.refused();
    }
  }

  /** Draw what has arrived; a beginning that shows nothing yet is none of the viewer's errors. */
  async #drawArrival({ runs, elapsed, complete }: Arrival, signal: AbortSignal): Promise<void> {
    try {
      await this.#draw(runs, signal, elapsed);
    } catch (error) {
      if (complete || signal.aborted || !(error instanceof InrError) || error.code !== "truncated") throw error;
    }
  }

  /** Save the file on this device. */
  async #save(): Promise<void> {
    try {
      const url = URL.createObjectURL(await whole(fileUrl(this.#name, this.#query)));
      const link = made("a");
      [link.href, link.download] = [url, this.#name];
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
    } catch (error) {
      this.#fail(error);
    }
  }

  #waiting({ layers, totalLayers, trouble }: Arrival): string {
    const there = totalLayers ? `${layers} of ${plural(totalLayers, "layer")}` : "nothing yet";
    return trouble ? `${there}; connecting again: ${trouble}` : there;
  }

  async #referenceOf({ reference: url }: Head, signal: AbortSignal): Promise<ImageData | undefined> {
    return url === null ? undefined : pixelsOf(await whole(url + this.#query, signal));
  }

  /** Draw what is there. `elapsed` is when it was: decoding comes on top. */
  async #draw(runs: readonly Uint8Array[], signal: AbortSignal, elapsed = 0): Promise<void> {
    const begun = performance.now();
    this.#know(info(runs[0]!));
    const image = await decode(runs, { signal, maxPixels: MAX_PIXELS, maxSide: CANVAS_SIDE });
    signal.throwIfAborted();
    paint(this.#image, image);
    this.#runs = runs;
    const shown = elapsed + performance.now() - begun;
    this.#first ??= shown;
    void this.#measure(image, shown, signal);
  }

  /** Say what the header says; another version of the file begins anew. */
  #know(found: HeaderInfo): void {
    const { width, height, channels, depth, model } = found;
    const known = this.#info;
    this.#info = found;
    if (known?.width === width && known.height === height && known.model === model) return;
    this.#points = [];
    const colours = ["gray", "gray and alpha", "RGB", "RGB and alpha"][channels - 1]!;
    this.#image.classList.toggle("alpha", channels % 2 === 0);
    byId("facts").textContent = `${width} × ${height}, ${colours}, ${depth} bit, ${model}`;
    const drawn = within(found, CANVAS_SIDE);
    this.#image.width = drawn.width;
    this.#image.height = drawn.height;
    this.#image.style.width = `${width}px`;
    this.#image.style.height = `${height}px`;
    this.#stage.begin(width, height);
  }

  async #measure(image: ImageData, elapsed: number, signal: AbortSignal): Promise<void> {
    const original = await this.#reference;
    if (this.#info?.depth !== 8 || this.#info.channels % 2 === 0) return; /* what canvases do not hold exactly */
    if (signal.aborted || original?.width !== image.width || original.height !== image.height) return;
    this.#points.push({ elapsed, psnr: psnr(image.data, original.data) });
    this.#points.sort((one, other) => one.elapsed - other.elapsed);
    byId("curve").replaceChildren(curveOf(this.#points));
    byId("curve-section").hidden = false;
  }

  /** Say what has arrived. */
  #count(arrival: Arrival): void {
    const { layers, totalLayers, received, size, transport, packets, lost, repaired } = arrival;
    const rows: [string, string][] = [
      ["Transport", transport === "webrtc" ? "WebRTC" : "HTTP"],
      ["Layers", `${layers} of ${totalLayers}`],
      ["Bytes", `${bytes(received)} of ${bytes(size)}`],
    ];
    if (transport === "webrtc") {
      rows.push(["Packets", String(packets)], ["Lost on purpose", String(lost)], ["Asked for again", String(repaired)]);
    }
    if (this.#first !== undefined) rows.push(["First picture", seconds(this.#first)]);
    byId("counts").replaceChildren(...rows.flatMap(([name, value]) => [made("dt", name), made("dd", value)]));
    const parts = Array.from({ length: totalLayers }, (_, i) => made("div", "", i < layers ? "whole" : ""));
    byId("layers").replaceChildren(...parts);
    byId("layers").setAttribute("aria-label", `${layers} of ${totalLayers} layers`);
  }

  /** Say what the file is made of, once all of it is there, and draw it as sharp as the screen is. */
  #complete(runs: readonly Uint8Array[]): void {
    const found = info(runs[0]!);
    byId("anatomy").replaceChildren(anatomyOf(found));
    byId("anatomy-section").hidden = false;
    byId("viewer").dataset["complete"] = "";
    void this.#sharpen();
  }

  /** A network of coordinates is an image of any size: draw what is seen of it anew. */
  async #sharpen(): Promise<void> {
    this.#drawing.abort();
    const view = this.#stage.view;
    const complete = "complete" in byId("viewer").dataset;
    if (!view || !complete || !this.#info || !isDrawnAtAnySize(this.#info.model) || this.#runs.length !== 1) return;
    this.#drawing = new AbortController();
    const { signal } = this.#drawing;
    try {
      const image = await decode(this.#runs, { ...view, signal, maxPixels: MAX_PIXELS });
      if (!signal.aborted) this.#stage.showDetail(image, view);
    } catch {
      /* the image as it is stays */
    }
  }

  get #transport(): Transport {
    return document.querySelector<HTMLInputElement>("[name=transport]:checked")!.value as Transport;
  }

  get #loss(): number {
    return Number(byId<HTMLInputElement>("loss").value) / 100;
  }

  get #rate(): number {
    return RATES[Number(byId<HTMLInputElement>("rate").value)]!;
  }

  #tellLink(): void {
    const texts = {
      loss: `${Math.round(100 * this.#loss)} %`,
      rate: this.#rate ? bitsPerSecond(this.#rate) : "as it comes",
    };
    for (const [id, text] of Object.entries(texts)) {
      byId(`${id}-text`).textContent = text;
      byId(id).setAttribute("aria-valuetext", text);
    }
    byId<HTMLInputElement>("loss").disabled = this.#transport === "http"; /* which loses no packets */
  }

  #tell(text: string, trouble = false): void {
    this.#state.textContent = text;
    this.#state.classList.toggle("trouble", trouble);
  }

  #fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#tell(this.#runs.length ? `What has arrived stays: ${message}` : message, true);
  }
}
