// What a shim is told of how its containers are to run: by containerd's table for the runtime, or by a file of its own
// (runtimeoptions.v1.Options), in TOML with the keys that runsc's shim has; or by options of runc's shim, which callers
// give to whatever runtime there is. Errors are values: what is wrong, in words for whoever wrote it. A key that nobody
// knows is one.

import { isUtf8 } from "node:buffer";
import type { Any } from "@bufbuild/protobuf/wkt";
import { parse, TomlError } from "smol-toml";
import { readBounded } from "../bounded_file.ts";
import { boolean, integer, type Reader, SchemaError } from "../oci/schema.ts";
import { typeOf } from "./any.ts";
import { decode } from "./decode.ts";
import { type Options as RuncOptions, OptionsSchema as RuncOptionsSchema } from "./gen/runc_options_pb.ts";
import { OptionsSchema as RuntimeOptionsSchema } from "./gen/runtime_options_pb.ts";

/** Who shares a shim: the containers of a pod, or all of the node. */
export type Sharing = "pod" | "node";

export interface ShimOptions {
  /** The runtime's program; "": the one beside the shim. */
  readonly binaryName: string;
  /** Directory of the runtime's state; "": the default. */
  readonly root: string;
  /** Global flags of the runtime, `--name=value`. */
  readonly flags: readonly string[];
  readonly logLevel: LogLevel;
  /** Of the shim; with %ID% for the container's id (logPathOf); "": containerd's. */
  readonly logPath: string;
  /** Whether containers of a pod have one shim. */
  readonly grouping: boolean;
  readonly sharing: Sharing;
  /** Control group for the shim itself; "": the caller's. */
  readonly shimCgroup: string;
  /** Owner of pipes for standard streams. */
  readonly ioUid: number;
  readonly ioGid: number;
  readonly systemdCgroup: boolean;
  readonly noPivotRoot: boolean;
  readonly noNewKeyring: boolean;
}

export const DEFAULTS: ShimOptions = {
  binaryName: "",
  root: "",
  flags: [],
  logLevel: "info",
  logPath: "",
  grouping: true,
  sharing: "pod",
  shimCgroup: "",
  ioUid: 0,
  ioGid: 0,
  systemdCgroup: false,
  noPivotRoot: false,
  noNewKeyring: false,
};

const CONFIG_MAX = 65_536;
const TEXT_MAX = 4096;
const FLAGS_MAX = 64;
const ID_MAX = 0xfffffffe;
/** smol-toml reads nested values by recursion. */
const DEPTH_MAX = 16;

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const text: Reader<string> = (value, at) => {
  if (typeof value !== "string") throw new SchemaError(`${at} must be a string`);
  if (value.length > TEXT_MAX || value.includes("\0"))
    throw new SchemaError(`${at} must be a string of at most ${TEXT_MAX} characters without NUL`);
  return value;
};

const absolute: Reader<string> = (value, at) => {
  const path = text(value, at);
  if (path !== "" && !path.startsWith("/")) throw new SchemaError(`${at} must be an absolute path`);
  return path;
};

const oneOf =
  <T extends string>(words: readonly T[]): Reader<T> =>
  (value, at) => {
    if (!words.includes(value as T)) throw new SchemaError(`${at} must be one of ${words.join(", ")}`);
    return value as T;
  };

/** As logrus spells them, which runsc's shim has. */
const logLevel: Reader<LogLevel> = (value, at) =>
  value === "warning" ? "warn" : oneOf(LOG_LEVELS)(value, at);

const id = integer(0, ID_MAX);

const FLAG = /^[a-z][a-z0-9-]{0,63}$/;

function flagValue(value: unknown, at: string): string {
  if (typeof value === "boolean" || (typeof value === "number" && Number.isSafeInteger(value)))
    return String(value);
  return text(value, at);
}

/** A table of the runtime's flags; one that may be given several times has a list. */
const flags: Reader<string[]> = (value, at) => {
  if (!isTable(value)) throw new SchemaError(`${at} must be a table`);
  const all = Object.entries(value).flatMap(([name, given]) => {
    if (!FLAG.test(name)) throw new SchemaError(`${at} has ${quoted(name)}, which is no flag's name`);
    const values = Array.isArray(given) ? given : [given];
    return values.slice(0, FLAGS_MAX + 1).map((each) => `--${name}=${flagValue(each, `${at}.${name}`)}`);
  });
  if (all.length > FLAGS_MAX) throw new SchemaError(`${at} must have at most ${FLAGS_MAX} flags`);
  return all;
};

/** Keys of TOML, and what they set. */
const KEYS: Readonly<Record<string, readonly [member: keyof ShimOptions, read: Reader<unknown>]>> = {
  binary_name: ["binaryName", text],
  root: ["root", absolute],
  ringfence_config: ["flags", flags],
  log_level: ["logLevel", logLevel],
  log_path: ["logPath", absolute],
  grouping: ["grouping", boolean],
  shim_sharing: ["sharing", oneOf(["pod", "node"])],
  shim_cgroup: ["shimCgroup", text],
  io_uid: ["ioUid", id],
  io_gid: ["ioGid", id],
};

/** Keys of containerd's own, which it hands on with a table for the runtime. */
const CONTAINERD_KEYS: readonly string[] = ["TypeUrl", "ConfigPath"];

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

const quoted = (word: string): string => JSON.stringify(word.slice(0, 64));

/** Options that a text in TOML asks for, or what is wrong with it. */
export function optionsOfToml(toml: string): ShimOptions | string {
  if (toml.length > CONFIG_MAX) return `the configuration has more than ${CONFIG_MAX} characters`;
  try {
    const options: Record<string, unknown> = { ...DEFAULTS };
    for (const [key, value] of Object.entries(parse(toml, { maxDepth: DEPTH_MAX }))) {
      if (CONTAINERD_KEYS.includes(key)) continue;
      if (!Object.hasOwn(KEYS, key))
        return `${quoted(key)} is not known: there are ${Object.keys(KEYS).join(", ")}`;
      const [member, read] = KEYS[key]!;
      options[member] = read(value, key);
    }
    return options as unknown as ShimOptions;
  } catch (error) {
    // Behind the first line stands the text that it was found in.
    const [what] = (error as Error).message.split("\n");
    return error instanceof TomlError ? `line ${error.line}: ${what}` : what!;
  }
}

function optionsOfFile(path: string, read: (path: string, limit: number) => string): ShimOptions | string {
  if (!path.startsWith("/")) return `${quoted(path)}: the path of a configuration must be absolute`;
  let toml: string;
  try {
    toml = read(path, CONFIG_MAX);
  } catch (error) {
    return `cannot read ${path}: ${(error as Error).message}`;
  }
  const options = optionsOfToml(toml);
  return typeof options === "string" ? `${path}: ${options}` : options;
}

/** Throws a SchemaError. */
function optionsOfRunc(given: RuncOptions): ShimOptions {
  const { systemdCgroup, noPivotRoot, noNewKeyring } = given;
  return {
    ...DEFAULTS,
    ...{ systemdCgroup, noPivotRoot, noNewKeyring },
    binaryName: text(given.binaryName, "BinaryName"),
    root: absolute(given.root, "Root"),
    shimCgroup: text(given.shimCgroup, "ShimCgroup"),
    ioUid: id(given.ioUid, "IoUid"),
    ioGid: id(given.ioGid, "IoGid"),
  };
}

function optionsOfBody(body: Uint8Array): ShimOptions | string {
  if (body.length > CONFIG_MAX) return `the configuration has more than ${CONFIG_MAX} bytes`;
  return isUtf8(body) ? optionsOfToml(Buffer.from(body).toString()) : "the configuration is not UTF-8";
}

/** Options as Create and start are given them, or what is wrong with them. */
export function readOptions(any: Any | undefined, read = readBounded): ShimOptions | string {
  if (any === undefined || any.typeUrl === "") return DEFAULTS;
  try {
    switch (typeOf(any)) {
      case RuntimeOptionsSchema.typeName: {
        const { configPath, configBody } = decode(RuntimeOptionsSchema, any.value);
        return configPath === "" ? optionsOfBody(configBody) : optionsOfFile(configPath, read);
      }
      case RuncOptionsSchema.typeName:
        return optionsOfRunc(decode(RuncOptionsSchema, any.value));
      default:
        return `options of type ${quoted(any.typeUrl)} are not known`;
    }
  } catch (error) {
    if (error instanceof SchemaError) return error.message;
    return `options of type ${quoted(any.typeUrl)} cannot be read: ${(error as Error).message}`;
  }
}

/** Where a shim logs to. */
export const logPathOf = ({ logPath }: ShimOptions, id: string): string =>
  logPath.replaceAll("%ID%", () => id);
