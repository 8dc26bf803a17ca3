// Copying bytes from one buffer to another without an object that names the part, as subarray makes.

/** Up to so many bytes, a loop takes less time than a call. */
const BY_HAND = 64;
/** Node's own. */
const { copy } = Buffer.prototype;

export function copyBytes(from: Uint8Array, at: number, to: Uint8Array, toAt: number, length: number): void {
  if (length > BY_HAND) copy.call(from as Buffer, to, toAt, at, at + length);
  else for (let i = 0; i < length; i++) to[toAt + i] = from[at + i]!;
}
