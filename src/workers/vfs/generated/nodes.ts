// What a generated file system (proc, sysfs) is made of: tables of nodes. A node says how its text comes
// about; generated_fs.ts makes inodes and open files of them. A subject is what a directory is about: the
// system, a process, one of its threads or descriptors.

import { ESRCH } from "../../../shared/abi/errno.ts";
import type { Caller } from "../../call/caller.ts";
import type { CallContext } from "../../call/context.ts";
import type { WaitQueue } from "../../call/wait_queue.ts";
import type { Credentials } from "../../credentials/credentials.ts";
import type { MagicTarget } from "../inode.ts";

export interface Subject {
  readonly kernel: CallContext;
  /** Inode numbers of what is about this subject begin here. */
  readonly inoBase: number;
  /** False: what it was is gone (ESRCH). */
  readonly exists: boolean;
  /** Whom its files belong to. */
  readonly owner: { readonly uid: number; readonly gid: number };
}

/** Text of one char a byte, or a negative errno. */
export type Text = string | number;

/**
 * What an open file shows. It is bound when the file is opened: to the object that its name stood for then,
 * whatever the name comes to stand for later (a process that has executed another program).
 */
export interface Contents {
  /**
   * A pass over its records from the first on (Linux's seq_file): each is made when a reader comes to it,
   * and none costs more than a bounded time. An errno ends the pass.
   */
  readonly records?: () => Iterator<Text>;
  /** Or its bytes by position, up to `length` of them: none at the end, or a negative errno. */
  readonly bytes?: (position: number, length: number) => Uint8Array | number;
  /** What is written to it, in place of the node's own (FileNode.write). */
  readonly write?: (text: string, position: number) => number;
  /** A record that is -EAGAIN is not there yet, and comes by that. */
  readonly wait?: (task: Caller) => Generator<void, void, void>;
  /** The open file is gone. */
  readonly release?: () => void;
  /** What the file shows has changed when the count has; who polls is told of it once, and woken by the queue. */
  readonly changes?: { readonly count: () => number; readonly waiters: WaitQueue };
}

export interface FileNode<S extends Subject> {
  readonly kind: "file";
  readonly mode: number;
  /** Whom it belongs to, if not to the owner of all that is about its subject. */
  owner?(subject: S): Subject["owner"];
  /** What a file that is opened now, with O_* flags, shows, or why it may not be opened. */
  open(subject: S, credentials: Credentials, flags: number): Contents | number;
  /** What was written, as one string: 0 for all of it, how much of it was taken, or a negative errno. */
  write?(subject: S, text: string, credentials: Credentials, position: number): number;
}

export interface LinkNode<S extends Subject> {
  readonly kind: "link";
  mode(subject: S): number;
  /** What stat says of its length, which says nothing; 0 unless given. */
  readonly size?: number;
  read(subject: S): Text;
  /** For magic links. */
  follow?(subject: S): MagicTarget;
}

export interface DirectoryNode<S extends Subject> {
  readonly kind: "directory";
  readonly mode: number;
  readonly children: Table<S>;
  /** Its links: itself, its name, and the `..` of each directory whose name is fixed. */
  readonly links: number;
  /** Children whose names are not fixed. */
  readonly dynamic?: Dynamic<S>;
}

export type Node<S extends Subject> = FileNode<S> | LinkNode<S> | DirectoryNode<S>;
export type Table<S extends Subject> = Readonly<Record<string, Node<S>>>;

export interface Dynamic<S extends Subject> {
  lookup(subject: S, name: string): Child | number;
  names(subject: S): readonly string[] | number;
  /** How many of them are directories; absent: none, or their number is not told. */
  directories?(subject: S): number;
}

/** A node together with its subject. */
export interface Child {
  readonly node: AnyNode;
  readonly subject: Subject;
}

/** A node whose subject's kind is known to the table that it stands in alone. */
// biome-ignore lint/suspicious/noExplicitAny: a table and its subjects belong together by construction
export type AnyNode = Node<any>;

/** Rules beyond the permission bits, for who opens: 0 or a negative errno. */
type Rule<S extends Subject> = (subject: S, credentials: Credentials) => number;

interface FileOptions<S extends Subject> {
  readonly mode?: number;
  readonly write?: FileNode<S>["write"];
  /** Asked at open, and again at each reading, since the subject may have become another. */
  readonly mayRead?: Rule<S>;
}

/** A file of one record, which is about the subject as it is when it is read. */
export function file<S extends Subject>(
  read: (subject: S) => Text,
  { mode, write, mayRead }: FileOptions<S> = {},
): FileNode<S> {
  return {
    kind: "file",
    mode: mode ?? (write === undefined ? 0o444 : 0o644),
    ...(write !== undefined && { write }),
    open(subject, credentials) {
      const refused = mayRead?.(subject, credentials) ?? 0;
      if (refused < 0) return refused;
      const record = (): Text => {
        if (!subject.exists) return -ESRCH;
        const error = mayRead?.(subject, credentials) ?? 0;
        return error < 0 ? error : read(subject);
      };
      return { records: () => [record()].values() };
    },
  };
}

/** A file that is bound to what `bind` finds for its subject. */
export function bound<S extends Subject>(
  bind: (subject: S, credentials: Credentials) => Contents | number,
  { mode = 0o444, mayOpen }: { readonly mode?: number; readonly mayOpen?: Rule<S> } = {},
): FileNode<S> {
  return {
    kind: "file",
    mode,
    open(subject, credentials) {
      const refused = mayOpen?.(subject, credentials) ?? 0;
      return refused < 0 ? refused : bind(subject, credentials);
    },
  };
}

/** A file that always says the same; a newline is added. */
export function constant(text: string | number, mode = 0o444): FileNode<Subject> {
  return file(() => `${text}\n`, { mode });
}

export function link<S extends Subject>(
  read: (subject: S) => Text,
  follow?: (subject: S) => MagicTarget,
): LinkNode<S> {
  const plain = { kind: "link", mode: () => 0o777, read } as const;
  return follow === undefined ? plain : { ...plain, follow };
}

export function directory<S extends Subject>(
  children: Table<S>,
  dynamic?: Dynamic<S>,
  mode = 0o555,
): DirectoryNode<S> {
  const links = 2 + Object.values(children).filter(({ kind }) => kind === "directory").length;
  return { kind: "directory", mode, children, links, ...(dynamic === undefined ? {} : { dynamic }) };
}

/** A number as the name of a process or descriptor: decimal, without leading zeros; or -1. */
export function numberOf(name: string): number {
  return /^(0|[1-9][0-9]{0,9})$/.test(name) ? Number(name) : -1;
}
