// The platforms by the names that --platform takes.

import { Ptrace } from "./ptrace.ts";
import { Systrap } from "./systrap.ts";

export const PLATFORMS = { systrap: Systrap, ptrace: Ptrace } as const;
