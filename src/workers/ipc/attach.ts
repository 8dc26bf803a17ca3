// shmat(2) and shmdt(2): a segment is mapped like any shared object, by its memfd; what is detached are the
// pieces that are left of one shmat's mapping where it was made.

import { EEXIST, EINVAL, ENOMEM } from "../../shared/abi/errno.ts";
import { SHM_EXEC, SHM_RDONLY, SHM_REMAP, SHM_RND } from "../../shared/abi/ipc.ts";
import { PROT_EXEC, PROT_READ, PROT_WRITE } from "../../shared/abi/mman.ts";
import { TASK_SIZE } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { map, unmap } from "../mem/mapping.ts";
import { PAGE_SIZE, VM_ATTACHED, VM_SHARED, type Vma } from "../mem/vma.ts";
import type { IpcCaller } from "./caller.ts";
import { mayUse, S_IRUGO, S_IWUGO, S_IXUGO } from "./permissions.ts";
import { Attachment, type Segment } from "./segment.ts";

/** Of one address space: fork and exit go through them all. */
const ATTACHMENTS_MAX = 8192;
const HOST_O_RDONLY = 0;
const HOST_O_RDWR = 2;

function attach(task: IpcCaller, id: number, address: number, flags: number): number {
  if (id < 0) return -EINVAL;
  let at = address;
  const replaces = (flags & SHM_REMAP) !== 0;
  if (address % PAGE_SIZE !== 0) {
    if ((flags & SHM_RND) === 0) return -EINVAL;
    at -= address % PAGE_SIZE;
    if (at === 0 && replaces) return -EINVAL;
  } else if (address === 0 && replaces) return -EINVAL;
  const readOnly = (flags & SHM_RDONLY) !== 0;
  const executes = (flags & SHM_EXEC) !== 0;
  const segment = task.ipc.namespace.segments.find(id);
  if (typeof segment === "number") return segment;
  const wanted = (readOnly ? S_IRUGO : S_IRUGO | S_IWUGO) | (executes ? S_IXUGO : 0);
  const refused = mayUse(task, segment.permissions, wanted);
  if (refused < 0) return refused;
  return task.call.start(mapSegment(task, segment, at, readOnly, executes, replaces));
}

function* mapSegment(
  task: IpcCaller,
  segment: Segment,
  at: number,
  readOnly: boolean,
  executes: boolean,
  replaces: boolean,
): Coroutine {
  const { native, descriptors } = task.kernel;
  if (task.stub.space.vmas.attachments >= ATTACHMENTS_MAX) return -ENOMEM;
  const hostFd = native.reopen(descriptors.proc, segment.hostFd, readOnly ? HOST_O_RDONLY : HOST_O_RDWR);
  if (hostFd < 0) return hostFd;
  segment.hold();
  try {
    const result = yield* map(task, {
      address: at,
      length: segment.length,
      prot: PROT_READ | (readOnly ? 0 : PROT_WRITE) | (executes ? PROT_EXEC : 0),
      maxProt: PROT_READ | PROT_EXEC | (readOnly ? 0 : PROT_WRITE),
      flags: VM_SHARED | VM_ATTACHED,
      placement: at === 0 ? "any" : replaces ? "fixed" : "free",
      source: { backing: new Attachment(segment), offset: 0, hostFd },
      name: "",
      populate: -1,
    });
    return result === -EEXIST ? -EINVAL : result;
  } finally {
    segment.unhold();
  }
}

/** Whether the VMA is where an attachment at `address` has it. */
function isPieceOf(vma: Vma, address: number): boolean {
  return (vma.flags & VM_ATTACHED) !== 0 && vma.start - address === vma.offset;
}

function* detach(task: IpcCaller, address: number): Coroutine {
  const { vmas } = task.stub.space;
  const first = vmas.firstAttached(address, (vma) => isPieceOf(vma, address));
  if (first === null) return -EINVAL;
  const end = Math.min(address + (first.backing as Attachment).segment.length, TASK_SIZE);
  const pieces = vmas.overlapping(first.start, end).filter((vma) => vma.end <= end);
  for (const vma of pieces) {
    if (vma !== first && (!isPieceOf(vma, address) || vma.backing !== first.backing)) continue;
    const error = yield* unmap(task, vma.start, vma.end);
    if (error < 0) return error;
  }
  return 0;
}

export const ATTACH_HANDLERS: Handlers<IpcCaller> = {
  shmat: attach,
  shmdt: (task, address) => (address % PAGE_SIZE !== 0 ? -EINVAL : task.call.start(detach(task, address))),
};
