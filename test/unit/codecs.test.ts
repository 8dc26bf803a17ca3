// Every structure codec has the size and the offsets that gcc gives the C structure of that name, and
// writes what it reads.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { structCode } from "../../scripts/struct_code.ts";
import { i64, type StructType, type Type, u64 } from "../../src/shared/abi/struct.ts";
import { STRUCTS, stat, timespec, user_regs_struct, utsname } from "../../src/shared/abi/structs.ts";
import * as layout from "../../src/shared/ring/layout.ts";
import { runC } from "./c_program.ts";

type AnyStruct = StructType<Record<string, Type<unknown>>>;
const structs = Object.entries(STRUCTS) as unknown as [string, AnyStruct][];

/** Fields that C declares without a name. */
const unnamed = (field: string) => /^_[a-z]/.test(field);

/** The kernel's own headers and the C library's declare some structures twice: one program for each kind. */
const fromKernel = (codec: AnyStruct) => /^(linux|asm)\//.test(codec.header);

function compare(selected: [string, AnyStruct][], first: string): void {
  const headers = new Set(selected.map(([, codec]) => codec.header));
  const prints = selected.flatMap(([name, codec]) => [
    `P("${name}", sizeof(${codec.cName}));`,
    ...Object.keys(codec.fields)
      .filter((field) => !unnamed(field))
      .map((field) => `P("${name}.${field}", __builtin_offsetof(${codec.cName}, ${field}));`),
  ]);
  const output = runC(`
    ${first}
    ${[...headers].map((header) => `#include <${header}>`).join("\n")}
    int printf(const char *, ...);
    #define P(name, value) printf("%s %lu\\n", name, (unsigned long)(value))
    int main(void) { ${prints.join("\n")} return 0; }
  `);
  for (const line of output.trim().split("\n")) {
    const [what, value] = line.split(" ") as [string, string];
    const [name, field] = what.split(".") as [string, string | undefined];
    const codec = (STRUCTS as unknown as Record<string, AnyStruct>)[name]!;
    // What follows d_type is the name, which the head does not count.
    if (name === "dirent64" && field === undefined) continue;
    assert.is(field === undefined ? codec.size : codec.offset[field], Number(value), what);
  }
}

test("sizes and offsets are those of the kernel's headers", () => {
  compare(
    structs.filter(([, codec]) => fromKernel(codec)),
    "#include <linux/types.h>\n#include <asm/signal.h>\n#include <linux/socket.h>",
  );
});

test("sizes and offsets are those of the C library's headers", () => {
  compare(
    structs.filter(([, codec]) => !fromKernel(codec)),
    "#define _GNU_SOURCE",
  );
});

test("the register frame of a slot is user_regs_struct", () => {
  const names = layout as unknown as Record<string, number>;
  let compared = 0;
  for (const [field, offset] of Object.entries(user_regs_struct.offset)) {
    const constant = names[field.toUpperCase()];
    if (constant === undefined) continue; // ds, es, fs, gs are not kept
    assert.is(constant - layout.FRAME, offset, field);
    compared++;
  }
  assert.is(compared, 23);
});

test("what is written is read back", () => {
  const times = { tv_sec: -1, tv_nsec: 999_999_999 };
  assert.equal(timespec.decode(timespec.encode(times)), times);
  const name = {
    ...utsname.decode(new Uint8Array(utsname.size)),
    sysname: "Linux",
    nodename: "a".repeat(65),
  };
  assert.equal(utsname.decode(utsname.encode(name)), name);
});

test("writing part of a structure leaves zeros, not what was there", () => {
  const bytes = new Uint8Array(stat.size + 8).fill(0xff);
  stat.encode({ st_size: 5 }, bytes, 4);
  const zeros = new Uint8Array(stat.size);
  zeros[stat.offset.st_size] = 5;
  assert.equal(bytes.subarray(4, 4 + stat.size), zeros);
  assert.equal([...bytes.subarray(0, 4), ...bytes.subarray(4 + stat.size)], new Array(8).fill(0xff));
});

test("64-bit numbers are exact up to 2^53, both signs", () => {
  const view = new DataView(new ArrayBuffer(8));
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      i64.write(view, 0, value);
      assert.is(view.getBigInt64(0, true), BigInt(value));
      assert.is(i64.read(view, 0), value);
      if (value >= 0) assert.is(u64.read(view, 0), value);
    }),
  );
});

test("the code that a bundle has does what going through the fields does", async () => {
  const directory = mkdtempSync(join(tmpdir(), "codecs-"));
  const module = join(directory, "struct_code.mjs");
  writeFileSync(module, structCode(join(import.meta.dirname, "../../src/shared/abi/struct.ts")));
  const { STRUCT_CODE } = (await import(module)) as { STRUCT_CODE: Record<string, Type<unknown>> };
  rmSync(directory, { recursive: true });
  assert.equal(Object.keys(STRUCT_CODE), Object.keys(STRUCTS));
  for (const [name, codec] of structs) {
    const code = STRUCT_CODE[name]!;
    const bytes = fc.uint8Array({ minLength: codec.size + 3, maxLength: codec.size + 3 });
    const dropped = fc.subarray(Object.keys(codec.fields));
    fc.assert(
      fc.property(bytes, dropped, (given, without) => {
        const view = new DataView(given.buffer, given.byteOffset, given.length);
        const value = codec.read(view, 2);
        assert.equal(code.read(view, 2), value, name);
        for (const field of without) delete (value as Record<string, unknown>)[field];
        const [wanted, written] = [given.slice(), given.slice()];
        codec.write(new DataView(wanted.buffer), 2, value);
        code.write(new DataView(written.buffer), 2, value);
        assert.equal(written, wanted, name);
      }),
      { numRuns: 20 },
    );
  }
});

test.run();
