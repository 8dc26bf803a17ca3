// Core files (core(5)): what a signal with the action "core" leaves of a process. The task that took the signal
// writes it, as Linux has it: its siblings stand still, its own stub fetches what the kernel thread must not
// touch (docs/hardening.md, F12), and the file is made with its credentials, in its working directory. SIGKILL
// ends the dump.

import { AT_FDCWD, O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } from "../../shared/abi/fcntl.ts";
import { RLIMIT_CORE } from "../../shared/abi/resource.ts";
import { FP, TASK_SIZE } from "../../shared/ring/layout.ts";
import { Reply } from "../../shared/ring/slot_states.ts";
import { numberAnswered, untilAnswered } from "../call/asked.ts";
import { type Coroutine, NO_RESULT } from "../call/call.ts";
import type { SigInfo } from "../call/siginfo.ts";
import { type Mapped, PAGE_SIZE, VM_HIDDEN } from "../mem/vma.ts";
import { undoIn } from "../patch/clear_pools.ts";
import { readStubMemory } from "../platform/stub_memory.ts";
import { CORE_SIGNALS } from "../signals/signals.ts";
import { now } from "../vfs/clock.ts";
import { unlinkName } from "../vfs/directory_calls.ts";
import type { OpenFile } from "../vfs/file.ts";
import { openPath } from "../vfs/open_file.ts";
import { displayName } from "../vfs/path.ts";
import { CoreFile } from "./core_file.ts";
import { coreName } from "./core_name.ts";
import * as N from "./core_notes.ts";
import { giveUpLocks } from "./end_group.ts";
import type { Task } from "./task.ts";

/** In a wait status. */
const CORE_DUMPED = 0x80;
const FP_LEGACY_SIZE = 512;
/** How long siblings have to stand still, and how often it is looked. */
const STILL_NS = 2e8;
const LOOK_NS = 1e6;
/** At once, in all: others wait. What each needs grows with its VMAs. */
const DUMPS_MAX = 4;
/** How long they wait: a dump can be made to last for ever, and who waits for one must end all the same. */
const PLACE_NS = 1e10;
const NOBODY_TOLD = { stands: () => {}, givesUp: false };
/** Bytes of the names of mapped files. */
const NAMES_MAX = 4 << 20;

/** Ends a group by a signal that has no handler: with a core file where there is to be one. */
export function endBySignal(task: Task, info: SigInfo, result: number | null): void {
  const { group } = task;
  const isWanted =
    CORE_SIGNALS.has(info.signo) &&
    group.rlimits[RLIMIT_CORE]![0] >= PAGE_SIZE &&
    task.stub.space.dumpable === 1;
  if (!isWanted) group.end(info.signo);
  else task.call.start(dump(task, info, result));
}

function* dump(task: Task, info: SigInfo, result: number | null): Coroutine {
  const { group } = task;
  const { counters, native } = task.kernel;
  group.dumping = info.signo;
  group.standing = NOBODY_TOLD;
  task.call.replyBlocked();
  yield* holdSiblings(task);
  const end = native.monotonicNs() + PLACE_NS;
  while (counters.coreDumps >= DUMPS_MAX) {
    if (native.monotonicNs() >= end) {
      yield* giveUpLocks(task);
      group.exit(info.signo);
      return NO_RESULT;
    }
    yield* pause(task);
  }
  counters.coreDumps++;
  let isMade = false;
  try {
    isMade = yield* writeCore(task, info, result);
    yield* giveUpLocks(task);
  } finally {
    counters.coreDumps--;
  }
  group.exit(isMade ? info.signo | CORE_DUMPED : info.signo);
  return NO_RESULT;
}

/** Whether there is a file; it may have come to less than all. */
function* writeCore(task: Task, info: SigInfo, result: number | null): Generator<void, boolean, void> {
  const file = yield* openCore(task, info.signo);
  if (file === null) return false;
  const core = new CoreFile(task, file);
  try {
    yield* undoIn(task, 0, TASK_SIZE); // text is what it was
    yield* core.write(yield* notesOf(task, info, result));
  } finally {
    core.close();
    task.files.discard(file);
  }
  return true;
}

function* pause(task: Task): Generator<void, void, void> {
  const { native, timers } = task.kernel;
  const timer = timers.add(native.monotonicNs() + LOOK_NS, () => task.call.completeWait(0));
  try {
    yield;
  } finally {
    timers.cancel(timer);
  }
}

/** Whether a sibling's registers stand in its slot, and will not change. */
function isStill(task: Task): boolean {
  return task.dead || !task.started || task.call.owned || task.call.coroutine !== null;
}

function* holdSiblings(task: Task): Generator<void, void, void> {
  const { native } = task.kernel;
  const siblings = task.group.tasks.filter((other) => other !== task);
  for (const other of siblings) if (!isStill(other)) other.kick();
  const end = native.monotonicNs() + STILL_NS;
  while (!siblings.every(isStill) && native.monotonicNs() < end) yield* pause(task);
}

function nameFor({ kernel, group, id, tid, comm, credentials, stub, fs, uts }: Task, signo: number): string {
  const { sysctls, native } = kernel;
  const { program, dumpable } = stub.space;
  return coreName(sysctls.corePattern, sysctls.get("kernel/core_uses_pid") !== 0, {
    pid: group.pid,
    firstPid: group.id.first,
    tid,
    firstTid: id.first,
    uid: credentials.uid,
    gid: credentials.gid,
    dumpable,
    signo,
    timeS: now(native).sec,
    hostname: uts.nodename,
    comm,
    program: program === null ? comm : displayName(program, fs.root),
    limit: group.rlimits[RLIMIT_CORE]![0],
  });
}

/** A new file in place of one that may be there, or null. */
function* openCore(task: Task, signo: number): Generator<void, OpenFile | null, void> {
  const name = nameFor(task, signo);
  yield* numberAnswered(task, () => unlinkName(task, AT_FDCWD, name));
  task.call.endAsked();
  const flags = O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY;
  const file = yield* untilAnswered(task, () =>
    openPath(task, AT_FDCWD, name, { flags, mode: 0o600, resolve: 0 }),
  );
  return typeof file === "number" ? null : file;
}

function* notesOf(task: Task, info: SigInfo, result: number | null): Generator<void, Uint8Array, void> {
  const { group, stub } = task;
  const { signo } = info;
  task.call.copyRound(Reply.SAVE_FP);
  yield;
  const at = task.call.base + FP;
  const notes = [
    N.prstatus(task, signo, N.registersOf(task, result), true),
    N.prpsinfo(task, argumentsOf(task)),
    N.siginfo(info),
    N.auxv(stub.space.auxiliaryVector),
    N.files(mappedFiles(task), PAGE_SIZE),
    N.fpregset(task.call.bytes.slice(at, at + FP_LEGACY_SIZE)),
  ];
  for (const other of group.tasks)
    if (other !== task && !other.dead)
      notes.push(N.prstatus(other, signo, N.registersOf(other, other.call.nr < 0 ? null : -1), false));
  return Buffer.concat(notes);
}

function argumentsOf({ stub }: Task): string {
  const { argStart, argEnd } = stub.space;
  const bytes = readStubMemory(stub, argStart, Math.min(N.ARGUMENTS_ROOM, argEnd - argStart));
  return Buffer.from(bytes).toString("latin1").replaceAll("\0", " ");
}

/** None where their names would be too much, as on Linux (core_file_note_size_limit). */
function mappedFiles({ stub }: Task): N.FileRange[] {
  const ranges: N.FileRange[] = [];
  let names = 0;
  for (const { start, end, flags, backing, offset, name } of stub.space.vmas.all()) {
    const path = (backing as Mapped | null)?.path ?? "";
    if ((flags & VM_HIDDEN) !== 0 || name !== "" || !path.startsWith("/")) continue;
    names += path.length + 1;
    if (names > NAMES_MAX) return [];
    ranges.push({ start, end, offset: offset / PAGE_SIZE, path });
  }
  return ranges;
}
