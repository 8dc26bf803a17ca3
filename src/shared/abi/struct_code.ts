// What reads and writes each structure of structs.ts, as code of its own. Sources that run themselves have none;
// whoever bundles puts what scripts/struct_code.ts writes in the place of this file (scripts/bundle.mjs).

import type { Type } from "./struct.ts";

type Code = Pick<Type<unknown>, "read" | "write">;

/** By the names of STRUCTS. */
export const STRUCT_CODE: Readonly<Record<string, Code>> = {};
