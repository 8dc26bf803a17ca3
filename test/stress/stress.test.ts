// The request protocol under real parallelism: two kernel threads on the project's own ring code, a
// C process with the stub's own request code, some hundred thousand requests. Every request is
// answered, once, with its own answer.
//
// RINGFENCE_TEST_LONG=1 makes it a minute instead of a second and a half.

import { execFileSync, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ActiveChunks } from "../../src/shared/ring/active.ts";
import { ChunkPlaces } from "../../src/shared/ring/chunk_places.ts";
import { Claims } from "../../src/shared/ring/claims.ts";
import { createGuestMemory, GuestMemory, slotNumber } from "../../src/shared/ring/guest_memory.ts";
import { KernelPage } from "../../src/shared/ring/kernel_page.ts";
import { CHUNK_SLOTS } from "../../src/shared/ring/layout.ts";
import { PrivateSab } from "../../src/shared/ring/private_sab.ts";
import { loadNative } from "../../src/workers/native.ts";
import { checkout } from "../spawn.ts";
import type { KernelThreadData } from "./kernel_thread.ts";

const KERNEL_THREADS = 2;
const MILLISECONDS = process.env["RINGFENCE_TEST_LONG"] === "1" ? 60_000 : 1_500;
const GRACE_MS = 10_000;

const library = join(checkout, "build/native/host.node");
const native = existsSync(library) ? await loadNative(library) : undefined;
const memory = createGuestMemory();
const guest = new GuestMemory(memory.buffer);

/** What stub_request.c calls beside what peer.c defines is never reached. */
const UNRESOLVED = "-Wl,--unresolved-symbols=ignore-all";

function compilePeer(): string {
  const output = join(checkout, "build/guest/stress-peer");
  const request = join(checkout, "native/stub/stub_request.c");
  const source = join(checkout, "test/stress/peer.c");
  mkdirSync(join(checkout, "build/guest"), { recursive: true });
  const include = `-I${join(checkout, "native/include")}`;
  const flags = [
    "-std=gnu11",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-mfsgsbase",
    "-pthread",
    "-static",
    include,
  ];
  execFileSync("gcc", [...flags, UNRESOLVED, "-o", output, source, request], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  return output;
}

interface PeerResult {
  readonly code: number | null;
  readonly text: string;
}

function runPeer(program: string, args: string[], descriptors: number[]): Promise<PeerResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit", ...descriptors] });
    let text = "";
    const timer = setTimeout(() => {
      text += "deadline passed: a request was not answered\n";
      child.kill("SIGKILL");
    }, MILLISECONDS + GRACE_MS);
    child.stdout!.on("data", (bytes: Buffer) => {
      text += bytes.toString();
    });
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, text });
    });
  });
}

/** One run: `slots` threads of the peer, with or without forged records. */
async function stress(slots: number, forge: boolean): Promise<void> {
  assert.ok(native, "build/native/host.node is missing: run scripts/setup.mjs");
  native.setGuestMemory(new Uint8Array(memory.buffer));
  const sab = new PrivateSab();
  const claims = new Claims(sab.claims, sab.seen, guest.words, KERNEL_THREADS);
  const active = new ActiveChunks(claims, sab.active, sab.widths, sab.limit, KERNEL_THREADS);
  const chunk = new ChunkPlaces(sab.control, KERNEL_THREADS, active).allot();
  const memfd = native.mapChunk(chunk);
  assert.ok(memfd >= 0);
  const proc = openSync("/proc", "r");
  const kernelPage = native.mapKernelPage(proc);
  closeSync(proc);
  assert.ok(kernelPage >= 0);
  new KernelPage(guest.words).initialise(KERNEL_THREADS, 500, 0);
  for (let slot = 0; slot < slots; slot++) {
    claims.open(slotNumber(chunk, slot));
    active.opened(slotNumber(chunk, slot));
  }
  if (forge) {
    const closed = slotNumber(chunk, CHUNK_SLOTS - 1);
    claims.open(closed);
    active.opened(closed);
    claims.close(closed);
  }
  const doorbells = [native.doorbellCreate(), native.doorbellCreate()];
  const handled = new SharedArrayBuffer(4 * 8);
  const program = compilePeer();
  const workers: Worker[] = [];
  const failures: unknown[] = [];
  const counts: Promise<Record<string, number>>[] = [];
  for (let thread = 0; thread < KERNEL_THREADS; thread++) {
    const workerData: KernelThreadData = {
      thread,
      threads: KERNEL_THREADS,
      guest: memory.buffer,
      kernel: sab.buffer,
      doorbells,
      library,
      handled,
    };
    const worker = new Worker(new URL("./kernel_thread.ts", import.meta.url), { workerData });
    workers.push(worker);
    await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    worker.on("error", (error) => failures.push(error));
    counts.push(new Promise((resolve) => worker.once("message", resolve)));
  }
  const args = [String(slots), String(MILLISECONDS), forge ? "1" : "0"];
  let peer: PeerResult;
  try {
    peer = await runPeer(program, args, [memfd, kernelPage, ...doorbells]);
  } catch (error) {
    await Promise.all(workers.map((worker) => worker.terminate()));
    throw error;
  }
  for (let thread = 0; thread < KERNEL_THREADS; thread++) {
    sab.stop(thread);
    native.doorbellRing(doorbells[thread]!);
  }
  const late = new Promise<never>((_resolve, reject) =>
    setTimeout(reject, 5_000, "a kernel thread hangs").unref(),
  );
  const totals = await Promise.race([Promise.all(counts), late]).catch((error: unknown) =>
    failures.push(error),
  );
  await Promise.all(workers.map((worker) => worker.terminate()));
  assert.is(peer.code, 0, peer.text);
  assert.equal(failures, []);
  assert.ok(Array.isArray(totals));
  for (const fd of [memfd, kernelPage, ...doorbells]) native.close(fd);
  native.unmapChunk(chunk);
  const asked = peer.text.trim().split("\n").map(Number);
  const answered = Array.from(new Int32Array(handled).subarray(0, slots));
  assert.equal(answered, asked);
  for (let slot = 0; slot < slots; slot++) assert.ok(claims.isWithGuest(slotNumber(chunk, slot)));
  for (let thread = 0; thread < KERNEL_THREADS; thread++) assert.is(active.bits(0, thread), 1);
  const sum = (name: string) => totals.reduce((all, thread) => all + thread[name]!, 0);
  for (const name of ["requests", "blocked", "forwarded", "wakes", "sleeps"]) {
    assert.ok(sum(name) > 0, `the test met no ${name}`);
  }
  console.log(`  ${JSON.stringify(totals)}`);
}

test("one thread", () => stress(1, false));
test("four threads of one chunk", () => stress(4, false));
test("seven threads, and forged records of an eighth", () => stress(7, true));

test.run();
