// What sockets ask of who makes a call (capabilities(7)).

import { CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, CAP_NET_RAW } from "../../shared/abi/prctl.ts";
import { type Credentials, capable } from "../credentials/credentials.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import type { Sysctls } from "../sysctls.ts";
import type { Devices } from "./devices/devices.ts";

/** Who makes a call, as far as that goes. */
interface Asker {
  readonly credentials: Credentials;
  readonly kernel: { readonly users: UserNamespace };
}

/** A network namespace, as far as that goes. */
interface Settings {
  readonly sysctls: Sysctls;
}

export function mayAdminister({ credentials, kernel }: Asker): boolean {
  return capable(credentials, kernel.users, CAP_NET_ADMIN);
}

/** Devices, addresses, routes: those of the host are nobody's here to change. */
export function mayConfigure(by: Asker, { isHosts }: Devices): boolean {
  return mayAdminister(by) && !isHosts;
}

/** Raw sockets, and what of others reaches as far. */
export function mayUseRaw({ credentials, kernel }: Asker): boolean {
  return capable(credentials, kernel.users, CAP_NET_RAW);
}

/** SO_MARK, IP_TRANSPARENT and their relatives. */
export function mayMark(by: Asker): boolean {
  return mayAdminister(by) || mayUseRaw(by);
}

/** A port to bind to in a network namespace; 0: any. */
export function mayHavePort({ credentials, kernel }: Asker, { sysctls }: Settings, port: number): boolean {
  if (port === 0 || port >= sysctls.get("net/ipv4/ip_unprivileged_port_start")) return true;
  return capable(credentials, kernel.users, CAP_NET_BIND_SERVICE);
}
