import type { Made, Status, Wanted } from "./decoding.js";
import { type ErrorCode, InrError } from "./errors.js";
import type { FromWorker, ToWorker } from "./protocol.js";

const MOST_WORKERS = 4;

/** Bytes of a file on their way to a worker: at once, in runs, or as they arrive. */
export type Input = Uint8Array | readonly Uint8Array[] | ReadableStream<Uint8Array>;

interface Waiting {
  readonly status: (status: Status) => void;
  readonly resolve: (made: Made) => void;
  readonly reject: (error: unknown) => void;
}

let jobs = 0;

/** A worker and the decodings that it does. */
class Helper {
  readonly waiting = new Map<number, Waiting>();
  readonly #worker: Worker;

  constructor() {
    try {
      this.#worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new InrError("load", `the worker of the decoder cannot be started: ${reason}`);
    }
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#take(data);
    this.#worker.onerror = (event) => {
      const reason = event.message || "its script cannot be loaded";
      this.#fail(new InrError("load", `the worker of the decoder fails: ${reason}`));
    };
  }

  send(message: ToWorker, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #take(message: FromWorker): void {
    const waiting = this.waiting.get(message.job);
    if (!waiting) return;
    if (message.type === "status") {
      waiting.status(message.status);
      return;
    }
    this.waiting.delete(message.job);
    if (message.type === "made") waiting.resolve(message.made);
    else waiting.reject(new InrError(message.code as ErrorCode, message.message));
  }

  #fail(error: InrError): void {
    helpers.delete(this);
    this.#worker.terminate();
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}

const helpers = new Set<Helper>();

/** The helper with the least to do, or a new one while there may be more. */
function helper(): Helper {
  const most = Math.max(1, Math.min(MOST_WORKERS, (navigator.hardwareConcurrency || 2) - 1));
  const sorted = [...helpers].sort((one, two) => one.waiting.size - two.waiting.size);
  const idle = sorted[0];
  if (idle && (idle.waiting.size === 0 || helpers.size >= most)) return idle;
  const made = new Helper();
  helpers.add(made);
  return made;
}

/** Send all of a stream, or of what there is. */
async function feed(helping: Helper, job: number, input: Input, signal: AbortSignal): Promise<void> {
  if (input instanceof Uint8Array) {
    helping.send({ type: "chunk", job, chunk: input });
  } else if (input instanceof ReadableStream) {
    const reader = input.getReader();
    const cancel = (): void => void reader.cancel(signal.reason).catch(() => undefined);
    signal.addEventListener("abort", cancel, { once: true });
    try {
      for (;;) {
        const { done, value } = await reader.read().catch((error: unknown) => {
          const reason = error instanceof Error ? error.message : String(error);
          throw new InrError("load", `the rest of the file cannot be loaded: ${reason}`);
        });
        if (done || signal.aborted) break;
        if (!(value instanceof Uint8Array)) {
          throw new InrError("option", "a stream has chunks of bytes, Uint8Array");
        }
        const owned = value.byteLength === value.buffer.byteLength;
        helping.send({ type: "chunk", job, chunk: value }, owned ? [value.buffer] : []);
      }
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }
  helping.send({ type: "end", job });
}

/** Start a worker, and have it load the decoder, before there are bytes. */
export function prepareWorker(base: string): void {
  if (!helpers.size) helper().send({ type: "prepare", base });
}

/** Decode in a worker. Where the rest of a file cannot be loaded, `status` is told the picture of what came
 * before that is thrown. */
export async function decodeInWorker(
  input: Input,
  wanted: Wanted,
  base: string,
  status: (status: Status) => void,
  signal: AbortSignal | undefined,
): Promise<Made> {
  signal?.throwIfAborted();
  const helping = helper();
  const job = ++jobs;
  const stop = new AbortController();
  const aborted = (): void => {
    helping.send({ type: "abort", job });
    const waiting = helping.waiting.get(job);
    helping.waiting.delete(job);
    waiting?.reject(signal!.reason);
  };
  let last: Status | undefined;
  const told = (now: Status): void => {
    last = now;
    status(now);
  };
  signal?.addEventListener("abort", aborted, { once: true });
  try {
    return await new Promise<Made>((resolve, reject) => {
      helping.waiting.set(job, { status: told, resolve, reject });
      const runs = input instanceof Uint8Array || input instanceof ReadableStream ? undefined : input;
      helping.send({ type: "start", job, wanted, base, runs });
      feed(helping, job, input, stop.signal).catch((error: unknown) => {
        const lost = error instanceof InrError && error.code === "load" && wanted.progressive;
        if (lost && helping.waiting.has(job)) {
          const shown = (made: Made): void => {
            if (last) status({ ...last, made });
            reject(error);
          };
          helping.waiting.set(job, { status: told, resolve: shown, reject: () => reject(error) });
          helping.send({ type: "end", job });
          return;
        }
        helping.send({ type: "abort", job });
        helping.waiting.delete(job);
        reject(error);
      });
    });
  } finally {
    stop.abort();
    signal?.removeEventListener("abort", aborted);
  }
}
