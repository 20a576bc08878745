import { Decoding, type Host, type Source, type Wanted } from "./decoding.js";
import { InrError } from "./errors.js";
import { loadModule } from "./module.js";
import type { FromWorker, ToWorker } from "./protocol.js";

interface Scope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
}

const scope = globalThis as unknown as Scope;

class Aborted extends Error {}

/** Files of initial values that are kept; an image that arrives is decoded many times. */
const KEPT_INITIAL = 32;
const kept = new Map<string, Uint8Array>();

/** A file of initial values: kept, or fetched. */
async function initialFile(name: string, base: string): Promise<Uint8Array> {
  const key = `${base} ${name}`;
  const found = kept.get(key) ?? (await fetchInitial(name, base));
  kept.delete(key); /* the last one used goes to the end */
  kept.set(key, found);
  if (kept.size > KEPT_INITIAL) kept.delete(kept.keys().next().value!);
  return found;
}

async function fetchInitial(name: string, base: string): Promise<Uint8Array> {
  const url = new URL(`initial/${name}.bin`, base);
  const missing = `the file needs the initial values ${name}, which are not at ${url.href}`;
  let response: Response;
  try {
    response = await fetch(url);
  } catch {
    throw new InrError("initial", missing);
  }
  if (!response.ok) throw new InrError("initial", `${missing} (status ${response.status})`);
  return new Uint8Array(await response.arrayBuffer());
}

/** A turn of the event loop, in which messages arrive. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/** A decoding and the bytes that have come for it. */
class Job implements Source {
  aborted = false;
  readonly #chunks: Uint8Array[] = [];
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(readonly runs: readonly Uint8Array[] | undefined) {}

  push(chunk: Uint8Array | undefined): void {
    if (chunk) this.#chunks.push(chunk);
    else this.#ended = true;
    this.#wake();
  }

  waits(): boolean {
    return !this.#chunks.length && !this.#ended;
  }

  async next(): Promise<Uint8Array | undefined> {
    while (this.waits()) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
      if (this.aborted) throw new Aborted();
    }
    return this.#chunks.shift();
  }

  abort(): void {
    this.aborted = true;
    this.push(undefined);
  }
}

const jobs = new Map<number, Job>();

async function decode(number: number, job: Job, wanted: Wanted, base: string): Promise<void> {
  const host: Host = {
    module: () => loadModule(base),
    initial: (name) => initialFile(name, base),
    now: () => performance.now(),
    pause: async () => {
      await turn();
      if (job.aborted) throw new Aborted();
    },
    status: (status) => {
      const transfer = status.made ? [status.made.data.buffer] : [];
      scope.postMessage({ type: "status", job: number, status }, transfer);
    },
  };
  try {
    const made = await new Decoding(wanted, host).run(job);
    scope.postMessage({ type: "made", job: number, made }, [made.data.buffer]);
  } catch (error) {
    if (error instanceof Aborted || job.aborted) return;
    const code = error instanceof InrError ? error.code : "limit";
    const reason = error instanceof Error ? error.message : String(error);
    const message = error instanceof InrError ? reason : `the decoder fails: ${reason}`;
    scope.postMessage({ type: "failed", job: number, code, message });
  } finally {
    jobs.delete(number);
  }
}

/** Load the decoder while the first bytes are on their way; whoever needs it sees how that fails. */
function prepare(base: string): void {
  loadModule(base).catch(() => undefined);
}

scope.onmessage = ({ data }) => {
  if (data.type === "prepare") {
    prepare(data.base);
    return;
  }
  if (data.type === "start") {
    prepare(data.base);
    const job = new Job(data.runs);
    jobs.set(data.job, job);
    void decode(data.job, job, data.wanted, data.base);
    return;
  }
  const job = jobs.get(data.job);
  if (!job) return;
  if (data.type === "chunk") job.push(data.chunk);
  if (data.type === "end") job.push(undefined);
  if (data.type === "abort") job.abort();
};
