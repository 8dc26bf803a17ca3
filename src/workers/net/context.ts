// What sockets of all families use of their kernel, beside what files do.

import type { VfsContext } from "../vfs/context.ts";
import type { OpenFile } from "../vfs/file.ts";
import type { Process } from "../vfs/processes.ts";

/** Who looks after files that are on their way in messages: nobody else may hold them any more. */
export interface FilesOnTheWay {
  sent(file: OpenFile): void;
  letGo(file: OpenFile): void;
}

export interface NetContext extends VfsContext {
  readonly unixGarbage: FilesOnTheWay;
  /** A descriptor of a process (pidfd_open(2)). */
  newPidFile(process: Process): OpenFile;
}
