/** When a session pings, asks again and gives up. Times in milliseconds go in and decisions come out:
 * there is no clock here. */

/** Between pings: five of them within the silence that a server allows (10 s). */
const HEARTBEAT = 2000;

/** The patience while the round trip is not known. */
const FIRST_PATIENCE = 500;
const LEAST_PATIENCE = 50;

/** Round trips of silence after which a packet must have been lost. */
const ROUND_TRIPS = 1.5;

/** How long channels may take to open, and how long nothing new may come. */
const CONNECT = 3000;
const SILENCE = 6000;

export class Pace {
  #open = false;
  #heard: number;
  #news: number;
  #asked = 0;
  #pinged = 0;
  #waiting = false;
  #roundTrip: number | undefined;

  constructor(readonly begun: number) {
    this.#heard = this.#news = begun;
  }

  /** Silence after which something must have been lost. */
  get patience(): number {
    if (this.#roundTrip === undefined) return FIRST_PATIENCE;
    return Math.max(LEAST_PATIENCE, ROUND_TRIPS * this.#roundTrip);
  }

  opened(now: number): void {
    this.#open = true;
    this.#heard = this.#news = now;
  }

  /** Note a message of the server, and whether it brought anything new of the file. */
  heard(now: number, news: boolean): void {
    this.#heard = now;
    if (news) this.#news = now;
  }

  pinged(now: number): void {
    this.#pinged = now;
    this.#waiting = true;
  }

  /** Note that the last ping was answered; only the first answer measures the round trip. */
  answered(now: number): void {
    if (this.#waiting) this.#roundTrip = now - this.#pinged;
    this.#waiting = false;
  }

  asked(now: number): void {
    this.#asked = now;
  }

  /** Whether the channels do not open in time. */
  unreachable(now: number): boolean {
    return !this.#open && now - this.begun > CONNECT;
  }

  /** Whether the server has sent nothing new for too long. */
  cut(now: number): boolean {
    return this.#open && now - this.#news > SILENCE;
  }

  pingDue(now: number): boolean {
    return this.#open && now - this.#pinged > HEARTBEAT;
  }

  askDue(now: number): boolean {
    return this.#open && now - Math.max(this.#heard, this.#asked) > this.patience;
  }
}
