/** The bytes of a file behind a URL, as they come. */
import { InrError } from "./errors.js";

/** A file on its way: its bytes, how many they are (NaN where nobody says), and what the server calls it. */
export interface Fetched {
  readonly body: ReadableStream<Uint8Array>;
  readonly length: number;
  readonly type: string | null;
}

/** Fetch a file. Rejects with an `InrError` where it cannot be had, and as `fetch` does when aborted. */
export async function fetched(src: string, options: RequestInit & { signal: AbortSignal }): Promise<Fetched> {
  let response: Response;
  try {
    response = await fetch(src, options);
  } catch (error) {
    if (options.signal.aborted) throw error;
    throw new InrError("load", `${src} cannot be loaded: the network or the server refuses it`);
  }
  if (!response.ok || !response.body) {
    throw new InrError("load", `${src} cannot be loaded (status ${response.status})`);
  }
  const encoded = response.headers.has("content-encoding");
  const length = encoded ? NaN : Number(response.headers.get("content-length") ?? NaN);
  return { body: response.body, length, type: response.headers.get("content-type") };
}
