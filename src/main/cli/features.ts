// `ringfence features`: what this runtime can do, in the runtime specification's form (features.md). Engines
// read it at their start. Made from the tables that the code itself goes by.

import { CAPABILITIES } from "../../shared/abi/names.ts";
import { MOUNT_OPTIONS } from "../oci/mounts.ts";
import { SECCOMP_WORDS } from "../oci/seccomp.ts";
import { OCI_VERSION_FIRST, OCI_VERSION_LAST } from "../oci/version.ts";

const HOOKS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];
const NAMESPACES = ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"];

export function features(version: string): object {
  return {
    ociVersionMin: OCI_VERSION_FIRST,
    ociVersionMax: OCI_VERSION_LAST,
    hooks: HOOKS,
    mountOptions: MOUNT_OPTIONS,
    linux: {
      namespaces: NAMESPACES,
      capabilities: Object.keys(CAPABILITIES),
      cgroup: { v1: true, v2: true, systemd: true, systemdUser: true, rdma: true },
      // The sandbox's own kernel keeps to profiles; a guest's calls do not reach the host with or without one.
      seccomp: {
        enabled: true,
        actions: SECCOMP_WORDS.actions,
        operators: SECCOMP_WORDS.operators,
        archs: SECCOMP_WORDS.architectures,
        knownFlags: SECCOMP_WORDS.flags,
        supportedFlags: SECCOMP_WORDS.flags,
      },
      apparmor: { enabled: false },
      selinux: { enabled: false },
      intelRdt: { enabled: false },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: false },
    },
    annotations: { "dev.ringfence.version": version },
    potentiallyUnsafeConfigAnnotations: [],
  };
}
