// src/shared/ring/layout.ts and native/include/ringfence/layout.h state the same numbers.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as layout from "../../src/shared/ring/layout.ts";
import { INCLUDE_DIR, runC } from "./c_program.ts";

const HEADER = join(INCLUDE_DIR, "ringfence/layout.h");
const defined = [...readFileSync(HEADER, "utf8").matchAll(/^#define RF_(\w+)/gm)].map((match) => match[1]!);

test("both files name the same constants", () => {
  assert.equal(Object.keys(layout).sort(), [...defined].sort());
});

test("every constant has the value that C sees", () => {
  const prints = defined.map((name) => `printf("${name} %lld\\n", (long long)(RF_${name}));`);
  const output = runC(`
    #include <stdio.h>
    #include "ringfence/layout.h"
    int main(void) { ${prints.join("\n")} return 0; }
  `);
  const fromC = Object.fromEntries(
    output
      .trim()
      .split("\n")
      .map((line) => line.split(" "))
      .map(([name, value]) => [name, Number(value)]),
  );
  assert.equal(fromC, Object.fromEntries(Object.entries(layout)));
});

test.run();
