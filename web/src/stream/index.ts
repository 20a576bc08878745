/** Receives a file of `inrcodec serve` over WebRTC data channels or HTTP: `receive`. */
import { InrError } from "../errors.js";
import { Download } from "./download.js";
import { Refused, Unavailable } from "./failures.js";
import { Link, type LinkOptions } from "./link.js";
import { Receiver } from "./receiver.js";
import { receiveByChannels } from "./session.js";

export type { LinkOptions } from "./link.js";

export type Transport = "webrtc" | "http";

export interface ReceiveOptions {
  /** How to receive; "auto", the default, is WebRTC, and HTTP where that does not get through. */
  readonly transport?: Transport | "auto";
  /** Headers of every request, such as `Authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A link to simulate. */
  readonly link?: LinkOptions;
  /** Attempts in a row without anything new; 5 by default. */
  readonly retries?: number;
  readonly signal?: AbortSignal;
}

/** What is there of a file. */
export interface Arrival {
  /** Milliseconds from when the file was asked for to when this was there. */
  readonly elapsed: number;
  readonly transport: Transport;
  /** What `decode` takes; empty before the base is there. */
  readonly runs: readonly Uint8Array[];
  /** Bytes that are there, and those of the file; 0 before they are known. */
  readonly received: number;
  readonly size: number;
  readonly layers: number;
  readonly totalLayers: number;
  /** Packets of the media channel that came, that were lost on purpose, and that were asked for again. */
  readonly packets: number;
  readonly lost: number;
  readonly repaired: number;
  readonly complete: boolean;
  /** Why it is waiting for the next attempt; empty while it receives. */
  readonly trouble: string;
}

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10000;

/** How often a layer that is not whole is worth a look. */
const PARTIAL = 300;

/** Receive a file, and say what is there of it: whenever a layer has become whole, now and then
 * between, and at the end. Whoever takes long misses what is no longer the newest. Connections that
 * are cut are made anew. Throws an `InrError` of code "load" if it gives up. */
export async function* receive(url: string | URL, options: ReceiveOptions = {}): AsyncGenerator<Arrival> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const reception = new Reception(new URL(url, globalThis.location?.href).href, options, signal);
  const over = reception.run();
  over.catch(() => undefined);
  try {
    while (await reception.changed()) yield reception.arrival();
    await over;
  } finally {
    stop.abort(new DOMException("nobody receives any more", "AbortError"));
  }
}

class Reception {
  readonly #begun = performance.now();
  readonly #receiver = new Receiver();
  readonly #link: Link;
  #transport: Transport;
  #download: Download | undefined;
  #trouble = "";
  #told = -Infinity;
  #new = false;
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(
    readonly url: string,
    readonly options: ReceiveOptions,
    readonly signal: AbortSignal,
  ) {
    this.#link = new Link(options.link ?? {});
    this.#transport = options.transport === "http" ? "http" : "webrtc";
  }

  /** Whether there is something new to tell; waits until there is, or nothing more will be. */
  async changed(): Promise<boolean> {
    while (!this.#new && !this.#ended) await new Promise<void>((resolve) => (this.#wake = resolve));
    const told = this.#new;
    this.#new = false;
    return told;
  }

  arrival(): Arrival {
    const { packets, repaired } = this.#receiver;
    const source = this.#download ?? this.#receiver;
    const runs = source.runs();
    return {
      elapsed: this.#told - this.#begun,
      transport: this.#transport,
      runs,
      received: runs.reduce((sum, run) => sum + run.length, 0),
      size: source.size,
      layers: source.layers,
      totalLayers: this.#download?.starts.length ?? this.#receiver.totalLayers,
      packets,
      lost: this.#link.lost,
      repaired,
      complete: source.complete,
      trouble: this.#trouble,
    };
  }

  /** Connect again and again until everything is there, or it makes no sense any more. */
  async run(): Promise<void> {
    try {
      let failures = 0;
      for (;;) {
        const before = this.#progress;
        try {
          await (this.#transport === "http" ? this.#byHttp() : receiveByChannels(this.#around));
          return;
        } catch (error) {
          this.signal.throwIfAborted();
          if (error instanceof Unavailable && this.options.transport !== "webrtc") {
            this.#transport = "http";
            continue;
          }
          failures = this.#progress > before ? 0 : failures + 1;
          const reason = error instanceof Error ? error.message : String(error);
          if (error instanceof Refused || error instanceof Unavailable || failures > (this.options.retries ?? 5)) {
            throw new InrError("load", reason);
          }
          this.#trouble = reason;
          this.#tell();
        }
        await this.#pause(failures);
        this.#trouble = "";
      }
    } finally {
      this.#link.close();
      this.#ended = true;
      this.#wake();
    }
  }

  get #progress(): number {
    return this.#receiver.news + (this.#download?.received ?? 0);
  }

  get #around() {
    return {
      url: this.url,
      headers: this.options.headers ?? {},
      receiver: this.#receiver,
      link: this.#link,
      signal: this.signal,
      news: (whole: boolean): void => {
        if (whole || performance.now() - this.#told > PARTIAL) this.#tell();
      },
    };
  }

  async #byHttp(): Promise<void> {
    if (!this.#download) {
      const digest = this.#receiver.manifest?.digest ?? "";
      this.#download = new Download(this.#receiver.runs()[0] ?? new Uint8Array(), digest);
    }
    await this.#download.run(this.#around);
  }

  #tell(): void {
    this.#told = performance.now();
    this.#new = true;
    this.#wake();
  }

  async #pause(failures: number): Promise<void> {
    const length = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.max(0, failures - 1));
    this.signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer);
        reject(this.signal.reason as Error);
      };
      const timer = setTimeout(() => {
        this.signal.removeEventListener("abort", stop);
        resolve();
      }, length);
      this.signal.addEventListener("abort", stop, { once: true });
    });
  }
}
