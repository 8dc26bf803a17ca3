// Propagation of mounts (mount_namespaces(7), Linux's fs/pnode.c): what is mounted in one mount of a peer group is mounted in
// all others of it, and in the slaves of the group, and so on down. Here is who is whose peer, master and slave; that
// something is mounted or unmounted there, too, is path.ts's.

import { MS_PRIVATE, MS_SHARED, MS_SLAVE, MS_UNBINDABLE } from "../../shared/abi/mount.ts";
import type { Mount } from "./path.ts";

/** Mounts among which everything propagates. It ends with its last member. */
export class PeerGroup {
  /** What /proc/PID/mountinfo calls it. */
  readonly id: number;
  readonly members = new Set<Mount>();
  /** Mounts that get what happens here and give nothing back. */
  slaves: Slaves = new Slaves(this);

  constructor(id: number) {
    this.id = id;
  }
}

/** Slaves of one group. Whose they are stands here once for all of them: one group's may become another's. */
export class Slaves {
  master: PeerGroup;
  readonly mounts = new Set<Mount>();

  constructor(master: PeerGroup) {
    this.master = master;
  }
}

/** Numbers of peer groups in all namespaces: always the lowest that is free. */
export class PeerGroups {
  readonly #used = new Set<number>();
  #lowest = 1;

  make(): PeerGroup {
    while (this.#used.has(this.#lowest)) this.#lowest++;
    this.#used.add(this.#lowest);
    return new PeerGroup(this.#lowest);
  }

  end({ id }: PeerGroup): void {
    this.#used.delete(id);
    this.#lowest = Math.min(this.#lowest, id);
  }
}

function setSlaves(mount: Mount, slaves: Slaves | null): void {
  mount.slaves?.mounts.delete(mount);
  mount.slaves = slaves;
  slaves?.mounts.add(mount);
}

function setMaster(mount: Mount, master: PeerGroup | null): void {
  setSlaves(mount, master?.slaves ?? null);
}

/** The slaves of a group that ends are its master's. The fewer join the others: a long chain of groups costs no more than it has mounts. */
function passOn(group: PeerGroup, master: PeerGroup | null): void {
  const given = group.slaves;
  if (master === null) {
    for (const slave of [...given.mounts]) setSlaves(slave, null);
    return;
  }
  const own = master.slaves;
  const [fewer, more] = given.mounts.size < own.mounts.size ? [given, own] : [own, given];
  more.master = master;
  master.slaves = more;
  for (const slave of [...fewer.mounts]) setSlaves(slave, more);
}

function join(mount: Mount, group: PeerGroup): void {
  mount.peers = group;
  group.members.add(mount);
}

export function makeShared(mount: Mount, groups: PeerGroups): void {
  mount.isUnbindable = false;
  if (mount.peers === null) join(mount, groups.make());
}

/** It becomes a slave of the peers that it had. Without any it stays what it is beside, and its own slaves are its master's. */
function makeSlave(mount: Mount, groups: PeerGroups): void {
  const group = mount.peers;
  if (group === null) return;
  group.members.delete(mount);
  mount.peers = null;
  if (group.members.size > 0) {
    setMaster(mount, group);
    return;
  }
  passOn(group, mount.master);
  groups.end(group);
}

/** Nothing propagates to it or from it any more. */
export function makePrivate(mount: Mount, groups: PeerGroups): void {
  makeSlave(mount, groups);
  setMaster(mount, null);
  mount.isUnbindable = false;
}

/** MS_SHARED, MS_PRIVATE, MS_SLAVE or MS_UNBINDABLE. */
export function setPropagationOf(mount: Mount, type: number, groups: PeerGroups): void {
  if (type === MS_SHARED) makeShared(mount, groups);
  else if (type === MS_SLAVE) makeSlave(mount, groups);
  else if (type === MS_PRIVATE || type === MS_UNBINDABLE) {
    makePrivate(mount, groups);
    mount.isUnbindable = type === MS_UNBINDABLE;
  }
}

/** How a copy of a mount goes on: as its peer, as its slave, or as its slave that has peers of its own. */
export type Relation = "peer" | "slave" | "shared slave";

export function relate(copy: Mount, original: Mount, relation: Relation, groups: PeerGroups): void {
  if (relation === "peer") {
    if (original.peers !== null) join(copy, original.peers);
    setMaster(copy, original.master);
    return;
  }
  setMaster(copy, original.peers);
  if (relation === "shared slave") makeShared(copy, groups);
}

/** A mount that gets what is mounted in another. */
export interface Receiver {
  readonly mount: Mount;
  readonly relation: Relation;
  /** What is copied for it: what another receiver got, by its place in the list, or -1: what was mounted first. */
  readonly from: number;
}

/** Everybody who gets what happens in that mount, each once, after those whose copies it copies. */
export function receiversOf(mount: Mount, sees: (mount: Mount) => boolean): Receiver[] {
  const receivers: Receiver[] = [];
  const first = mount.peers;
  if (first === null) return receivers;
  const seen = new Set([first]);
  const groups: { group: PeerGroup; from: number }[] = [{ group: first, from: -1 }];
  for (const member of first.members)
    if (member !== mount && sees(member)) receivers.push({ mount: member, relation: "peer", from: -1 });
  for (const { group, from } of groups)
    for (const slave of group.slaves.mounts) {
      const { peers } = slave;
      if (peers === null) {
        if (sees(slave)) receivers.push({ mount: slave, relation: "slave", from });
        continue;
      }
      if (seen.has(peers)) continue;
      seen.add(peers);
      let own = -1;
      for (const member of peers.members) {
        if (!sees(member)) continue;
        receivers.push(
          own < 0
            ? { mount: member, relation: "shared slave", from }
            : { mount: member, relation: "peer", from: own },
        );
        if (own < 0) own = receivers.length - 1;
      }
      groups.push({ group: peers, from: own < 0 ? from : own });
    }
  return receivers;
}

/** For readers who see the same mounts: of groups, what `dominating` has found. */
export type Dominators = Map<PeerGroup, PeerGroup | null>;

/** The group nearest above a slave that has a member among these mounts: from which it gets what it gets, for who sees them. */
function dominating(mount: Mount, visible: ReadonlySet<Mount>, known: Dominators): PeerGroup | null {
  const passed: PeerGroup[] = [];
  let found: PeerGroup | null = null;
  for (let group = mount.master; group !== null && found === null; ) {
    const before = known.get(group);
    if (before !== undefined) {
      found = before;
      break;
    }
    passed.push(group);
    for (const member of group.members)
      if (visible.has(member)) {
        found = group;
        break;
      }
    const [member] = group.members;
    group = member?.master ?? null;
  }
  for (const group of passed) known.set(group, found);
  return found;
}

/** The optional fields of /proc/PID/mountinfo, each with a space before it; `visible`: the reader's mounts. */
export function propagationFields(mount: Mount, visible: ReadonlySet<Mount>, known: Dominators): string {
  const { peers, master, isUnbindable } = mount;
  let text = peers === null ? "" : ` shared:${peers.id}`;
  if (master !== null) {
    text += ` master:${master.id}`;
    const from = dominating(mount, visible, known);
    if (from !== null && from !== master) text += ` propagate_from:${from.id}`;
  }
  return isUnbindable ? `${text} unbindable` : text;
}
