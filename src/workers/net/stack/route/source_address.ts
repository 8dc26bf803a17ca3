// Which of this host's addresses a packet goes out from: for IPv4 as Linux's inet_select_addr chooses, for IPv6 by the
// rules of RFC 6724 5 that do not need home addresses or temporary ones.

import { RT_SCOPE_LINK } from "../../../../shared/abi/netlink.ts";
import type { LocalAddress, NetDevice } from "../device.ts";
import { IpAddress, isLinkLocal, isLoopback, isMulticast, Prefix } from "../ip_address.ts";

const IFA_F_DEPRECATED = 0x20;
const IFA_F_TENTATIVE = 0x40;
const IFA_F_SECONDARY = 0x01;
const IFA_F_DADFAILED = 0x08;

/** An IPv4 address of a device, of at most that scope, on the subnet of `w3` if there is one; null: there is none. */
export function selectSource4(
  devices: Iterable<NetDevice>,
  device: NetDevice | null,
  w3: number,
  scope: number,
): IpAddress | null {
  if (device !== null) {
    let found: IpAddress | null = null;
    for (let i = 0; i < device.addresses.length; i++) {
      const { address, prefix, scope: narrow, flags } = device.addresses[i]!;
      if (!address.isV4 || (flags & IFA_F_SECONDARY) !== 0 || Math.min(narrow, RT_SCOPE_LINK) > scope)
        continue;
      if (w3 === 0 || prefix.hasWords(address.w0, address.w1, address.w2, w3)) return address;
      found ??= address;
    }
    if (found !== null) return found;
  }
  for (const other of devices)
    for (let i = 0; i < other.addresses.length; i++) {
      const { address, scope: narrow } = other.addresses[i]!;
      if (address.isV4 && other.isUp && narrow !== RT_SCOPE_LINK && narrow <= scope) return address;
    }
  return null;
}

interface Policy {
  readonly prefix: Prefix;
  readonly label: number;
}

function policy(text: string, length: number, label: number): Policy {
  return { prefix: new Prefix(IpAddress.parse(text)!, length), label };
}

/** RFC 6724 2.1 and Linux's additions, the longest prefixes first. */
const POLICIES: readonly Policy[] = [
  policy("::1", 128, 0),
  policy("::ffff:0:0", 0, 4),
  policy("::", 96, 3),
  policy("2001::", 32, 6),
  policy("2001:10::", 28, 7),
  policy("3ffe::", 16, 12),
  policy("2002::", 16, 2),
  policy("fec0::", 10, 11),
  policy("fc00::", 7, 5),
];
const LABEL_DEFAULT = 1;

function labelOf(w0: number, w1: number, w2: number, w3: number): number {
  for (let i = 0; i < POLICIES.length; i++)
    if (POLICIES[i]!.prefix.hasWords(w0, w1, w2, w3)) return POLICIES[i]!.label;
  return LABEL_DEFAULT;
}

const SCOPE_LINK = 2;
const SCOPE_SITE = 5;
const SCOPE_GLOBAL = 14;

/** RFC 4007's scope of an address. */
function scopeOf(w0: number, w1: number, w2: number, w3: number): number {
  if (isMulticast(w0, w1, w2, w3)) return (w0 >>> 16) & 0xf;
  // Loopback is of the link (RFC 4291 2.5.3), as link-local addresses are.
  if (isLoopback(w0, w1, w2, w3) || isLinkLocal(w0, w1, w2, w3)) return SCOPE_LINK;
  return w0 >>> 22 === 0xfec0 >>> 6 ? SCOPE_SITE : SCOPE_GLOBAL;
}

function commonBits(a: IpAddress, w0: number, w1: number, w2: number, w3: number): number {
  if (a.w0 !== w0) return Math.clz32(a.w0 ^ w0);
  if (a.w1 !== w1) return 32 + Math.clz32(a.w1 ^ w1);
  if (a.w2 !== w2) return 64 + Math.clz32(a.w2 ^ w2);
  return a.w3 === w3 ? 128 : 96 + Math.clz32(a.w3 ^ w3);
}

/** What is compared of a candidate, the weightiest first: the rules of RFC 6724 5 as one number for each. */
class Candidate {
  address: IpAddress | null = null;
  #scores: readonly number[] = [];

  /** Takes an address if it is better than the one before. */
  offer(scores: readonly number[], address: IpAddress): void {
    if (this.address !== null) {
      const at = scores.findIndex((score, i) => score !== this.#scores[i]);
      if (at < 0 || scores[at]! < this.#scores[at]!) return;
    }
    this.address = address;
    this.#scores = scores;
  }
}

/**
 * The IPv6 address to reach a destination from, out of that device; null: there is none. It allocates: who sends often
 * remembers what it chose.
 */
export function selectSource6(
  devices: Iterable<NetDevice>,
  device: NetDevice | null,
  w0: number,
  w1: number,
  w2: number,
  w3: number,
): IpAddress | null {
  const scope = scopeOf(w0, w1, w2, w3);
  const label = labelOf(w0, w1, w2, w3);
  const staysOnDevice = isMulticast(w0, w1, w2, w3) || scope <= SCOPE_LINK;
  const best = new Candidate();
  const consider = ({ address, prefix, flags }: LocalAddress, from: NetDevice): void => {
    const { w0: a, w1: b, w2: c, w3: d } = address;
    if (address.isV4 || (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) !== 0) return;
    const own = scopeOf(a, b, c, d);
    best.offer(
      [
        Number(a === w0 && b === w1 && c === w2 && d === w3),
        own >= scope ? -own : own - 128,
        Number((flags & IFA_F_DEPRECATED) === 0),
        Number(device === null || from === device),
        Number(labelOf(a, b, c, d) === label),
        Math.min(commonBits(address, w0, w1, w2, w3), prefix.length),
      ],
      address,
    );
  };
  for (const from of devices) {
    if (!from.isUp || (staysOnDevice && device !== null && from !== device)) continue;
    for (const candidate of from.addresses) consider(candidate, from);
  }
  return best.address;
}
