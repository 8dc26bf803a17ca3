// A kind of objects that NETLINK_ROUTE tells of and changes: a row of a table (route.ts).

import { EINVAL } from "../../../../shared/abi/errno.ts";
import type { Requester } from "../../caller.ts";
import type { Devices } from "../../devices/devices.ts";
import { type Outcome, refuse } from "../../devices/outcome.ts";
import type { MessageWriter, Request } from "../message.ts";

/** struct ifinfomsg */
export const LINK_SIZE = 16;

export interface Kind<T> {
  /** Type of the messages that tell one, and that one is gone. */
  readonly told: number;
  readonly gone: number;
  /** Bytes in front of the attributes of a request. */
  readonly size: number;
  /** What a dump tells; of a family, or of all (0). */
  all(devices: Devices, family: number): Iterable<T>;
  familyOf(one: T): number;
  /** The index of its interface, for dumps that are about one; 0: of none. */
  deviceOf(one: T): number;
  /** What a request without NLM_F_DUMP is about, or an error. */
  find(task: Requester, request: Request): T | Outcome;
  write(writer: MessageWriter, type: number, flags: number, one: T, devices: Devices): void;
}

/** The fixed part of a message. */
export function header(size: number, write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(size);
  write(bytes);
  return bytes;
}

/** A request that is shorter than what it has in front. */
export const SHORT = refuse(EINVAL, "Invalid header length");

/** Changes something: 0 or an error. */
export type Changer = (task: Requester, request: Request) => Outcome;
