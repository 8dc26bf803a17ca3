// Errors of the host that it has not made, for tests (`hold --host-faults`): native entries answer one call in so many
// with an errno that the call may truly give, or move fewer bytes than they were asked to. Whether the nth call of an
// entry fails is a matter of a seed and of n alone, so that a run can be made again. In every other sandbox nothing of
// this is there: entries are what they are.

import {
  EACCES,
  EAGAIN,
  EDQUOT,
  EFAULT,
  EINTR,
  EIO,
  EMFILE,
  ENFILE,
  ENOMEM,
  ENOSPC,
  ESRCH,
  ESTALE,
} from "../shared/abi/errno.ts";
import { EPOLL_CTL_ADD } from "../shared/abi/poll.ts";
import type { FaultPlan } from "../shared/process_spec.ts";
import type { Counters } from "./counters.ts";
import type { Log } from "./log.ts";
import type { BackgroundEntry, Entry, Native } from "./native.ts";

interface Fault {
  readonly errnos: readonly number[];
  /** Which argument is a number of bytes: it may be made smaller instead, as the host may do less than it is asked. */
  readonly length?: number;
  /** The call is made all the same: of close(2), which says so of a descriptor that is gone. */
  readonly isMade?: true;
  /** Calls that cannot fail so are left alone: the argument of that index, and the value it must have. */
  readonly only?: readonly [index: number, value: number];
}

const OPEN = [EMFILE, ENFILE, ENOMEM, EIO, EAGAIN];
/** EAGAIN: a file system that is a program answers what it likes. */
const LOOK = [ENOMEM, EIO, ESTALE, EAGAIN];
const READ = [EIO, ENOMEM];
const WRITE = [EIO, ENOSPC, EDQUOT, ENOMEM];
const CHANGE = [EIO, ENOSPC, EDQUOT, ENOMEM];
/** Of process_vm_readv(2) and its kin: memory changes under it, or its process has ended. */
const COPY = [EFAULT, ENOMEM, ESRCH];
/** A request of the zygote's (platform/zygote.ts): none of the others can fail. */
const SPAWN = 2;

export const FAULTS: Readonly<Partial<Record<Entry, Fault>>> = {
  mapChunk: { errnos: [EMFILE, ENFILE, ENOMEM] },
  unmapChunk: { errnos: [ENOMEM] },
  memfdCreate: { errnos: [EMFILE, ENFILE, ENOMEM] },
  memfdFile: { errnos: [EMFILE, ENFILE, ENOMEM] },
  addSeals: { errnos: [ENOMEM] },
  ftruncate: { errnos: CHANGE },
  fallocate: { errnos: [...CHANGE, EINTR] },
  copyBytes: { errnos: WRITE, length: 3 },
  pwriteScratch: { errnos: WRITE, length: 1 },
  epollCtl: { errnos: [ENOMEM, ENOSPC], only: [1, EPOLL_CTL_ADD] },
  pidfdOpen: { errnos: [EMFILE, ENFILE, ENOMEM] },
  runnable: { errnos: [EIO, ENOMEM] },
  cpusOf: { errnos: [ESRCH] },
  place: { errnos: [ENOMEM, ESRCH] },
  close: { errnos: [EIO, EINTR], isMade: true },
  notifyAddfd: { errnos: [EMFILE, ENOMEM] },
  zygoteSend: { errnos: [EAGAIN, ENOMEM], only: [1, SPAWN] },
  streamRead: { errnos: [EIO, EAGAIN, ENOMEM], length: 3 },
  streamWrite: { errnos: [EIO, EAGAIN, ENOMEM], length: 3 },
  read: { errnos: READ, length: 3 },
  write: { errnos: WRITE, length: 3 },
  pread: { errnos: READ, length: 3 },
  preadNowait: { errnos: [EAGAIN, EIO], length: 3 },
  pwrite: { errnos: WRITE, length: 3 },
  append: { errnos: WRITE, length: 3 },
  preadScratch: { errnos: READ, length: 2 },
  processCopyIn: { errnos: COPY, length: 4 },
  processCopyOut: { errnos: COPY, length: 4 },
  preadTo: { errnos: [EFAULT, EIO], length: 3 },
  pwriteFrom: { errnos: [EFAULT, EIO, ENOSPC], length: 3 },
  copyTo: { errnos: [EFAULT], length: 4 },
  copyFrom: { errnos: [EFAULT], length: 4 },
  fillPieces: { errnos: [EFAULT], length: 2 },
  emptyPieces: { errnos: [EFAULT], length: 2 },
  processRead: { errnos: COPY, length: 2 },
  seek: { errnos: [EIO] },
  readSmall: { errnos: [EMFILE, ENFILE, ENOMEM, ESRCH] },
  openNamed: { errnos: OPEN },
  duplicate: { errnos: OPEN },
  reopen: { errnos: [...OPEN, EACCES] },
  fstat: { errnos: LOOK },
  statNamed: { errnos: LOOK },
  create: { errnos: [...OPEN, ...CHANGE] },
  mkdir: { errnos: CHANGE },
  mknod: { errnos: CHANGE },
  symlink: { errnos: CHANGE },
  link: { errnos: CHANGE },
  unlink: { errnos: [EIO, ENOMEM] },
  rename: { errnos: CHANGE },
  chown: { errnos: CHANGE },
  chmod: { errnos: CHANGE },
  utimens: { errnos: [EIO, ENOMEM] },
  setxattr: { errnos: CHANGE },
  removexattr: { errnos: [EIO, ENOMEM] },
  getdents: { errnos: [EIO, ENOMEM] },
  fstatfs: { errnos: [EIO, ENOMEM] },
  getxattrNamed: { errnos: [EIO, ENOMEM] },
  listxattr: { errnos: [EIO, ENOMEM] },
  readlink: { errnos: [EIO, ENOMEM] },
  // There is no thread to be had.
  jobSubmit: { errnos: [EAGAIN, ENOMEM] },
  socketAccept: { errnos: [EMFILE, ENFILE, ENOMEM] },
  socketSend: { errnos: [ENOMEM, EAGAIN], length: 2 },
  socketReceive: { errnos: [ENOMEM, EAGAIN] },
  socketPeek: { errnos: [ENOMEM, EAGAIN] },
};

/** In the background calls are made all the same, and are said to have failed. */
const BACKGROUND_FAULTS: Readonly<Record<BackgroundEntry, readonly number[]>> = {
  warm: [EIO, ENOMEM],
  close: [EIO],
};

type AnyEntry = (...args: unknown[]) => number;

export class HostFaults {
  readonly #counters: Counters;
  readonly #log: Log;
  #plan: FaultPlan = { seed: 0, oneIn: 0, only: [] };
  /** Calls of each entry since the plan was made. */
  readonly #calls = new Map<string, number>();

  /** Puts itself before the entries of `native`, and lets everything through until there is a plan. */
  constructor(native: Native, counters: Counters, log: Log) {
    this.#counters = counters;
    this.#log = log;
    for (const [name, fault] of Object.entries(FAULTS)) {
      const entry = native[name as Entry] as AnyEntry;
      Object.defineProperty(native, name, { value: this.#before(name, entry, fault) });
    }
    const { background } = native;
    const failing: Native["background"] = (entry, args, done) => {
      const errnos = BACKGROUND_FAULTS[entry];
      background(entry, args, (result) => {
        const chance = this.#chance(`background ${entry}`);
        done(chance < 0 ? result : this.#fail(`background ${entry}`, errnos, chance));
      });
    };
    Object.defineProperty(native, "background", { value: failing });
  }

  /** From now on calls fail as the plan says; one call in none: no call. */
  set plan(plan: FaultPlan) {
    this.#plan = plan;
    this.#calls.clear();
  }

  #before(name: string, entry: AnyEntry, { errnos, length, isMade, only }: Fault): AnyEntry {
    return (...args) => {
      if (only !== undefined && args[only[0]] !== only[1]) return entry(...args);
      const chance = this.#chance(name);
      if (chance < 0) return entry(...args);
      const wanted = length === undefined ? 0 : (args[length] as number);
      if (length !== undefined && wanted > 1 && (chance & 1) === 0) {
        args[length] = 1 + ((chance >>> 1) % (wanted - 1));
        this.#tell(name, `${args[length]} of ${wanted} bytes`);
        return entry(...args);
      }
      if (isMade) entry(...args);
      return this.#fail(name, errnos, chance);
    };
  }

  #fail(name: string, errnos: readonly number[], chance: number): number {
    const errno = errnos[(chance >>> 1) % errnos.length]!;
    this.#tell(name, `errno ${errno}`);
    return -errno;
  }

  #tell(name: string, what: string): void {
    this.#counters.hostFaults++;
    this.#log("debug", `host fault: ${name}: ${what}`, { call: this.#calls.get(name) });
  }

  /** A number that says how this call fails, or -1: it does not. */
  #chance(name: string): number {
    const { seed, oneIn, only } = this.#plan;
    if (oneIn === 0 || (only.length > 0 && !only.includes(name))) return -1;
    const call = (this.#calls.get(name) ?? 0) + 1;
    this.#calls.set(name, call);
    const bits = mixed(seed, name, call);
    return bits % oneIn === 0 ? mixed(bits, name, call) : -1;
  }
}

/** 31 bits that look random: FNV-1a over the name, and the finalizer of MurmurHash3. */
function mixed(seed: number, name: string, call: number): number {
  let bits = 0x811c9dc5 ^ seed;
  for (let i = 0; i < name.length; i++) bits = Math.imul(bits ^ name.charCodeAt(i), 0x01000193);
  bits = Math.imul(bits ^ call, 0x01000193);
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 1;
}
