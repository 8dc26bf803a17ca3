// A table of descriptors whose last task is gone is closed in pieces, of which the first comes at once.

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
        begin: (piece: () => boolean) => {
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

test("a few files are closed at once, however full the turn is, and the others later", () => {
  const host = new Host();
  let released = 0;
  host.table(() => released++).release();
  assert.is(released, 16);
  while (host.pieces.length > 0) if (host.pieces[0]!()) host.pieces.shift();
  assert.is(released, FILES);
  assert.is(host.counters.openFiles, 0);
});

test("a table that others use is not closed", () => {
  let released = 0;
  const table = new Host().table(() => released++);
  table.share(true).release();
  assert.is(released, 0);
});

test.run();
