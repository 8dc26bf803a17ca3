// Names of a host (uname(2)), as in linux/utsname.h.

/** Bytes of each at most. */
export const __NEW_UTS_LEN = 64;
