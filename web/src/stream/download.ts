/** A file that arrives over HTTP, by ranges, as far as it is there. */
import { InrError } from "../errors.js";
import { Refused, refuse } from "./failures.js";
import type { Link } from "./link.js";
import { joined } from "./receiver.js";

/** The most bytes of a file that are taken. */
const MAX_FILE_BYTES = 2 ** 26;

/** What is asked for, and how. */
export interface Asking {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly link: Link;
  readonly signal: AbortSignal;
  /** Is called whenever anything new is there, and says whether a layer has become whole by it. */
  readonly news: (whole: boolean) => void;
}

export class Download {
  /** Where layers begin, in bytes. */
  starts: readonly number[] = [0];
  size = 0;
  received = 0;
  #chunks: Uint8Array[] = [];

  /** Goes on from the beginning of a file whose SHA-256 is `version`. */
  constructor(
    beginning: Uint8Array,
    private version: string,
  ) {
    this.#keep(beginning);
  }

  get complete(): boolean {
    return this.size > 0 && this.received === this.size;
  }

  /** The number of layers that are there. */
  get layers(): number {
    if (this.complete) return this.starts.length;
    return Math.max(0, this.starts.filter((at) => at <= this.received).length - 1);
  }

  /** What can be decoded: the beginning of the file, once its base layer is there. */
  runs(): Uint8Array[] {
    if (!this.received || this.received < (this.starts[1] ?? this.size)) return [];
    this.#chunks = [joined(this.#chunks)];
    return [this.#chunks[0]!];
  }

  #keep(chunk: Uint8Array): void {
    if (!chunk.length) return;
    this.#chunks.push(chunk);
    this.received += chunk.length;
  }

  /** Receive the rest of the file. */
  async run({ url, headers, link, signal, news }: Asking): Promise<void> {
    const given: Record<string, string> = { ...headers };
    if (this.received) given["Range"] = `bytes=${this.received}-`;
    if (this.received) given["If-Range"] = `"${this.version}"`;
    let response: Response;
    try {
      response = await fetch(url, { headers: given, signal, cache: "no-store" });
    } catch (error) {
      signal.throwIfAborted();
      throw new InrError("load", `the server cannot be reached: ${String(error)}`);
    }
    this.#begin(response);
    const reader = response.body!.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        await this.#take(value, link, signal, news);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof InrError) throw error;
      throw new InrError("load", "the connection was cut");
    } finally {
      await reader.cancel().catch(() => undefined);
    }
    if (!this.complete) throw new InrError("load", "the connection was cut");
  }

  /** Look at the head of a response: whether it goes on, or is another version of the file. */
  #begin(response: Response): void {
    const { status } = response;
    if (status !== 206 && status !== 200) refuse(status);
    if (status === 200) {
      this.#chunks = [];
      this.received = 0;
    }
    const length = Number(response.headers.get("Content-Length"));
    const range = /\/(\d+)$/.exec(response.headers.get("Content-Range") ?? "");
    this.size = range ? Number(range[1]) : length;
    if (!(this.size > 0 && this.size <= MAX_FILE_BYTES)) {
      throw new Refused(`a file of ${this.size} bytes; the limit is ${MAX_FILE_BYTES}`);
    }
    this.version = (response.headers.get("ETag") ?? "").replace(/^(W\/)?"|"$/g, "");
    const starts = (response.headers.get("Inr-Layers") ?? "0").split(",").map(Number);
    const ascending = starts.every((at, i) => Number.isInteger(at) && at > (starts[i - 1] ?? -1));
    this.starts = starts[0] === 0 && ascending ? starts : [0];
  }

  async #take(chunk: Uint8Array, link: Link, signal: AbortSignal, news: Asking["news"]): Promise<void> {
    const step = link.options.rate ? 1136 : chunk.length;
    for (let at = 0; at < chunk.length; at += step) {
      const piece = chunk.subarray(at, at + step);
      await new Promise<void>((resolve) => link.push(piece.length, false, resolve));
      signal.throwIfAborted();
      const before = this.layers;
      if (this.received + piece.length > this.size) throw new Refused("more bytes than the server said");
      this.#keep(piece);
      news(this.layers > before);
    }
  }
}
