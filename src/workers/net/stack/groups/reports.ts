// Telling routers and switches which groups this host listens to (RFC 2236, RFC 3376, RFC 2710, RFC 3810): what IGMP and
// MLD have in common. A change is told as often as the robustness says; who asks is answered after a random while, for one
// group or for all, a bounded number of messages a turn. Hosts here listen to all sources of a group.

import type { StackCore } from "../core.ts";
import type { EthernetDevice } from "../eth/device.ts";
import type { IpAddress } from "../ip_address.ts";
import * as L from "../limits.ts";
import { Timer } from "../timer_wheel.ts";

/** Kinds of records of IGMPv3 and MLDv2. */
export const MODE_IS_EXCLUDE = 2;
export const CHANGE_TO_INCLUDE = 3;
export const CHANGE_TO_EXCLUDE = 4;

/** A family's messages. */
export interface GroupProtocol {
  /** Groups of one that fit in a report on a device. */
  recordsMax(device: EthernetDevice): number;
  /** Says the same of several groups (IGMPv3, MLDv2). */
  report(device: EthernetDevice, kinds: readonly number[], groups: readonly IpAddress[]): void;
  /** Says one thing of one group to old routers (IGMPv2, MLDv1). */
  reportOld(device: EthernetDevice, group: IpAddress, isLeft: boolean): void;
  /** Nobody is told of it (224.0.0.1, ff02::1, groups of the host itself). */
  isSilent(group: IpAddress): boolean;
}

interface Change {
  readonly group: IpAddress;
  readonly isLeft: boolean;
  left: number;
}

class Task extends Timer {
  readonly #run: () => void;

  constructor(run: () => void) {
    super();
    this.#run = run;
  }

  override expired(): void {
    this.#run();
  }
}

class DeviceGroups {
  readonly joined = new Map<string, IpAddress>();
  readonly changes = new Map<string, Change>();
  /** Groups that were asked for; and all of them, from here on. */
  readonly asked = new Map<string, IpAddress>();
  rest: Iterator<IpAddress> | null = null;
  readonly changeTimer: Task;
  readonly answerTimer: Task;
  oldUntilUs = 0;

  constructor(tell: (groups: DeviceGroups) => void, answer: (groups: DeviceGroups) => void) {
    this.changeTimer = new Task(() => tell(this));
    this.answerTimer = new Task(() => answer(this));
  }
}

export class GroupReports {
  readonly #core: StackCore;
  readonly #protocol: GroupProtocol;
  readonly #devices = new Map<EthernetDevice, DeviceGroups>();

  constructor(core: StackCore, protocol: GroupProtocol) {
    this.#core = core;
    this.#protocol = protocol;
  }

  #of(device: EthernetDevice): DeviceGroups {
    let groups = this.#devices.get(device);
    if (groups === undefined) {
      groups = new DeviceGroups(
        (own) => this.#tell(device, own),
        (own) => this.#answer(device, own),
      );
      this.#devices.set(device, groups);
    }
    return groups;
  }

  #within(us: number): number {
    return this.#core.nowUs + ((this.#core.host.random32() >>> 0) / 2 ** 32) * us;
  }

  #isOld(groups: DeviceGroups): boolean {
    return this.#core.nowUs < groups.oldUntilUs;
  }

  /** The host has joined a group, or left it. */
  changed(device: EthernetDevice, group: IpAddress, isJoined: boolean): void {
    if (this.#protocol.isSilent(group)) return;
    const groups = this.#of(device);
    const key = group.toString();
    if (isJoined) groups.joined.set(key, group);
    else {
      groups.joined.delete(key);
      groups.asked.delete(key);
    }
    if (!device.isUp) return;
    groups.changes.set(key, { group, isLeft: !isJoined, left: L.GROUP_ROBUSTNESS });
    this.#core.timers.schedule(groups.changeTimer, this.#core.nowUs);
  }

  /** It is up, and routers hear of all its groups again; or down. */
  deviceChanged(device: EthernetDevice): void {
    const groups = this.#devices.get(device);
    if (groups === undefined) return;
    if (device.isUp) {
      for (const group of [...groups.joined.values()]) this.changed(device, group, true);
      return;
    }
    const { timers } = this.#core;
    groups.changes.clear();
    groups.asked.clear();
    groups.rest = null;
    timers.remove(groups.changeTimer);
    timers.remove(groups.answerTimer);
    if (groups.joined.size === 0) this.#devices.delete(device);
  }

  #tell(device: EthernetDevice, groups: DeviceGroups): void {
    const isOld = this.#isOld(groups);
    const max = isOld ? L.REPORTS_A_TURN : L.REPORTS_A_TURN * this.#protocol.recordsMax(device);
    let left = Math.min(max, groups.changes.size);
    const kinds: number[] = [];
    const addresses: IpAddress[] = [];
    for (const [key, change] of groups.changes) {
      if (left-- <= 0) break;
      if (isOld) this.#protocol.reportOld(device, change.group, change.isLeft);
      else {
        kinds.push(change.isLeft ? CHANGE_TO_INCLUDE : CHANGE_TO_EXCLUDE);
        addresses.push(change.group);
      }
      // Those that are told of again go behind the others; old routers are told once that nobody is left.
      groups.changes.delete(key);
      if (--change.left > 0 && !(isOld && change.isLeft)) groups.changes.set(key, change);
    }
    this.#report(device, kinds, addresses);
    if (groups.changes.size === 0) return;
    const us = isOld ? L.GROUP_UNSOLICITED_OLD_US : L.GROUP_UNSOLICITED_US;
    this.#core.timers.schedule(groups.changeTimer, this.#within(us));
  }

  #report(device: EthernetDevice, kinds: readonly number[], addresses: readonly IpAddress[]): void {
    const max = this.#protocol.recordsMax(device);
    for (let at = 0; at < addresses.length; at += max)
      this.#protocol.report(device, kinds.slice(at, at + max), addresses.slice(at, at + max));
  }

  /** A router asks: for one group, or for all (null), to be answered within so long. */
  queried(device: EthernetDevice, group: IpAddress | null, withinUs: number, isOld: boolean): void {
    const groups = this.#devices.get(device);
    if (groups === undefined) return;
    if (isOld) groups.oldUntilUs = this.#core.nowUs + L.GROUP_OLD_VERSION_US;
    if (group === null) groups.rest = groups.joined.values();
    else {
      const key = group.toString();
      const joined = groups.joined.get(key);
      if (joined === undefined) return;
      groups.asked.set(key, joined);
    }
    const { answerTimer } = groups;
    const when = this.#within(withinUs);
    if (!answerTimer.isArmed || answerTimer.deadlineUs > when) this.#core.timers.schedule(answerTimer, when);
  }

  /** Somebody else has said that he listens to a group: an old router needs to hear it once (RFC 2236 3). */
  heard(device: EthernetDevice, group: IpAddress): void {
    const groups = this.#devices.get(device);
    if (groups !== undefined && this.#isOld(groups)) groups.asked.delete(group.toString());
  }

  #answer(device: EthernetDevice, groups: DeviceGroups): void {
    const isOld = this.#isOld(groups);
    const max = isOld ? L.REPORTS_A_TURN : L.REPORTS_A_TURN * this.#protocol.recordsMax(device);
    const addresses: IpAddress[] = [];
    for (const [key, group] of groups.asked) {
      if (addresses.length >= max) break;
      groups.asked.delete(key);
      addresses.push(group);
    }
    while (groups.rest !== null && addresses.length < max) {
      const next = groups.rest.next();
      if (next.done === true) groups.rest = null;
      else addresses.push(next.value);
    }
    if (isOld) for (const group of addresses) this.#protocol.reportOld(device, group, false);
    else
      this.#report(
        device,
        addresses.map(() => MODE_IS_EXCLUDE),
        addresses,
      );
    if (groups.rest !== null || groups.asked.size > 0)
      this.#core.timers.schedule(groups.answerTimer, this.#core.nowUs + 1000);
  }
}
