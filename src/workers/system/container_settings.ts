// The settings that a container's configuration gives (linux.sysctl), before anything of it runs.

import { __NEW_UTS_LEN } from "../../shared/abi/utsname.ts";
import { IPC_SETTINGS } from "../ipc/limits.ts";
import type { SupervisorContext } from "../process/context.ts";
import { SETTINGS, type SettingName } from "../sysctls.ts";

type IpcName = keyof typeof IPC_SETTINGS;

const isIpc = (name: string): name is IpcName => Object.hasOwn(IPC_SETTINGS, name);
const isSetting = (path: string): path is SettingName => Object.hasOwn(SETTINGS, path);

/** A negative errno where the value cannot be. What there is no such setting for is left out. */
function apply(kernel: SupervisorContext, name: string, value: string): number {
  // A slash stands for a dot in the name of a device.
  const path = name.replaceAll(/[./]/g, (mark) => (mark === "." ? "/" : "."));
  const own = path.slice("kernel/".length);
  if (path === "kernel/domainname") {
    kernel.uts.domainname = value.slice(0, __NEW_UTS_LEN);
    return 0;
  }
  if (path.startsWith("kernel/") && isIpc(own)) return IPC_SETTINGS[own].write(kernel.ipc.limits, value);
  return isSetting(path) ? kernel.sysctls.set(path, value) : 0;
}

/** Null, or what is wrong with one of them. */
export function applySettings(kernel: SupervisorContext, settings: Record<string, string>): string | null {
  for (const [name, value] of Object.entries(settings))
    if (apply(kernel, name, value) < 0)
      return `linux.sysctl: ${name} cannot be set to ${JSON.stringify(value)}`;
  return null;
}
