// What sockets of all families use of their kernel: what open files do, and inodes to stand on.

import type { AnonymousInodes } from "../vfs/anonymous/anonymous_fs.ts";
import type { FileContext } from "../vfs/file_context.ts";

export interface NetContext extends FileContext {
  readonly anonymous: AnonymousInodes;
}
