// execve(2) and execveat(2): reads the strings, builds the new stub beside the old one, and changes over
// when the new program stands ready. A program that cannot be mapped ends the caller with SIGSEGV: Linux
// learns of it when the old program is gone.

import { E2BIG, EFAULT, EINVAL, ENOMEM } from "../../shared/abi/errno.ts";
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW } from "../../shared/abi/fcntl.ts";
import { POLLIN } from "../../shared/abi/poll.ts";
import { RLIMIT_STACK } from "../../shared/abi/resource.ts";
import { SIGSEGV } from "../../shared/abi/signal.ts";
import { readU64, TWO_32 } from "../../shared/abi/struct.ts";
import * as L from "../../shared/ring/layout.ts";
import { NOT_AT_HAND, numberAnswered, untilAnswered } from "../call/asked.ts";
import { type Coroutine, NO_RESULT } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { OperationList } from "../call/operation_list.ts";
import { SignalSet } from "../call/signal_set.ts";
import { credentialsAfterExec, gainsBy } from "../credentials/credentials.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import { StubProcess } from "../platform/stub_process.ts";
import { isTracedByLesser, passTracee } from "../ptrace/relation.ts";
import { personalityAfterExec } from "../system/personality.ts";
import { keepTimeOf } from "../time/cpu_time.ts";
import { mayAccess } from "../vfs/lookup.ts";
import { MAY_READ } from "../vfs/permission.ts";
import type { SupervisorContext } from "./context.ts";
import { giveUpForExec, mustGiveUpForExec } from "./end_group.ts";
import {
  closeImage,
  giftsOf,
  loadProgram,
  newAddressSpace,
  openImage,
  type ProgramAt,
  type ProgramImage,
} from "./exec.ts";
import { executableOpener, openExecutableAt } from "./executable.ts";
import { grantOf, isGrantAtHand } from "./file_grant.ts";
import { keepUseOf } from "./resource_use.ts";
import { MAX_ARG_STRLEN } from "./stack_image.ts";
import { Task } from "./task.ts";

const POINTER_SIZE = 8;
const NONE = new SignalSet();
/** Strings that one execve may bring, as Linux: MAX_ARG_STRINGS is out of reach, the stack limit is not. */
const STRINGS_MAX = 1 << 20;

/** Bytes of all strings, as Linux: three quarters of the largest stack that it gives to them (_STK_LIM). */
const BYTES_MAX = 6 << 20;
/** What a string costs beside its chars. */
const STRING_BYTES = 40;

/** What an execve holds in the kernel's heap while it is under way. */
class HeldStrings {
  readonly #kernel: SupervisorContext;
  #bytes = 0;

  constructor(kernel: SupervisorContext) {
    this.#kernel = kernel;
  }

  /** One more string: 0, -E2BIG or -ENOMEM. */
  add(length: number): number {
    const { heap, counters } = this.#kernel;
    const bytes = STRING_BYTES + length;
    if (this.#bytes + bytes > BYTES_MAX + STRINGS_MAX * STRING_BYTES) return -E2BIG;
    if (!heap.hasRoom("strings", bytes)) return -ENOMEM;
    counters.strings += bytes;
    this.#bytes += bytes;
    return 0;
  }

  release(): void {
    this.#kernel.counters.strings -= this.#bytes;
    this.#bytes = 0;
  }
}

/** A part of the window, where strings of an array stand one behind the other. */
interface Place {
  readonly offset: number;
  readonly size: number;
}

const WHOLE: Place = { offset: L.WINDOW, size: L.WINDOW_SIZE };
const HALF = L.WINDOW_SIZE / 2;
const FIRST_HALF: Place = { offset: L.WINDOW, size: HALF };
const SECOND_HALF: Place = { offset: L.WINDOW + HALF, size: HALF };

/** Takes strings, of which the stub has copied as many as it says: how many came, or a negative errno. */
function takeStrings(
  { call }: Task,
  { offset, size }: Place,
  said: number,
  held: HeldStrings,
  strings: string[],
): number {
  const from = call.base + offset;
  const bytes = Buffer.from(call.bytes.subarray(from, from + size));
  const count = said % TWO_32;
  let at = 0;
  for (let i = 0; i < count; i++) {
    const end = bytes.indexOf(0, at);
    if (end < 0) return -EFAULT;
    const full = held.add(end - at);
    if (full < 0) return full;
    strings.push(bytes.toString("latin1", at, end));
    at = end + 1;
  }
  return count;
}

function isEnd(said: number): boolean {
  return said >= TWO_32;
}

/**
 * Reads an argv-like array: strings of one char a byte, or a negative errno. `strings`: those that have been read
 * already.
 */
function* readStrings(
  task: Task,
  array: number,
  held: HeldStrings,
  strings: string[] = [],
): Generator<void, string[] | number, void> {
  if (array === 0) return strings;
  for (;;) {
    if (strings.length > STRINGS_MAX) return -E2BIG;
    const list = new OperationList(task.kernel.slots, task.call.slot);
    list.copyStrings(array + strings.length * POINTER_SIZE, WHOLE.offset, WHOLE.size);
    if (!(yield* task.run(list))) return -EFAULT;
    const said = task.call.listResult;
    const count = takeStrings(task, WHOLE, said, held, strings);
    if (count < 0) return count;
    if (isEnd(said)) return strings;
    if (count > 0) continue;
    const long = yield* readLongString(task, array + strings.length * POINTER_SIZE);
    if (typeof long === "number") return long;
    const full = held.add(long.length);
    if (full < 0) return full;
    strings.push(long);
  }
}

/** Arguments and environment, or for one of them a negative errno. */
interface Strings {
  readonly argv: string[] | number;
  readonly envp: string[] | number;
}

/** Reads both arrays, by one list where they are short, as nearly all are. */
function* readBoth(
  task: Task,
  argvAt: number,
  envpAt: number,
  held: HeldStrings,
): Generator<void, Strings, void> {
  const argv: string[] = [];
  const envp: string[] = [];
  let [argvEnds, envpEnds] = [false, false];
  if (argvAt !== 0 && envpAt !== 0) {
    const list = new OperationList(task.kernel.slots, task.call.slot);
    list.copyStrings(argvAt, FIRST_HALF.offset, FIRST_HALF.size);
    list.copyStrings(envpAt, SECOND_HALF.offset, SECOND_HALF.size);
    if (yield* task.run(list)) {
      const saidOfArgv = task.call.resultOf(0);
      const saidOfEnvp = task.call.resultOf(1);
      argvEnds = isEnd(saidOfArgv);
      envpEnds = isEnd(saidOfEnvp);
      const argvCount = takeStrings(task, FIRST_HALF, saidOfArgv, held, argv);
      if (argvCount < 0) return { argv: argvCount, envp };
      const envpCount = takeStrings(task, SECOND_HALF, saidOfEnvp, held, envp);
      if (envpCount < 0) return { argv, envp: envpCount };
    }
  }
  const allArgv = argvEnds ? argv : yield* readStrings(task, argvAt, held, argv);
  if (typeof allArgv === "number" || envpEnds) return { argv: allArgv, envp };
  return { argv: allArgv, envp: yield* readStrings(task, envpAt, held, envp) };
}

/** A string that does not fit the window. */
function* readLongString(task: Task, pointerAt: number): Generator<void, string | number, void> {
  task.call.outAt(pointerAt, POINTER_SIZE, L.WINDOW);
  if ((yield* task.call.copyInRound()) < POINTER_SIZE) return -EFAULT;
  let address = readU64(task.call.view, task.call.base + L.WINDOW);
  let text = "";
  while (text.length < MAX_ARG_STRLEN) {
    // Page by page: the string may end just before memory does.
    const length = 4096 - (address % 4096);
    task.call.outAt(address, length, L.WINDOW);
    if ((yield* task.call.copyInRound()) < length) return -EFAULT;
    const bytes = Buffer.from(
      task.call.bytes.subarray(task.call.base + L.WINDOW, task.call.base + L.WINDOW + length),
    );
    const end = bytes.indexOf(0);
    text += bytes.toString("latin1", 0, end < 0 ? length : end);
    if (end >= 0) return text;
    address += length;
  }
  return -E2BIG;
}

function* execve(task: Task, path: string, argvAt: number, envpAt: number, at: ProgramAt | null): Coroutine {
  const held = new HeldStrings(task.kernel);
  try {
    return yield* execHolding(task, path, argvAt, envpAt, at, held);
  } finally {
    held.release();
  }
}

function* execHolding(
  task: Task,
  path: string,
  argvAt: number,
  envpAt: number,
  at: ProgramAt | null,
  held: HeldStrings,
): Coroutine {
  const stackLimit = task.group.rlimits[RLIMIT_STACK]![0];
  const { argv, envp } = yield* readBoth(task, argvAt, envpAt, held);
  if (typeof argv === "number" || typeof envp === "number")
    return yield* numberAnswered(
      task,
      () => programError(task, path, stackLimit, at) ?? (typeof argv === "number" ? argv : (envp as number)),
    );
  if (!task.files.mayBeUnshared) return -ENOMEM;
  const args = argv.length === 0 ? [""] : argv;
  const image = yield* untilAnswered(task, () => {
    const opened = openImage(executableOpener(task), path, args, envp, stackLimit, at);
    if (typeof opened === "number" || isGrantAtHand(opened.program.path)) return opened;
    closeImage(opened);
    return NOT_AT_HAND;
  });
  if (typeof image === "number") return image;
  return yield* replace(task, image, held);
}

/** What is wrong with the program: Linux opens it before it reads the strings. Null: nothing is. */
function programError(task: Task, path: string, stackLimit: number, at: ProgramAt | null): number | null {
  const image = openImage(executableOpener(task), path, [""], [], stackLimit, at);
  if (typeof image === "number") return image;
  closeImage(image);
  return null;
}

/** Starts the new stub; the caller's coroutine waits until it is ready or has failed. */
function* replace(task: Task, image: ProgramImage, held: HeldStrings): Coroutine {
  const { kernel, group } = task;
  const grant = grantOf(image.program.path, task.credentials, task.fs.namespace, task.noNewPrivileges);
  const { credentials, secure } = credentialsAfterExec(
    task.credentials,
    grant,
    sharesFs(task) || isTracedByLesser(task),
  );
  const persona = personalityAfterExec(task.persona, secure);
  const space = newAddressSpace(kernel, group.rlimits[RLIMIT_STACK]![0], persona);
  const stub = new StubProcess(kernel, space);
  const unplaced = kernel.stubs.chunks.add(stub);
  if (unplaced < 0) {
    closeImage(image);
    return unplaced;
  }
  const parts = {
    files: task.files,
    fs: task.fs,
    handlers: task.handlers.afterExec(),
    ipc: task.ipc,
    network: task.network,
    uts: task.uts,
    cgroups: task.cgroups,
  };
  // Who may run a program but not read it does not get its memory either.
  const isUnreadable = mayAccess(task, image.program.path, MAY_READ) < 0;
  const next = new Task(kernel, group.id, group, stub, stub.freeSlot(), parts, credentials, image.comm);
  next.persona = persona;
  let errno = 0;
  let ready = false;
  /** The host has ended the new process, or it could not even begin. */
  let lost = false;
  /** All is loaded, and the new process waits until the old one has given up what it holds. */
  let isLoaded = false;
  let hasGivenUp = false;
  function* untilGivenUp(): Generator<void, void, void> {
    if (!mustGiveUpForExec(group)) return;
    isLoaded = true;
    task.call.completeWait(0);
    while (!hasGivenUp) {
      next.call.replyBlocked();
      yield;
    }
  }
  // Nobody comes to share what was looked at until the program stands (Linux's fs->in_exec).
  const { fs } = task;
  fs.execs++;
  group.execs++;
  const isOver = () => {
    fs.execs--;
    group.execs--;
    if (group.execs === 0) group.execWatchers.wake(POLLIN);
  };
  kernel.stubs.openSlot(next);
  next.call.start(
    loadProgram(
      next,
      { ...image, secure },
      () => {
        if (task.group.dumping !== 0) {
          task.group.exit(task.group.dumping);
          return;
        }
        if (task.group.ending !== null) {
          task.group.exit(task.group.ending.status);
          return;
        }
        ready = true;
        next.onLost = null;
        isOver(); // here, since this coroutine does not go on then
        // The coroutine of a task that is replaced never comes to its end.
        held.release();
        changeOver(task, next, isUnreadable);
        kernel.tracer?.execed(task, next, image);
      },
      (error) => {
        errno = error;
        task.call.completeWait(0);
      },
      untilGivenUp,
    ),
  );
  next.onLost = () => {
    lost = true;
    task.call.completeWait(0);
  };
  const error = kernel.stubs.spawn(next, giftsOf(kernel, image), (failed) => {
    if (failed < 0) next.onLost?.();
  });
  if (error < 0) {
    isOver();
    kernel.stubs.abandon(next);
    return -ENOMEM;
  }
  // A signal does not end this wait; the end of the group does, and takes the new stub with it.
  try {
    while (errno === 0 && !ready && !lost) {
      if (isLoaded && !hasGivenUp) {
        if (!(yield* giveUpForExec(task))) return NO_RESULT;
        hasGivenUp = true;
        next.call.completeWait(0);
        continue;
      }
      task.call.replyBlocked();
      yield;
    }
  } finally {
    // Nobody waits any more.
    next.onLost = null;
    if (!ready) {
      isOver();
      kernel.stubs.abandon(next);
    }
  }
  if (ready) return NO_RESULT;
  if (lost && !hasGivenUp) return -ENOMEM;
  if (errno === E2BIG) return -E2BIG;
  group.exit(SIGSEGV);
  return NO_RESULT;
}

/** Whether root and working directory belong to somebody besides the threads that end with this call. */
function sharesFs({ fs, group }: Task): boolean {
  let own = 0;
  for (const task of group.tasks) if (!task.dead && task.fs === fs) own++;
  return fs.users > own;
}

/**
 * The user namespace whose mighty may look into the program: its own, or where the program may not be read the nearest in
 * which whose file it is is somebody (would_dump of Linux).
 */
function ownerOf({ credentials, stub, kernel }: Task, isUnreadable: boolean): UserNamespace {
  let users = credentials.userNamespace;
  if (!isUnreadable) return users;
  const attributes = stub.space.program?.inode.attributes() ?? -EFAULT;
  if (typeof attributes === "number") return kernel.users;
  const { uid, gid } = attributes;
  while (users !== kernel.users && !(users.uids.knows(uid) && users.gids.knows(gid))) users = users.parent!;
  return users;
}

/** The point of no return: the old tasks of the group end, the new one takes the leader's place. */
function changeOver(old: Task, next: Task, isUnreadable: boolean): void {
  const { group } = old;
  next.blocked.assign(old.blocked);
  const gains = gainsBy(old.credentials, next.credentials);
  // What a program gained is not for others to look into, or to signal (prctl(2), PR_SET_DUMPABLE, PR_SET_PDEATHSIG).
  const { uid, euid, gid, egid } = next.credentials;
  next.stub.space.dumpable = gains || uid !== euid || gid !== egid || isUnreadable ? 0 : 1;
  next.stub.space.owner = ownerOf(next, isUnreadable);
  next.parentDeathSignal = gains ? 0 : old.parentDeathSignal;
  const { persona } = next;
  next.takeSettings(old);
  next.persona = persona;
  old.dropFilters();
  for (
    let signo = old.pending.set.firstOutside(NONE);
    signo !== 0;
    signo = old.pending.set.firstOutside(NONE)
  )
    next.pending.add(old.pending.take(signo));
  next.files = old.files.forExec();
  next.pidsForChildren = old.pidsForChildren;
  old.pidsForChildren = old.pids;
  const stubs = new Set(group.tasks.map((task) => task.stub));
  passTracee(old, next);
  for (const task of [...group.tasks]) {
    if (task !== old) task.releaseFiles();
    task.pending.clear();
    if (task.tracee === null) task.id.leaveTask(task);
  }
  old.call.asked?.end();
  old.call.asked = null;
  // The old task's coroutine is this very call: it is not to be cancelled from within.
  old.call.coroutine = null;
  for (const stub of stubs) {
    keepTimeOf(group, stub);
    keepUseOf(group, stub);
    stub.leave(group, true);
  }
  group.posixTimers.deleteAll();
  group.tasks.length = 0;
  group.tasks.push(next);
  group.leader = next;
  group.hasExeced = true;
  group.id.give(next);
  group.vforkDone?.();
  group.vforkDone = null;
}

export const EXEC_HANDLERS: Handlers<Task> = {
  execve: (task, _path, argv, envp) => {
    const path = task.call.inString(0);
    return typeof path === "number" ? path : task.call.start(execve(task, path, argv, envp, null));
  },

  execveat: (task, dirfd, _path, argv, envp, flags) => {
    if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
    const path = task.call.inString(0);
    if (typeof path === "number") return path;
    const isByDescriptor = dirfd !== AT_FDCWD && !path.startsWith("/");
    const below = path === "" ? "" : `/${path}`;
    const at: ProgramAt = {
      open: () => openExecutableAt(task, dirfd, path, flags),
      isNameLost: isByDescriptor && task.files.closesOnExec(dirfd),
      isNamedByFile: isByDescriptor && path === "",
    };
    const name = isByDescriptor ? `/dev/fd/${dirfd}${below}` : path;
    return task.call.start(execve(task, name, argv, envp, at));
  },
};
