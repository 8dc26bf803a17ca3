// What to do about it (placeholder of the table of rules).

import type { Advice } from "../../shared/profile.ts";
import type { Recorded } from "./build.ts";

export function advise(_recorded: Recorded): Advice[] {
  return [];
}
