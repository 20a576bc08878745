import { InrError } from "./errors.js";

/* The smallest module with an instruction of vectors in it: (func (result v128) (v128.const i32x4 0 0 0 0)) */
const WITH_VECTORS = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 22, 1, 20, 0, 253, 12, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11,
]);

/** The file of the decoder that this machine runs. */
export function moduleName(): string {
  return WebAssembly.validate(WITH_VECTORS) ? "inr.wasm" : "inr-scalar.wasm";
}

const modules = new Map<string, Promise<WebAssembly.Module>>();

/** Fetch and compile the decoder, once for each folder. */
export function loadModule(base: string): Promise<WebAssembly.Module> {
  const url = new URL(moduleName(), base).href;
  const found = modules.get(url) ?? fetchModule(url);
  modules.set(url, found);
  found.catch(() => modules.delete(url));
  return found;
}

async function fetchModule(url: string): Promise<WebAssembly.Module> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch {
    throw new InrError("load", `the decoder cannot be loaded from ${url}`);
  }
  if (!response.ok) {
    const hint = "setBase says where it is";
    throw new InrError("load", `the decoder is not at ${url} (status ${response.status}); ${hint}`);
  }
  try {
    if (response.headers.get("content-type") === "application/wasm") {
      return await WebAssembly.compileStreaming(response);
    }
    return await WebAssembly.compile(await response.arrayBuffer());
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InrError("load", `the decoder at ${url} cannot be compiled: ${reason}`);
  }
}
