// A table of descriptors whose last task is gone is closed in pieces, and who waits for that is told when all of it is closed,
// whatever throws.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { OpenFile } from "../../src/workers/vfs/file.ts";
import { FileTable } from "../../src/workers/vfs/file_table.ts";

const FILES = 100;

/** A turn that is full at once: each piece closes as few files as there may be. */
class Host {
  pieces: (() => boolean)[] = [];
  readonly counters = { descriptorSlots: 0, openFiles: 0 };

  table(releases: () => void): FileTable {
    const table = new FileTable({
      nextTableId: () => 1,
      counters: this.counters,
      heap: { hasRoom: () => true },
      longTurns: { isFull: true },
      locks: { descriptorClosed: () => {}, fileReleased: () => {} },
      fileEvents: { closed: () => {}, letGo: () => {} },
      steps: {
        run: (piece: () => boolean) => {
          if (!piece()) this.pieces.push(piece);
        },
      },
      lending: null,
    } as never);
    for (let fd = 0; fd < FILES; fd++) {
      const file = {
        references: 0,
        keptIn: null,
        epollItems: null,
        asyncSignals: null,
        held: null,
        path: null,
        hasWriteAccess: false,
        descriptorGone: () => {},
        release: releases,
      };
      table.installAt(fd, file as unknown as OpenFile);
    }
    return table;
  }
}

test("it is told when the last file is closed, and no sooner", () => {
  const host = new Host();
  let released = 0;
  let told = -1;
  const table = host.table(() => released++);
  table.release(() => {
    told = released;
  });
  assert.is(told, -1);
  assert.ok(released > 0 && released < FILES);
  while (host.pieces.length > 0) if (host.pieces[0]!()) host.pieces.shift();
  assert.is(told, FILES);
  assert.is(host.counters.openFiles, 0);
});

test("a table that others use is not waited for", () => {
  const table = new Host().table(() => {});
  let told = 0;
  table.share(true).release(() => told++);
  assert.is(told, 1);
});

test("nor is a file that cannot be closed", () => {
  let told = 0;
  const table = new Host().table(() => {
    throw new Error("closed");
  });
  assert.throws(() => table.release(() => told++), "closed");
  assert.is(told, 1);
});

test.run();
