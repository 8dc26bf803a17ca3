// What calls leave to the garbage collector: the hot ones nothing, whatever file they are about. Calls are made
// thousands of times without a stub, so that what V8 has compiled by then is what runs, and the growth of the heap is
// divided by their number. Bytes, not times.
//
// alone: what V8's threads have compiled by then counts

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import { assertWithin } from "./measured.ts";

/** A boxed double or two: addresses that pass through what V8 did not inline. */
const NOTHING = 48;

/** Bytes of a call, at most. */
const LIMITS: Record<string, number> = {
  getppid: NOTHING,
  lseek: NOTHING,
  pread64: NOTHING,
  read: NOTHING,
  // Longer than what is copied by hand.
  "read of a file in memory": 160,
  "pwrite64 of a file in memory": 256, // its times are new objects
  fstat: NOTHING,
  stat: NOTHING,
  "stat of a file in memory": NOTHING,
  "stat of a name that is not there": NOTHING,
  newfstatat: NOTHING,
  statx: NOTHING,
  access: NOTHING,
  "write and read of a pipe": NOTHING,
  "read of an empty pipe that does not wait": NOTHING,
  "write and read of a unix stream": 700, // the message, its bytes, and what puts it back
  "epoll_wait of what is ready": NOTHING,
  "poll of what is ready": NOTHING,
  "open and close": 768,
};

const FLAGS = ["--min-semi-space-size=64", "--max-semi-space-size=64"];

test("calls allocate little", () => {
  const directory = mkdtempSync(join(tmpdir(), "allocations-"));
  writeFileSync(join(directory, "file"), Buffer.alloc(65536));
  try {
    assertWithin(LIMITS, FLAGS, "allocations.ts", [directory]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.run();
