// A container's files: a root file system full of names that lead out of it, bind mounts, what is masked or
// read-only, devices and sockets that are not the host's. What is expected is what runc gives, but that the
// sandbox opens no device of the host.

import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { output, ringfence } from "../spawn.ts";

const directory = mkdtempSync(join(tmpdir(), "ringfence-container-files-"));
const root = join(directory, "rootfs");
const secret = join(directory, "secret");
const outside = join(directory, "outside");
let server: Server;

const MOUNTS = [
  { destination: "/file", source: join(outside, "file"), options: ["bind", "rw"] },
  { destination: "/bind", source: join(outside, "directory"), options: ["rbind", "rw"] },
  { destination: "/bind read-only", source: join(outside, "directory"), options: ["rbind", "ro"] },
  // Through a symlink that leads nowhere, seen from the host: to a file of the host.
  { destination: "/link/below", source: join(outside, "file"), options: ["bind", "rw"] },
];

const CONFIG = {
  ociVersion: "1.0.2",
  process: { user: { uid: 0, gid: 0 }, args: ["/program"], env: ["PATH=/"], cwd: "/" },
  root: { path: "rootfs" },
  mounts: MOUNTS.map((mount) => ({ type: "bind", ...mount })),
  linux: {
    namespaces: [{ type: "pid" }, { type: "mount" }],
    maskedPaths: ["/masked", "/maskedfile"],
    readonlyPaths: ["/read-only"],
  },
};

const EXPECTED = `
read /absolute: ENOENT
read /relative: ENOENT
read /directory/secret: ENOENT
read /bind/../../../secret: ENOENT
read /loop: ELOOP
read /disk: EPERM
read /socket: ENXIO
read /masked/file: ENOENT
read /maskedfile: yes
write /maskedfile: yes
read /file: yes
write /file: yes
read /bind/file: yes
write /bind/file: yes
read /bind read-only/file: yes
write /bind read-only/file: EROFS
write /read-only/file: EROFS
read /link/below: yes
unlink /file: EBUSY
rename /file: EBUSY
rename over /file: EBUSY
rmdir /bind: EBUSY
unlink /maskedfile: EBUSY
rename to /bind: EXDEV
link to /bind: EXDEV
link between binds /bind: EROFS
mkdir /bind read-only: EROFS
chmod /bind read-only: EROFS
truncate /bind read-only: EROFS
write ../file: EROFS
read ../../plain: yes
symlink /bind: yes
read /bind/out: ENOENT
`.trimStart();

test.before(async () => {
  for (const path of ["masked", "read-only/deep", "bind", "bind read-only"])
    mkdirSync(join(root, path), { recursive: true });
  mkdirSync(join(outside, "directory"), { recursive: true });
  for (const path of ["plain", "maskedfile", "masked/file", "read-only/file"])
    writeFileSync(join(root, path), "inside");
  for (const path of [secret, join(outside, "file"), join(outside, "directory/file")])
    writeFileSync(path, "outside");
  symlinkSync(secret, join(root, "absolute"));
  symlinkSync("../secret", join(root, "relative"));
  symlinkSync("..", join(root, "directory"));
  symlinkSync("loop", join(root, "loop"));
  symlinkSync("/made/here", join(root, "link"));
  execFileSync("mknod", [join(root, "disk"), "b", "254", "0"]);
  server = createServer().listen(join(root, "socket"));
  const source = join(import.meta.dirname, "container_files.c");
  execFileSync("gcc", ["-D_GNU_SOURCE", "-static", "-O1", "-o", join(root, "program"), source]);
  writeFileSync(join(directory, "config.json"), JSON.stringify(CONFIG));
});

test.after(() => {
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

test("names lead nowhere but into the container", async () => {
  assert.is(await output(ringfence, ["run", "--bundle", directory, `files-${process.pid}`]), EXPECTED);
  assert.is(readFileSync(secret, "latin1"), "outside");
  assert.is(readFileSync(join(outside, "file"), "latin1"), "outsidew");
  assert.is(readFileSync(join(root, "maskedfile"), "latin1"), "inside");
  assert.ok(existsSync(join(root, "made/here/below")), "the mount point is in the container");
  assert.not.ok(existsSync("/made"), "and not on the host");
});

test.run();
