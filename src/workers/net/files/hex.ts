// Numbers as files of /proc/net tell them.

/** A number of 32 bits. */
export function hex(value: number, digits: number): string {
  return (value >>> 0).toString(16).padStart(digits, "0");
}

export function upperHex(value: number, digits: number): string {
  return hex(value, digits).toUpperCase();
}
