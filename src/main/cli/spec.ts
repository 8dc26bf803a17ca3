// `ringfence spec`: a config.json to begin with, byte for byte as runc writes it.

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoText } from "../../shared/abi/errno_text.ts";
import { OCI_VERSION_LAST } from "../oci/version.ts";
import { CommandError } from "./command_error.ts";

export interface SpecWords {
  bundle?: string;
  rootless: boolean;
}

const FILE = "config.json";
const CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
const CAPABILITY_SETS = ["bounding", "effective", "permitted", "ambient"];
const MASKED = [
  ...["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"],
  ...["/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"],
];
const READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

const mount = (destination: string, type: string, source: string, ...options: string[]) => ({
  destination,
  type,
  source,
  ...(options.length > 0 && { options }),
});
const types = (...names: string[]) => names.map((type) => ({ type }));
/** A namespace of them is worth having where there is the one hierarchy of v2. */
const cgroupType = () => (existsSync("/sys/fs/cgroup/cgroup.controllers") ? ["cgroup"] : []);
const ownId = (id: number) => [{ containerID: 0, hostID: id, size: 1 }];

/** Without privilege there is no group 5 to give terminals to, and no sysfs to be mounted: the host's is shown. */
function mounts(rootless: boolean): object[] {
  const restricted = ["nosuid", "noexec", "nodev"];
  const terminals = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"];
  return [
    mount("/proc", "proc", "proc"),
    mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
    mount("/dev/pts", "devpts", "devpts", ...terminals, ...(rootless ? [] : ["gid=5"])),
    mount("/dev/shm", "tmpfs", "shm", ...restricted, "mode=1777", "size=65536k"),
    mount("/dev/mqueue", "mqueue", "mqueue", ...restricted),
    rootless
      ? mount("/sys", "none", "/sys", "rbind", ...restricted, "ro")
      : mount("/sys", "sysfs", "sysfs", ...restricted, "ro"),
    mount("/sys/fs/cgroup", "cgroup", "cgroup", ...restricted, "relatime", "ro"),
  ];
}

function linux(rootless: boolean): object {
  const paths = { maskedPaths: MASKED, readonlyPaths: READ_ONLY };
  if (!rootless) {
    const resources = { devices: [{ allow: false, access: "rwm" }] };
    return {
      resources,
      namespaces: types("pid", "network", "ipc", "uts", "mount", ...cgroupType()),
      ...paths,
    };
  }
  return {
    uidMappings: ownId(process.geteuid!()),
    gidMappings: ownId(process.getegid!()),
    namespaces: types("pid", "ipc", "uts", "mount", ...cgroupType(), "user"),
    ...paths,
  };
}

/** The configuration as runc's `spec` has it; of newer ones it has the version that they and we know. */
export function defaultSpec(rootless: boolean): object {
  return {
    ociVersion: OCI_VERSION_LAST,
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ["sh"],
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
      cwd: "/",
      capabilities: Object.fromEntries(CAPABILITY_SETS.map((set) => [set, CAPABILITIES])),
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    hostname: "runc",
    mounts: mounts(rootless),
    linux: linux(rootless),
  };
}

/** Writes it, unless there is one. Throws a CommandError. */
export function writeSpec({ bundle, rootless }: SpecWords): void {
  const path = join(bundle ?? ".", FILE);
  try {
    writeFileSync(path, JSON.stringify(defaultSpec(rootless), null, "\t"), { flag: "wx", mode: 0o666 });
  } catch (error) {
    const { code, errno } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") throw new CommandError(`File ${FILE} exists. Remove it first`);
    throw new CommandError(`writing ${path}: ${errnoText(-(errno ?? 0))}`);
  }
}
