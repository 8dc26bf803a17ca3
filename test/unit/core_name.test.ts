// Names of core files (core(5)).

import { test } from "uvu";
import * as assert from "uvu/assert";
import { coreName } from "../../src/workers/process/core_name.ts";

const FACTS = {
  pid: 12,
  firstPid: 112,
  tid: 13,
  firstTid: 113,
  uid: 1000,
  gid: 100,
  dumpable: 1,
  signo: 11,
  timeS: 1700000000,
  hostname: "box",
  comm: "../x y",
  program: "/usr/bin/prog",
  limit: Number.POSITIVE_INFINITY,
};

for (const [pattern, usesPid, name] of [
  ["core", false, "core"],
  ["core", true, "core.12"],
  ["core.%p", true, "core.12"],
  ["core.%P.%I", true, "core.112.113"],
  ["core%%p", true, "core%p.12"],
  ["/var/core/%e.%s.%t", false, "/var/core/..!x y.11.1700000000"],
  ["%u-%g-%i-%h-%f-%E", false, "1000-100-13-box-prog-!usr!bin!prog"],
  ["a%", false, "a"],
  ["a%zb", false, "ab"],
] as const)
  test(`${pattern}${usesPid ? ", with the process" : ""} is ${name}`, () => {
    assert.is(coreName(pattern, usesPid, FACTS), name);
  });

test.run();
