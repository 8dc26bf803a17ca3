// Loads a bundle with V8's code cache beside it, which set-up has made by the pinned Node (code_cache.cjs). V8 itself
// refuses a cache of another version or source, and then compiles.

const { readFileSync } = require("node:fs");
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
  const script = new Script(Module.wrap(readFileSync(file, "utf8")), {
    filename: file,
    cachedData: read(),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const loaded = new Module(file);
  loaded.filename = file;
  loaded.paths = [];
  const run = script.runInThisContext();
  const require_ = loaded.require.bind(loaded);
  run.call(loaded.exports, loaded.exports, require_, loaded, file, dirname(file));
  return loaded.exports;
};
