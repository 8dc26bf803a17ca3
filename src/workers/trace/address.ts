// A socket's address (struct sockaddr) as fields of an event.

import { FLAG_TABLES } from "../../shared/abi/flag_tables.ts";
import { AF_INET, AF_INET6, AF_UNIX } from "../../shared/abi/socket.ts";
import { sockaddr_in, sockaddr_in6 } from "../../shared/abi/structs.ts";
import { ipv6 } from "../strace/strace_values.ts";
import type { TraceEvent } from "./event.ts";

const PATH_AT = 2;

function familyName(family: number): string | number {
  for (const [name, number] of Object.entries(FLAG_TABLES.addressFamily.values))
    if (number === family) return name;
  return family;
}

/** Bytes that are too short for their family tell that alone. */
export function tellAddress(event: TraceEvent, bytes: Uint8Array): void {
  if (bytes.length < 2) return;
  const { fields } = event;
  const family = bytes[0]! | (bytes[1]! << 8);
  fields.family = familyName(family);
  if (family === AF_UNIX) tellName(event, Buffer.from(bytes).toString("latin1", PATH_AT));
  else if (family === AF_INET && bytes.length >= sockaddr_in.size) {
    const { sin_port, sin_addr } = sockaddr_in.decode(bytes);
    fields.address = sin_addr.join(".");
    fields.port = sin_port;
  } else if (family === AF_INET6 && bytes.length >= sockaddr_in6.size) {
    const { sin6_port, sin6_addr } = sockaddr_in6.decode(bytes);
    fields.address = ipv6(sin6_addr);
    fields.port = sin6_port;
  }
}

/** unix(7): a path up to its NUL, or an abstract name, which may hold any bytes; a socket without a name has none. */
function tellName(event: TraceEvent, name: string): void {
  if (name.startsWith("\0")) event.text("address", `@${name.slice(1)}`);
  else if (name !== "") event.text("address", name.split("\0", 1)[0]!);
}
