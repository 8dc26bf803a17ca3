// Calls that change the machine, which all sandboxes share. Nobody in one may, whatever capabilities he has there: the
// answer is what Linux gives to who has none (capabilities(7)).

import { EINVAL, EPERM } from "../../shared/abi/errno.ts";
import { CAP_SYS_BOOT } from "../../shared/abi/prctl.ts";
import type { Handler, Handlers } from "../call/dispatch.ts";
import { capable } from "../credentials/credentials.ts";
import type { Task } from "../process/task.ts";

/** linux/reboot.h */
const LINUX_REBOOT_MAGIC1 = 0xfee1dead;
const LINUX_REBOOT_MAGIC2: ReadonlySet<number> = new Set([672274793, 85072278, 369367448, 537993216]);
/** linux/swap.h */
const SWAP_FLAGS_VALID = 0x7ffff;

const refuse: Handler<Task> = () => -EPERM;

export const MACHINE_HANDLERS: Handlers<Task> = {
  reboot: (task, magic, magic2) => {
    if (!capable(task.credentials, task.kernel.users.initial, CAP_SYS_BOOT)) return -EPERM;
    return magic >>> 0 !== LINUX_REBOOT_MAGIC1 || !LINUX_REBOOT_MAGIC2.has(magic2 >>> 0) ? -EINVAL : -EPERM;
  },
  swapon: (_task, _path, flags) => ((flags & ~SWAP_FLAGS_VALID) !== 0 ? -EINVAL : -EPERM),
  swapoff: refuse,
  acct: refuse,
};
