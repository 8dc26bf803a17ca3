// A guest's file read by the kernel itself, whole and at once: /etc/passwd and its like.

import { E2BIG, EIO, EISDIR } from "../../shared/abi/errno.ts";
import { S_IFREG } from "../../shared/abi/stat.ts";
import { NOT_AT_HAND } from "../call/asked.ts";
import { closeMapped, readMapped } from "./mapped_file.ts";
import { FileTarget, type WalkContext, walkPath } from "./path_walk.ts";

/** The bytes of a regular file as chars, or a negative errno; E2BIG when there are more than `limit`. */
export function readWhole(context: WalkContext, path: string, limit: number): string | number {
  const found = walkPath(context, context.root, path, { follow: true });
  if (typeof found === "number") return found;
  if (found instanceof FileTarget || found.inode.type !== S_IFREG) return -EISDIR;
  const file = found.inode.open(0, context.credentials);
  if (typeof file === "number") return file;
  const mapped = file.map(false);
  file.release();
  if (typeof mapped === "number") return mapped === NOT_AT_HAND ? mapped : -EIO;
  const { native } = context.kernel;
  const parts: string[] = [];
  let length = 0;
  let error = 0;
  for (;;) {
    const bytes = readMapped(native, mapped, length, native.scratch.length);
    if (typeof bytes === "number" || bytes.length === 0 || length + bytes.length > limit) {
      error = typeof bytes === "number" ? bytes : bytes.length > 0 ? -E2BIG : 0;
      break;
    }
    parts.push(Buffer.from(bytes).toString("latin1"));
    length += bytes.length;
  }
  closeMapped(native, mapped);
  return error < 0 ? error : parts.join("");
}
