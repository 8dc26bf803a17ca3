// An open generated file makes no more records than a reader comes to, and holds none that others need.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { EAGAIN } from "../../src/shared/abi/errno.ts";
import { Counters } from "../../src/workers/counters.ts";
import type { Task } from "../../src/workers/process/task.ts";
import { GeneratedFile } from "../../src/workers/vfs/generated/generated_file.ts";
import type { Contents, FileNode, Subject } from "../../src/workers/vfs/generated/nodes.ts";
import type { Inode } from "../../src/workers/vfs/inode.ts";
import { Shrinker } from "../../src/workers/vfs/shrinker.ts";

const RECORDS = 65_000;
const LENGTH = 100;

function setUp(limit = 1 << 20) {
  const counters = new Counters();
  const inode = { fs: { kernel: { generatedTexts: new Shrinker(counters, "generatedText", limit) } } };
  const made = { records: 0 };
  function* records() {
    for (let i = 0; i < RECORDS; i++) {
      made.records++;
      yield String(i).padStart(LENGTH);
    }
  }
  const open = () => {
    const contents: Contents = { records };
    const node = { kind: "file", mode: 0o444, open: () => contents } as FileNode<Subject>;
    const subject = {} as Subject;
    return new GeneratedFile(inode as unknown as Inode, node, subject, 0, null!, contents);
  };
  const task = { call: { bytes: new Uint8Array(65536), base: 0 } } as unknown as Task;
  const text = (n: number) => Buffer.from(task.call.bytes.subarray(0, n)).toString("latin1");
  return { counters, made, open, task, text };
}

test("one byte costs one record, and what is held goes with the file", () => {
  const { counters, made, open, task } = setUp();
  const files = Array.from({ length: 400 }, open);
  for (const file of files) assert.is(file.read(task, 0, 1), 1);
  assert.is(made.records, 400);
  assert.is(counters.generatedText, 400 * LENGTH);
  for (const file of files) file.release();
  assert.is(counters.generatedText, 0);
});

test("a far position is reached in turns", () => {
  const { made, open, task, text } = setUp();
  const file = open();
  const position = 50_000 * LENGTH + LENGTH - 5;
  let turns = 0;
  while (file.preadCached(task, 0, 5, position) === -EAGAIN) {
    assert.ok(made.records <= ++turns * 256);
  }
  assert.ok(turns > 100);
  assert.is(text(5), "50000");
});

test("who had to give up its record goes on at the same place", () => {
  const { counters, open, task, text } = setUp(2 * LENGTH);
  const files = Array.from({ length: 10 }, open);
  for (const file of files) file.read(task, 0, LENGTH + 95);
  assert.ok(counters.generatedText <= 2 * LENGTH);
  for (const file of files) {
    assert.is(file.read(task, 0, 5), 5);
    assert.is(text(5), "    1");
  }
});

test.run();
