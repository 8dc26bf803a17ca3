// Tasks as System V IPC knows them.

import type { VfsCaller } from "../vfs/caller.ts";
import type { IpcContext } from "./context.ts";
import type { IpcMember } from "./member.ts";

export interface IpcCaller extends VfsCaller {
  readonly kernel: IpcContext;
  readonly ipc: IpcMember;
}
