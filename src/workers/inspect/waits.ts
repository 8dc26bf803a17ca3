// What a call waits for, in words: what is known of the call itself, and what stands for its wait in the kernel.

import { MADE_TO_WAIT } from "../../shared/abi/waiting_calls.ts";
import type { Task } from "../process/task.ts";
import { displayName } from "../vfs/path.ts";

/** Directories above a file that are looked at. */
const STEPS_MAX = 512;

/** Calls by what they wait for where they wait. */
const WAITS: Readonly<Record<string, readonly string[]>> = {
  ...MADE_TO_WAIT,
  "something to read": ["read", "readv", "pread64", "preadv", "preadv2", "recvfrom", "recvmsg", "recvmmsg"],
  "room to write": ["write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg"],
  "a connection": ["accept", "accept4", "connect"],
  "a lock on a file": ["flock", "fcntl"],
  "the other end": ["open", "openat", "openat2", "creat"],
  "a semaphore": ["semop", "semtimedop"],
  "a message, or room for one": ["msgrcv", "msgsnd", "mq_timedreceive", "mq_timedsend"],
  "the exec or end of a child": ["vfork"],
  "its new program": ["execve", "execveat"],
};

const WAIT_OF = new Map(Object.entries(WAITS).flatMap(([what, calls]) => calls.map((call) => [call, what])));

/** Of these, such as threads also wait for in their own address space. */
const BY_STUBS: ReadonlySet<string> = new Set(["a futex", "a time"]);

/** How an object of the kernel's is called: that of its class. */
function kindOf(object: object): string {
  // A class that a bundle has named anew has an underscore in front.
  const name = ((object.constructor as { name?: string } | undefined)?.name ?? "").replace(/^_/, "");
  return name === "" || name === "Object" ? "" : name;
}

/** Undefined: it waits for nothing. `name`: of its call; undefined: there is none. */
export function waitOf(task: Task, name: string | undefined): string | undefined {
  const { call } = task;
  if (call.asked !== null) return "an answer of the host's";
  if (call.waiter === null && call.coroutine === null) return undefined;
  const what = WAIT_OF.get(name ?? "") ?? "its next step";
  // A list: the stub sleeps at the host (futexes, sleeps), or changes its memory.
  if (call.waiter === null && !call.owned) return BY_STUBS.has(what) ? `${what}, in its stub` : "its stub";
  const by = call.waiter === null ? "" : kindOf(call.waiter);
  return by === "" ? what : `${what} (${by})`;
}

/** A descriptor of the task, as /proc/PID/fd shows it. */
export function fileOf(task: Task, fd: number): string | undefined {
  const file = task.files.get(fd);
  if (file === undefined) return undefined;
  if (file.path !== null) return displayName(file.path, task.fs.root, STEPS_MAX);
  return file.inode === null ? kindOf(file) : `${kindOf(file)}:[${file.inode.ino}]`;
}
