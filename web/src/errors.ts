/** What can go wrong, as `code` says:
 *
 * - `format`: the bytes are not a valid file; `truncated`: they are a valid prefix without a picture;
 * - `limit`: the file asks for more than the format, or the options, allow;
 * - `initial`: the file needs initial values that are not there;
 * - `load`: a file, the decoder or its worker could not be loaded;
 * - `option`: an option has a value outside its range. */
export type ErrorCode = "format" | "truncated" | "limit" | "initial" | "load" | "option";

/** The one class of errors of this package, but for the reason of an `AbortSignal`. */
export class InrError extends Error {
  override readonly name = "InrError";

  constructor(readonly code: ErrorCode, message: string) {
    super(message);
  }
}

/** An error of the bytes at an offset. */
export function formatError(message: string, at?: number): InrError {
  return new InrError("format", at === undefined ? message : `${message} (at byte ${at})`);
}
