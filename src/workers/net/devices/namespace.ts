// A network namespace's configuration as its parts know each other.

import type { DevicesContext } from "./devices_context.ts";
import type { NamespaceIds } from "./namespace_ids.ts";
import type { Neighbours } from "./neighbours.ts";
import type { Routes } from "./routes.ts";
import type { Change, Device } from "./rows.ts";
import type { Rules } from "./rules.ts";

export interface Namespace {
  /** By which numbers it knows others. */
  readonly ids: NamespaceIds;
  readonly context: DevicesContext;
  readonly all: readonly Device[];
  /** What devices have by themselves is told, too. */
  readonly isHosts: boolean;
  readonly routes: Routes;
  readonly rules: Rules;
  readonly neighbours: Neighbours;
  readonly tell: (change: Change) => void;
}
