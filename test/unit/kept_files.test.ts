// What a stub keeps of files: found while they are what they were, due when they are closed, and a fork's as its parent's.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { nr } from "../../src/shared/abi/syscalls.ts";
import type { OperationList } from "../../src/workers/call/operation_list.ts";
import { Donations } from "../../src/workers/mem/donations.ts";
import { type KeepableFile, KeptFiles } from "../../src/workers/mem/kept_files.ts";

const TABLE = 7;

class File implements KeepableFile {
  keptIn: Set<KeptFiles> | null = null;
  keepable: object | null = {};

  close(table = TABLE): void {
    for (const kept of this.keptIn ?? []) kept.closed(this, table);
  }
}

interface Task {
  seccomp: { allows(nr: number): boolean } | null;
}

function stub(): { kept: KeptFiles; donations: Donations; tasks: Task[] } {
  const donations = new Donations();
  const tasks: Task[] = [{ seccomp: null }];
  return { kept: new KeptFiles(donations, { tasks }), donations, tasks };
}

function keeps(kept: KeptFiles, donations: Donations, file: File): number {
  const fd = donations.begin();
  kept.begin(file, fd, file.keepable!, TABLE);
  kept.end(file, true);
  return fd;
}

/** What a list closes. */
function closes(kept: KeptFiles): number[] {
  const closed: number[] = [];
  const due = kept.closeIn({
    tell: (_nr: number, fd: number) => closed.push(fd),
  } as unknown as OperationList);
  kept.closedIn(due);
  return closed;
}

test("it is found while its contents stand where they stood, and due when they do not", () => {
  const { kept, donations } = stub();
  const file = new File();
  const fd = keeps(kept, donations, file);
  assert.is(kept.find(file), fd);
  file.keepable = {};
  assert.is(kept.find(file), -1);
  assert.equal(closes(kept), [fd]);
  assert.is(donations.begin(), fd, "its number is free again");
});

test("a number is nobody else's until it is closed", () => {
  const { kept, donations } = stub();
  const file = new File();
  const fd = keeps(kept, donations, file);
  file.close();
  assert.ok(kept.isDue);
  assert.is.not(donations.begin(), fd);
  assert.equal(closes(kept), [fd]);
  assert.is(file.keptIn!.size, 0);
});

test("what is closed while it comes is due when it has come, whether or not it has", () => {
  for (const isThere of [true, false]) {
    const { kept, donations } = stub();
    const file = new File();
    const fd = donations.begin();
    kept.begin(file, fd, file.keepable!, TABLE);
    assert.is(kept.find(file), -1);
    assert.not(kept.hasRoomFor(file));
    file.close();
    assert.not(kept.isDue, "it is on its way");
    kept.end(file, isThere);
    assert.equal(closes(kept), [fd]);
    assert.is(kept.find(file), -1);
  }
});

test("a list that has failed may have brought it", () => {
  const { kept, donations } = stub();
  const file = new File();
  const fd = donations.begin();
  kept.begin(file, fd, file.keepable!, TABLE);
  kept.end(file, false);
  assert.equal(closes(kept), [fd]);
});

test("a fork has the same numbers, and each closes its own", () => {
  const parent = stub();
  const child = stub();
  const [one, two] = [new File(), new File()];
  const fds = [one, two].map((file) => keeps(parent.kept, parent.donations, file));
  child.kept.copyFrom(parent.kept, TABLE + 1);
  assert.equal([child.kept.find(one), child.kept.find(two)], fds);
  assert.not(fds.includes(child.donations.begin()));
  one.close();
  assert.equal(closes(parent.kept), [fds[0]]);
  assert.equal(closes(child.kept), [], "what its parent closes is open there");
  one.close(TABLE + 1);
  assert.equal(closes(child.kept), [fds[0]]);
  child.kept.clear();
  assert.equal([...two.keptIn!], [parent.kept]);
});

test("they are so few that one list closes all, with those that are due", () => {
  const { kept, donations } = stub();
  const files = Array.from({ length: 40 }, () => new File());
  for (const file of files) if (kept.hasRoomFor(file)) keeps(kept, donations, file);
  files.slice(0, 10).forEach((file) => {
    file.close();
  });
  for (const file of files) if (kept.hasRoomFor(file)) keeps(kept, donations, file);
  kept.dropAll();
  assert.is(closes(kept).length, 24);
});

test("nothing is kept where others could close it, or a filter refuses what could be done by it", () => {
  const { kept, tasks } = stub();
  const file = new File();
  assert.ok(kept.hasRoomFor(file));
  tasks.push({ seccomp: null });
  assert.not(kept.hasRoomFor(file));
  tasks.pop();
  tasks[0]!.seccomp = { allows: () => true };
  assert.ok(kept.hasRoomFor(file));
  tasks[0]!.seccomp = { allows: (call) => call !== nr("pread64") };
  assert.not(kept.hasRoomFor(file));
});

test.run();
