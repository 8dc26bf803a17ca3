// Writes the snapshot of a bundle after its top level has run (Node's --build-snapshot-config), with the bytecode of what
// a start runs: compiling that was a third of it. Which functions those are, a list says (start_code.cjs); V8's debugger
// compiles a function when it is asked where one could stop in it.
//
// By its environment: RINGFENCE_BUNDLE, the file of the bundle; RINGFENCE_CHECKOUT; RINGFENCE_START_CODE, the list, without
// which no bytecode is kept; RINGFENCE_KEEP_CODE, the addon that has the snapshot keep it (native/setup).

const { readFileSync } = require("node:fs");
const { Session } = require("node:inspector");
const { dirname } = require("node:path");
const { compileFunction } = require("node:vm");

const {
  RINGFENCE_BUNDLE: bundle,
  RINGFENCE_CHECKOUT: checkout,
  RINGFENCE_START_CODE: list,
  RINGFENCE_KEEP_CODE: addon,
} = process.env;

/** Runs a file as a module; require() of a snapshot's builder knows Node's own modules alone. */
function load(filename) {
  const module = { exports: {} };
  const names = ["exports", "require", "module", "__filename", "__dirname"];
  const body = compileFunction(readFileSync(filename, "utf8"), names, { filename });
  body(module.exports, require, module, filename, dirname(filename));
  return module.exports;
}

/** Functions of the bundle that V8 knows by now; those in functions that are not compiled it may not know. */
function functionsOf(post, keysOf) {
  const scripts = post("Profiler.getBestEffortCoverage").result;
  const { scriptId, functions } = scripts.find(({ url }) => url === bundle || url === `file://${bundle}`);
  const ranges = functions.map(({ functionName, ranges: [{ startOffset, endOffset }] }) => ({
    name: functionName,
    start: startOffset,
    end: endOffset,
  }));
  return { scriptId, functions: keysOf(ranges) };
}

/** Compiles what is listed, and what is in that, until there is nothing new. */
function compileListed(post, keysOf, isListed, place) {
  const done = new Set();
  for (let before = -1; done.size > before; ) {
    before = done.size;
    const { scriptId, functions } = functionsOf(post, keysOf);
    for (const each of functions) {
      if (done.has(each.start) || !isListed(each)) continue;
      done.add(each.start);
      // From a character that is its own: the function around it may begin in the same place.
      const range = { start: { scriptId, ...place(each.start + 1) }, end: { scriptId, ...place(each.end) } };
      post("Debugger.getPossibleBreakpoints", { ...range, restrictToFunction: true });
    }
  }
}

/** Keeps V8 from forgetting what is compiled; all of it is looked at through one session of its debugger. */
function withCode(run) {
  process.dlopen({ exports: {} }, addon);
  const session = new Session();
  session.connect();
  const post = (method, parameters) => {
    let answer;
    session.post(method, parameters, (error, result) => {
      if (error) throw new Error(`${method}: ${error.message}`);
      answer = result;
    });
    return answer;
  };
  const domains = ["Debugger", "Profiler"];
  for (const domain of domains) post(`${domain}.enable`);
  run();
  const { keysIn, listIn, placesIn } = load(`${checkout}/scripts/start_code.cjs`);
  compileListed(post, keysIn(checkout, bundle), listIn(list), placesIn(bundle));
  for (const domain of domains) post(`${domain}.disable`);
  session.disconnect();
}

if (list === undefined) load(bundle);
else withCode(() => load(bundle));
