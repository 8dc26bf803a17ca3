// The system call table is whole and consistent, and its compiled forms say what it says.

import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  ALL_ON_THREAD_0,
  ARGUMENT_CLASS,
  CLASS_COUNT_AT,
  CLASS_STRIDE,
  compileClasses,
  compileMarshal,
  countIndex,
  MARSHAL_ENTRY_SIZE,
  pieceArguments,
} from "../../src/shared/abi/marshal.ts";
import {
  type Call,
  nr,
  SYSCALLS,
  syscallByName,
  syscallByNumber,
  syscallName,
} from "../../src/shared/abi/syscalls.ts";
import * as layout from "../../src/shared/ring/layout.ts";
import { macrosOf } from "./c_program.ts";

/** Headers newer than the table have more; what is below this number the table must have. */
const LAST = 469;

/** Calls newer than the oldest headers that tests run with: numbers as in Linux 6.18. */
const NEW: Record<string, number> = {
  uretprobe: 335,
  uprobe: 336,
  lsm_get_self_attr: 459,
  lsm_set_self_attr: 460,
  lsm_list_modules: 461,
  mseal: 462,
  setxattrat: 463,
  getxattrat: 464,
  listxattrat: 465,
  removexattrat: 466,
  open_tree_attr: 467,
  file_getattr: 468,
  file_setattr: 469,
};

test("names and numbers are those of asm/unistd_64.h, and none is missing", () => {
  const expected = new Map(Object.entries(NEW));
  for (const [macro, value] of macrosOf("#include <asm/unistd_64.h>")) {
    if (macro.startsWith("__NR_") && Number(value) <= LAST) expected.set(macro.slice(5), Number(value));
  }
  const actual = SYSCALLS.map((call) => `${call.nr.x86_64} ${call.name}`);
  assert.equal(actual.sort(), [...expected].map(([name, value]) => `${value} ${name}`).sort());
});

test("no number and no name is used twice, and all fit the kernel page", () => {
  assert.is(new Set(SYSCALLS.map((call) => call.nr.x86_64)).size, SYSCALLS.length);
  assert.is(new Set(SYSCALLS.map((call) => call.name)).size, SYSCALLS.length);
  for (const call of SYSCALLS) assert.ok(call.nr.x86_64 < layout.KP_MARSHAL_COUNT, call.name);
});

test("lookups", () => {
  assert.is(nr("openat"), 257);
  assert.is(syscallByNumber(257)?.name, "openat");
  assert.is(syscallByName("openat")?.nr.x86_64, 257);
  assert.is(syscallByNumber(400), undefined);
  assert.is(syscallName(400), "syscall_400");
  assert.throws(() => nr("nonsense"));
});

test("arguments: at most six, distinct names, counts that exist, a note where it is due", () => {
  for (const call of SYSCALLS) {
    assert.ok(call.arguments.length <= 6, call.name);
    assert.is(new Set(call.arguments.map((a) => a.name)).size, call.arguments.length, call.name);
    for (const argument of call.arguments) {
      const { extent } = argument;
      if ((extent?.type === "counted" || extent?.type === "sized") && extent.count !== "result") {
        assert.ok(countIndex(call, extent.count) >= 0);
      }
      assert.ok(!argument.piece || extent !== undefined, `${call.name}: ${argument.name}`);
    }
    assert.ok(
      call.arguments.slice(1).every((a) => !a.routes),
      call.name,
    );
    if (call.level === "partial") assert.ok(call.note !== "", call.name);
  }
});

/** An independent reading of a marshal entry, as the stub does it. */
function decode(table: Uint8Array, number: number) {
  const view = new DataView(table.buffer, number * MARSHAL_ENTRY_SIZE, MARSHAL_ENTRY_SIZE);
  const piece = (at: number) => {
    const bits = view.getUint16(at, true);
    const kind = bits & 7;
    if (kind === layout.PIECE_NONE) return null;
    if (kind === layout.PIECE_CONTEXT || kind === layout.PIECE_FP_FORM) return { kind, argument: -1 };
    const argument = (bits >> 3) & 7;
    if (kind === layout.PIECE_CSTRING) return { kind, argument };
    if (kind === layout.PIECE_FIXED) return { kind, argument, size: bits >> 6 };
    return { kind, argument, count: (bits >> 6) & 7, element: 1 << ((bits >> 9) & 15) };
  };
  return {
    pieces: [piece(0), piece(2)],
    thread: view.getUint8(4),
    route: view.getUint8(5),
    rest: view.getUint16(6),
  };
}

test("marshal entries", () => {
  const table = compileMarshal(SYSCALLS, { supervisor: 0, vfs: 1, net: 2, mem: 3 });
  const { PIECE_BUFFER, PIECE_BULK, PIECE_CSTRING, PIECE_FIXED, ROUTE_FD, ROUTE_NUMBER } = layout;
  assert.is(table.length, layout.KP_MARSHAL_COUNT * 8);
  const entry = (name: string) => decode(table, nr(name));
  assert.equal(entry("getpid"), { pieces: [null, null], thread: 0, route: ROUTE_NUMBER, rest: 0 });
  assert.equal(entry("write"), {
    pieces: [{ kind: PIECE_BULK, argument: 1, count: 2, element: 1 }, null],
    thread: 1,
    route: ROUTE_FD,
    rest: 0,
  });
  assert.equal(entry("writev").pieces[0], { kind: PIECE_BUFFER, argument: 1, count: 2, element: 16 });
  assert.equal(entry("poll").pieces[0], { kind: PIECE_BUFFER, argument: 0, count: 1, element: 8 });
  assert.equal(entry("rename").pieces, [
    { kind: PIECE_CSTRING, argument: 0 },
    { kind: PIECE_CSTRING, argument: 1 },
  ]);
  assert.equal(entry("clock_nanosleep").pieces, [{ kind: PIECE_FIXED, argument: 2, size: 16 }, null]);
  assert.equal(entry("utimensat").pieces, [
    { kind: PIECE_CSTRING, argument: 1 },
    { kind: PIECE_FIXED, argument: 2, size: 32 },
  ]);
  assert.equal(entry("openat2").pieces[1], { kind: PIECE_BUFFER, argument: 2, count: 3, element: 1 });
  assert.equal(entry("rt_sigreturn").pieces, [
    { kind: layout.PIECE_CONTEXT, argument: -1 },
    { kind: layout.PIECE_FP_FORM, argument: -1 },
  ]);
  assert.is(entry("sendto").route, ROUTE_FD);
  assert.is(entry("sendto").thread, 2);
  assert.is(entry("mmap").thread, 3);
  assert.is(entry("close").route, ROUTE_NUMBER);
  assert.equal(decode(table, 400), { pieces: [null, null], thread: 0, route: ROUTE_NUMBER, rest: 0 });
});

test("every entry of the real table compiles and agrees with the arguments it names", () => {
  const table = compileMarshal(SYSCALLS, ALL_ON_THREAD_0);
  for (const call of SYSCALLS) {
    const decoded = decode(table, call.nr.x86_64).pieces.filter((piece) => piece !== null);
    assert.equal(
      decoded.map((piece) => piece.argument),
      call.copiesContext ? [-1, -1] : pieceArguments(call),
      call.name,
    );
  }
});

test("argument classes", () => {
  const classes = compileClasses(SYSCALLS);
  const of = (call: Call) => [...classes.subarray(call.nr.x86_64 * CLASS_STRIDE).subarray(0, 8)];
  const { int, fd, ptr, size, off } = ARGUMENT_CLASS;
  assert.equal(of(syscallByName("mmap")!), [ptr, size, int, int, fd, off, 6, 0]);
  assert.equal(of(syscallByName("getpid")!), [0, 0, 0, 0, 0, 0, 0, 0]);
  for (const call of SYSCALLS) assert.is(of(call)[CLASS_COUNT_AT], call.arguments.length);
});

test.run();
