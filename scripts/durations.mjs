// How long each test takes: preloaded by `npm test -- --durations`, it stands in for uvu and writes a line
// `milliseconds<TAB>file<TAB>suite: test` for each test, and for the hooks around them, to RINGFENCE_TEST_DURATIONS.
// A hook is most often the start of a sandbox or an engine.

import { appendFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { relative } from "node:path";
import * as uvu from "uvu";

const place = process.env.RINGFENCE_TEST_DURATIONS;
const file = relative(process.cwd(), process.argv[1]);

registerHooks({
  resolve(specifier, context, next) {
    const isOurs = specifier === "uvu" && context.parentURL !== import.meta.url;
    return isOurs ? { url: import.meta.url, shortCircuit: true } : next(specifier, context);
  },
});

function timed(name, handler) {
  return async (state) => {
    const began = performance.now();
    try {
      return await handler(state);
    } finally {
      const took = Math.round(performance.now() - began);
      appendFileSync(place, `${took}\t${file}\t${name.trim()}\n`);
    }
  };
}

function timedSuite(suite, title) {
  const prefix = title === "" ? "" : `${title}: `;
  const test = (name, handler) => suite(name, timed(`${prefix}${name}`, handler));
  const hook = (add, name) => (handler) => add(timed(`${prefix}(${name})`, handler));
  test.before = hook(suite.before, "before");
  test.before.each = hook(suite.before.each, "before each");
  test.after = hook(suite.after, "after");
  test.after.each = hook(suite.after.each, "after each");
  test.only = (name, handler) => suite.only(name, timed(`${prefix}${name}`, handler));
  test.skip = suite.skip;
  test.run = suite.run;
  return test;
}

export const suite = (title = "", state = {}) => timedSuite(uvu.suite(title, state), title);
export const test = timedSuite(uvu.test, "");
