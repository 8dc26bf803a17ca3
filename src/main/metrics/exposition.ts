// Samples as text, in Prometheus's format or OpenMetrics': prom-client's registry writes it, and knows what is to be quoted.
// Metrics are made anew for each scrape, of sandboxes that are there, so none of the client's own metrics, which remember
// what they were set to, has a part in it: the registry takes whatever has a name, a type and values.

import type { Metric as ClientMetric } from "prom-client";
import Registry from "prom-client/lib/registry.js";
import type { Metric, Sample } from "./metric.ts";

export type Format = "prometheus" | "openmetrics";

/** What is told of one metric. */
export interface Family {
  readonly metric: Pick<Metric<never>, "name" | "kind" | "help" | "isBare">;
  readonly samples: readonly Sample[];
}

export interface Text {
  readonly type: string;
  readonly text: string;
}

class Written {
  /** The registry takes the suffix off in one of the two formats, and puts it back. */
  name: string;
  readonly type: string;
  readonly help: string;
  readonly values: readonly Sample[];

  constructor(prefix: string, { metric, samples }: Family) {
    this.name = metric.isBare ? metric.name : prefix + metric.name;
    this.type = metric.kind;
    this.help = metric.help;
    this.values =
      metric.kind === "histogram"
        ? samples.map((sample) => ({ ...sample, metricName: this.name + sample.suffix }))
        : samples;
  }

  async getForPromString(): Promise<this> {
    return this;
  }
}

export async function exposition(families: readonly Family[], prefix: string, format: Format): Promise<Text> {
  const isOpen = format === "openmetrics";
  const type = isOpen ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE;
  const registry = new (Registry as unknown as new (type: string) => Registry)(type);
  for (const family of families)
    if (family.samples.length > 0)
      registry.registerMetric(new Written(prefix, family) as unknown as ClientMetric);
  return { type, text: await registry.metrics() };
}
