// Handles of host files (src/workers/gofer/handles.ts): no more are open than there may be, those go that were not used
// for longest, and one that was closed counts only if it is the same file again.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { EAGAIN, EIO, EMFILE, ENOENT, ESTALE } from "../../src/shared/abi/errno.ts";
import { write64 } from "../../src/shared/abi/struct.ts";
import { type HandleOwner, Handles } from "../../src/workers/gofer/handles.ts";
import type { Native } from "../../src/workers/native.ts";

const ROOT = 100;
const DEV = 7;

/** A directory of a host with files by name; each open gives a new descriptor. */
class FakeHost {
  readonly scratchView = new DataView(new ArrayBuffer(256));
  readonly files = new Map<string, number>();
  readonly open = new Map<number, number>();
  opens = 0;
  /** What every open gives instead. */
  error = 0;
  limit = Number.POSITIVE_INFINITY;
  #last = ROOT;

  openComponent(_directory: number, name: string): number {
    if (this.error < 0) return this.error;
    const ino = this.files.get(name);
    if (ino === undefined) return -ENOENT;
    if (this.open.size >= this.limit) return -EMFILE;
    this.opens++;
    this.open.set(++this.#last, ino);
    return this.#last;
  }

  fstat(fd: number): number {
    write64(this.scratchView, 0, DEV);
    write64(this.scratchView, 8, this.open.get(fd)!);
    return 0;
  }

  close(fd: number): number {
    assert.ok(this.open.delete(fd), `${fd} is closed twice`);
    return 0;
  }
}

function make(limit: number, count: number) {
  const host = new FakeHost();
  const handles = new Handles(host as unknown as Native, ROOT, limit);
  const root: HandleOwner = {
    parentOwner: null,
    hostName: "",
    hostDev: DEV,
    hostIno: 1,
    handlePlace: null,
    opener: null,
  };
  const files = Array.from({ length: count }, (_, i): HandleOwner => {
    host.files.set(`f${i}`, 10 + i);
    return {
      parentOwner: root,
      hostName: `f${i}`,
      hostDev: DEV,
      hostIno: 10 + i,
      handlePlace: null,
      opener: null,
    };
  });
  return { host, handles, root, files };
}

test("those go that were not used for longest", () => {
  const { host, handles, root, files } = make(8, 9);
  assert.is(handles.get(root), ROOT);
  for (const file of files.slice(0, 8)) assert.ok(handles.get(file) > ROOT);
  const first = handles.get(files[0]!);
  assert.is(host.opens, 8);
  handles.get(files[8]!);
  // An eighth of the limit and the one too many: the second and third.
  assert.is(handles.size, 7);
  assert.is(host.open.size, 7);
  assert.is(handles.known(files[0]!), first);
  assert.is(handles.known(files[1]!), -1);
  assert.is(handles.known(files[2]!), -1);
  assert.ok(handles.known(files[3]!) > ROOT);
  assert.ok(handles.get(files[1]!) > ROOT);
  assert.is(host.opens, 10);
});

test("another file under the name is not the file", () => {
  const { host, handles, files } = make(8, 1);
  host.files.set("f0", 99);
  assert.is(handles.get(files[0]!), -ESTALE);
  assert.is(host.open.size, 0);
  host.files.delete("f0");
  assert.is(handles.get(files[0]!), -ESTALE);
});

test("one that is taken out is its taker's", () => {
  const { host, handles, files } = make(8, 2);
  handles.get(files[1]!);
  const fd = handles.take(files[0]!);
  assert.is(handles.size, 1);
  assert.ok(host.open.has(fd));
  assert.is(handles.known(files[0]!), -1);
});

test("old handles make room where descriptors run out", () => {
  const { host, handles, files } = make(4, 5);
  for (const file of files.slice(0, 4)) handles.get(file);
  host.limit = 4;
  assert.ok(handles.get(files[4]!) > ROOT);
  assert.is(host.open.size, 3);
});

test("a file system that is a program may answer EAGAIN: nothing is waited for", () => {
  const { host, handles, files } = make(8, 1);
  host.error = -EAGAIN;
  assert.is(handles.get(files[0]!), -EIO);
  assert.is(handles.openChild(ROOT, "f0"), -EIO);
  assert.is(host.open.size, 0);
});

test.run();
