/** What the page asks the server: names, heads of files, references. */
import { InrError } from "../index.js";

const TOKEN = "inrcodec-token";

/** The server wants a token that the page does not have. */
export class TokenWanted extends Error {}

/** Keep a token, or forget it, until the tab is closed. */
export function keepToken(token: string | undefined): void {
  if (token === undefined) sessionStorage.removeItem(TOKEN);
  else sessionStorage.setItem(TOKEN, token);
}

/** Whether there is a token. */
export function hasToken(): boolean {
  return sessionStorage.getItem(TOKEN) !== null;
}

/** Headers of every request. */
export function headers(): Record<string, string> {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** The address of a file; the query of a signed link goes along. */
export function fileUrl(name: string, query = ""): string {
  return `/files/${encodeURIComponent(name)}${query}`;
}

/** A response that is one; throws a `TokenWanted` or an `InrError` for any other. */
async function ask(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, headers: { ...headers(), ...init.headers } });
  } catch (error) {
    init.signal?.throwIfAborted();
    throw new InrError("load", "the server cannot be reached");
  }
  if (response.status === 401) throw new TokenWanted("the server wants a token");
  if (response.ok) return response;
  if (init.method === "HEAD") return ask(url, { ...init, method: "GET" }); /* whose refusal says why */
  const reason = (await response.text()).trim().slice(0, 300);
  throw new InrError("load", reason || `the server answers with status ${response.status}`);
}

/** The names of all files. */
export async function names(signal: AbortSignal): Promise<string[]> {
  const response = await ask("/", { headers: { Accept: "application/json" }, signal });
  return ((await response.json()) as { files: string[] }).files;
}

/** What the head of a file says. */
export interface Head {
  /** Bytes of the file. */
  readonly size: number;
  /** Its ETag: other bytes have another one. */
  readonly tag: string | null;
  /** Where its layers begin. */
  readonly starts: readonly number[];
  /** The address of the image it was made of, or null. */
  readonly reference: string | null;
}

export async function head(url: string, signal: AbortSignal): Promise<Head> {
  const response = await ask(url, { method: "HEAD", signal });
  return {
    size: Number(response.headers.get("Content-Length")),
    tag: response.headers.get("ETag"),
    starts: (response.headers.get("Inr-Layers") ?? "0").split(",").map(Number),
    reference: response.headers.get("Inr-Reference"),
  };
}

/** The first bytes of a file. */
export async function beginning(url: string, size: number, signal: AbortSignal): Promise<Uint8Array> {
  const response = await ask(url, { headers: { Range: `bytes=0-${size - 1}` }, signal });
  return new Uint8Array(await response.arrayBuffer());
}

/** All of a file, or of the image that it was made of. */
export async function whole(url: string, signal?: AbortSignal): Promise<Blob> {
  return (await ask(url, signal ? { signal } : {})).blob();
}
