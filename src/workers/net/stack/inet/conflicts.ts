// Whether what is bound to two local addresses may meet.

import type { IpAddress } from "../ip_address.ts";

/** What of an endpoint counts for that. */
export interface BoundTo {
  readonly local: IpAddress;
  readonly v6only: boolean;
  /** It stands where rules of the namespace would lead to it: it is in the way of none of those that do not. */
  readonly isAside: boolean;
}

/** :: that is not IPv4's 0.0.0.0. */
function isAny6({ isAny, isV4 }: IpAddress): boolean {
  return isAny && !isV4;
}

/** Whether something would be for both local addresses (inet_rcv_saddr_equal with wildcards). */
export function overlaps(a: BoundTo, b: BoundTo): boolean {
  if (a.isAside !== b.isAside) return false;
  const [x, y] = [a.local, b.local];
  if (x.isV4 && y.isV4) return x.equals(y) || x.isAny || y.isAny;
  if (isAny6(x) && isAny6(y)) return true;
  if (isAny6(y)) return !(b.v6only && x.isV4);
  if (isAny6(x)) return !(a.v6only && y.isV4);
  return x.equals(y);
}
