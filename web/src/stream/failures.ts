/** Why a reception cannot go on. */
import { InrError } from "../errors.js";

/** The server has no data channels, or UDP does not get through: HTTP may. */
export class Unavailable extends Error {}

/** Refused for good: another attempt would end the same way. */
export class Refused extends InrError {
  constructor(message: string) {
    super("load", message);
  }
}

/** Throws for the status of a response that is not the one wanted: the server is full, which may pass,
 * or refuses. */
export function refuse(status: number, reason = ""): never {
  if (status === 429 || status >= 500) throw new InrError("load", `the server is full or away (${status})`);
  throw new Refused(reason || `the server refuses (status ${status})`);
}
