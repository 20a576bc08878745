/** One WebRTC session of a receiver: an offer is POSTed (WHEP), two data channels bring the file. */
import { InrError } from "../errors.js";
import { Refused, Unavailable, refuse } from "./failures.js";
import type { Asking } from "./download.js";
import { PacketError, ping, stop } from "./messages.js";
import { Pace } from "./pace.js";
import type { Receiver } from "./receiver.js";

const NO_CHANNELS = [400, 403, 404, 405, 415, 501];

/** Characters of the longest header of first messages. */
const MAX_START = 4096;

/** Prefix of lines of an answer that hold a datagram in base64 each. */
const INLINE = "a=x-inr:";
const MAX_ANSWER = 2 ** 16;

/** Datagrams that are not valid, after which a session ends. */
const MOST_REJECTED = 10000;

/** Bytes that the control channel may hold back. */
const MOST_WAITING = 2 ** 16;

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** An answer without the datagrams in it, and these. */
function withoutInline(answer: string): [string, Uint8Array<ArrayBuffer>[]] {
  const lines = answer.split(/\r?\n/).filter((line) => line);
  const inline = lines.filter((line) => line.startsWith(INLINE));
  const kept = lines.filter((line) => !line.startsWith(INLINE));
  return [kept.map((line) => `${line}\r\n`).join(""), inline.map((line) => bytesOf(line.slice(INLINE.length)))];
}

/** What a session needs of the reception it is of. */
export interface Surroundings extends Asking {
  readonly receiver: Receiver;
}

/** Receive until the file is complete. Rejects with `Unavailable` if there are no channels, with an
 * `InrError` if the session ends before. */
export async function receiveByChannels(around: Surroundings): Promise<void> {
  if (typeof RTCPeerConnection === "undefined") throw new Unavailable("this browser has no WebRTC");
  const session = new Session(around);
  try {
    await session.run();
  } finally {
    session.close();
  }
}

class Session {
  readonly #peer = new RTCPeerConnection();
  readonly #control = this.#peer.createDataChannel("control", { negotiated: true, id: 0 });
  readonly #media = this.#peer.createDataChannel("media", {
    negotiated: true,
    id: 1,
    ordered: false,
    maxRetransmits: 0,
  });
  readonly #pace = new Pace(performance.now());
  readonly #around: Surroundings;
  #location: string | undefined;
  #first: Uint8Array<ArrayBuffer>[] = [];
  #token = 0;
  #rejected = 0;
  #end: (error?: Error) => void = () => undefined;
  readonly #over: Promise<void>;

  constructor(around: Surroundings) {
    this.#around = around;
    this.#over = new Promise((resolve, reject) => {
      this.#end = (error) => (error ? reject(error) : resolve());
    });
    this.#over.catch(() => undefined);
    around.signal.addEventListener("abort", () => this.#end(around.signal.reason as Error), { once: true });
    this.#control.onopen = () => this.#opened();
    for (const channel of [this.#control, this.#media]) {
      channel.binaryType = "arraybuffer";
      channel.onclose = () => this.#end(new InrError("load", "the server closed the session"));
      channel.onmessage = ({ data }) => this.#arrived(data, channel === this.#media);
    }
    this.#peer.onconnectionstatechange = () => {
      if (this.#peer.connectionState === "failed") this.#end(new InrError("load", "the connection was cut"));
    };
  }

  async run(): Promise<void> {
    const { receiver, signal } = this.#around;
    await this.#peer.setLocalDescription(await this.#peer.createOffer());
    const first = receiver.resume();
    const header = first.map(base64).join(",");
    const inline = await this.#exchange(header.length <= MAX_START ? header : undefined);
    if (!inline.length || header.length > MAX_START) this.#first = first;
    for (const datagram of inline) this.#arrived(datagram.buffer, false);
    const timer = setInterval(() => this.#look(), 25);
    try {
      await this.#over;
    } finally {
      clearInterval(timer);
    }
    signal.throwIfAborted();
  }

  /** End the session here and at the server, which hears STOP if the channels ever opened. */
  close(): void {
    const heard = this.#control.readyState === "open";
    this.#say([stop(this.#around.receiver.name)]);
    this.#peer.onconnectionstatechange = this.#control.onclose = this.#media.onclose = null;
    setTimeout(() => this.#peer.close(), 100); /* what was said last is on its way */
    if (heard || !this.#location) return;
    fetch(this.#location, { method: "DELETE", keepalive: true }).catch(() => undefined);
  }

  /** Exchange offer and answer; returns the datagrams that came with the answer. */
  async #exchange(first: string | undefined): Promise<Uint8Array<ArrayBuffer>[]> {
    const { url, headers, signal } = this.#around;
    const body = this.#peer.localDescription!.sdp;
    const given: Record<string, string> = { ...headers, "Content-Type": "application/sdp" };
    if (first) given["Inr-Start"] = first;
    let response: Response;
    try {
      response = await fetch(url, { method: "POST", headers: given, body, signal, redirect: "manual" });
    } catch (error) {
      signal.throwIfAborted();
      throw new InrError("load", `the server cannot be reached: ${String(error)}`);
    }
    const { status } = response;
    if (NO_CHANNELS.includes(status) || response.type === "opaqueredirect") {
      throw new Unavailable(`no data channels here (${status})`);
    }
    const text = await response.text();
    if (status !== 201) refuse(status, text.trim().slice(0, 200));
    if (text.length > MAX_ANSWER) throw new Refused("an answer that is too long");
    const location = response.headers.get("Location");
    if (location) this.#location = new URL(location, url).href;
    const [sdp, inline] = withoutInline(text);
    await this.#peer.setRemoteDescription({ type: "answer", sdp });
    return inline;
  }

  #opened(): void {
    this.#pace.opened(performance.now());
    this.#say(this.#first);
    this.#say(this.#around.receiver.haves()); /* also what it knew of the file that the answer names */
    this.#ping();
  }

  #ping(): void {
    this.#pace.pinged(performance.now());
    this.#say([ping(++this.#token)]);
  }

  /** Look at the clock. */
  #look(): void {
    const now = performance.now();
    if (this.#pace.unreachable(now)) this.#end(new Unavailable("the server cannot be reached by UDP"));
    if (this.#pace.cut(now)) this.#end(new InrError("load", "nothing new from the server"));
    if (this.#pace.pingDue(now)) this.#ping();
    if (this.#pace.askDue(now) && !this.#around.link.busy) {
      this.#pace.asked(now);
      this.#say(this.#around.receiver.wantsAll());
    }
  }

  #say(datagrams: readonly Uint8Array<ArrayBuffer>[]): void {
    const channel = this.#control;
    for (const datagram of datagrams) {
      if (channel.readyState === "open" && channel.bufferedAmount < MOST_WAITING) channel.send(datagram);
    }
  }

  #arrived(data: unknown, losable: boolean): void {
    if (!(data instanceof ArrayBuffer)) return;
    const datagram = new Uint8Array(data);
    this.#around.link.push(datagram.length, losable, () => this.#take(datagram));
  }

  #take(datagram: Uint8Array): void {
    const { receiver, news } = this.#around;
    const before = receiver.news;
    let whole: number[] = [];
    try {
      whole = receiver.push(datagram);
    } catch (error) {
      if (!(error instanceof PacketError)) throw error;
      if (++this.#rejected > MOST_REJECTED) this.#end(new InrError("load", "the server sends no stream"));
      return;
    }
    const now = performance.now();
    this.#pace.heard(now, receiver.news > before);
    if (receiver.pong === this.#token) this.#pace.answered(now);
    if (receiver.news > before) news(whole.length > 0);
    this.#say(receiver.replies(whole));
    if (receiver.complete) this.#end();
  }
}
