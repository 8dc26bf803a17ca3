// What a sandbox says of its container (the control method `usage`): tasks and network devices as its guests see them. The
// limit of tasks is not the control group's, which has room for what is no guest's.

import { byteString, integer, object, type Read } from "../oci/schema.ts";

const TASKS_MAX = 1 << 22;

/** Throws a SchemaError. */
export const readUsage = object({
  tasks: integer(0, TASKS_MAX),
  tasksLimit: integer(0, TASKS_MAX),
  netDev: byteString,
});

export type GuestUsage = Read<typeof readUsage>;
