// Sets of CPUs as lists and as masks.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { readCpuList, writeCpuList } from "../../src/shared/cpu_list.ts";
import type { VfsContext } from "../../src/workers/vfs/context.ts";
import { allCpus, maskOfCpus } from "../../src/workers/vfs/sys/cpus.ts";

test("lists of CPUs are read within bounds", () => {
  assert.is(writeCpuList([...readCpuList("1,3-5, 7")!]), "1,3-5,7");
  for (const wrong of ["", "a", "5-1", "0-9999999", "8192", "1-", "-1"]) assert.is(readCpuList(wrong), null);
});

test("masks are as wide as there are CPUs, as Linux prints them", () => {
  const of = (cpus: number) => ({ cpus }) as VfsContext;
  const all = (count: number) => maskOfCpus(of(count), allCpus(of(count)));
  assert.equal([1, 2, 5, 32, 33, 68].map(all), [
    "1",
    "3",
    "1f",
    "ffffffff",
    "1,ffffffff",
    "f,ffffffff,ffffffff",
  ]);
  assert.is(maskOfCpus(of(8), [0]), "01");
  assert.is(maskOfCpus(of(64), [33]), "00000002,00000000");
});

test.run();
