// A seccomp profile as a program: what it answers, run over calls, with the comparisons of the specification.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { compileSeccomp, readSeccomp } from "../../src/main/oci/seccomp.ts";
import * as P from "../../src/shared/abi/prctl.ts";
import { nr } from "../../src/shared/abi/syscalls.ts";
import { ARGUMENTS, CallData, readFilter, SeccompFilter } from "../../src/workers/seccomp/filter.ts";

const charged = { filterBytes: 0 };

function filterOf(profile: object): SeccompFilter {
  const { program, logs } = compileSeccomp(readSeccomp(profile, "linux.seccomp")!);
  return new SeccompFilter(readFilter(program)!, null, logs, charged);
}

function answer(filter: SeccompFilter, number: number, ...args: bigint[]): number {
  const data = new CallData();
  data.nr = number;
  for (const [i, value] of args.entries()) {
    data.setWord(ARGUMENTS + 8 * i, Number(value & 0xffffffffn) | 0);
    data.setWord(ARGUMENTS + 8 * i + 4, Number(value >> 32n) | 0);
  }
  return filter.answer(data) >>> 0;
}

const errno = (number: number) => P.SECCOMP_RET_ERRNO | number;
const EQUAL: Readonly<Record<string, (a: bigint, b: bigint, c: bigint) => boolean>> = {
  SCMP_CMP_EQ: (a, b) => a === b,
  SCMP_CMP_NE: (a, b) => a !== b,
  SCMP_CMP_LT: (a, b) => a < b,
  SCMP_CMP_LE: (a, b) => a <= b,
  SCMP_CMP_GT: (a, b) => a > b,
  SCMP_CMP_GE: (a, b) => a >= b,
  SCMP_CMP_MASKED_EQ: (a, b, c) => (a & b) === c,
};

test("each comparison, at all its edges", () => {
  const values = [0n, 1n, 5n, 0xffffffffn, 0x100000000n, 0x100000005n, 2n ** 52n + 5n, 2n ** 64n - 1n];
  for (const [op, holds] of Object.entries(EQUAL))
    for (const value of values.slice(0, 7))
      for (const valueTwo of op === "SCMP_CMP_MASKED_EQ" ? [0n, 5n, value] : [0n]) {
        const args = [{ index: 3, value: Number(value), valueTwo: Number(valueTwo), op }];
        const filter = filterOf({
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [{ names: ["getppid"], action: "SCMP_ACT_ERRNO", errnoRet: 9, args }],
        });
        for (const given of values) {
          const expected = holds(given, value, valueTwo) ? errno(9) : P.SECCOMP_RET_ALLOW;
          const what = `${given} ${op} ${value} ${valueTwo}`;
          assert.is(answer(filter, nr("getppid"), 0n, 0n, 0n, given), expected, what);
        }
        assert.is(answer(filter, nr("getpid"), 0n, 0n, 0n, value), P.SECCOMP_RET_ALLOW);
        assert.is(filter.allows(nr("getppid")), false);
        assert.is(filter.allows(nr("getpid")), true);
      }
});

test("conditions of one argument are alternatives, of several all hold; those before rules without", () => {
  const one = (index: number, value: number) => ({ index, value, op: "SCMP_CMP_EQ" });
  const filter = filterOf({
    defaultAction: "SCMP_ACT_ERRNO",
    syscalls: [
      { names: ["read"], action: "SCMP_ACT_ALLOW", args: [one(0, 1), one(0, 2)] },
      { names: ["write"], action: "SCMP_ACT_ALLOW", args: [one(0, 1), one(1, 2)] },
      { names: ["open"], action: "SCMP_ACT_TRAP" },
      { names: ["open"], action: "SCMP_ACT_ALLOW", args: [one(0, 7)] },
    ],
  });
  const allowed = (name: string, ...args: bigint[]) =>
    answer(filter, nr(name), ...args) === P.SECCOMP_RET_ALLOW;
  assert.equal([allowed("read", 1n), allowed("read", 2n), allowed("read", 3n)], [true, true, false]);
  assert.equal(
    [allowed("write", 1n, 2n), allowed("write", 1n), allowed("write", 0n, 2n)],
    [true, false, false],
  );
  assert.equal([allowed("open", 7n), answer(filter, nr("open"))], [true, P.SECCOMP_RET_TRAP]);
});

test("numbers beyond what a profile knows, and those of x32", () => {
  const syscalls = [{ names: ["read", "pidfd_open"], action: "SCMP_ACT_ALLOW" }];
  const refusing = filterOf({ defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 5, syscalls });
  assert.equal(
    [answer(refusing, nr("write")), answer(refusing, nr("pidfd_open") + 1), answer(refusing, -1)],
    [errno(5), errno(38), errno(38)],
  );
  assert.is(answer(refusing, 0x40000000), P.SECCOMP_RET_KILL_THREAD);
  const x32 = filterOf({
    defaultAction: "SCMP_ACT_ERRNO",
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"],
    syscalls,
  });
  assert.is(answer(x32, 0x40000000), P.SECCOMP_RET_ALLOW);
  const allowing = filterOf({ defaultAction: "SCMP_ACT_LOG", syscalls });
  assert.is(answer(allowing, 5000), P.SECCOMP_RET_LOG);
});

test("every call there is, one rule each", () => {
  const names = Array.from({ length: 400 }, (_, i) => i).map((i) => `call${i}`);
  const filter = filterOf({
    defaultAction: "SCMP_ACT_KILL_PROCESS",
    syscalls: [{ names: [...names, "openat2", "read", "exit_group"], action: "SCMP_ACT_ALLOW" }],
  });
  for (const name of ["openat2", "read", "exit_group"]) assert.ok(filter.allows(nr(name)));
  assert.is(answer(filter, nr("write")), P.SECCOMP_RET_KILL_PROCESS);
});

test("what is no profile is told with its place", () => {
  for (const [profile, words] of [
    [{ flags: [] }, /linux\.seccomp\.defaultAction/],
    [{ defaultAction: "SCMP_ACT_NOTIFY" }, /defaultAction is not one of/],
    [{ defaultAction: "SCMP_ACT_ALLOW", flags: ["X"] }, /flags\[0\]/],
    [{ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["a"], action: "X" }] }, /syscalls\[0\]\.action/],
    [
      {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [
          { names: ["a"], action: "SCMP_ACT_LOG", args: [{ index: 6, value: 0, op: "SCMP_CMP_EQ" }] },
        ],
      },
      /args\[0\]\.index/,
    ],
  ] as const)
    assert.throws(() => filterOf(profile), words);
});

test.run();
