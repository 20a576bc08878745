/** The receiving end of a stream as a state machine: no socket, no clock.
 *
 * It takes datagrams in any order, any number of times, and refuses whatever else arrives. At any
 * time it knows which bytes of the file are there. */
import { crc32 } from "../crc32.js";
import {
  type LayerInfo,
  type Manifest,
  NO_STREAM,
  PacketError,
  type Piece,
  have,
  parse,
  start,
  streamOf,
  want,
} from "./messages.js";

/** The most versions of a file that a receiver follows: each begins anew. */
const MOST_VERSIONS = 4;

type Datagrams = Uint8Array<ArrayBuffer>[];

/** Numbers of pieces, 0 first. */
const all = (count: number): number[] => Array.from({ length: count }, (_, number) => number);

export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** One layer on its way: pieces until it is whole, then its bytes. */
class IncomingLayer {
  data: Uint8Array | undefined;
  readonly #pieces = new Map<number, Piece>();

  constructor(readonly info: LayerInfo) {}

  /** Take a piece; returns whether the layer has become whole. */
  add(piece: Piece): boolean {
    const { size, sources, symbolBytes } = this.info;
    const last = size - (sources - 1) * symbolBytes;
    const wanted = piece.number === sources - 1 ? last : symbolBytes;
    if (piece.payload.length !== wanted) {
      throw new PacketError(`a symbol of ${piece.payload.length} bytes, not ${wanted}`);
    }
    if (this.data || this.#pieces.has(piece.number) || piece.number >= sources) return false;
    this.#pieces.set(piece.number, { ...piece, payload: piece.payload.slice() });
    if (this.#pieces.size < sources) return false;
    const data = joined(all(sources).map((number) => this.#pieces.get(number)!.payload));
    this.#pieces.clear(); /* if the sum is wrong, they are pieces of another layer: receive it anew */
    if (crc32(data) !== this.info.checksum) return false;
    this.data = data;
    return true;
  }

  /** The number of pieces that are there. */
  get held(): number {
    return this.data ? this.info.sources : this.#pieces.size;
  }

  get present(): number[] {
    return all(this.info.sources).filter((number) => this.data || this.#pieces.has(number));
  }

  get missing(): number[] {
    return this.data ? [] : all(this.info.sources).filter((number) => !this.#pieces.has(number));
  }

  /** What is there as runs: one from the beginning of the layer, then runs that begin with a section
   * each. The first is empty if the beginning is missing, the last one if the end is. */
  runs(): Uint8Array[] {
    if (this.data) return [this.data];
    const runs: Uint8Array[] = [];
    let run: Uint8Array[] | undefined = [];
    for (let number = 0; number < this.info.sources; number++) {
      const piece = this.#pieces.get(number);
      if (!piece) {
        if (run) runs.push(joined(run));
        run = undefined;
      } else if (run) run.push(piece.payload);
      else if (piece.section !== undefined) run = [piece.payload.subarray(piece.section)];
    }
    return [...runs, joined(run ?? [])];
  }
}

/** Takes the datagrams of a stream by `push`; everything else reads what it has. Keep it when a
 * connection is cut: `resume` tells a new sender what is there already. */
export class Receiver {
  manifest: Manifest | undefined;
  /** The most pieces that were ever there: what comes anew after it was thrown away is no news. */
  news = 0;
  /** The token of the last ping that was answered. */
  pong: number | undefined;
  /** Media datagrams that came, and pieces that were asked for again. */
  packets = 0;
  repaired = 0;
  #versions = 0;
  #layers: IncomingLayer[] = [];
  /** Layers that were sent since they were last asked for. */
  readonly #sent = new Set<number>();

  /** Take a datagram; returns the layers that have become whole by it. Throws a `PacketError` for one
   * that is not valid or of another stream. */
  push(packet: Uint8Array): number[] {
    const [stream, message] = parse(packet);
    if (message.type === "manifest") {
      if (stream !== streamOf(message.digest)) throw new PacketError("a manifest of another stream");
      if (message.digest !== this.manifest?.digest) this.#begin(message);
      return [];
    }
    if (message.type === "ping") {
      if (message.answer) this.pong = message.token;
      return [];
    }
    if (stream !== this.name || !this.manifest) throw new PacketError("a datagram of another stream");
    const layer = this.#layers[message.layer];
    if (!layer) throw new PacketError(`there is no layer ${message.layer}`);
    if (message.type === "sent") {
      this.#sent.add(message.layer);
      return [];
    }
    this.packets++;
    const whole = layer.add(message);
    this.news = Math.max(this.news, this.#layers.reduce((sum, { held }) => sum + held, 0));
    return whole ? [message.layer] : [];
  }

  /** Another version of the file lets go of what was there. */
  #begin(manifest: Manifest): void {
    if (++this.#versions > MOST_VERSIONS) {
      throw new PacketError(`more than ${MOST_VERSIONS} versions of one file`);
    }
    this.manifest = manifest;
    this.#layers = manifest.layers.map((info) => new IncomingLayer(info));
    this.#sent.clear();
  }

  /** The name of the stream; zeros before there is a manifest. */
  get name(): string {
    return this.manifest ? streamOf(this.manifest.digest) : NO_STREAM;
  }

  /** What begins a session: HAVE for what is there, then START. */
  resume(): Datagrams {
    return [...this.haves(), start(this.name)];
  }

  /** What says what is there. */
  haves(): Datagrams {
    return this.#layers.flatMap((layer, number) => have(this.name, number, layer.present));
  }

  /** What is said after a push that made these layers whole: that they are, and what is missing of
   * layers that were sent. */
  replies(whole: readonly number[]): Datagrams {
    const thanks = whole.flatMap((layer) => have(this.name, layer, all(this.#layers[layer]!.info.sources)));
    const sent = [...this.#sent];
    this.#sent.clear();
    return [...thanks, ...sent.flatMap((layer) => this.#wants(layer))];
  }

  /** What asks for all that is missing. */
  wantsAll(): Datagrams {
    return this.#layers.flatMap((_, layer) => this.#wants(layer));
  }

  #wants(layer: number): Datagrams {
    const missing = this.#layers[layer]!.missing;
    this.repaired += missing.length;
    return want(this.name, layer, missing);
  }

  /** The number of whole layers before the first that is not whole. */
  get layers(): number {
    const first = this.#layers.findIndex(({ data }) => !data);
    return first < 0 ? this.#layers.length : first;
  }

  get totalLayers(): number {
    return this.#layers.length;
  }

  get complete(): boolean {
    return this.#layers.length > 0 && this.layers === this.#layers.length;
  }

  /** Bytes of the file. */
  get size(): number {
    return this.#layers.reduce((sum, { info }) => sum + info.size, 0);
  }

  /** Everything that can be decoded: the first run is the beginning of the file, the others begin
   * with a section. Without the base layer there are none. */
  runs(): Uint8Array[] {
    if (!this.#layers[0]?.data) return [];
    const runs: Uint8Array[][] = [[]];
    for (const layer of this.#layers) {
      const [first, ...others] = layer.runs();
      runs[runs.length - 1]!.push(first!);
      runs.push(...others.map((run) => [run]));
    }
    return runs.map(joined).filter((run) => run.length);
  }
}
