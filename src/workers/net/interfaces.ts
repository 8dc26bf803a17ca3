// ioctls about network interfaces (netdevice(7)), which any socket answers. There are none in the sandbox: lists of
// them are empty, and names and numbers are nobody's.

import { EFAULT, ENODEV, EPERM } from "../../shared/abi/errno.ts";
import * as I from "../../shared/abi/ioctl.ts";
import { CAP_NET_ADMIN } from "../../shared/abi/prctl.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import type { Caller } from "../call/caller.ts";
import { capable } from "../credentials/credentials.ts";

/** struct ifreq */
const REQUEST_SIZE = 40;

/** About one interface; the others change it. */
const READS: ReadonlySet<number> = new Set([
  I.SIOCGIFNAME,
  I.SIOCGIFFLAGS,
  I.SIOCGIFMTU,
  I.SIOCGIFHWADDR,
  I.SIOCGIFINDEX,
]);
const CHANGES: ReadonlySet<number> = new Set([I.SIOCSIFFLAGS, I.SIOCSIFMTU, I.SIOCSIFNAME]);

function* ofInterface(task: Caller, address: number, isChange: boolean): Coroutine {
  task.call.outAt(address, REQUEST_SIZE, WINDOW);
  if ((yield* task.call.copyInRound()) < REQUEST_SIZE) return -EFAULT;
  return isChange && !capable(task.credentials, task.kernel.users, CAP_NET_ADMIN) ? -EPERM : -ENODEV;
}

/** Null: another request. */
export function interfaceIoctl(task: Caller, request: number, argument: number): number | null {
  if (request === I.SIOCGIFCONF) {
    // struct ifconf: so many bytes of the caller's room were filled.
    task.call.view.setInt32(task.call.out(argument, 4), 0, true);
    return 0;
  }
  const isChange = CHANGES.has(request);
  if (!isChange && !READS.has(request)) return null;
  return task.call.start(ofInterface(task, argument, isChange));
}
