// Copies from one array of bytes to another. A copy by V8 takes an object that names the part; where it is short, a
// loop takes less time than that, and leaves nothing to the garbage collector.

const BY_HAND = 128;

export function copyBytes(from: Uint8Array, at: number, to: Uint8Array, toAt: number, length: number): void {
  if (length > BY_HAND) to.set(from.subarray(at, at + length), toAt);
  else for (let i = 0; i < length; i++) to[toAt + i] = from[at + i]!;
}
