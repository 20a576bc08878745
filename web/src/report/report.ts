/** A section of a report that decodes its file: what the first bytes show, at any size.
 *
 * One script without imports or workers, for a page that loads nothing: the decoder, the file and its
 * initial values are in the page. Decoding lets the page breathe every 20 ms. */
import { Container } from "../container.js";
import { Kind } from "../sections.js";
import { Decoding, type Host, type Made, type Wanted } from "../decoding.js";
import { psnr } from "../psnr.js";

const MAX_PIXELS = 2 ** 24;
const MAX_WORK = 2 ** 37;
const MAX_MEMORY = 2 ** 30;

function byId<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** The bytes of a block of base64 in the page. */
function block(id: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(byId(id).textContent!.trim()), (character) => character.charCodeAt(0));
}

const slider = byId<HTMLInputElement>("prefix-bytes");
const size = byId<HTMLSelectElement>("prefix-size");
const told = byId<HTMLOutputElement>("prefix-told");
const canvas = byId<HTMLCanvasElement>("prefix-image");
const file = block("prefix-file");
const initial = byId("prefix-initial").textContent!.trim() ? block("prefix-initial") : undefined;

/** The fewest bytes that show anything: those of the networks and one grid, or of one layer. The slider
 * is logarithmic, from there to all of the file. */
const LEAST = leastOf(file);
slider.disabled = LEAST === file.length;

function leastOf(file: Uint8Array): number {
  const container = new Container();
  container.push(file);
  for (let section = container.next(); section; section = container.next()) {
    if (section.kind === Kind.latents || section.kind === Kind.layer) return section.offset + section.size;
  }
  return file.length;
}

class Superseded extends Error {}

let module: Promise<WebAssembly.Module> | undefined;
let newest = 0;

function host(turn: number): Host {
  return {
    module: () => (module ??= WebAssembly.compile(block("prefix-decoder"))),
    initial: async () => initial!,
    pause: async () => {
      await new Promise((resolve) => setTimeout(resolve));
      if (turn !== newest) throw new Superseded();
    },
    now: () => performance.now(),
    status: () => undefined,
  };
}

async function decode(data: Uint8Array, width: number, turn: number): Promise<Made> {
  const wanted: Wanted = {
    width,
    height: undefined,
    maxSide: Infinity,
    crop: undefined,
    samples: false,
    progressive: false,
    maxPixels: MAX_PIXELS,
    maxWork: MAX_WORK,
    maxMemory: MAX_MEMORY,
  };
  let taken = false;
  const next = async (): Promise<Uint8Array | undefined> => {
    const chunk = taken ? undefined : data;
    taken = true;
    return chunk;
  };
  return new Decoding(wanted, host(turn)).run({ next, waits: () => false });
}

/** PSNR in dB against the reference, drawn to the same size; undefined if that is not in the page. */
function quality(made: Made): number | undefined {
  const reference = document.querySelector<HTMLImageElement>("[data-source='0']");
  if (!reference || reference.naturalWidth !== made.width || reference.naturalHeight !== made.height) return undefined;
  const context = new OffscreenCanvas(made.width, made.height).getContext("2d")!;
  context.drawImage(reference, 0, 0);
  const wanted = context.getImageData(0, 0, made.width, made.height).data;
  return psnr(made.data, wanted);
}

/** Bytes that the slider stands for. */
function count(): number {
  const share = Number(slider.value) / Number(slider.max);
  return Math.round(LEAST * (file.length / LEAST) ** share);
}

async function show(): Promise<void> {
  const turn = ++newest;
  const bytes = count();
  const share = (100 * bytes) / file.length;
  const text = `${bytes.toLocaleString("en")} of ${file.length.toLocaleString("en")} bytes (${share.toFixed(share < 10 ? 1 : 0)} %)`;
  slider.setAttribute("aria-valuetext", text);
  told.value = text;
  try {
    const width = Math.max(1, Math.round(Number(size.dataset["width"]) * Number(size.value)));
    const made = await decode(file.subarray(0, bytes), width, turn);
    if (turn !== newest) return;
    [canvas.width, canvas.height] = [made.width, made.height];
    const pixels = new Uint8ClampedArray(made.data.buffer);
    canvas.getContext("2d")!.putImageData(new ImageData(pixels, made.width, made.height), 0, 0);
    canvas.setAttribute("aria-label", `What ${text} show`);
    const psnr = quality(made);
    const shown = psnr === Infinity ? "equal in 8 bits" : `${psnr?.toFixed(2)} dB PSNR`;
    told.value = psnr === undefined ? text : `${text}: ${shown}`;
  } catch (error) {
    if (error instanceof Superseded || turn !== newest) return;
    canvas.width = canvas.width; /* which clears it */
    told.value = `${text}: nothing yet (${error instanceof Error ? error.message : String(error)})`;
  }
}

slider.addEventListener("input", () => void show());
size.addEventListener("change", () => void show());
byId("prefix").hidden = false;
void show();
