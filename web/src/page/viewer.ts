/** The viewer: one image as it arrives, what has arrived of it, and what it is made of. */
import { isDrawnAtAnySize } from "../header.js";
import { type HeaderInfo, InrError, decode, info } from "../index.js";
import { type Arrival, type Transport, receive } from "../stream/index.js";
import { anatomyOf } from "./anatomy.js";
import { byId, made, paint } from "./elements.js";
import { psnr } from "../psnr.js";
import { type Point, curveOf, pixelsOf } from "./quality.js";
import { type Head, fileUrl, head, headers, reference } from "./server.js";
import { Stage } from "./stage.js";
import { bitsPerSecond, bytes, plural, seconds } from "./text.js";

/** Rates of the slider in bits per second; the last one stands for as much as comes. */
const RATES = [32e3, 64e3, 128e3, 256e3, 512e3, 1e6, 2e6, 4e6, 0];

const MAX_PIXELS = 2 ** 27;

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

  constructor() {
    byId("again").addEventListener("click", () => this.#receive());
    for (const input of document.querySelectorAll("#stream input")) {
      input.addEventListener("input", () => this.#tellLink());
      input.addEventListener("change", () => this.#receive());
    }
    this.#tellLink();
  }

  /** Show a file of the server; `query` is that of a signed link. */
  show(name: string, query: string): void {
    this.#begin(name);
    this.#query = query;
    const link = byId<HTMLAnchorElement>("download");
    link.href = fileUrl(name, query);
    link.download = name;
    this.#receive();
  }

  /** Show the bytes of a file that was dropped; nothing leaves the page. */
  async showFile(file: File): Promise<void> {
    this.#begin(file.name);
    byId("stream").hidden = byId("download").hidden = true;
    document.querySelector(".columns")!.classList.add("alone");
    const { signal } = this.#restart();
    try {
      const data = new Uint8Array(await file.arrayBuffer());
      await this.#draw([data], signal);
      this.#tell("");
      this.#complete([data]);
    } catch (error) {
      if (!signal.aborted) this.#fail(error);
    }
  }

  hide(): void {
    this.#stop.abort(new DOMException("the viewer is closed", "AbortError"));
    this.#drawing.abort();
  }

  #begin(name: string): void {
    this.hide();
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
    const transport = document.querySelector<HTMLInputElement>("[name=transport]:checked")!.value as Transport;
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
        this.#count(arrival);
        if (arrival.runs.length) await this.#draw(arrival.runs, signal, arrival.elapsed);
        this.#count(arrival);
        if (!arrival.complete) this.#tell(this.#waiting(arrival), !!arrival.trouble);
      }
      if (signal.aborted || !newest) return;
      this.#tell(`All ${plural(newest.totalLayers, "layer")} after ${seconds(newest.elapsed)}`);
      this.#complete(newest.runs);
    } catch (error) {
      if (signal.aborted) return;
      const refused = await asked.then(() => undefined, (reason: unknown) => reason); /* which says more */
      if (!signal.aborted) this.#fail(newest?.runs.length ? error : (refused ?? error));
    }
  }

  #waiting({ layers, totalLayers, trouble }: Arrival): string {
    const there = totalLayers ? `${layers} of ${plural(totalLayers, "layer")}` : "nothing yet";
    return trouble ? `${there}; connecting again: ${trouble}` : there;
  }

  async #referenceOf({ reference: url }: Head, signal: AbortSignal): Promise<ImageData | undefined> {
    const image = url === null ? undefined : await reference(url + this.#query, signal);
    return image && pixelsOf(image);
  }

  /** Draw what is there. `elapsed` is when it was: decoding comes on top. */
  async #draw(runs: readonly Uint8Array[], signal: AbortSignal, elapsed = 0): Promise<void> {
    const begun = performance.now();
    const onProgress = ({ info }: { info: HeaderInfo }): void => this.#know(info);
    const image = await decode(runs, { signal, onProgress, maxPixels: MAX_PIXELS });
    signal.throwIfAborted();
    paint(this.#image, image);
    this.#runs = runs;
    const shown = elapsed + performance.now() - begun;
    this.#first ??= shown;
    await this.#measure(image, shown, signal);
  }

  #know(found: HeaderInfo): void {
    if (this.#info) return;
    this.#info = found;
    const { width, height, channels, depth, model } = found;
    const colours = ["gray", "gray and alpha", "RGB", "RGB and alpha"][channels - 1]!;
    byId("facts").textContent = `${width} × ${height}, ${colours}, ${depth} bit, ${model}`;
    this.#image.width = width;
    this.#image.height = height;
    this.#stage.begin(width, height);
  }

  async #measure(image: ImageData, elapsed: number, signal: AbortSignal): Promise<void> {
    const original = await this.#reference;
    if (signal.aborted || original?.width !== image.width || original.height !== image.height) return;
    this.#points.push({ elapsed, psnr: psnr(image.data, original.data) });
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
    if (!view || !this.#info || !isDrawnAtAnySize(this.#info.model) || this.#runs.length !== 1) return;
    this.#drawing = new AbortController();
    const { signal } = this.#drawing;
    try {
      const image = await decode(this.#runs, { ...view, signal });
      if (!signal.aborted) this.#stage.showDetail(image, view);
    } catch {
      /* the image as it is stays */
    }
  }

  get #loss(): number {
    return Number(byId<HTMLInputElement>("loss").value) / 100;
  }

  get #rate(): number {
    return RATES[Number(byId<HTMLInputElement>("rate").value)]!;
  }

  #tellLink(): void {
    byId("loss-text").textContent = `${Math.round(100 * this.#loss)} %`;
    byId("rate-text").textContent = this.#rate ? bitsPerSecond(this.#rate) : "as it comes";
  }

  #tell(text: string, trouble = false): void {
    this.#state.textContent = text;
    this.#state.classList.toggle("trouble", trouble);
  }

  #fail(error: unknown): void {
    const message = error instanceof InrError || error instanceof Error ? error.message : String(error);
    this.#tell(this.#runs.length ? `What has arrived stays: ${message}` : message, true);
  }
}
