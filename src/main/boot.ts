// Boot of the sandbox process: everything it will ever hold comes through descriptor 3, as one message
// of init (native/launcher/init.c) with a header that names each descriptor.

import { closeSync, fstatSync, readSync } from "node:fs";
import type { BootDescriptor, BootHeader, SandboxConfig } from "../shared/process_spec.ts";
import type { Host } from "./host.ts";

const BOOT_SOCKET = 3;
const HEADER_MAX = 65_536;

export type Descriptors = Partial<Record<BootDescriptor, number>>;

export interface Boot {
  config: SandboxConfig;
  descriptors: Descriptors;
  /** The boot socket itself: init waits at its other end to confine the process. */
  init: number;
}

/** Reads the boot messages and the configuration. Throws when they are not what they must be. */
export function receiveBoot(host: Host): Boot {
  const descriptors: Descriptors = {};
  while (receiveMessage(host, descriptors));
  return { init: BOOT_SOCKET, config: readConfig(required(descriptors, "config")), descriptors };
}

/** True when another message follows. */
function receiveMessage(host: Host, descriptors: Descriptors): boolean {
  const message = host.recvMessage(BOOT_SOCKET, HEADER_MAX);
  if (typeof message === "number") throw new Error(`boot message: errno ${-message}`);
  const header = JSON.parse(message.data.toString("utf8")) as BootHeader;
  if (header.type !== "boot" || header.descriptors.length !== message.fds.length)
    throw new Error("boot message: header and descriptors differ");
  header.descriptors.forEach((name, index) => {
    descriptors[name] = message.fds[index]!;
  });
  return header.more;
}

/** A descriptor that every sandbox gets. */
export function required(descriptors: Descriptors, name: BootDescriptor): number {
  const fd = descriptors[name];
  if (fd === undefined) throw new Error(`boot message: descriptor ${name} is missing`);
  return fd;
}

function readConfig(fd: number): SandboxConfig {
  const text = Buffer.alloc(fstatSync(fd).size);
  readSync(fd, text, 0, text.length, 0);
  closeSync(fd);
  const config = JSON.parse(text.toString("utf8")) as SandboxConfig;
  if (config.version !== 1) throw new Error(`configuration: version ${config.version} is not known`);
  return config;
}
