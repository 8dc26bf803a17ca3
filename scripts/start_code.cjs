// What a start runs, compiled before: that was a third of it. Functions of a bundle have names here: the source that a
// function comes from, and its own name; of one without, that of the nearest around it and `>`. What esbuild has added is of
// the source "". Several may share a name. What a start runs is a list of them (start_code.json, which
// record_start_code.mjs writes): {source: [name]}.

const { readFileSync } = require("node:fs");
const { Session } = require("node:inspector");
const { SourceMap } = require("node:module");
const { dirname, join, relative } = require("node:path");
const { queryObjects, setFlagsFromString } = require("node:v8");

/** Collections after which V8 has forgotten all code that was not used meanwhile, when it is asked to forget soon. */
const FORGETTING = 4;

/** Makes line and column, from 0, of offsets in a text. */
function placesIn(text) {
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

/** The source of each place of a bundle, by its map. */
function sourcesOf(checkout, bundle) {
  const mapFile = bundle.replace(/(\.main)?\.cjs$/, ".cjs.map");
  const map = new SourceMap(JSON.parse(readFileSync(mapFile, "utf8")));
  const place = placesIn(readFileSync(bundle, "utf8"));
  return (offset) => {
    const { lineNumber, columnNumber } = place(offset);
    const { originalSource } = map.findEntry(lineNumber, columnNumber);
    return originalSource === undefined ? "" : relative(checkout, join(dirname(mapFile), originalSource));
  };
}

/** Names functions {name, start, end} of a bundle, by offsets in it. */
function keysIn(checkout, bundle) {
  const sourceAt = sourcesOf(checkout, bundle);
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

/** Whether the list in a file has a function; `all` has. */
function listIn(file) {
  if (file === "all") return () => true;
  const list = Object.entries(JSON.parse(readFileSync(file, "utf8")));
  const sets = new Map(list.map(([source, names]) => [source, new Set(names)]));
  return ({ source, name }) => sets.get(source)?.has(name) === true;
}

/** Functions of the bundle that V8 knows by now; those in functions that are not compiled it may not know. */
function functionsOf(post, bundle) {
  const scripts = post("Profiler.getBestEffortCoverage").result;
  const { scriptId, functions } = scripts.find(({ url }) => url === bundle || url === `file://${bundle}`);
  return functions.map(({ functionName, ranges: [{ startOffset, endOffset }] }) => ({
    scriptId,
    name: functionName,
    start: startOffset,
    end: endOffset,
  }));
}

/** Compiles what is listed, and what is in that, until there is nothing new; once more after V8 has forgotten the rest. */
function compileListed(post, bundle, keysOf, isListed) {
  const place = placesIn(readFileSync(bundle, "utf8"));
  const compile = ({ scriptId, start, end }) => {
    // From a character that is its own: the function around it may begin in the same place.
    const range = { start: { scriptId, ...place(start + 1) }, end: { scriptId, ...place(end) } };
    post("Debugger.getPossibleBreakpoints", { ...range, restrictToFunction: true });
  };
  const done = new Map();
  for (let before = -1; done.size > before; ) {
    before = done.size;
    const known = functionsOf(post, bundle);
    for (const each of keysOf(known)) {
      if (done.has(each.start) || !isListed(each)) continue;
      done.set(each.start, { ...each, scriptId: known[0].scriptId });
      compile(done.get(each.start));
    }
  }
  forget();
  for (const each of done.values()) compile(each);
}

/**
 * The code of a top level is not run twice, and that of Node's own start costs more to keep than to make again. V8 collects
 * garbage before it answers a query for objects.
 */
function forget() {
  setFlagsFromString("--bytecode-old-age=1");
  for (let i = 0; i < FORGETTING; i++) queryObjects(Session);
  setFlagsFromString("--bytecode-old-age=6");
}

/**
 * Calls `run`, which runs a bundle's top level, and has everything compiled that is listed: V8's debugger
 * compiles a function when it is asked where one could stop in it.
 */
exports.withListed = (checkout, bundle, list, run) => {
  const session = new Session();
  session.connect();
  const post = (method, parameters) => {
    let answer;
    session.post(method, parameters, (error, result) => {
      answer = error ?? result;
    });
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const domains = ["Debugger", "Profiler"];
  for (const domain of domains) post(`${domain}.enable`);
  run();
  compileListed(post, bundle, keysIn(checkout, bundle), listIn(list));
  for (const domain of domains) post(`${domain}.disable`);
  session.disconnect();
};
