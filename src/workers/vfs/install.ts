// Giving new open files descriptors: one, or a pair whose numbers go to guest memory.

import { EFAULT } from "../../shared/abi/errno.ts";
import { RLIMIT_NOFILE } from "../../shared/abi/resource.ts";
import type { VfsCaller } from "./caller.ts";
import type { OpenFile } from "./file.ts";

/** A new file's descriptor, or -EMFILE: then the file is gone. */
export function install(task: VfsCaller, file: OpenFile, closeOnExec: boolean): number {
  const fd = task.files.install(file, 0, task.limit(RLIMIT_NOFILE), closeOnExec);
  if (fd < 0) task.files.discard(file);
  return fd;
}

/** Two new files, whose descriptors are written to `address`: 0 or a negative errno. */
export function installPair(
  task: VfsCaller,
  address: number,
  first: OpenFile,
  second: OpenFile,
  closeOnExec: boolean,
): number {
  const a = install(task, first, closeOnExec);
  if (a < 0) {
    task.files.discard(second);
    return a;
  }
  const b = install(task, second, closeOnExec);
  if (b < 0) {
    task.files.close(a);
    return b;
  }
  const at = task.call.out(address, 8);
  task.call.view.setInt32(at, a, true);
  task.call.view.setInt32(at + 4, b, true);
  task.call.outFault = () => {
    task.files.close(a);
    task.files.close(b);
    return -EFAULT;
  };
  return 0;
}
