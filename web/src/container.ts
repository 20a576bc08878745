/** A file: its sections in order, as its bytes arrive, and what is left of one that lost bytes. */
import { crc32 } from "./crc32.js";
import { InrError, formatError } from "./errors.js";
import { type Header, SPINR, isLatent, readHeader } from "./header.js";
import { KIND_NAMES, Kind, type Section, partialSection, sectionAt } from "./sections.js";

const REPEATED = new Set<number>([Kind.latents, Kind.alphaLatents, Kind.layer]);
const SIGNATURE = [0x89, 0x4e, 0x49, 0x46, 1];
const MAX_SECTIONS = 2 ** 16;
const LEAST_CUT = 16;

/** The most bytes of a file that are taken. */
const MAX_FILE_BYTES = 2 ** 30;

/** A section of the image, as a decoder takes it. */
export interface Part {
  readonly section: Section;
  /** Whether nothing of it is missing. */
  readonly whole: boolean;
  /** Whether bytes are missing before it. */
  readonly gap: boolean;
}

/** The bytes so far, in one array that grows. */
class Bytes {
  #all = new Uint8Array(0);
  length = 0;

  push(chunk: Uint8Array): void {
    if (this.length + chunk.length > this.#all.length) {
      const larger = new Uint8Array(Math.max(2 * this.#all.length, this.length + chunk.length));
      larger.set(this.data);
      this.#all = larger;
    }
    this.#all.set(chunk, this.length);
    this.length += chunk.length;
  }

  get data(): Uint8Array {
    return this.#all.subarray(0, this.length);
  }
}

/** Refuses critical sections that repeat, come too early or belong to no such image. */
class Order {
  readonly #seen = new Set<number>();
  #header: Header | undefined;

  /** The header, once its section was there. */
  get header(): Header | undefined {
    return this.#header;
  }

  check(section: Section): void {
    const { kind, offset } = section;
    if (!this.#header) {
      if (kind !== Kind.header) {
        throw formatError(`the first section must be the header, got kind ${kind}`);
      }
      this.#header = readHeader(section.payload);
    }
    if (kind >= 128) return;
    if (this.#seen.has(kind) && !REPEATED.has(kind)) {
      throw formatError(`more than one section of kind ${KIND_NAMES[kind]}`, offset);
    }
    this.#seen.add(kind);
    const latent = kind >= Kind.latents && kind <= Kind.alphaLatents;
    if (!latent && kind !== Kind.layer) return;
    const { family, channels } = this.#header;
    if (latent ? !isLatent(family) : family !== SPINR) {
      throw formatError(`${KIND_NAMES[kind]} in a file of another family`, offset);
    }
    const alpha = kind === Kind.alphaParameters || kind === Kind.alphaLatents;
    if (alpha && channels % 2) {
      throw formatError(`${KIND_NAMES[kind]} in a file without alpha`, offset);
    }
    const before = kind === Kind.alphaLatents ? Kind.alphaParameters : Kind.parameters;
    if (!this.#seen.has(before)) {
      throw formatError(`${KIND_NAMES[kind]} comes before ${KIND_NAMES[before]}`, offset);
    }
  }
}

/** Parses a file while its bytes arrive: `push` bytes, take sections from `next` until it has none,
 * and `finish` when no more bytes come. Throws an `InrError` as soon as the bytes are none of a file. */
export class Container {
  readonly #bytes = new Bytes();
  readonly #order = new Order();
  readonly sections: Section[] = [];
  #at = 0;
  #critical = 0;
  #ended = false;

  /** The header, once it is there. */
  get header(): Header | undefined {
    return this.#order.header;
  }

  /** Whether the end of the file was there. */
  get complete(): boolean {
    return this.#ended;
  }

  /** Bytes so far. */
  get received(): number {
    return this.#bytes.length;
  }

  push(chunk: Uint8Array): void {
    if (this.received + chunk.length > MAX_FILE_BYTES) {
      throw new InrError("limit", `more than ${MAX_FILE_BYTES} bytes`);
    }
    this.#bytes.push(chunk);
    const data = this.#bytes.data;
    const start = Math.min(4, data.length);
    for (let i = 0; i < start; i++) {
      if (data[i] !== SIGNATURE[i]) throw formatError("not an .inr file: the signature is missing", 0);
    }
    if (data.length > 4 && data[4] !== SIGNATURE[4]) {
      throw formatError(`format version ${data[4]} is not known to this reader`, 4);
    }
  }

  /** The next whole section, or undefined until there are more bytes. */
  next(): Section | undefined {
    const data = this.#bytes.data;
    if (!this.#at && data.length >= 5) {
      this.#at = 5;
      this.#critical = crc32(data.subarray(0, 5));
    }
    if (this.#ended && this.#at < data.length) {
      throw formatError(`${data.length - this.#at} bytes follow the end of the file`, this.#at);
    }
    if (!this.#at || this.#ended) return undefined;
    const section = sectionAt(data, this.#at);
    if (!section) return undefined;
    if (this.sections.length >= MAX_SECTIONS) {
      throw new InrError("limit", `more than ${MAX_SECTIONS} sections`);
    }
    this.#order.check(section);
    if (section.kind === Kind.end) this.#end(section);
    else if (section.kind < 128) {
      const whole = data.subarray(section.offset, section.offset + section.size);
      this.#critical = crc32(whole, this.#critical);
    }
    this.#at += section.size;
    this.sections.push(section);
    return section;
  }

  /** Check what is there once no more bytes come; returns the section that a prefix ends in. */
  finish(): Section | undefined {
    if (this.#ended) return undefined;
    if (!this.header) {
      throw new InrError("truncated", `the file is cut short: ${this.received} bytes`);
    }
    const partial = partialSection(this.#bytes.data, this.#at);
    if (partial) this.#order.check(partial);
    return partial;
  }

  #end(section: Section): void {
    const { payload } = section;
    const told = payload.length === 4 ? new DataView(payload.slice().buffer).getUint32(0, true) : -1;
    if (told !== this.#critical) {
      throw formatError("the checksum of the critical sections is wrong", section.offset);
    }
    this.#ended = true;
  }
}

function isDecodable(section: Section | undefined): section is Section {
  const latents = section?.kind === Kind.latents || section?.kind === Kind.alphaLatents;
  return latents && section!.payload.length >= LEAST_CUT;
}

/** What is left of a file that lost bytes: the first run is its beginning, past the header, every
 * other one begins with a section. */
export class Runs {
  readonly header: Header;
  readonly parts: Part[] = [];
  readonly sections: Section[];
  /** Whether bytes are missing at the end, too. */
  readonly gapAtEnd: boolean;
  readonly received: number;

  constructor(runs: readonly Uint8Array[]) {
    const order = new Order();
    const first = new Container();
    first.push(runs[0]!);
    while (first.next());
    if (first.complete) throw formatError("bytes follow the end of the file");
    const cut = first.finish();
    this.header = first.header!;
    this.parts = first.sections.map((section) => ({ section, whole: true, gap: false }));
    if (isDecodable(cut)) this.parts.push({ section: cut, whole: false, gap: false });
    let complete = false;
    let gap = true;
    for (const run of runs.slice(1)) {
      gap = true;
      for (let at = 0; at < run.length; ) {
        const section = sectionAt(run, at);
        if (!section) {
          const rest = partialSection(run, at);
          if (isDecodable(rest)) this.parts.push({ section: rest, whole: false, gap });
          break;
        }
        if (complete || section.kind === Kind.header || this.parts.length >= MAX_SECTIONS) {
          throw formatError("sections of no file: one out of place", at);
        }
        complete = section.kind === Kind.end;
        this.parts.push({ section, whole: true, gap });
        gap = false;
        at += section.size;
      }
    }
    this.gapAtEnd = !complete;
    this.sections = this.parts.map((part) => part.section);
    this.sections.forEach((section) => order.check(section));
    this.received = runs.reduce((sum, run) => sum + run.length, 0);
  }
}
