// What an open file knows of other kernel threads that move its bytes (pool/lender.ts): then its position is not its own,
// but stands where all of them find it, and is moved by one at a time.

import type { Caller } from "../call/caller.ts";

/** What is told to other kernel threads of an open regular file. */
export interface Offer {
  /** A descriptor of the host's, whose access mode is no more than the file's. */
  readonly hostFd: number;
  /** The host tells without waiting what it has of the file at hand; else what lies before `warmEnd` is. */
  readonly tells: boolean;
  readonly warmEnd: number;
  /** They may write what is not appended. */
  readonly mayBeWritten: boolean;
  /** Reading it may change its access time. */
  readonly keepsAccessTime: boolean;
}

export interface Loan {
  /** The position as it is at this moment. */
  position: number;
  /** The position, which is moved by nobody else before letGo(); or NOT_AT_HAND: the call is told when it is free. */
  hold(task: Caller): number;
  letGo(position: number): void;
  /** So many bytes of what was read last have not arrived: the position goes back, unless somebody has it. */
  takeBack(bytes: number): void;
  /** What was told is something else now; null: nothing more is to be done elsewhere. */
  changed(offer: Offer | null): void;
  /** A descriptor of a table names the file no more. */
  forget(table: number, fd: number): void;
  /** The last holder is gone: `closed` comes when nobody is on the way to it any more. */
  end(closed: () => void): void;
}

/** Whose calls may be served elsewhere. */
export interface LendingCaller extends Caller {
  readonly files: { readonly id: number; get(fd: number): object | undefined };
}

/** Whoever lends files. */
export interface Lending {
  /** A call on a descriptor has come here that another kernel thread might serve; one that writes, or not. */
  used(task: LendingCaller, fd: number, writes: boolean): void;
  /** A table of descriptors is gone. */
  tableGone(id: number): void;
  /** Calls `then` when no kernel thread is on the way any more to what is given up now. */
  whenPassed(then: () => void): void;
}

/** What an inode knows of it. */
export interface LentInode {
  /** Whether it was written elsewhere since this was asked last. */
  takeWritten(): boolean;
  /** When it was read elsewhere, if it was since this was asked last: milliseconds since 1970; else 0. */
  takeReadAt(): number;
  allowWrites(value: boolean): void;
}
