// One scrape: which containers there are, what their sandboxes say, what the host counts of them, and all of it as samples.

import packageJson from "../../../package.json" with { type: "json" };
import { CONTAINER_METRICS, type ContainerFigures } from "./container_metrics.ts";
import { Discovery, type KnownContainer, type Look } from "./discovery.ts";
import type { Family } from "./exposition.ts";
import { hostFigures } from "./host_figures.ts";
import { addSamples, type Metric, type Sample } from "./metric.ts";
import { Restarts } from "./restarts.ts";
import { SANDBOX_METRICS } from "./sandbox_metrics.ts";
import { type Asked, type Sandbox, Sandboxes, sandboxesOf } from "./sandboxes.ts";
import { SERVER_METRICS } from "./server_metrics.ts";

const US_PER_SECOND = 1e6;
const MS_PER_SECOND = 1000;

class Families<Source> {
  readonly families: readonly (Family & { metric: Metric<Source>; samples: Sample[] })[];

  constructor(metrics: readonly Metric<Source>[]) {
    this.families = metrics.map((metric) => ({ metric, samples: [] }));
  }

  add(source: Source, labels: Readonly<Record<string, string>>): void {
    for (const { metric, samples } of this.families) addSamples(samples, metric.value(source), labels);
  }
}

export class Scraper {
  readonly #discovery: Discovery;
  readonly #sandboxes: Sandboxes;
  readonly #restarts = new Restarts();
  /** It goes on: what it sees change is told. */
  readonly #watches: boolean;

  /** `patterns`: as Discovery has them. `isOnce`: nothing is kept for another scrape. */
  constructor(patterns: readonly string[], isOnce: boolean) {
    this.#discovery = new Discovery(patterns);
    this.#sandboxes = new Sandboxes(!isOnce);
    this.#watches = !isOnce;
  }

  /** `told` gets what there is before anybody is asked; `ids`: only these containers. */
  async scrape(
    withinMs: number,
    ids?: readonly string[],
    told: (look: Look) => void = () => {},
  ): Promise<Family[]> {
    const began = performance.now();
    const look = this.#discovery.look(ids);
    told(look);
    const sandboxes = sandboxesOf(look.containers);
    this.#restarts.look(look.containers);
    const answers = await this.#sandboxes.ask(sandboxes, withinMs);
    const ofSandboxes = new Families(SANDBOX_METRICS);
    const ofContainers = new Families(CONTAINER_METRICS);
    const isWanted = ({ state }: KnownContainer) => ids === undefined || ids.includes(state.id);
    for (const sandbox of sandboxes) {
      const asked = answers.get(sandbox.key)!;
      const { labels } = sandbox.first ?? sandbox.containers[0]!;
      ofSandboxes.add(asked, labels.sandbox);
      for (const container of sandbox.containers)
        if (isWanted(container))
          ofContainers.add(this.#figures(container, asked), container.labels.container);
    }
    const ofServer = new Families(SERVER_METRICS);
    ofServer.add(this.#ownFigures(look, sandboxes, answers, began), {});
    return [...ofSandboxes.families, ...ofContainers.families, ...ofServer.families];
  }

  #figures(container: KnownContainer, { answer, isGone }: Asked): ContainerFigures {
    const { labels, created, files, groups, state } = container;
    const told = answer?.containers.find(({ id }) => id === state.id) ?? null;
    return {
      info: labels.info,
      created,
      // Of a pod it may be gone while others go on.
      status: told?.status ?? (isGone || answer !== null ? "stopped" : null),
      told,
      restarts: this.#watches ? this.#restarts.of(container) : labels.restarts,
      host: hostFigures(files, groups),
    };
  }

  #ownFigures(
    { containers, unreadable }: Look,
    sandboxes: readonly Sandbox[],
    answers: ReadonlyMap<string, Asked>,
    began: number,
  ) {
    const { user, system } = process.cpuUsage();
    return {
      version: packageJson.version,
      sandboxes: sandboxes.length,
      silent: [...answers.values()].filter(({ answer }) => answer === null).length,
      containers: containers.length,
      unreadable: unreadable.size,
      scrapeSeconds: (performance.now() - began) / MS_PER_SECOND,
      startSeconds: performance.timeOrigin / MS_PER_SECOND,
      cpuSeconds: (user + system) / US_PER_SECOND,
      residentBytes: process.memoryUsage.rss(),
    };
  }

  close(): void {
    this.#sandboxes.close();
  }
}
