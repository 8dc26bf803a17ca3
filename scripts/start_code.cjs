// Names for the functions of a bundle: the source that a function comes from, and its own name; of one without, that of the
// nearest around it and `>`. What esbuild has added is of the source "". Several may share a name. What a start runs is a list of them (start_code.json, which
// record_start_code.mjs writes): {source: [name]}.

const { readFileSync } = require("node:fs");
const { SourceMap } = require("node:module");
const { dirname, join, relative } = require("node:path");

/** Makes line and column, from 0, of offsets in a file. */
exports.placesIn = (file) => {
  const text = readFileSync(file, "utf8");
  const lines = [0];
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) lines.push(end + 1);
  return (offset) => {
    let [low, high] = [0, lines.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (lines[middle] <= offset) low = middle;
      else high = middle;
    }
    return { lineNumber: low, columnNumber: offset - lines[low] };
  };
};

/** Makes a bundle's functions, {name, start, end} by offsets in it, {source, name, start, end}. */
exports.keysIn = (checkout, bundle) => {
  const mapFile = bundle.replace(".main.cjs", ".cjs.map");
  const map = new SourceMap(JSON.parse(readFileSync(mapFile, "utf8")));
  const place = exports.placesIn(bundle);
  const sourceAt = (offset) => {
    const { lineNumber, columnNumber } = place(offset);
    const { originalSource } = map.findEntry(lineNumber, columnNumber);
    return originalSource === undefined ? "" : relative(checkout, join(dirname(mapFile), originalSource));
  };
  return (functions) => {
    const around = [];
    return functions
      .toSorted((a, b) => a.start - b.start || b.end - a.end)
      .map(({ name, start, end }) => {
        while (around.length > 0 && around.at(-1).end <= start) around.pop();
        const own = name || `${around.at(-1)?.name ?? ""}>`;
        // esbuild's functions around a module have its path for a name.
        if (name && !name.includes("/")) around.push({ name, end });
        return { source: sourceAt(start), name: own, start, end };
      });
  };
};

/** Whether the list in a file has a function. */
exports.listIn = (file) => {
  const list = Object.entries(JSON.parse(readFileSync(file, "utf8")));
  const sets = new Map(list.map(([source, names]) => [source, new Set(names)]));
  return ({ source, name }) => sets.get(source)?.has(name) === true;
};
