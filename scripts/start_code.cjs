// What a start runs, compiled before: that was a third of it. Functions of a bundle have names here: the source that a function comes from, and its own name; of one without, that of the
// nearest around it and `>`. What esbuild has added is of the source "". Several may share a name. What a start runs is a list of them (start_code.json, which
// record_start_code.mjs writes): {source: [name]}.

const { readFileSync } = require("node:fs");
const { Session } = require("node:inspector");
const { SourceMap } = require("node:module");
const { dirname, join, relative } = require("node:path");

/** Makes line and column, from 0, of offsets in a file. */
function placesIn(file) {
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
}

/** Makes a bundle's functions, {name, start, end} by offsets in it, {source, name, start, end}. */
function keysIn(checkout, bundle) {
  const mapFile = bundle.replace(".main.cjs", ".cjs.map");
  const map = new SourceMap(JSON.parse(readFileSync(mapFile, "utf8")));
  const place = placesIn(bundle);
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
}
exports.keysIn = keysIn;

/** Whether the list in a file has a function. */
function listIn(file) {
  const list = Object.entries(JSON.parse(readFileSync(file, "utf8")));
  const sets = new Map(list.map(([source, names]) => [source, new Set(names)]));
  return ({ source, name }) => sets.get(source)?.has(name) === true;
}

/** Functions of the bundle that V8 knows by now; those in functions that are not compiled it may not know. */
function functionsOf(post, bundle, keysOf) {
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
function compileListed(post, bundle, keysOf, isListed) {
  const place = placesIn(bundle);
  const done = new Set();
  for (let before = -1; done.size > before; ) {
    before = done.size;
    const { scriptId, functions } = functionsOf(post, bundle, keysOf);
    for (const each of functions) {
      if (done.has(each.start) || !isListed(each)) continue;
      done.add(each.start);
      // From a character that is its own: the function around it may begin in the same place.
      const range = { start: { scriptId, ...place(each.start + 1) }, end: { scriptId, ...place(each.end) } };
      post("Debugger.getPossibleBreakpoints", { ...range, restrictToFunction: true });
    }
  }
}

/**
 * Calls `run`, which runs a bundle's top level, and has everything in the bundle compiled that is listed: V8's debugger
 * compiles a function when it is asked where one could stop in it.
 */
exports.withListed = (checkout, bundle, list, run) => {
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
  compileListed(post, bundle, keysIn(checkout, bundle), listIn(list));
  for (const domain of domains) post(`${domain}.disable`);
  session.disconnect();
};
