// What /proc/net tells of the packet filter: names of tables, matches and targets, and the flows that conntrack knows.

import { AF_INET, AF_INET6, IPPROTO_TCP } from "../../../shared/abi/socket.ts";
import type { IdMap } from "../../credentials/id_map.ts";
import type { Network } from "../network.ts";
import { namesOf } from "../stack/filter/blob.ts";
import { STATE_NAMES } from "../stack/filter/tcp_states.ts";
import { ASSURED, SEEN_REPLY, type TrackedFlow } from "../stack/filter/tracked.ts";
import { hasPorts, isIcmp, type Tuple } from "../stack/filter/tuple.ts";
import type { IpAddress } from "../stack/ip_address.ts";
import { IpAddress as Address } from "../stack/ip_address.ts";

type TextContext = Pick<Network, "inet"> & { readonly reader: IdMap };

const US_PER_S = 1_000_000;
const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [1, "icmp"],
  [6, "tcp"],
  [17, "udp"],
  [58, "icmpv6"],
]);

const lines = (names: readonly string[]): string[] => names.map((name) => `${name}\n`);

export function tableNames(isV6: boolean): (context: TextContext) => string[] {
  return ({ inet }) => lines(inet.existing?.filter.tables(isV6).names ?? []);
}

/** Of matches or targets: there are none before there is a table. */
export function extensionNames(isTarget: boolean, isV6: boolean): () => string[] {
  return () => lines(namesOf(isTarget, isV6));
}

function addressText(address: IpAddress, isV6: boolean): string {
  if (!isV6) return address.toString();
  const bytes = Buffer.from(address.toBytes()).toString("hex");
  return bytes.replace(/(.{4})(?=.)/g, "$1:");
}

function tupleText(tuple: Tuple, isV6: boolean): string {
  const { source0, source1, source2, source3, destinationPort, sourcePort, protocol } = tuple;
  const { destination0, destination1, destination2, destination3 } = tuple;
  const source = addressText(Address.fromWords(source0, source1, source2, source3), isV6);
  const destination = addressText(
    Address.fromWords(destination0, destination1, destination2, destination3),
    isV6,
  );
  const ends = `src=${source} dst=${destination} `;
  if (hasPorts(protocol)) return `${ends}sport=${sourcePort} dport=${destinationPort} `;
  if (!isIcmp(protocol)) return ends;
  return `${ends}type=${destinationPort >> 8} code=${destinationPort & 0xff} id=${sourcePort} `;
}

function flowLine(flow: TrackedFlow, nowUs: number): string {
  const { original, reply, isV6, mark } = flow;
  const { protocol } = original;
  const family = isV6 ? "ipv6" : "ipv4";
  const seconds = Math.max(0, Math.floor((flow.deadlineUs - nowUs) / US_PER_S));
  const name = PROTOCOLS.get(protocol) ?? "unknown";
  return [
    `${family.padEnd(8)} ${isV6 ? AF_INET6 : AF_INET} ${name.padEnd(8)} ${protocol} ${seconds} `,
    protocol === IPPROTO_TCP ? `${STATE_NAMES[flow.state]} ` : "",
    tupleText(original, isV6),
    flow.has(SEEN_REPLY) ? "" : "[UNREPLIED] ",
    tupleText(reply, isV6),
    flow.has(ASSURED) ? "[ASSURED] " : "",
    `mark=${mark >>> 0} zone=0 use=2\n`,
  ].join("");
}

/** Lines at places, some of which are empty: who reads a part goes on where the last one ended. */
export interface PlacedLines {
  readonly heading: string;
  count(context: TextContext): number;
  /** Null: there is none at that place. */
  lineAt(context: TextContext, place: number): string | null;
}

export const FLOWS: PlacedLines = {
  heading: "",
  count: ({ inet }) => inet.existing?.filter.conntrack.flows.length ?? 0,
  lineAt: ({ inet }, place) => {
    const stack = inet.existing!;
    const flow = stack.filter.conntrack.flows[place] ?? null;
    return flow === null ? null : flowLine(flow, stack.core.nowUs);
  },
};

export function flowCount({ inet }: TextContext): string[] {
  return [`${inet.existing?.filter.conntrack.count ?? 0}\n`];
}
