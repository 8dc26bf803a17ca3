// All metrics, by what they are about: docs/metrics.md is checked against this, and so is the dashboard.

import { CONTAINER_METRICS } from "./container_metrics.ts";
import type { Metric } from "./metric.ts";
import { SANDBOX_METRICS } from "./sandbox_metrics.ts";
import { SERVER_METRICS } from "./server_metrics.ts";

export const DEFAULT_PREFIX = "ringfence_";

/** Whether a prefix makes names of metrics (https://prometheus.io/docs/concepts/data_model/). */
export function isPrefix(prefix: string): boolean {
  return /^([a-zA-Z_][a-zA-Z0-9_]{0,63})?$/.test(prefix);
}

export interface Group {
  readonly about: string;
  /** Labels of each of its metrics; of those in brackets some may not be there. */
  readonly labels: readonly string[];
  readonly metrics: readonly Metric<never>[];
}

export const GROUPS: readonly Group[] = [
  {
    about: "Sandboxes",
    labels: ["sandbox", "[root]", "[pod]", "[namespace]"],
    metrics: SANDBOX_METRICS,
  },
  {
    about: "Containers",
    labels: ["id", "sandbox", "[root]", "[pod]", "[namespace]", "[container]", "[image]"],
    metrics: CONTAINER_METRICS,
  },
  { about: "The server", labels: [], metrics: SERVER_METRICS },
];
