// The kernel of a place, for who asks it for something: what was begun with it stays its own, and nothing that is asked
// about that later reaches the kernel which follows it in its place, where the same numbers are others'. When it has ended,
// what it was asked for and has not answered is refused, so that nobody waits for it for ever.

import type { KernelApi } from "../../shared/process_spec.ts";
import { type ContainerKernel, kernelOf } from "../container/kernel_view.ts";
import { RequestError } from "../control/request_error.ts";

type Method = (...args: unknown[]) => Promise<unknown>;

export class BoundKernel {
  readonly view: ContainerKernel;
  /** Of what is not answered yet. */
  readonly #refusals = new Set<(error: RequestError) => void>();
  #hasEnded = false;

  constructor(api: KernelApi) {
    const methods = Object.entries(kernelOf(api, 0)) as [string, Method][];
    this.view = Object.fromEntries(
      methods.map(([name, method]) => [name, (...args: unknown[]) => this.#ask(() => method(...args))]),
    ) as unknown as ContainerKernel;
  }

  /** Its methods reject from now on, and so does what they have not answered. */
  end(): void {
    this.#hasEnded = true;
    for (const refuse of this.#refusals) refuse(gone());
    this.#refusals.clear();
  }

  #ask(ask: () => Promise<unknown>): Promise<unknown> {
    if (this.#hasEnded) return Promise.reject(gone());
    return new Promise((resolve, reject) => {
      this.#refusals.add(reject);
      ask()
        .finally(() => this.#refusals.delete(reject))
        .then(resolve, reject);
    });
  }
}

function gone(): RequestError {
  return new RequestError("ERR_STATE", "its kernel has ended");
}
