// Calls by what a program does with them that it might do otherwise: what a profile counts apart, and advice is about.

/** They give as many bytes as there are, up to what they ask for. */
export const READS: readonly string[] = [
  "read",
  "pread64",
  "readv",
  "preadv",
  "preadv2",
  "recvfrom",
  "recvmsg",
];

/** Of these, what ask for so many bytes by their third argument. */
export const SIZED_READS: readonly string[] = ["read", "pread64", "recvfrom"];

export const WRITES: readonly string[] = [
  "write",
  "pwrite64",
  "writev",
  "pwritev",
  "pwritev2",
  "sendto",
  "sendmsg",
];

/** They ask whether a file is there, or open it. */
export const LOOKUPS: readonly string[] = [
  "open",
  "openat",
  "openat2",
  "stat",
  "lstat",
  "newfstatat",
  "statx",
  "access",
  "faccessat",
  "faccessat2",
  "readlink",
  "readlinkat",
];
