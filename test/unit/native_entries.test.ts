// The native entries (src/workers/native.ts): calls that do not fit the C declaration do not compile, the
// declarations are those of the C sources, and an entry that has been used is a plain property.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadNative, type Native } from "../../src/workers/native.ts";

const CHECKOUT = join(import.meta.dirname, "../..");
const LIBRARY = join(CHECKOUT, "build/native/host.node");

/** Never called: tsc takes it, and says so where an expected error is none. */
export function doesNotCompile(native: Native, bytes: Uint8Array): void {
  // @ts-expect-error: too few arguments
  native.reopen(1, 2);
  // @ts-expect-error: too many arguments
  native.monotonicNs(1);
  // @ts-expect-error: a number where the bytes belong
  native.setGuestMemory(0, 0);
  // @ts-expect-error: bytes and size in the wrong order
  native.setScratch(65536, bytes);
  // @ts-expect-error: a name where a number belongs
  native.readSmall("net/dev", 3);
  // @ts-expect-error: a number where a name belongs
  native.hostVdsoOffset(1);
  // @ts-expect-error: nothing comes back
  const trimmed: number = native.trim();
  // @ts-expect-error: a position is a number, not a bigint
  native.preadScratch(1, 0, 16, 0n);
  // @ts-expect-error: an entry cannot be replaced
  native.close = () => trimmed;
  // @ts-expect-error: no such entry
  native.execve();
  // @ts-expect-error: too few arguments of a call in the background
  native.background("warm", [1, 0], () => {});
  // @ts-expect-error: too many of them
  native.background("close", [1, 0], () => {});
  // @ts-expect-error: a name where a number belongs
  native.background("close", ["data"], () => {});
  // @ts-expect-error: an entry that is none of the background's
  native.background("getcpu", [], () => {});
}

/** Compiles: what the parser of declarations must not turn away. */
export function compiles(native: Native, bytes: Uint8Array): number {
  native.setGuestMemory(0, bytes);
  native.background("warm", [1, 0, 4096], (result: number) => result);
  const time: number = native.monotonicNs();
  return time + native.memfdFile() + native.readSmall(3, "net/dev") + native.hostVdsoOffset("name");
}

test("declarations are those of the C sources", () => {
  const folders = ["native/host", "native/platform"].map((folder) => join(CHECKOUT, folder));
  const sources = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  const inC = sources
    .filter((name) => name.endsWith(".c"))
    .flatMap((name) =>
      [...readFileSync(name, "latin1").matchAll(/^RF_EXPORT ([^)]*\))/gm)].map((found) =>
        found[1]!.replace(/\s+/g, " ").replace("(void)", "()"),
      ),
    );
  const text = readFileSync(join(CHECKOUT, "src/workers/native.ts"), "latin1");
  const declared = [...text.matchAll(/"(\w+ rf_[^"]*\))"/g)].map((found) => found[1]!);
  assert.equal(declared.sort(), inC.sort());
});

test("every declared entry is in the library, and a plain property once it is used", async () => {
  const native = await loadNative(LIBRARY);
  const names = Object.keys(native) as (keyof Native)[];
  assert.ok(names.length > 70);
  assert.type(Object.getOwnPropertyDescriptor(native, "getcpu")?.get, "function");
  for (const name of names) {
    const value = native[name];
    assert.ok(value !== undefined, name);
    assert.is(Object.getOwnPropertyDescriptor(native, name)?.value, value, name);
  }
  assert.type(native.getcpu(), "number");
});

test("calls in the background", async () => {
  const native = await loadNative(LIBRARY);
  const fd = native.memfdCreate(8192);
  const call = (start: (done: (result: number) => void) => void) => new Promise<number>(start);
  assert.is(await call((done) => native.background("warm", [fd, 0, 8192], done)), 0);
  assert.is(await call((done) => native.background("close", [fd], done)), 0);
});

test.run();
