// Names as a profile has them (shared/profile.ts): printable ASCII of bounded length. Kernel threads have escaped those of
// guests; a sandbox that does not is not to reach anybody's terminal by it.

import { NAME_MAX } from "../../shared/profile.ts";

/** What is escaped already stays as it is. */
export function clean(text: string): string {
  const shown = text
    .slice(0, NAME_MAX)
    .replace(/[^ -~]/g, (char) => `\\x${(char.charCodeAt(0) & 0xff).toString(16).padStart(2, "0")}`);
  return shown.length <= NAME_MAX ? shown : `${shown.slice(0, NAME_MAX - 3)}...`;
}
