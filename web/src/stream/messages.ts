/** The messages of a stream and their datagrams, as docs/streaming.md says. Numbers are big endian. */
import { crc32 } from "../crc32.js";

const MAGIC = 0x9e;
const STREAM_BYTES = 8;
const HEAD = 2 + STREAM_BYTES;
const OVERHEAD = HEAD + 4;

/** Bytes of the longest datagram. */
export const MAX_PACKET = 1160;

const MAX_LAYERS = 32;
const MAX_LAYER_BYTES = 2 ** 24;
const MAX_STREAM_BYTES = 2 ** 26;
const MAX_SYMBOL = 1136;
const NO_SECTION = 0xffff;

const Kind = {
  manifest: 1,
  symbol: 2,
  sent: 3,
  start: 16,
  have: 17,
  want: 18,
  stop: 19,
  ping: 32,
} as const;

/** How lost packets are made up for: the receiver asks again, without repair symbols. */
const NACK = 2;

/** A datagram that is not valid. */
export class PacketError extends Error {}

/** One layer: its size and that of its symbols in bytes, and its CRC-32. */
export interface LayerInfo {
  readonly size: number;
  readonly checksum: number;
  readonly symbolBytes: number;
  /** The number of symbols that are pieces of the layer itself. */
  readonly sources: number;
}

/** The layers of a stream, and the SHA-256 of the file in hexadecimal digits. */
export interface Manifest {
  readonly type: "manifest";
  readonly digest: string;
  readonly layers: readonly LayerInfo[];
}

/** A piece of a layer. `section` is the offset in it at which a section of the file first begins. */
export interface Piece {
  readonly type: "symbol";
  readonly layer: number;
  readonly number: number;
  readonly section: number | undefined;
  readonly payload: Uint8Array;
}

/** Says that all of a layer was sent; after the `last` one no finer layer follows. */
export interface Sent {
  readonly type: "sent";
  readonly layer: number;
  readonly last: boolean;
}

export interface Ping {
  readonly type: "ping";
  readonly token: number;
  readonly answer: boolean;
}

/** What a sender says. */
export type Message = Manifest | Piece | Sent | Ping;

/** The name of a stream before the receiver knows it. */
export const NO_STREAM = "00".repeat(STREAM_BYTES);

/** The name of a stream: the beginning of the digest, in hexadecimal digits. */
export function streamOf(digest: string): string {
  return digest.slice(0, 2 * STREAM_BYTES);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** (stream, message) of a datagram; throws a `PacketError` if it is not valid. */
export function parse(packet: Uint8Array): [string, Message] {
  const { length } = packet;
  if (length < OVERHEAD || length > MAX_PACKET) throw new PacketError(`a datagram of ${length} bytes`);
  const view = new DataView(packet.buffer, packet.byteOffset, length);
  if (packet[0] !== MAGIC) throw new PacketError("a datagram of another protocol");
  if (view.getUint32(length - 4) !== crc32(packet.subarray(0, length - 4))) {
    throw new PacketError("a datagram whose checksum is wrong");
  }
  const body = packet.subarray(HEAD, length - 4);
  return [hex(packet.subarray(2, HEAD)), messageOf(packet[1]!, body)];
}

function messageOf(kind: number, body: Uint8Array): Message {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  if (kind === Kind.manifest) return manifestOf(body, view);
  if (kind === Kind.symbol) return pieceOf(body, view);
  if (kind === Kind.sent) {
    exactly(body, 2);
    return { type: "sent", layer: layerOf(body[0]!), last: flag(body[1]!) };
  }
  if (kind === Kind.ping) {
    exactly(body, 5);
    return { type: "ping", token: view.getUint32(0), answer: flag(body[4]!) };
  }
  throw new PacketError(`a sender does not send messages of kind ${kind}`);
}

function manifestOf(body: Uint8Array, view: DataView): Manifest {
  const count = (body.length - 32) / 10;
  if (!Number.isInteger(count) || count < 1 || count > MAX_LAYERS) {
    throw new PacketError(`a manifest of ${body.length} bytes`);
  }
  const layers: LayerInfo[] = [];
  for (let at = 32; at < body.length; at += 10) {
    const [size, checksum, symbolBytes] = [view.getUint32(at), view.getUint32(at + 4), view.getUint16(at + 8)];
    if (size < 1 || size > MAX_LAYER_BYTES) throw new PacketError(`a layer of ${size} bytes`);
    if (symbolBytes !== Math.min(MAX_SYMBOL, Math.ceil(size / 8) * 8)) {
      throw new PacketError(`symbols of ${symbolBytes} bytes for ${size}`);
    }
    layers.push({ size, checksum, symbolBytes, sources: Math.ceil(size / symbolBytes) });
  }
  if (layers.reduce((sum, { size }) => sum + size, 0) > MAX_STREAM_BYTES) {
    throw new PacketError(`a stream of more than ${MAX_STREAM_BYTES} bytes`);
  }
  return { type: "manifest", digest: hex(body.subarray(0, 32)), layers };
}

function pieceOf(body: Uint8Array, view: DataView): Piece {
  if (body.length < 7 || body.length > 6 + MAX_SYMBOL) {
    throw new PacketError(`a symbol of ${body.length} bytes`);
  }
  const place = view.getUint32(0);
  const section = view.getUint16(4);
  const payload = body.subarray(6);
  if (section !== NO_SECTION && section >= payload.length) {
    throw new PacketError("a section that begins behind its symbol");
  }
  return {
    type: "symbol",
    layer: layerOf(place >>> 24),
    number: place & 0xffffff,
    section: section === NO_SECTION ? undefined : section,
    payload,
  };
}

function layerOf(number: number): number {
  if (number >= MAX_LAYERS) throw new PacketError(`layer ${number}; the limit is ${MAX_LAYERS}`);
  return number;
}

function flag(number: number): boolean {
  if (number > 1) throw new PacketError(`${number} is neither no nor yes`);
  return number === 1;
}

function exactly(body: Uint8Array, size: number): void {
  if (body.length !== size) throw new PacketError(`a message of ${body.length} bytes, not ${size}`);
}

/** A datagram of a kind with a body that `write` fills. */
function datagram(stream: string, kind: number, size: number, write: (body: DataView) => void): Uint8Array<ArrayBuffer> {
  const packet = new Uint8Array(OVERHEAD + size);
  packet[0] = MAGIC;
  packet[1] = kind;
  for (let i = 0; i < STREAM_BYTES; i++) packet[2 + i] = Number.parseInt(stream.slice(2 * i, 2 * i + 2), 16);
  write(new DataView(packet.buffer, HEAD, size));
  const checked = packet.subarray(0, packet.length - 4);
  new DataView(packet.buffer).setUint32(packet.length - 4, crc32(checked));
  return packet;
}

/** Says that the receiver is ready, and wants the whole file. */
export function start(stream: string): Uint8Array<ArrayBuffer> {
  return datagram(stream, Kind.start, 10, (body) => body.setUint8(0, NACK));
}

/** Says that the receiver wants nothing more. */
export function stop(stream: string): Uint8Array<ArrayBuffer> {
  return datagram(stream, Kind.stop, 0, () => undefined);
}

/** Asks whether the other end is still there. */
export function ping(token: number): Uint8Array<ArrayBuffer> {
  return datagram(NO_STREAM, Kind.ping, 5, (body) => body.setUint32(0, token));
}

/** The datagrams that name pieces of a layer that are there. */
export function have(stream: string, layer: number, numbers: readonly number[]): Uint8Array<ArrayBuffer>[] {
  return bitmaps(stream, Kind.have, layer, numbers);
}

/** The datagrams that ask for pieces of a layer. */
export function want(stream: string, layer: number, numbers: readonly number[]): Uint8Array<ArrayBuffer>[] {
  return bitmaps(stream, Kind.want, layer, numbers);
}

/** The fewest messages that name these pieces, whose numbers ascend: a bit each. */
function bitmaps(stream: string, kind: number, layer: number, numbers: readonly number[]): Uint8Array<ArrayBuffer>[] {
  const most = (MAX_PACKET - OVERHEAD - 4) * 8;
  const packets: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < numbers.length; ) {
    const first = numbers[at]!;
    let end = at;
    while (end < numbers.length && numbers[end]! < first + most) end++;
    const named = numbers.slice(at, end).map((number) => number - first);
    const bytes = Math.floor(named[named.length - 1]! / 8) + 1;
    packets.push(
      datagram(stream, kind, 4 + bytes, (body) => {
        body.setUint32(0, ((layer << 24) | first) >>> 0);
        for (const bit of named) {
          const byte = 4 + (bit >> 3);
          body.setUint8(byte, body.getUint8(byte) | (0x80 >> (bit & 7)));
        }
      }),
    );
    at = end;
  }
  return packets;
}
