// What a config.json asks for and does not get: members that have no effect here, and members without which the
// container would not be what was asked for. The first are told in the log, or refused with --strict; the second are
// always refused.

import { IPC_SETTING_NAMES } from "../../shared/ipc_settings.ts";
import { NET_SETTING_NAMES } from "../../shared/net_settings.ts";
import { SchemaError } from "./schema.ts";
import { dotted } from "./sysctl.ts";

/** Labels of the host's security modules: what they would narrow is the sandbox's own kernel, which has none. */
const MEMBERS_WITHOUT_EFFECT: readonly string[] = [
  "linux.mountLabel",
  "process.apparmorProfile",
  "process.selinuxLabel",
];

const UNSUPPORTED: readonly string[] = ["linux.intelRdt", "linux.netDevices"];

const KNOWN_SETTINGS: ReadonlySet<string> = new Set([
  ...IPC_SETTING_NAMES.map((name) => `kernel.${name}`),
  ...NET_SETTING_NAMES,
  "kernel.domainname",
]);

/** A container without these among its namespaces is to have the host's; what it has instead. */
const OWN_NAMESPACES: Readonly<Record<string, string>> = {
  pid: "the container sees its own processes alone",
  ipc: "the container has IPC objects of its own",
  network: "the container has the loopback device alone; --network=host gives it the host's sockets",
  uts: "the container has the host's names, and what it makes of them stays inside",
};
/** What is to come from the host, or to go there. */
const FROM_HOST: ReadonlySet<unknown> = new Set(["shared", "rshared", "slave", "rslave"]);

/** The member at a path of names, or undefined. */
function member(config: unknown, path: string): unknown {
  let value = config;
  for (const name of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** Whether a member is there and says something. */
function isPresent(config: unknown, path: string): boolean {
  const value = member(config, path);
  if (typeof value === "object") return value !== null && Object.keys(value).length > 0;
  return value !== undefined && value !== "";
}

function entries(config: unknown, path: string): Record<string, unknown>[] {
  const value = member(config, path);
  return Array.isArray(value)
    ? value.filter((entry): entry is Record<string, unknown> => typeof entry === "object" && entry !== null)
    : [];
}

function settings(config: unknown): string[] {
  const given = member(config, "linux.sysctl");
  if (typeof given !== "object" || given === null) return [];
  return Object.keys(given)
    .filter((name) => !KNOWN_SETTINGS.has(dotted(name)))
    .map((name) => `linux.sysctl ${name}`);
}

function hostNamespaces(config: unknown): string[] {
  const types = new Set(entries(config, "linux.namespaces").map(({ type }) => type));
  return Object.entries(OWN_NAMESPACES)
    .filter(([type]) => !types.has(type))
    .map(([type, instead]) => `the host's ${type} namespace (${instead})`);
}

/** Maps of ids without a namespace that they could be for. */
function mappings(config: unknown): string[] {
  const hasUsers = entries(config, "linux.namespaces").some(({ type }) => type === "user");
  return hasUsers ? [] : ["linux.uidMappings", "linux.gidMappings"].filter((path) => isPresent(config, path));
}

/** Within the sandbox they have an effect; but nothing comes in of what the host mounts later, and nothing goes out. */
function propagations(config: unknown): string[] {
  const root = member(config, "linux.rootfsPropagation");
  const mounts = entries(config, "mounts").flatMap(({ type, options }, index) => {
    const words: unknown[] = Array.isArray(options) ? options : [];
    const isBind = type === "bind" || words.includes("bind") || words.includes("rbind");
    return isBind && words.some((option) => FROM_HOST.has(option))
      ? [`propagation of mounts[${index}] from and to the host`]
      : [];
  });
  const ofRoot = typeof root === "string" && FROM_HOST.has(root);
  return [...(ofRoot ? ["linux.rootfsPropagation from and to the host"] : []), ...mounts];
}

/** What has no effect, by name. Throws SchemaError for what cannot be left out, and with `strict` for anything. */
export function withoutEffect(config: unknown, strict: boolean): string[] {
  const unsupported = UNSUPPORTED.find((path) => isPresent(config, path));
  if (unsupported !== undefined) throw new SchemaError(`${unsupported} is not supported`);
  const ignored = [
    ...MEMBERS_WITHOUT_EFFECT.filter((path) => isPresent(config, path)),
    ...settings(config),
    ...hostNamespaces(config),
    ...mappings(config),
    ...propagations(config),
  ];
  if (strict && ignored.length > 0)
    throw new SchemaError(`config.json: without effect, and refused by --strict: ${ignored.join(", ")}`);
  return ignored;
}
