// What an escape would most easily change on the host, as text that must be equal before and after.

import { readdirSync, readFileSync } from "node:fs";

const FILES = [
  "/proc/sys/kernel/hostname",
  "/proc/sys/kernel/domainname",
  "/proc/self/mounts",
  "/proc/sysvipc/shm",
  "/proc/sysvipc/sem",
  "/proc/sysvipc/msg",
  "/proc/swaps",
  "/proc/modules",
  "/etc/passwd",
] as const;

export function hostState(): string {
  const parts = FILES.map((file) => {
    try {
      return readFileSync(file, "latin1").replace(/ +\d+$/gm, "");
    } catch {
      return "absent";
    }
  });
  return [...parts, ...readdirSync("/"), ...readdirSync("/dev/shm")].join("\n");
}
