// Loads a bundle with V8's code cache beside it, which halves what a sandbox's start spends on compiling.
// The cache is made at set-up by the pinned Node, after the bundle's top level has run, so that it holds
// what that compiled; V8 itself refuses a cache of another version or source, and then compiles.

const { readFileSync, writeFileSync } = require("node:fs");
const Module = require("node:module");
const { dirname } = require("node:path");
const { Script, constants } = require("node:vm");

module.exports = (file) => {
  const read = () => {
    try {
      return readFileSync(`${file}.cache`);
    } catch {
      return undefined;
    }
  };
  const makes = process.env.RINGFENCE_MAKE_CODE_CACHE === "1";
  const script = new Script(Module.wrap(readFileSync(file, "utf8")), {
    filename: file,
    cachedData: makes ? undefined : read(),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const loaded = new Module(file);
  loaded.filename = file;
  loaded.paths = [];
  const run = script.runInThisContext();
  const require_ = loaded.require.bind(loaded);
  try {
    run.call(loaded.exports, loaded.exports, require_, loaded, file, dirname(file));
  } catch (error) {
    // At set-up there is no sandbox around: the top level comes as far as it comes.
    if (!makes) throw error;
  }
  if (makes) {
    writeFileSync(`${file}.cache`, script.createCachedData());
    process.exit(0);
  }
  return loaded.exports;
};
