// Writing the maps of a user namespace, and whether setgroups(2) is allowed there (user_namespaces(7)): each once, by whoever
// has the right to what he maps.

import { EINVAL, ENOMEM, EPERM } from "../../shared/abi/errno.ts";
import { CAP_SETFCAP, CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN } from "../../shared/abi/prctl.ts";
import type { IdRange } from "../../shared/process_spec.ts";
import { type Credentials, capable } from "../credentials/credentials.ts";
import { NO_ID } from "../credentials/id_map.ts";
import { readMap } from "../credentials/map_text.ts";
import type { MapName, UserNamespace } from "../credentials/user_namespace.ts";
import type { SupervisorContext } from "../process/context.ts";

/** A write is shorter than a page. */
const TEXT_END = 4096;
const SETGROUPS_END = 8;

/** Which capability lets somebody map any ids of the namespace above; null: none is asked for. */
const CAPABILITIES: Readonly<Record<MapName, number | null>> = {
  uids: CAP_SETUID,
  gids: CAP_SETGID,
  projects: null,
};

/** Who has opened the file, and who writes to it. */
interface Writers {
  readonly opener: Credentials;
  readonly writer: Credentials;
}

/** Whether root of the namespace above may be somebody in it, who could give programs capabilities that hold there. */
function mayMapRoot(users: UserNamespace, ranges: readonly IdRange[], opener: Credentials): boolean {
  if (!ranges.some(([, above]) => above === 0)) return true;
  if (opener.userNamespace === users) return users.makerMaySetFileCaps;
  return capable(opener, users.parent!, CAP_SETFCAP);
}

/** Whether it is one id, the maker's own. */
function isOwn(
  users: UserNamespace,
  name: MapName,
  ranges: readonly IdRange[],
  opener: Credentials,
): boolean {
  const [[, above, count]] = ranges as [IdRange];
  if (ranges.length !== 1 || count !== 1 || users.owner.uid !== opener.euid) return false;
  const { uids, gids } = users.parent!;
  if (name === "uids") return uids.toKernel(above) === opener.euid;
  // Who could drop groups would come to what is forbidden to members of one.
  return name === "gids" && !users.allowsSetgroups && gids.toKernel(above) === opener.egid;
}

function mayMap(
  users: UserNamespace,
  name: MapName,
  ranges: readonly IdRange[],
  { opener, writer }: Writers,
): boolean {
  if (name === "uids" && !mayMapRoot(users, ranges, opener)) return false;
  const capability = CAPABILITIES[name];
  if (capability === null || isOwn(users, name, ranges, opener)) return true;
  return capable(writer, users.parent!, capability) && capable(opener, users.parent!, capability);
}

/** 0 or a negative errno. */
export function writeMap(
  kernel: SupervisorContext,
  users: UserNamespace,
  name: MapName,
  text: string,
  position: number,
  opener: Credentials,
): number {
  const { parent } = users;
  // Those that were there before were written before.
  if (users.number === 0 || parent === null) return -EPERM;
  if (opener.userNamespace !== users && opener.userNamespace !== parent) return -EPERM;
  if (position !== 0 || text.length >= TEXT_END) return -EINVAL;
  if (users[name].size > 0) return -EPERM;
  if (CAPABILITIES[name] !== null && !capable(opener, users, CAP_SYS_ADMIN)) return -EPERM;
  const ranges = readMap(text);
  if (typeof ranges === "number") return ranges;
  const writer = kernel.current?.credentials ?? opener;
  if (!mayMap(users, name, ranges, { opener, writer })) return -EPERM;
  const kernels = ranges.map(([first, above, count]): IdRange => {
    return [first, parent[name].toKernelAll(above, count), count];
  });
  if (kernels.some(([, id]) => id === NO_ID)) return -EPERM;
  if (!kernel.userNamespaces.hasRoomFor(kernels.length)) return -ENOMEM;
  // Who has it open alone: nobody will ever be in it.
  if (!users.isHeld) return 0;
  users.map(name, kernels);
  return 0;
}

/** 0 or a negative errno. */
export function writeSetgroups(users: UserNamespace, text: string, position: number): number {
  if (position !== 0 || text.length >= SETGROUPS_END) return -EINVAL;
  const word = /^(allow|deny)\s*$/.exec(text.split("\0")[0]!)?.[1];
  if (word === undefined) return -EINVAL;
  if (word === "allow") return users.allowsSetgroups ? 0 : -EPERM;
  if (users.gids.size > 0) return -EPERM;
  users.denySetgroups();
  return 0;
}
