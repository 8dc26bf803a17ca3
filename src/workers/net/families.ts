// The address families that a sandbox has.

import { AF_UNIX } from "../../shared/abi/socket.ts";
import type { Family } from "./family.ts";
import type { UnixCaller } from "./unix/context.ts";
import { UNIX } from "./unix/family.ts";

/** Whose sockets all of them are. */
export type FamilyCaller = UnixCaller;

export const FAMILIES: ReadonlyMap<number, Family<FamilyCaller>> = new Map([[AF_UNIX, UNIX]]);
