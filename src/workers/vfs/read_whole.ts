// A guest's file read by the kernel itself, whole and at once: /etc/passwd and its like.

import { E2BIG, EIO, EISDIR } from "../../shared/abi/errno.ts";
import { S_IFREG } from "../../shared/abi/stat.ts";
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
  if (typeof mapped === "number") return -EIO;
  const { native } = context.kernel;
  const parts: string[] = [];
  let length = 0;
  let error = 0;
  for (;;) {
    const n = native.preadScratch(mapped.hostFd, 0, native.scratch.length, length);
    if (n <= 0 || length + n > limit) {
      error = n < 0 ? n : n > 0 ? -E2BIG : 0;
      break;
    }
    parts.push(Buffer.from(native.scratch.subarray(0, n)).toString("latin1"));
    length += n;
  }
  native.close(mapped.hostFd);
  return error < 0 ? error : parts.join("");
}
