// src/shared/ring/slot_states.ts and native/include/ringfence/slot_states.def are one table.

import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  Operation,
  Reply,
  Request,
  SLOT_STATES,
  SLOT_TRANSITIONS,
} from "../../src/shared/ring/slot_states.ts";
import { runC } from "./c_program.ts";

const output = runC(`
  #include <stdio.h>
  #define RF_REQUEST_KIND(name, value) printf("request|%s|%d\\n", #name, value);
  #define RF_REPLY_CODE(name, value) printf("reply|%s|%d\\n", #name, value);
  #define RF_OPERATION(name, value) printf("operation|%s|%d\\n", #name, value);
  #define RF_STATE(name) printf("state|%s\\n", #name);
  #define RF_TRANSITION(from, event, actor, to, writes) \\
    printf("transition|%s|%s|%s|%s|%s\\n", #from, #event, #actor, #to, writes);
  int main(void) {
  #include "ringfence/slot_states.def"
    return 0;
  }
`);

function rows(kind: string): string[] {
  const prefix = `${kind}|`;
  return output
    .split("\n")
    .filter((line) => line.startsWith(prefix))
    .map((line) => line.slice(prefix.length));
}

function numbered(table: Record<string, number>): string[] {
  return Object.entries(table).map(([name, value]) => `${name}|${value}`);
}

test("requests, replies and operations agree", () => {
  assert.equal(numbered(Request), rows("request"));
  assert.equal(numbered(Reply), rows("reply"));
  assert.equal(numbered(Operation), rows("operation"));
});

test("states and transitions agree", () => {
  assert.equal([...SLOT_STATES], rows("state"));
  assert.equal(
    SLOT_TRANSITIONS.map((t) => [t.from, t.event, t.actor, t.to, t.writes].join("|")),
    rows("transition"),
  );
});

test("kinds and codes fit the low bits of their words", () => {
  for (const value of [...Object.values(Request), ...Object.values(Reply)])
    assert.ok(value > 0 && value < 16);
});

test("no state has two outcomes of one event by one actor", () => {
  const seen = new Set(SLOT_TRANSITIONS.map((t) => `${t.from} ${t.event} ${t.actor}`));
  assert.is(seen.size, SLOT_TRANSITIONS.length);
});

test.run();
