// What a sandbox says of its container (the control method `usage`): tasks and network devices as its guests see them. The
// limit of tasks is not the control group's, which has room for what is no guest's.

import { byteString, integer, object, type Read, type Reader, SchemaError } from "../oci/schema.ts";

const TASKS_MAX = 1 << 22;
/** Bytes of /proc/net/dev: some 500 devices. */
const NET_DEV_MAX = 64 << 10;

const netDev: Reader<string> = (value, at) => {
  const text = byteString(value, at);
  if (text.length > NET_DEV_MAX) throw new SchemaError(`${at} must have at most ${NET_DEV_MAX} bytes`);
  return text;
};

/** Throws a SchemaError. */
export const readUsage = object({
  tasks: integer(0, TASKS_MAX),
  tasksLimit: integer(0, TASKS_MAX),
  netDev,
});

export type GuestUsage = Read<typeof readUsage>;
