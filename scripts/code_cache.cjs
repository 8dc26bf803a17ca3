// Writes the code cache of a bundle (cached_bundle.cjs), with the bytecode of its top level and of what a start runs:
//
//   node scripts/code_cache.cjs BUNDLE LIST

const { readFileSync, writeFileSync } = require("node:fs");
const Module = require("node:module");
const { dirname } = require("node:path");
const { Script, constants } = require("node:vm");
const { withListed } = require("./start_code.cjs");

const [, , bundle, list] = process.argv;
const script = new Script(Module.wrap(readFileSync(bundle, "utf8")), {
  filename: bundle,
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});
// Held: of functions below one that is collected V8 tells nothing.
const body = script.runInThisContext();

withListed(dirname(__dirname), bundle, list, () => {
  const loaded = new Module(bundle);
  try {
    body.call(loaded.exports, loaded.exports, loaded.require.bind(loaded), loaded, bundle, dirname(bundle));
  } catch {
    // There is no sandbox around: the top level comes as far as it comes.
  }
});
writeFileSync(`${bundle}.cache`, script.createCachedData());
process.exit(0);
