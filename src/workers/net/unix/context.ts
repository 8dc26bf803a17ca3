// What AF_UNIX uses of its kernel, beside what sockets do, and whose calls it serves.

import type { NetCaller } from "../caller.ts";
import type { NetContext } from "../context.ts";
import type { UnixGarbage } from "./garbage.ts";
import type { UnixNames } from "./names.ts";

export interface UnixContext extends NetContext {
  readonly unixNames: UnixNames;
  readonly unixGarbage: UnixGarbage;
}

export interface UnixCaller extends NetCaller {
  readonly kernel: UnixContext;
}
