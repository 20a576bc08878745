import type { Wanted, Status, Made } from "./decoding.js";

/** Messages to a worker; `job` tells decodings apart. */
export type ToWorker =
  | { readonly type: "prepare"; readonly base: string }
  | {
      readonly type: "start";
      readonly job: number;
      readonly wanted: Wanted;
      readonly base: string;
      /** Of a file with holes; of any other, chunks follow. */
      readonly runs: readonly Uint8Array[] | undefined;
    }
  | { readonly type: "chunk"; readonly job: number; readonly chunk: Uint8Array }
  | { readonly type: "end"; readonly job: number }
  | { readonly type: "abort"; readonly job: number };

/** Messages from a worker. */
export type FromWorker =
  | { readonly type: "status"; readonly job: number; readonly status: Status }
  | { readonly type: "made"; readonly job: number; readonly made: Made }
  | {
      readonly type: "failed";
      readonly job: number;
      readonly code: string;
      readonly message: string;
    };
