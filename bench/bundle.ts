// An OCI bundle whose container sees the host's programs and libraries read-only, the guest programs, and the
// bench's directory: for runtimes that have no `do`, and for what is timed of create and start.

import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { PROGRAMS } from "./programs.ts";

/** Directories of the host that a program may need. */
const SHOWN = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/usr", "/etc", "/opt"];
const CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"];

interface Mount {
  destination: string;
  type: string;
  source: string;
  options?: string[];
}

function shownDirectories(rootfs: string): Mount[] {
  const mounts: Mount[] = [];
  for (const path of SHOWN) {
    if (!existsSync(path)) continue;
    if (lstatSync(path).isSymbolicLink()) symlinkSync(readlinkSync(path), join(rootfs, path));
    else mounts.push({ destination: path, type: "bind", source: path, options: ["rbind", "ro"] });
  }
  return mounts;
}

const DESCRIPTORS_MAX = 65_536;
const CAP_SYS_RESOURCE = 24n;

/** As many as engines give, or as a caller may who cannot raise limits: other runtimes set them as he could. */
function descriptorsMax(): number {
  const own = (file: string) => readFileSync(`/proc/self/${file}`, "latin1");
  const capabilities = BigInt(`0x${/^CapEff:\s*(\w+)$/m.exec(own("status"))![1]}`);
  const [, hard] = /^Max open files +\w+ +(\d+) /m.exec(own("limits")) ?? [];
  if (hard === undefined || (capabilities >> CAP_SYS_RESOURCE) % 2n === 1n) return DESCRIPTORS_MAX;
  return Math.min(DESCRIPTORS_MAX, Number(hard));
}

let made = 0;

/** Writes a bundle of its own; returns its directory. `network`: path of the network namespace; absent: a new one. */
export function writeBundle(
  work: string,
  argv: readonly string[],
  writable: boolean,
  network?: string,
): string {
  const bundle = join(work, `bundle-${made++}`);
  const rootfs = join(bundle, "rootfs");
  mkdirSync(rootfs, { recursive: true });
  mkdirSync(PROGRAMS, { recursive: true });
  const bind = (path: string, options: string[]): Mount => ({
    destination: path,
    type: "bind",
    source: path,
    options,
  });
  const mounts: Mount[] = [
    ...shownDirectories(rootfs),
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
    { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["mode=1777"] },
    { destination: "/dev/shm", type: "tmpfs", source: "tmpfs", options: ["mode=1777"] },
    bind(PROGRAMS, ["rbind", "ro"]),
    bind(work, ["rbind", writable ? "rw" : "ro"]),
  ];
  const capabilities = Object.fromEntries(
    ["bounding", "effective", "permitted"].map((set) => [set, CAPABILITIES]),
  );
  const config = {
    ociVersion: "1.0.2",
    process: {
      user: { uid: 0, gid: 0 },
      args: argv,
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      cwd: "/",
      capabilities,
      // The caller's own may be few.
      rlimits: [{ type: "RLIMIT_NOFILE", soft: 1024, hard: descriptorsMax() }],
    },
    root: { path: "rootfs" },
    mounts,
    linux: {
      namespaces: [
        ...["pid", "ipc", "uts", "mount"].map((type) => ({ type })),
        { type: "network", ...(network !== undefined && { path: network }) },
      ],
    },
  };
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
  return bundle;
}
