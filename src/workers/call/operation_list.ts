// Writing an operation list into a task's slot, and remembering which notifications it will raise:
// mmap with a descriptor, calls on window addresses, clone. The supervisor continues a notification
// only when it is the next one that the caller's list expects (docs/hardening.md, F5).

import { nr } from "../../shared/abi/syscalls.ts";
import {
  HOST_TASK,
  NR_GIFT,
  OPS_MAX,
  STUB_STACK,
  STUB_STACK_SIZE,
  WINDOW_BASE,
  WINDOW_END,
} from "../../shared/ring/layout.ts";
import type { Slots } from "../../shared/ring/slot.ts";
import { Operation } from "../../shared/ring/slot_states.ts";

// Host calls of lists.
export const SYS_close = nr("close");
export const SYS_mmap = nr("mmap");
export const SYS_mprotect = nr("mprotect");
export const SYS_munmap = nr("munmap");
export const SYS_mremap = nr("mremap");
export const SYS_madvise = nr("madvise");
export const SYS_fsync = nr("fsync");
export const SYS_fdatasync = nr("fdatasync");
export const SYS_membarrier = nr("membarrier");
const SYS_clone = nr("clone");

const FORK_FLAGS = 0x8000 | 17; // CLONE_PARENT | SIGCHLD
const THREAD_FLAGS = 0x250f00; // as in stub_entry.S

/** A host task that a list makes: its first call names the two halves of this one-shot token. */
export interface Newborn {
  readonly low: number;
  readonly high: number;
  /** Its clone was let go on. */
  wasMade(): void;
}

/** A notification that an outstanding list raises. */
export interface Expected {
  readonly nr: number;
  readonly args: readonly number[];
  /** Host descriptor to donate before the call continues, or -1; and the number that it gets. */
  readonly donate: number;
  readonly donateAs: number;
  /** The kernel has no further use for the donated descriptor. */
  readonly closeDonated: boolean;
  /** It is the clone that makes this one. */
  readonly makes: Newborn | null;
}

function inWindow(address: number): boolean {
  return address >= WINDOW_BASE && address < WINDOW_END;
}

/** A flag without an effect (mmap(2)), by which the stub's filter knows an mmap that is to be told. */
const MAP_DENYWRITE = 0x800;

function raisesNotification(nr: number, args: readonly number[]): boolean {
  if (nr === SYS_clone || nr === NR_GIFT) return true;
  if (nr === SYS_mmap && (args[3]! & MAP_DENYWRITE) !== 0) return true;
  return nr !== SYS_madvise && inWindow(args[0] ?? 0);
}

export class OperationList {
  readonly expected: Expected[] = [];
  readonly #slots: Slots;
  readonly #number: number;
  #length = 0;
  #donate = -1;
  #closeDonated = false;

  constructor(slots: Slots, number: number) {
    this.#slots = slots;
    this.#number = number;
  }

  get length(): number {
    return this.#length;
  }

  get full(): boolean {
    return this.#length === OPS_MAX;
  }

  /** The next gift, or mmap with a descriptor, gets this host descriptor under its number. */
  donate(hostFd: number, closeAfter = false): void {
    this.#donate = hostFd;
    this.#closeDonated = closeAfter;
  }

  /** System call `nr`, run by the stub. */
  call(nr: number, ...args: number[]): void {
    if (nr === SYS_mmap && this.#donate >= 0) args[3]! |= MAP_DENYWRITE;
    this.#add(Operation.CALL, nr, args);
    if (!raisesNotification(nr, args)) return;
    const donateAs = nr === NR_GIFT ? args[0]! : (args[4] ?? -1);
    const closeDonated = this.#closeDonated;
    this.expected.push({ nr, args, donate: this.#donate, donateAs, closeDonated, makes: null });
    this.#donate = -1;
    this.#closeDonated = false;
  }

  /** As call, of one that raises no notification and that nothing depends on: the list goes on if it fails. */
  tell(nr: number, ...args: number[]): void {
    this.#add(Operation.TELL, nr, args);
  }

  /** Puts what donate() has named under a number of the stub's. */
  gift(fd: number): void {
    this.call(NR_GIFT, fd);
  }

  /** Reads what the stub has under that number to guest memory; the last of a list, as whose result the call has its own. */
  read(fd: number, address: number, length: number, position: number): void {
    this.#add(Operation.READ, 0, [fd, address, length, position]);
  }

  /** Copies `length` bytes from an offset in the slot to guest memory. */
  copyTo(address: number, length: number, offset: number): void {
    this.#add(Operation.COPY_TO, 0, [address, length, offset]);
  }

  zero(address: number, length: number): void {
    this.#add(Operation.ZERO, 0, [address, length]);
  }

  /** Copies a process of the caller's address space; the new task names its birth. */
  fork(birth: Newborn): void {
    this.#add(Operation.FORK, 0, []);
    this.#setToken(birth);
    this.#expectClone([FORK_FLAGS, 0, 0, 0, 0], birth);
  }

  /** Makes a thread on the stub stack of the slot at `address`. */
  thread(birth: Newborn, address: number): void {
    this.#add(Operation.THREAD, 0, [0, address]);
    this.#setToken(birth);
    const stack = address + STUB_STACK + STUB_STACK_SIZE;
    this.#expectClone([THREAD_FLAGS, stack, 0, address + HOST_TASK, 0], birth);
  }

  load32(address: number): void {
    this.#add(Operation.LOAD32, 0, [address]);
  }

  cmpxchg32(address: number, expected: number, desired: number): void {
    this.#add(Operation.CMPXCHG32, 0, [address, expected, desired]);
  }

  op32(address: number, code: number, operand: number): void {
    this.#add(Operation.OP32, 0, [address, code, operand]);
  }

  /** futex(2) on private futexes; of waits `value2` says whether the slot's DEADLINE holds. */
  futex(address: number, op: number, value: number, value2: number, address2: number, value3: number): void {
    this.#add(Operation.FUTEX, 0, [address, op, value, value2, address2, value3]);
  }

  /** Copies the strings of an argv-like array to the slot; see copy_strings in stub_operations.c. */
  copyStrings(array: number, offset: number, capacity: number): void {
    this.#add(Operation.COPY_STRINGS, 0, [array, offset, capacity]);
  }

  #expectClone(args: readonly number[], makes: Newborn): void {
    this.expected.push({ nr: SYS_clone, args, donate: -1, donateAs: -1, closeDonated: false, makes });
  }

  #setToken({ low, high }: Newborn): void {
    this.#slots.setOperationArgument(this.#number, this.#length - 1, 0, low, high);
  }

  #add(code: number, nr: number, args: readonly number[]): void {
    if (this.#length === OPS_MAX) throw new RangeError("operation list is full");
    this.#slots.setOperation(this.#number, this.#length, code, nr);
    for (let i = 0; i < args.length; i++)
      this.#slots.setOperationNumber(this.#number, this.#length, i, args[i]!);
    this.#length++;
  }
}
