// What sockets ask of who makes a call (capabilities(7)).

import { CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, CAP_NET_RAW } from "../../shared/abi/prctl.ts";
import { type Credentials, capable } from "../credentials/credentials.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import type { Sysctls } from "../sysctls.ts";
import type { Devices } from "./devices/devices.ts";

/** Who makes a call, as far as that goes. */
interface Asker {
  readonly credentials: Credentials;
}

/** A network namespace, as far as that goes. */
interface Owned {
  /** The user namespace that it belongs to. */
  readonly owner: UserNamespace;
}

interface Settings extends Owned {
  readonly sysctls: Sysctls;
}

interface Configured extends Owned {
  readonly devices: Devices;
}

export function mayAdminister({ credentials }: Asker, { owner }: Owned): boolean {
  return capable(credentials, owner, CAP_NET_ADMIN);
}

/** What is the whole machine's, whoever has the network: how its memory and its CPUs are used. */
export function mayAdministerAll({ credentials }: Asker): boolean {
  return capable(credentials, credentials.userNamespace.ofGuests, CAP_NET_ADMIN);
}

/** Devices, addresses, routes: those of the host are nobody's here to change. */
export function mayConfigure(by: Asker, network: Configured): boolean {
  return mayAdminister(by, network) && !network.devices.isHosts;
}

/** Raw sockets, and what of others reaches as far. */
export function mayUseRaw({ credentials }: Asker, { owner }: Owned): boolean {
  return capable(credentials, owner, CAP_NET_RAW);
}

/** SO_MARK, IP_TRANSPARENT and their relatives. */
export function mayMark(by: Asker, network: Owned): boolean {
  return mayAdminister(by, network) || mayUseRaw(by, network);
}

/** A port to bind to in a network namespace; 0: any. */
export function mayHavePort({ credentials }: Asker, { owner, sysctls }: Settings, port: number): boolean {
  if (port === 0 || port >= sysctls.get("net/ipv4/ip_unprivileged_port_start")) return true;
  return capable(credentials, owner, CAP_NET_BIND_SERVICE);
}
