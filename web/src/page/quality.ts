/** PSNR against the image that a file was made of, and its curve over time. */
import { drawn } from "./elements.js";

const WIDTH = 320;
const HEIGHT = 190;
const LEFT = 40;
const BOTTOM = 24;

/** The pixels of an image as a browser decodes it. */
export async function pixelsOf(image: Blob): Promise<ImageData> {
  const bitmap = await createImageBitmap(image, { colorSpaceConversion: "none" });
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true })!;
  context.drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height);
  bitmap.close();
  return pixels;
}

/** A picture that was shown: milliseconds since the file was asked for, and PSNR in dB. */
export interface Point {
  readonly elapsed: number;
  readonly psnr: number;
}

/** The curve of the pictures that were shown: each stays until the next one. */
export function curveOf(points: readonly Point[]): SVGElement {
  const last = points[points.length - 1]!;
  const end = Math.max(100, last.elapsed) * 1.05;
  const values = points.map((point) => Math.min(99, point.psnr));
  const low = Math.floor(Math.min(...values) - 1);
  const high = Math.ceil(Math.max(...values) + 1);
  const x = (elapsed: number): number => LEFT + (elapsed / end) * (WIDTH - LEFT - 8);
  const y = (value: number): number => 8 + ((high - value) / (high - low)) * (HEIGHT - BOTTOM - 8);
  const label = `PSNR from ${values[0]!.toFixed(1)} dB after ${Math.round(points[0]!.elapsed)} ms to ${values.at(-1)!.toFixed(1)} dB after ${Math.round(last.elapsed)} ms`;
  const svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  for (const value of [low, (low + high) / 2, high]) {
    const at = y(value);
    svg.append(drawn("line", { class: "axis", x1: LEFT, x2: WIDTH - 8, y1: at, y2: at }));
    svg.append(drawn("text", { x: LEFT - 6, y: at + 4, "text-anchor": "end" }, value.toFixed(value % 1 ? 1 : 0)));
  }
  for (const share of [0, 0.5, 1]) {
    const anchor = share === 0 ? "start" : share === 1 ? "end" : "middle";
    const text = `${((share * end) / 1000).toFixed(2)} s`;
    svg.append(drawn("text", { x: x(share * end), y: HEIGHT - 6, "text-anchor": anchor }, text));
  }
  const path = points.map((point, i) => `${i ? "H" : "M"}${x(point.elapsed)}${i ? "V" : " "}${y(values[i]!)}`);
  svg.append(drawn("path", { class: "line", d: `${path.join("")}H${x(end)}` }));
  points.forEach((point, i) => svg.append(drawn("circle", { class: "point", cx: x(point.elapsed), cy: y(values[i]!), r: 3 })));
  svg.append(drawn("text", { x: LEFT + 4, y: 20 }, "PSNR (dB)"));
  return svg;
}
