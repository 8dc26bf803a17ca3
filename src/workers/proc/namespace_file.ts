// A namespace as an open file (namespaces(7), Linux's nsfs): what opening /proc/PID/ns/NAME gives. It has a number
// and a kind; it cannot be read, nor entered (setns(2)).

import { EINVAL, EPERM } from "../../shared/abi/errno.ts";
import { O_ACCMODE, O_RDONLY } from "../../shared/abi/fcntl.ts";
import { NS_GET_NSTYPE } from "../../shared/abi/ioctl.ts";
import { S_IFREG } from "../../shared/abi/stat.ts";
import type { Task } from "../process/task.ts";
import { AnonymousFile } from "../vfs/anonymous/anonymous_file.ts";
import type { AnonymousContext } from "../vfs/anonymous/anonymous_fs.ts";
import type { OpenFile } from "../vfs/file.ts";
import type { Attributes } from "../vfs/inode.ts";

export class NamespaceFile extends AnonymousFile {
  override readonly isStream = false;
  protected readonly kind: string;
  readonly #name: string;
  readonly #number: number;
  /** CLONE_NEW* */
  readonly #type: number;

  constructor(kernel: AnonymousContext, name: string, number: number, type: number) {
    super(kernel, O_RDONLY);
    this.kind = name;
    this.#name = name;
    this.#number = number;
    this.#type = type;
  }

  override reopen(flags: number): OpenFile | number {
    if ((flags & O_ACCMODE) !== O_RDONLY) return -EPERM;
    const file = new NamespaceFile(this.kernel, this.#name, this.#number, this.#type);
    file.flags = flags;
    return file;
  }

  override attributes(): Attributes {
    return { ...this.kernel.anonymous.other.attributes(), ino: this.#number, mode: S_IFREG | 0o444 };
  }

  override seek(): number {
    return -EINVAL;
  }

  override ioctl(task: Task, request: number, argument: number): number {
    return request === NS_GET_NSTYPE ? this.#type : super.ioctl(task, request, argument);
  }

  override describe(): string {
    return `${this.#name}:[${this.#number}]`;
  }

  override poll(): number {
    return 0;
  }
}
