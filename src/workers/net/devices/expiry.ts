// Addresses that are given for a time (valid_lft and preferred_lft of ip-address(8)): when the time is over they are
// deprecated, and gone. One timer stands for all of them.

import * as N from "../../../shared/abi/netlink.ts";
import type { DevicesContext } from "./devices_context.ts";
import { type DeviceAddress, FOREVER } from "./rows.ts";

const NS_PER_SECOND = 1e9;

export class Expiry {
  readonly #context: DevicesContext;
  readonly #drop: (own: DeviceAddress) => void;
  readonly #deprecated: (own: DeviceAddress) => void;
  readonly #waiting = new Set<DeviceAddress>();
  #isArmed = false;

  constructor(
    context: DevicesContext,
    drop: (own: DeviceAddress) => void,
    deprecated: (own: DeviceAddress) => void,
  ) {
    this.#context = context;
    this.#drop = drop;
    this.#deprecated = deprecated;
  }

  /** It was added, or its times are others. */
  follow(own: DeviceAddress): void {
    if (own.validSeconds === FOREVER && own.preferredSeconds === FOREVER) this.#waiting.delete(own);
    else {
      this.#waiting.add(own);
      this.#arm();
    }
  }

  forget(own: DeviceAddress): void {
    this.#waiting.delete(own);
  }

  #arm(): void {
    if (this.#isArmed || this.#waiting.size === 0) return;
    this.#isArmed = true;
    const { timers, native } = this.#context;
    timers.add(native.monotonicNs() + NS_PER_SECOND, () => {
      this.#isArmed = false;
      this.#look(native.monotonicNs());
      this.#arm();
    });
  }

  #look(nowNs: number): void {
    for (const own of [...this.#waiting]) {
      const seconds = (nowNs - own.changedNs) / NS_PER_SECOND;
      if (own.validSeconds !== FOREVER && seconds >= own.validSeconds) this.#drop(own);
      else if (own.preferredSeconds !== FOREVER && seconds >= own.preferredSeconds) {
        if ((own.flags & N.IFA_F_DEPRECATED) === 0) {
          own.flags |= N.IFA_F_DEPRECATED;
          this.#deprecated(own);
        }
        if (own.validSeconds === FOREVER) this.#waiting.delete(own);
      }
    }
  }
}
