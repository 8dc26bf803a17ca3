// pipe(2), pipe2(2).

import { EINVAL } from "../../shared/abi/errno.ts";
import * as F from "../../shared/abi/fcntl.ts";
import type { Handlers } from "../call/dispatch.ts";
import type { VfsCaller } from "./caller.ts";
import { installPair } from "./install.ts";
import { PipeFile } from "./pipe.ts";

function pipe(task: VfsCaller, address: number, flags: number): number {
  if ((flags & ~(F.O_CLOEXEC | F.O_NONBLOCK | F.O_DIRECT)) !== 0) return -EINVAL;
  const made = task.kernel.pipes.create(task.credentials, task.kernel.users);
  if (typeof made === "number") return made;
  const inode = task.kernel.anonymous.pipe(task.credentials);
  const status = flags & (F.O_NONBLOCK | F.O_DIRECT);
  const reader = new PipeFile(made, inode, F.O_RDONLY | status);
  const writer = new PipeFile(made, inode, F.O_WRONLY | status);
  return installPair(task, address, reader, writer, (flags & F.O_CLOEXEC) !== 0);
}

export const PIPE_HANDLERS: Handlers<VfsCaller> = {
  pipe: (task, address) => pipe(task, address, 0),
  pipe2: (task, address, flags) => pipe(task, address, flags),
};
