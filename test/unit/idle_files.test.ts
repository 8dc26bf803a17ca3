// Descriptors that were left are given to who opens the same file again: not when it has changed, not when time is up, never
// twice, and not more than so many.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Idle, IdleFiles, type IdleOwner } from "../../src/workers/gofer/idle_files.ts";

const MAX = 3;
const MS = 1e6;

class File implements IdleOwner {
  readonly fs: object;
  changeCount = 0;
  idle: Idle | null = null;

  constructor(fs: object) {
    this.fs = fs;
  }
}

function make() {
  const closed: number[] = [];
  const timers: { at: number; run: () => void }[] = [];
  const kernel = {
    nowNs: 1e9,
    native: { close: (fd: number) => closed.push(fd), monotonicNs: () => kernel.nowNs },
    timers: { add: (at: number, run: () => void) => timers.push({ at, run }) },
  };
  const pass = (ms: number) => {
    kernel.nowNs += ms * MS;
    const due = timers.filter(({ at }) => at <= kernel.nowNs);
    timers.splice(0, timers.length, ...timers.filter(({ at }) => at > kernel.nowNs));
    for (const { run } of due) run();
  };
  const fs = {};
  return { files: new IdleFiles(kernel as never, MAX), closed, timers, kernel, pass, fs, file: new File(fs) };
}

test("what was left is taken once", () => {
  const { files, file, closed } = make();
  assert.is(files.take(file), -1);
  files.leave(file, 7);
  assert.is(files.take(file), 7);
  assert.is(files.take(file), -1);
  assert.equal(closed, []);
  assert.is(files.size, 0);
});

test("a second one of the same file is closed", () => {
  const { files, file, closed } = make();
  files.leave(file, 7);
  files.leave(file, 8);
  assert.equal(closed, [8]);
  assert.is(files.take(file), 7);
});

test("a file that has changed is opened anew, whoever has told of it", () => {
  const { files, file, closed } = make();
  files.leave(file, 7);
  files.drop(file);
  assert.is(files.take(file), -1);
  files.leave(file, 8);
  file.changeCount++;
  assert.is(files.take(file), -1);
  assert.equal(closed, [7, 8]);
});

test("none stays for long, and nothing is left to do behind the last", () => {
  const { files, file, closed, timers, pass, fs } = make();
  const other = new File(fs);
  files.leave(file, 7);
  pass(60);
  files.leave(other, 8);
  pass(50);
  assert.equal(closed, [7]);
  assert.is(files.take(other), 8);
  files.leave(other, 8);
  pass(99);
  pass(60);
  assert.equal(closed, [7, 8]);
  assert.is(files.size, 0);
  pass(1000);
  assert.equal(timers, []);
});

test("what is too old is not given, though nobody has looked yet", () => {
  const { files, file, closed, kernel } = make();
  files.leave(file, 7);
  kernel.nowNs += 101 * MS;
  assert.is(files.take(file), -1);
  assert.equal(closed, [7]);
});

test("not more than so many: the oldest goes", () => {
  const { files, closed, fs } = make();
  const all = Array.from({ length: MAX + 2 }, () => new File(fs));
  for (const [i, file] of all.entries()) files.leave(file, 10 + i);
  assert.equal(closed, [10, 11]);
  assert.is(files.take(all[0]!), -1);
  assert.is(files.take(all[2]!), 12);
});

test("a file system's go with it, others stay", () => {
  const { files, file, closed, fs } = make();
  const other = new File({});
  files.leave(file, 7);
  files.leave(other, 8);
  files.dropAllOf(fs);
  assert.equal(closed, [7]);
  assert.is(files.take(other), 8);
  files.leave(other, 8);
  files.end();
  assert.equal(closed, [7, 8]);
});

test.run();
