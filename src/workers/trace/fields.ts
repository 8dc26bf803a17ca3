// What events of calls tell, by point: a function each, from what was kept at the call's beginning and what has come of it.

import { errnoName } from "../../shared/abi/errno_text.ts";
import { AT_FDCWD, O_CREAT, O_TMPFILE, O_TRUNC, O_WRONLY } from "../../shared/abi/fcntl.ts";
import { syscallByNumber, syscallName } from "../../shared/abi/syscalls.ts";
import { point } from "../../shared/trace/points.ts";
import { rawName } from "../../shared/trace/raw_point.ts";
import type { Credentials } from "../credentials/credentials.ts";
import { SocketFile } from "../net/socket.ts";
import type { Task } from "../process/task.ts";
import { flagNames } from "../strace/strace_values.ts";
import { displayName, type Path, pathName } from "../vfs/path.ts";
import { tellAddress } from "./address.ts";
import type { Captured } from "./captured.ts";
import { TraceEvent } from "./event.ts";

const MAX_ERRNO = 4095;
/** Directories above a place that are looked at. */
const STEPS_MAX = 2048;
/** Groups that are told. */
const GROUPS_MAX = 64;

type Fill = (event: TraceEvent, call: Captured, task: Task, result: number) => void;

export function isError(result: number): boolean {
  return result < 0 && result >= -MAX_ERRNO;
}

/** A place as the task sees it; what is too deep, or gone, has no name. */
export function shown(path: Path, task: Task): string | null {
  const { mount, dentry } = path;
  if (mount.mountPoint === null && dentry.isAlone) return displayName(path, task.fs.root);
  const name = pathName(path, task.fs.root, STEPS_MAX);
  return typeof name === "string" ? name : null;
}

/** What a path is that was asked for, made absolute and not otherwise changed. */
function absolute(given: string, dirfd: number, task: Task): string {
  if (given.startsWith("/")) return given;
  const from = dirfd === AT_FDCWD ? task.fs.cwd : (task.files.get(dirfd)?.path ?? null);
  const directory = from === null ? null : shown(from, task);
  if (directory === null) return given;
  return given === "" ? directory : `${directory === "/" ? "" : directory}/${given}`;
}

/** Where arguments of a call stand: its path, the descriptor that this is relative to, flags and mode; -1: it has none. */
type Places = readonly [path: number, dirfd: number, flags: number, mode: number];

const OPEN_PLACES: Readonly<Record<string, Places>> = {
  open: [0, -1, 1, 2],
  creat: [0, -1, -1, 1],
  openat: [1, 0, 2, 3],
  openat2: [1, 0, -1, -1],
  open_by_handle_at: [-1, -1, 2, -1],
};

const open: Fill = (event, call, task, result) => {
  const name = syscallName(call.nr);
  const [pathAt, dirfdAt, flagsAt, modeAt] = OPEN_PLACES[name]!;
  const given = pathAt < 0 ? undefined : call.strings[pathAt];
  const file = result >= 0 ? task.files.get(result) : undefined;
  const place = file?.path ? shown(file.path, task) : null;
  if (place !== null) event.place("path", place);
  else if (given !== undefined)
    event.place("path", absolute(given, dirfdAt < 0 ? AT_FDCWD : call.int(dirfdAt), task));
  if (given !== undefined) event.text("given", given);
  const flags =
    call.how?.flags ??
    (flagsAt < 0 ? (name === "creat" ? O_CREAT | O_WRONLY | O_TRUNC : 0) : call.int(flagsAt));
  event.fields.flags = flags >>> 0;
  event.fields.flagNames = flagNames("open", flags);
  const makes = (flags & O_CREAT) !== 0 || (flags & O_TMPFILE) === O_TMPFILE;
  if (makes) event.fields.mode = (call.how?.mode ?? (modeAt < 0 ? 0 : call.int(modeAt))) & 0o7777;
};

/** The name of a socket as its kernel knows it; null: another kernel thread has it, or it has none. */
function known({ file }: Captured, isPeer: boolean): Uint8Array | null {
  if (!(file instanceof SocketFile)) return null;
  const name = isPeer ? file.peerName() : file.name();
  return typeof name === "number" || name === "" ? null : Buffer.from(name, "latin1");
}

function socketCall(isPeer: boolean): Fill {
  return (event, call, _task, result) => {
    event.fields.fd = call.int(0);
    const name = (result >= 0 ? known(call, isPeer) : null) ?? call.address;
    if (name !== null) tellAddress(event, name);
  };
}

const accept: Fill = (event, call) => {
  event.fields.fd = call.int(0);
  if (call.peer !== null) tellAddress(event, Buffer.from(call.peer, "latin1"));
};

function hexWord(high: number, low: number): string {
  return (high >>> 0).toString(16).padStart(8, "0") + (low >>> 0).toString(16).padStart(8, "0");
}

function whole(credentials: Credentials): Record<string, unknown> {
  const { uid, euid, suid, fsuid, gid, egid, sgid, fsgid, groups } = credentials;
  const effective = hexWord(credentials.effectiveHigh, credentials.effectiveLow);
  return {
    uid,
    euid,
    suid,
    fsuid,
    gid,
    egid,
    sgid,
    fsgid,
    groups: groups.slice(0, GROUPS_MAX),
    ...(groups.length > GROUPS_MAX && { groupCount: groups.length }),
    effective,
  };
}

const credentials: Fill = (event, call, task) => {
  event.fields.before = whole(call.before);
  event.fields.after = whole(task.credentials);
};

const ptrace: Fill = (event, call) => {
  const isPtrace = syscallName(call.nr) === "ptrace";
  if (isPtrace) event.fields.request = call.int(0);
  event.fields.target = call.int(isPtrace ? 1 : 0);
};

/** Of calls on mounts where what they are about stands; -1: they have none. */
const MOUNT_PLACES: Readonly<Record<string, readonly [source: number, target: number, flags: number]>> = {
  mount: [0, 1, 3],
  umount2: [-1, 0, 1],
  pivot_root: [0, 1, -1],
  chroot: [-1, 0, -1],
  open_tree: [-1, 1, 2],
  move_mount: [1, 3, 4],
  fsopen: [0, -1, 1],
  fsconfig: [2, -1, -1],
  fsmount: [-1, -1, 1],
  fspick: [-1, 1, 2],
  mount_setattr: [-1, 1, 2],
};

const mount: Fill = (event, call, task) => {
  const [sourceAt, targetAt, flagsAt] = MOUNT_PLACES[syscallName(call.nr)]!;
  const source = call.strings[sourceAt];
  const target = call.strings[targetAt];
  if (source !== undefined) event.text("source", source);
  if (target !== undefined) event.place("target", absolute(target, AT_FDCWD, task));
  if (flagsAt >= 0) event.fields.flags = call.int(flagsAt) >>> 0;
};

const registers: Fill = (event, call) => {
  event.fields.args = call.registers;
};

const failedExec: Fill = (event, call, task) => {
  const isAt = syscallName(call.nr) === "execveat";
  const given = call.strings[isAt ? 1 : 0];
  if (given !== undefined) event.place("path", absolute(given, isAt ? call.int(0) : AT_FDCWD, task));
};

/** Of points whose events come of calls; what else is told of a clone or an exec that succeeds comes by taps.ts. */
const FILLS: Readonly<Record<string, Fill>> = {
  clone: () => {},
  exec: failedExec,
  open,
  connect: socketCall(true),
  bind: socketCall(false),
  accept,
  credentials,
  ptrace,
  mount,
  module: registers,
};

export function tellResult(event: TraceEvent, result: number): void {
  event.fields.result = result;
  event.failed = isError(result);
  if (event.failed) event.fields.error = errnoName(-result);
}

/** The event of a call that is over. */
export function eventOf(name: string, call: Captured, task: Task, result: number): TraceEvent {
  const event = new TraceEvent(point(name), task);
  event.fields.call = syscallName(call.nr);
  FILLS[name]!(event, call, task, result);
  tellResult(event, result);
  return event;
}

/** The event of any call, before it is served, or with its result. */
export function rawEvent(call: Captured, task: Task, result: number | null): TraceEvent {
  const event = new TraceEvent(point(result === null ? "enter" : "leave"), task, rawName(call.nr));
  event.fields.call = syscallName(call.nr);
  event.fields.nr = call.nr;
  event.fields.args = call.registers;
  if (result !== null) tellResult(event, result);
  // Some are the path of something, for those who look for it.
  const path = syscallByNumber(call.nr)?.arguments.findIndex(({ format }) => format === "string") ?? -1;
  const given = path < 0 ? undefined : call.strings[path];
  if (given !== undefined) event.path = given;
  return event;
}
