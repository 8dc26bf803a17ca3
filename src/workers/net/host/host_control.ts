// Control messages of host sockets: as they stand in memory, on their way to the host and back.

import { EINVAL, ENOBUFS } from "../../../shared/abi/errno.ts";
import { SOL_SOCKET } from "../../../shared/abi/socket.ts";
import { type Ancillary, type ControlWriter, controlMessages } from "../control.ts";

/** Bytes of them that go with one message. */
export const CONTROL_MAX = 2048;

export class HostControl implements Ancillary {
  readonly bytes: Buffer;
  readonly isOfLast = true;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /**
   * Those that a guest sends: EINVAL, ENOBUFS. Of SOL_SOCKET nothing is passed on, which could carry descriptors: the host has no
   * use for the rest.
   */
  static sent(bytes: Buffer): HostControl | number {
    const parts: Buffer[] = [];
    for (const message of controlMessages(bytes)) {
      if (message === null) return -EINVAL;
      if (message.level !== SOL_SOCKET) parts.push(message.whole);
    }
    const passed = Buffer.concat(parts);
    return passed.length > CONTROL_MAX ? -ENOBUFS : new HostControl(passed);
  }

  write(writer: ControlWriter): void {
    for (const message of controlMessages(this.bytes)) {
      if (message === null) break;
      writer.add(message.level, message.type, message.body);
    }
  }

  release(): void {}
}
