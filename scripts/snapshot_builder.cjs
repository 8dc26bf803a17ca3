// Writes the snapshot of a bundle after its top level has run (Node's --build-snapshot-config), with the bytecode of what
// a start runs (start_code.cjs).
//
// By its environment: RINGFENCE_BUNDLE, the file of the bundle; RINGFENCE_CHECKOUT; RINGFENCE_START_CODE, the list, without
// which no bytecode is kept; RINGFENCE_KEEP_CODE, the addon that has the snapshot keep it (native/setup).

const { readFileSync } = require("node:fs");
const { dirname } = require("node:path");
const { compileFunction } = require("node:vm");

const {
  RINGFENCE_BUNDLE: bundle,
  RINGFENCE_CHECKOUT: checkout,
  RINGFENCE_START_CODE: list,
  RINGFENCE_KEEP_CODE: addon,
} = process.env;

/** Of functions below one that is collected V8 tells nothing. */
const held = [];

/** Runs a file as a module; require() of a snapshot's builder knows Node's own modules alone. */
function load(filename) {
  const module = { exports: {} };
  const names = ["exports", "require", "module", "__filename", "__dirname"];
  const body = compileFunction(readFileSync(filename, "utf8"), names, { filename });
  held.push(body);
  body(module.exports, require, module, filename, dirname(filename));
  return module.exports;
}

if (list === undefined) load(bundle);
else {
  process.dlopen({ exports: {} }, addon);
  load(`${checkout}/scripts/start_code.cjs`).withListed(checkout, bundle, list, () => load(bundle));
  held.length = 0;
}
