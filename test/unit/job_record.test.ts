// src/workers/gofer/job_record.ts and native/include/ringfence/job.h see the same record.

import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  CROSSING_ENTERED,
  CROSSING_LEFT,
  JOB_DATA_SIZE,
  JOB_DONE,
  JOB_FREE,
  JOB_SIZE,
  JOBS_A_LANE,
  JobOperation,
  JobRecord,
  LANES,
  OWNER_ASKED,
  OWNER_UNMAPPED,
  REMOTE_LANES,
  SET_GID,
  SET_MODE,
  SET_SIZE,
  SET_TIMES,
  SET_UID,
} from "../../src/workers/gofer/job_record.ts";
import { runC } from "./c_program.ts";

const FIELDS = [
  "state",
  "operation",
  "result",
  "second",
  "value",
  "a",
  "b",
  "c",
  "d",
  "e",
  "length",
  "position",
];
const ALL = [...FIELDS, "type", "owner", "stat", "times", "data"] as const;
const NUMBERS = {
  JOB_FREE,
  JOB_DONE,
  RF_JOB_REMOTE_LANES: REMOTE_LANES,
  RF_JOB_LANES: LANES,
  RF_JOBS_A_LANE: JOBS_A_LANE,
  RF_JOB_DATA_SIZE: JOB_DATA_SIZE,
  RF_SET_MODE: SET_MODE,
  RF_SET_UID: SET_UID,
  RF_SET_GID: SET_GID,
  RF_SET_SIZE: SET_SIZE,
  RF_SET_TIMES: SET_TIMES,
  RF_CROSSING_ENTERED: CROSSING_ENTERED,
  RF_CROSSING_LEFT: CROSSING_LEFT,
  RF_OWNER_ASKED: OWNER_ASKED,
  RF_OWNER_UNMAPPED: OWNER_UNMAPPED,
  "sizeof(struct job)": JOB_SIZE,
  JOB_OPERATIONS: Object.keys(JobOperation).length,
  ...Object.fromEntries(Object.entries(JobOperation).map(([name, number]) => [`JOB_${name}`, number])),
};

const prints = [
  ...ALL.map((field) => `printf("${field} %zu\\n", offsetof(struct job, ${field}));`),
  ...Object.keys(NUMBERS).map((name) => `printf("%s %lld\\n", "${name}", (long long)(${name}));`),
];
const fromC = new Map(
  runC(`
    #include <stddef.h>
    #include <stdio.h>
    #include "ringfence/job.h"
    int main(void) { ${prints.join("\n")} return 0; }
  `)
    .trim()
    .split("\n")
    .map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
);

test("numbers are those of C", () => {
  for (const [name, value] of Object.entries(NUMBERS)) assert.is(value, fromC.get(name), name);
});

test("fields stand where C has them", () => {
  const memory = new SharedArrayBuffer(2 * JOB_SIZE);
  const record = new JobRecord(memory, 1);
  const view = new DataView(memory, JOB_SIZE);
  const at = (field: (typeof ALL)[number]) => fromC.get(field)!;
  record.set({
    operation: JobOperation.RENAME,
    a: 1,
    b: 2,
    c: 3,
    d: 4,
    e: -5,
    length: 6,
    position: 2 ** 40,
    value: 2 ** 41,
    owner: OWNER_ASKED,
    name: "one",
    second: "two",
    fill: ({ times }) => times.setUint8(0, 7),
  });
  const words = ["operation", "a", "b", "c", "d", "e", "length", "owner"] as const;
  assert.equal(
    words.map((field) => view.getInt32(at(field), true)),
    [JobOperation.RENAME, 1, 2, 3, 4, -5, 6, OWNER_ASKED],
  );
  assert.is(view.getFloat64(at("position"), true), 2 ** 40);
  assert.is(view.getFloat64(at("value"), true), 2 ** 41);
  assert.is(view.getUint8(at("times")), 7);
  assert.is(record.data.toString("latin1", 0, 4), "one\0");
  assert.is(record.data.toString("latin1", 4096, 4100), "two\0");
  view.setUint8(at("data"), 120);
  assert.is(record.text(3), "xne");
  view.setInt32(at("result"), -9, true);
  view.setInt32(at("second"), 8, true);
  view.setInt32(at("type"), -1, true);
  view.setInt32(at("state"), JOB_DONE, true);
  view.setUint8(at("stat"), 11);
  assert.equal([record.result, record.second, record.type, record.isDone], [-9, 8, 0xffffffff, true]);
  assert.is(record.stat.getUint8(0), 11);
  assert.is(record.stat.byteLength, at("times") - at("stat"));
});

test.run();
