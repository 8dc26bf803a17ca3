// What AF_UNIX uses of its kernel, beside what sockets do, and whose calls it serves.

import type { AnonymousInodes } from "../../vfs/anonymous/anonymous_fs.ts";
import type { VfsCaller } from "../../vfs/caller.ts";
import type { VfsContext } from "../../vfs/context.ts";
import type { OpenFile } from "../../vfs/file.ts";
import type { Process } from "../../vfs/processes.ts";
import type { NetContext } from "../context.ts";
import type { Network } from "../network.ts";
import type { UnixNames } from "./names.ts";
import type { UnixSocket } from "./unix_socket.ts";

/** Who looks after files that are on their way in messages: nobody else may hold them any more. */
interface FilesOnTheWay {
  sent(file: OpenFile): void;
  letGo(file: OpenFile): void;
  /** A socket has ended: others may have become unreachable. */
  collectSoon(): void;
}

export interface UnixContext extends VfsContext, NetContext {
  current: VfsCaller | null;
  readonly anonymous: AnonymousInodes;
  readonly unixNames: UnixNames;
  /** All that there are. */
  readonly unixSockets: Set<UnixSocket>;
  readonly unixGarbage: FilesOnTheWay;
  /** A descriptor of a process (pidfd_open(2)). */
  newPidFile(process: Process): OpenFile;
}

export interface UnixCaller extends VfsCaller {
  readonly kernel: UnixContext;
  /** The network namespace that it is in: of sockets that it makes. */
  readonly network: Network;
}
