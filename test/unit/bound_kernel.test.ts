// Who has begun something with a kernel of a group means that kernel, also when it has ended and another one is in its place.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { BoundKernel } from "../../src/main/group/bound_kernel.ts";
import type { KernelApi } from "../../src/shared/process_spec.ts";

async function outcome(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    (result) => `answered ${result}`,
    (error: Error & { code?: string }) => `${error.code}: ${error.message}`,
  );
}

function played(name: string, told: string[]): KernelApi {
  const api = {
    signal: async (container: number, pid: number, signo: number) => {
      told.push(`${name}: ${container} ${pid} ${signo}`);
      return 0;
    },
    wait: () => new Promise(() => {}),
  };
  return api as unknown as KernelApi;
}

test("a kernel is asked while it is there, and never its successor", async () => {
  const told: string[] = [];
  const { view, end } = bound(played("first", told));
  const successor = bound(played("second", told));
  assert.is(await outcome(view.signal(2, 9)), "answered 0");
  end();
  assert.is(await outcome(view.signal(2, 9)), "ERR_STATE: its kernel has ended");
  assert.is(await outcome(successor.view.signal(3, 9)), "answered 0");
  assert.equal(told, ["first: 0 2 9", "second: 0 3 9"]);
});

test("what a kernel has not answered when it has ended is refused", async () => {
  const { view, end } = bound(played("first", []));
  const waiting = outcome(view.wait(2));
  end();
  assert.is(await waiting, "ERR_STATE: its kernel has ended");
});

function bound(api: KernelApi) {
  const kernel = new BoundKernel(api);
  return { view: kernel.view, end: () => kernel.end() };
}

test.run();
