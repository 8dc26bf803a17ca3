// Names that guests choose, as a profile has them: printable ASCII, of bounded length (shared/profile.ts).

import { NAME_MAX } from "../../shared/profile.ts";

const CUT = "...";

/** `text`: one char a byte. */
export function escaped(text: string): string {
  // What is cut off is not looked at.
  const head = text.slice(0, NAME_MAX + 1).replace(/[^ -[\]-~]/g, (char) => {
    const code = char.charCodeAt(0) & 0xff;
    return `\\x${code.toString(16).padStart(2, "0")}`;
  });
  return head.length <= NAME_MAX ? head : head.slice(0, NAME_MAX - CUT.length) + CUT;
}

/** The same text with no memory but its own: that of a part, or of parts put together, holds what it was made of. One char a byte. */
export function kept(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}
