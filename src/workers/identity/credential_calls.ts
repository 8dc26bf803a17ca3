// Changing who a task is: the set*id family, groups and capabilities (credentials(7), capabilities(7)).
// Credentials are a task's own; what a whole process changes is libc's to do thread by thread.

import { EFAULT, EINVAL, ENOMEM, EPERM, ESRCH } from "../../shared/abi/errno.ts";
import * as P from "../../shared/abi/prctl.ts";
import { WINDOW, WINDOW_SIZE } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { readGuest } from "../call/guest_copy.ts";
import { type Credentials, capable, withoutRoot } from "../credentials/credentials.ts";
import { type IdMap, NO_ID } from "../credentials/id_map.ts";
import type { Task } from "../process/task.ts";

const KEEP = 0xffffffff;
const GROUPS_MAX = 65536;
/** Supplementary groups that the stub copies in advance. */
const IN_WINDOW = WINDOW_SIZE / 8;
const HEADER_SIZE = 8;
const SET_SIZE = 12;

type Ids = { real: number; effective: number; saved: number };

function may({ credentials }: Task, capability: number): boolean {
  return capable(credentials, credentials.userNamespace, capability);
}

/** Gives a task credentials. Whom it acts as now may not look into what it held before (PR_SET_DUMPABLE). */
function become(task: Task, next: Credentials): void {
  const { euid, egid, fsuid, fsgid } = task.credentials;
  if (next.euid !== euid || next.egid !== egid || next.fsuid !== fsuid || next.fsgid !== fsgid)
    task.stub.space.dumpable = 0;
  task.credentials = next;
}

/** A change of user ids, with what it does to capabilities. */
function becomeUser(task: Task, { real, effective, saved }: Ids): number {
  const old = task.credentials;
  become(task, withoutRoot(old, { ...old, uid: real, euid: effective, suid: saved, fsuid: effective }));
  return 0;
}

function becomeGroup(task: Task, { real, effective, saved }: Ids): number {
  become(task, { ...task.credentials, gid: real, egid: effective, sgid: saved, fsgid: effective });
  return 0;
}

function userIds({ uid, euid, suid }: Credentials): Ids {
  return { real: uid, effective: euid, saved: suid };
}

function groupIds({ gid, egid, sgid }: Credentials): Ids {
  return { real: gid, effective: egid, saved: sgid };
}

/** setuid and setgid. `map`: the ids that there are. */
function setOne(old: Ids, given: number, map: IdMap, mighty: boolean): Ids | number {
  const id = map.toKernel(given >>> 0);
  if (id === NO_ID) return -EINVAL;
  if (mighty) return { real: id, effective: id, saved: id };
  return id === old.real || id === old.saved ? { ...old, effective: id } : -EPERM;
}

/** The kernel's id for one that is given, KEEP, or null: there is none. */
function keptOrIn(map: IdMap, given: number): number | null {
  const id = given >>> 0;
  if (id === KEEP) return KEEP;
  const kernel = map.toKernel(id);
  return kernel === NO_ID ? null : kernel;
}

/** setreuid and setregid. */
function setTwo(old: Ids, given: readonly [number, number], map: IdMap, mighty: boolean): Ids | number {
  const real = keptOrIn(map, given[0]);
  const effective = keptOrIn(map, given[1]);
  if (real === null || effective === null) return -EINVAL;
  if (!mighty) {
    if (real !== KEEP && real !== old.real && real !== old.effective) return -EPERM;
    if (effective !== KEEP && ![old.real, old.effective, old.saved].includes(effective)) return -EPERM;
  }
  const next = {
    real: real === KEEP ? old.real : real,
    effective: effective === KEEP ? old.effective : effective,
    saved: old.saved,
  };
  if (real !== KEEP || (effective !== KEEP && effective !== old.real)) next.saved = next.effective;
  return next;
}

/** setresuid and setresgid. */
function setThree(old: Ids, given: readonly number[], map: IdMap, mighty: boolean): Ids | number {
  const wanted = given.map((id) => keptOrIn(map, id));
  if (wanted.includes(null)) return -EINVAL;
  const own = [old.real, old.effective, old.saved];
  const ids = wanted.map((id, index) => (id === KEEP ? own[index]! : id!));
  if (!mighty && ids.some((id) => !own.includes(id))) return -EPERM;
  return { real: ids[0]!, effective: ids[1]!, saved: ids[2]! };
}

/** From ids, those that there are, and whether all may be taken, to other ids or a negative errno. */
type Change = (ids: Ids, map: IdMap, mighty: boolean) => Ids | number;

function changeUser(task: Task, change: Change): number {
  const ids = change(userIds(task.credentials), task.credentials.userNamespace.uids, may(task, P.CAP_SETUID));
  return typeof ids === "number" ? ids : becomeUser(task, ids);
}

function changeGroup(task: Task, change: Change): number {
  const ids = change(
    groupIds(task.credentials),
    task.credentials.userNamespace.gids,
    may(task, P.CAP_SETGID),
  );
  return typeof ids === "number" ? ids : becomeGroup(task, ids);
}

function setGroups(task: Task, size: number, list: number): number {
  const { allowsSetgroups, gids } = task.credentials.userNamespace;
  if (!may(task, P.CAP_SETGID) || !allowsSetgroups || gids.size === 0) return -EPERM;
  if (size < 0 || size > GROUPS_MAX) return -EINVAL;
  if (size > IN_WINDOW) return task.call.start(setManyGroups(task, size, list));
  if (!task.call.inComplete(0, size * 4)) return -EFAULT;
  const at = task.call.base + WINDOW;
  return putGroups(task, task.call.bytes.slice(at, at + size * 4));
}

function* setManyGroups(task: Task, size: number, list: number): Coroutine {
  const bytes = yield* readGuest(task, list, size * 4);
  return typeof bytes === "number" ? bytes : putGroups(task, new Uint8Array(bytes));
}

/**
 * Takes them from memory of the kernel's own, which is aligned. That there is room is looked at in one step with taking it:
 * who copies for long waits among others who do.
 */
function putGroups(task: Task, { buffer, byteLength }: Uint8Array<ArrayBuffer>): number {
  if (!task.kernel.heap.hasRoom("groupIds", byteLength / 4)) return -ENOMEM;
  const { gids } = task.credentials.userNamespace;
  const groups = new Uint32Array(buffer).map((gid) => gids.toKernel(gid)).sort();
  if (groups.at(-1) === NO_ID) return -EINVAL;
  task.credentials = { ...task.credentials, groups: [...groups] };
  return 0;
}

// ---- Capabilities ----

/** Sets of 32 bits that a header's version has; 0 for a version that is not known. */
function setsOf(version: number): number {
  if (version === P._LINUX_CAPABILITY_VERSION_1) return 1;
  return version === P._LINUX_CAPABILITY_VERSION_2 || version === P._LINUX_CAPABILITY_VERSION_3 ? 2 : 0;
}

function unknownVersion(task: Task, header: number): number {
  task.call.outOnError = true;
  const at = task.call.out(header, HEADER_SIZE);
  const pid = task.call.view.getInt32(task.call.base + WINDOW + 4, true);
  task.call.view.setUint32(at, P._LINUX_CAPABILITY_VERSION_3, true);
  task.call.view.setInt32(at + 4, pid, true);
  return -EINVAL;
}

function capget(task: Task, header: number, data: number): number {
  if (!task.call.inComplete(0, HEADER_SIZE)) return -EFAULT;
  const sets = setsOf(task.call.view.getUint32(task.call.base + WINDOW, true));
  const pid = task.call.view.getInt32(task.call.base + WINDOW + 4, true);
  if (sets === 0) {
    const error = unknownVersion(task, header);
    return data === 0 ? 0 : error;
  }
  if (pid < 0) return -EINVAL;
  const target = pid === 0 ? task : task.pids.task(pid);
  if (target === undefined) return -ESRCH;
  if (data === 0) return 0;
  const { credentials } = target;
  const at = task.call.out(data, SET_SIZE * sets);
  const words = [
    [credentials.effectiveLow, credentials.permittedLow, credentials.inheritableLow],
    [credentials.effectiveHigh, credentials.permittedHigh, credentials.inheritableHigh],
  ];
  for (let set = 0; set < sets; set++)
    for (let i = 0; i < 3; i++) task.call.view.setInt32(at + SET_SIZE * set + 4 * i, words[set]![i]!, true);
  return 0;
}

function* capset(task: Task, data: number, sets: number): Coroutine {
  task.call.outAt(data, SET_SIZE * sets, WINDOW);
  if ((yield* task.call.copyInRound()) < SET_SIZE * sets) return -EFAULT;
  const word = (set: number, index: number) =>
    set < sets ? task.call.view.getInt32(task.call.base + WINDOW + SET_SIZE * set + 4 * index, true) : 0;
  const next = {
    effectiveLow: word(0, 0),
    permittedLow: word(0, 1),
    inheritableLow: word(0, 2),
    effectiveHigh: word(1, 0) & ALL_HIGH,
    permittedHigh: word(1, 1) & ALL_HIGH,
    inheritableHigh: word(1, 2) & ALL_HIGH,
  };
  const old = task.credentials;
  const outside = (low: number, high: number, inLow: number, inHigh: number) =>
    (low & ~inLow) !== 0 || (high & ~inHigh) !== 0;
  const { inheritableLow: low, inheritableHigh: high } = next;
  if (
    !may(task, P.CAP_SETPCAP) &&
    outside(low, high, old.inheritableLow | old.permittedLow, old.inheritableHigh | old.permittedHigh)
  )
    return -EPERM;
  if (outside(low, high, old.inheritableLow | old.boundingLow, old.inheritableHigh | old.boundingHigh))
    return -EPERM;
  if (outside(next.permittedLow, next.permittedHigh, old.permittedLow, old.permittedHigh)) return -EPERM;
  if (outside(next.effectiveLow, next.effectiveHigh, next.permittedLow, next.permittedHigh)) return -EPERM;
  task.credentials = {
    ...old,
    ...next,
    ambientLow: old.ambientLow & next.permittedLow & low,
    ambientHigh: old.ambientHigh & next.permittedHigh & high,
  };
  return 0;
}

const ALL_HIGH = 2 ** (P.CAP_LAST_CAP - 31) - 1;

export const CREDENTIAL_HANDLERS: Handlers<Task> = {
  setuid: (task, uid) => changeUser(task, (ids, map, mighty) => setOne(ids, uid, map, mighty)),
  setgid: (task, gid) => changeGroup(task, (ids, map, mighty) => setOne(ids, gid, map, mighty)),

  setreuid: (task, ruid, euid) =>
    changeUser(task, (ids, map, mighty) => setTwo(ids, [ruid, euid], map, mighty)),

  setregid: (task, rgid, egid) =>
    changeGroup(task, (ids, map, mighty) => setTwo(ids, [rgid, egid], map, mighty)),

  setresuid: (task, ruid, euid, suid) =>
    changeUser(task, (ids, map, mighty) => setThree(ids, [ruid, euid, suid], map, mighty)),

  setresgid: (task, rgid, egid, sgid) =>
    changeGroup(task, (ids, map, mighty) => setThree(ids, [rgid, egid, sgid], map, mighty)),

  setfsuid: (task, given) => {
    const old = task.credentials;
    const { uids } = old.userNamespace;
    const uid = uids.toKernel(given >>> 0);
    const known = [old.uid, old.euid, old.suid, old.fsuid].includes(uid);
    if (uid !== NO_ID && (known || may(task, P.CAP_SETUID)))
      become(task, withoutRoot(old, { ...old, fsuid: uid }));
    return uids.told(old.fsuid);
  },

  setfsgid: (task, given) => {
    const old = task.credentials;
    const { gids } = old.userNamespace;
    const gid = gids.toKernel(given >>> 0);
    const known = [old.gid, old.egid, old.sgid, old.fsgid].includes(gid);
    if (gid !== NO_ID && (known || may(task, P.CAP_SETGID))) become(task, { ...old, fsgid: gid });
    return gids.told(old.fsgid);
  },

  setgroups: setGroups,
  capget,

  capset: (task, header, data) => {
    if (!task.call.inComplete(0, HEADER_SIZE)) return -EFAULT;
    const sets = setsOf(task.call.view.getUint32(task.call.base + WINDOW, true));
    const pid = task.call.view.getInt32(task.call.base + WINDOW + 4, true);
    if (sets === 0) return unknownVersion(task, header);
    if (pid !== 0 && pid !== task.tid) return -EPERM;
    return task.call.start(capset(task, data, sets));
  },
};
