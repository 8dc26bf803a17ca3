// Starting a program from outside: the first of a sandbox, or the one of an `exec`. What execve does
// for a guest, with a fresh task; the program's file and format are looked at before anything is made,
// so that a command that does not exist costs no process.

import { EACCES, EAGAIN, EINVAL, EISDIR, ENOENT, ENOTDIR } from "../../shared/abi/errno.ts";
import { RESOLVE_NO_MAGICLINKS } from "../../shared/abi/fcntl.ts";
import { PER_LINUX, SECCOMP_MODE_FILTER } from "../../shared/abi/prctl.ts";
import { RLIMIT_STACK } from "../../shared/abi/resource.ts";
import { SIGKILL, SIGSEGV } from "../../shared/abi/signal.ts";
import { S_IFDIR } from "../../shared/abi/stat.ts";
import type { ContainerProcess, ProcessSpec } from "../../shared/process_spec.ts";
import { containerStartError, type StartError } from "../../shared/start_error.ts";
import { NOT_AT_HAND } from "../call/asked.ts";
import { SignalSet } from "../call/signal_set.ts";
import {
  type Credentials,
  credentialsAfterExec,
  initialCredentials,
  withCapabilities,
} from "../credentials/credentials.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import { IpcMember } from "../ipc/member.ts";
import { StubProcess } from "../platform/stub_process.ts";
import { SignalHandlers } from "../signals/signals.ts";
import { limitsFrom } from "../system/limit_calls.ts";
import { owned } from "../vfs/dev_nodes.ts";
import type { OpenFile } from "../vfs/file.ts";
import { FileTable } from "../vfs/file_table.ts";
import { FsState } from "../vfs/fs_state.ts";
import { HostStream } from "../vfs/host_stream.ts";
import { Path } from "../vfs/path.ts";
import { type WalkContext, walkPath } from "../vfs/path_walk.ts";
import { kernelContext, makePlace } from "../vfs/places.ts";
import { readWhole } from "../vfs/read_whole.ts";
import { cpuCount } from "../vfs/sys/cpus.ts";
import { Session } from "../vfs/tty/session.ts";
import type { SupervisorContext } from "./context.ts";
import {
  closeImage,
  giftsOf,
  loadProgram,
  newAddressSpace,
  type OpenExecutable,
  openImage,
  type ProgramImage,
} from "./exec.ts";
import { openExecutable } from "./executable.ts";
import { grantOf, isGrantAtHand } from "./file_grant.ts";
import { INIT } from "./pids.ts";
import { Task } from "./task.ts";
import { type GuestContainer, ThreadGroup } from "./thread_group.ts";

/** Bytes of /etc/passwd that are read. */
const PASSWD_MAX = 1 << 20;
/** Where a command without a slash is looked for when the environment has no PATH (execvp(3)). */
const DEFAULT_PATH = "/bin:/usr/bin";
const STANDARD_STREAMS = 3;
/** The caller's session, which the guest cannot see: a command without a terminal is not its leader. */
const CALLERS_SESSION = null;

/** In an errno's place: the host has been asked, and has not answered. */
const LATER = -NOT_AT_HAND;

export function comesLater(started: unknown): boolean {
  return typeof started === "object" && started !== null && (started as StartError).errno === LATER;
}

/** What a program has as descriptors 0, 1, 2 and on: host descriptors, or files. */
type Streams = readonly (number | OpenFile)[];

function setFromHex(hex: string): SignalSet {
  const digits = hex.padStart(16, "0");
  return new SignalSet(Number.parseInt(digits.slice(8), 16) | 0, Number.parseInt(digits.slice(0, 8), 16) | 0);
}

function nameOf({ program, args }: ProcessSpec): string {
  return program ?? args[0]!;
}

/** Paths to try for a command, as execvp(3) does. */
function candidates(spec: ProcessSpec): string[] {
  const name = nameOf(spec);
  if (name === "" || name.includes("/")) return [name];
  const path = spec.env.find((entry) => entry.startsWith("PATH="))?.slice("PATH=".length) ?? DEFAULT_PATH;
  return path.split(":").map((directory) => (directory === "" ? name : `${directory}/${name}`));
}

function findImage(
  context: WalkContext,
  cwd: Path,
  spec: ProcessSpec,
  stackLimit: number,
): ProgramImage | StartError {
  const name = nameOf(spec);
  const open = (path: string) => openExecutable(context, cwd, path);
  let error: StartError = { subject: "program", name, errno: ENOENT };
  for (const path of candidates(spec)) {
    const image = openImage(open, path, spec.args, spec.env, stackLimit);
    if (typeof image !== "number") return image;
    // A name that is there but may not be run is remembered; others go on the search (execvp(3)).
    if (image === -EACCES)
      error = { subject: "program", name, errno: isDirectory(context, cwd, path) ? EISDIR : EACCES };
    else if (image !== -ENOENT && image !== -ENOTDIR) return { subject: "program", name, errno: -image };
    else if (isThere(open, path)) return { subject: "interpreter", name: path, errno: ENOENT };
  }
  return error;
}

/** Of which both shells and engines say so, where execve(2) says EACCES. */
function isDirectory(context: WalkContext, cwd: Path, path: string): boolean {
  const found = walkPath(context, cwd, path, { follow: true });
  return found instanceof Path && found.inode.isDirectory;
}

/** Whether a program itself is to be found: then it is its interpreter that is not. */
function isThere(open: OpenExecutable, path: string): boolean {
  const file = open(path);
  if (typeof file === "number") return false;
  file.close();
  return true;
}

function workingDirectory(context: WalkContext, spec: ProcessSpec): Path | number {
  const { kernel, root } = context;
  const cwd =
    spec.container?.isFirst === true
      ? makePlace(kernel, root, spec.cwd, owned(S_IFDIR | 0o755))
      : walkPath(context, root, spec.cwd, { follow: true });
  if (typeof cwd === "number") return cwd;
  return cwd instanceof Path && cwd.inode.isDirectory ? cwd : -ENOTDIR;
}

/** The environment with HOME as /etc/passwd has it, where a container's process has none (as runc does); null: it comes later. */
function environment(kernel: SupervisorContext, root: Path, spec: ProcessSpec): string[] | null {
  if (spec.container === undefined || spec.env.some((entry) => entry.startsWith("HOME="))) return spec.env;
  const text = readWhole(kernelContext(kernel, root), "/etc/passwd", PASSWD_MAX);
  if (text === NOT_AT_HAND) return null;
  const users = typeof text === "number" ? [] : text.split("\n").map((line) => line.split(":"));
  const home = users.find((fields) => fields[2] === String(spec.uid))?.[5];
  return [...spec.env, `HOME=${home === undefined || home === "" ? "/" : home}`];
}

function credentialsOf(kernel: SupervisorContext, { uid, gid, groups, container }: ProcessSpec): Credentials {
  const credentials = initialCredentials(uid, gid, groups, kernel.users);
  return container === undefined ? credentials : withCapabilities(credentials, container.capabilities);
}

/** What the program cannot be, in the words of runc: null, or what is wrong with whom it is to be. */
function firstUnmapped(users: UserNamespace, { uid, gid, groups }: ProcessSpec): string | null {
  const { uids, gids, allowsSetgroups } = users;
  if (!uids.has(uid)) return "cannot set uid to unmapped user in user namespace";
  if (!gids.has(gid)) return "cannot set gid to unmapped user in user namespace";
  if (!groups.every((group) => gids.has(group))) return "setgroups: invalid argument";
  const refused = users.parent !== null && !allowsSetgroups && groups.length > 0;
  return refused ? "cannot set any additional groups in a rootless container" : null;
}

/** What a program is started from, found before anything is made. */
interface Start {
  credentials: Credentials;
  rlimits: [number, number][];
  cwd: Path;
  image: ProgramImage;
}

function prepareStart(
  kernel: SupervisorContext,
  { root, mounts }: GuestContainer,
  given: ProcessSpec,
): Start | StartError {
  const env = environment(kernel, root, given);
  if (env === null) return { subject: "program", name: nameOf(given), errno: LATER };
  const spec = { ...given, env };
  const unmapped = firstUnmapped(kernel.users, spec);
  if (unmapped !== null) return { subject: "user", name: unmapped, errno: EINVAL };
  const credentials = credentialsOf(kernel, spec);
  const rlimits = limitsFrom(spec.rlimits, kernel.sysctls.get("fs/nr_open"));
  // Whoever may have changed the container's files leads nobody to what others have.
  const context = { kernel, namespace: mounts, root, credentials, resolve: RESOLVE_NO_MAGICLINKS };
  const cwd = workingDirectory(context, spec);
  if (typeof cwd === "number") return { subject: "directory", name: spec.cwd, errno: -cwd };
  const image = findImage(context, cwd, spec, rlimits[RLIMIT_STACK]![0]);
  if ("errno" in image) return image;
  if (isGrantAtHand(image.program.path)) return { credentials, rlimits, cwd, image };
  closeImage(image);
  return { subject: "program", name: nameOf(spec), errno: LATER };
}

/** Whether a container's program can be started, in the words that engines look for: null, or what is wrong. */
export function checkProgram(
  kernel: SupervisorContext,
  container: GuestContainer,
  spec: ProcessSpec,
): string | null {
  const start = prepareStart(kernel, container, spec);
  if ("errno" in start) return containerStartError(start);
  closeImage(start.image);
  return null;
}

/**
 * Starts a program of a container. Returns its number in the sandbox's first PID namespace, or what is wrong. Of a number
 * `told` is told later 0, or a negative errno: it could not begin, and has ended. The descriptors are the kernel's from now on,
 * unless it says LATER.
 */
export function startProgram(
  kernel: SupervisorContext,
  container: GuestContainer,
  spec: ProcessSpec,
  streams: Streams,
  told: (error: number) => void,
): number | StartError {
  const start = prepareStart(kernel, container, spec);
  if ("errno" in start) {
    if (start.errno === LATER) return start;
    for (const stream of new Set(streams))
      if (typeof stream === "number") kernel.native.close(stream);
      else stream.release();
    return start;
  }
  const { image, credentials, rlimits, cwd } = start;
  const fs = new FsState(spec.umask, container.mounts, container.root, cwd);
  const pid = startTask(kernel, container, spec, streams, image, credentials, rlimits, fs, told);
  return pid < 0 ? { subject: "program", name: nameOf(spec), errno: -pid } : pid;
}

// The caller's terminal is the controlling terminal of the program's session, by whichever descriptors it came.
function giveTerminal(group: ThreadGroup, streams: readonly HostStream[]): void {
  const first = streams.find((stream) => stream.terminal !== null);
  if (first === undefined) return;
  for (const stream of streams) stream.shareTerminal(first.terminal!);
  first.lendTerminal(group.session, group.processGroup);
}

function schedule(task: Task, given: ContainerProcess): void {
  task.ioPriority = given.ioPriority;
  // Of CPUs that are not there Linux takes no notice; it is an error where none is left.
  const cpus = cpuCount(task.kernel);
  const there = given.isFirst ? [] : (given.affinity ?? []).filter((cpu) => cpu < cpus);
  if (there.length > 0 && there.length < cpus) task.affinity = new Set(there);
  if (given.scheduling === null) return;
  const { policy, nice, priority, resetsOnFork } = given.scheduling;
  task.policy = policy;
  if (priority === 0) task.nice = nice;
  task.realtimePriority = priority;
  task.resetsOnFork = resetsOnFork;
}

function startTask(
  kernel: SupervisorContext,
  container: GuestContainer,
  spec: ProcessSpec,
  given: Streams,
  image: ProgramImage,
  before: Credentials,
  rlimits: [number, number][],
  fs: FsState,
  told: (error: number) => void,
): number {
  const files = new FileTable(kernel);
  const streams: HostStream[] = [];
  for (const [fd, hostFd] of given.entries()) {
    if (typeof hostFd !== "number") {
      files.installAt(fd, hostFd);
      continue;
    }
    if (fd < STANDARD_STREAMS && (spec.closedStreams & (1 << fd)) !== 0) {
      kernel.native.close(hostFd);
      continue;
    }
    const stream = new HostStream(kernel, hostFd);
    streams.push(stream);
    files.installAt(fd, stream);
  }
  const fail = (error: number): number => {
    closeImage(image);
    files.release();
    fs.release();
    return error;
  };
  // Process 1 may have others beside it that were there before (exec, hooks).
  const isInit = spec.container?.isFirst === true && container.ownsPids;
  const id = container.isEnding ? -EAGAIN : container.pids.allot(isInit ? [INIT] : []);
  if (typeof id === "number") return fail(-EAGAIN);
  const pid = id.first;
  const persona = spec.container?.persona ?? PER_LINUX;
  const stub = new StubProcess(kernel, newAddressSpace(kernel, rlimits[RLIMIT_STACK]![0], persona));
  const unplaced = kernel.stubs.chunks.add(stub);
  if (unplaced < 0) {
    id.free();
    return fail(unplaced);
  }
  const group = new ThreadGroup(kernel, id, container, null, 0, rlimits);
  if (spec.terminal) giveTerminal(group, streams);
  else if (spec.container === undefined) group.session = new Session(CALLERS_SESSION);
  const parts = {
    files,
    fs,
    handlers: SignalHandlers.ignoring(setFromHex(spec.ignored)),
    ipc: new IpcMember(kernel.ipc),
    network: kernel.network.hold(),
    uts: kernel.uts.hold(),
    cgroups: kernel.cgroups.hold(),
  };
  kernel.users.hold();
  // As execve does: what the file grants, and for a user who is not root only the ambient set.
  const grant = grantOf(
    image.program.path,
    before,
    container.mounts,
    spec.container?.noNewPrivileges === true,
  );
  const { credentials, secure } = credentialsAfterExec(before, grant, false);
  const task = new Task(kernel, id, group, stub, stub.freeSlot(), parts, credentials, image.comm);
  task.persona = persona;
  task.blocked.assign(setFromHex(spec.blocked).asMask());
  if (spec.container !== undefined) {
    task.noNewPrivileges = spec.container.noNewPrivileges;
    if (container.filter !== null) task.useFilter(container.filter, SECCOMP_MODE_FILTER);
    group.oomScoreAdj = spec.container.oomScoreAdj;
    schedule(task, spec.container);
    group.isUnkillable = isInit;
    if (spec.container.isFirst) container.first = pid;
  }
  group.leader = task;
  group.hasExeced = true;
  group.tasks.push(task);
  id.give(task);
  group.cpuLimit.changed();
  kernel.counters.processes++;
  kernel.counters.programsStarted++;
  kernel.stubs.openSlot(task);
  task.call.start(
    loadProgram(
      task,
      { ...image, secure },
      () => {},
      (errno) => {
        kernel.log("error", "a program could not be loaded", { pid, errno });
        group.exit(SIGSEGV);
      },
    ),
  );
  const end = () => {
    kernel.stubs.abandon(task);
    group.exit(SIGKILL);
  };
  const error = kernel.stubs.spawn(task, giftsOf(kernel, image), (failed) => {
    if (failed < 0) end();
    told(failed);
  });
  if (error < 0) {
    end();
    return error;
  }
  kernel.tracer?.started(task, spec.args, spec.container?.isFirst ?? pid === INIT);
  // Its end comes later than this.
  kernel.expectWait(pid);
  return pid;
}
