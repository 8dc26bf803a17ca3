// Addresses as bytes: comparing them, and the networks that they are in.

import { AF_INET } from "../../../shared/abi/socket.ts";
import type { InternetFamily } from "./rows.ts";

export function sizeOf(family: InternetFamily): 4 | 16 {
  return family === AF_INET ? 4 : 16;
}

export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Whether both are in one network. */
export function isWithin(a: Uint8Array, b: Uint8Array, prefixLength: number): boolean {
  const whole = prefixLength >> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const rest = prefixLength & 7;
  return rest === 0 || ((a[whole]! ^ b[whole]!) & (0xff00 >> rest) & 0xff) === 0;
}

/** Its first bits; `fill` 0 or 0xff: what the others are. */
export function prefixOf(address: Uint8Array, prefixLength: number, fill = 0): Uint8Array {
  const prefix = Uint8Array.from(address);
  for (let i = 0; i < prefix.length; i++) {
    const bits = Math.max(0, Math.min(8, prefixLength - i * 8));
    const mask = (0xff00 >> bits) & 0xff;
    prefix[i] = (prefix[i]! & mask) | (fill & ~mask);
  }
  return prefix;
}

export function isZero(address: Uint8Array): boolean {
  return address.every((byte) => byte === 0);
}

/** In 0.0.0.0/8. */
export function isZeroNet(address: Uint8Array): boolean {
  return address[0] === 0;
}

export function isLinkLocal6(address: Uint8Array): boolean {
  return address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;
}

export function isMulticast(family: InternetFamily, address: Uint8Array): boolean {
  return family === AF_INET ? (address[0]! & 0xf0) === 0xe0 : address[0] === 0xff;
}
