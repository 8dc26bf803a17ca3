// Samples of a kernel thread's own JavaScript, by V8's profiler. V8 keeps every sample until it is stopped, so it is stopped
// and started again every few seconds, and what it tells is added to one tree: that is as large as there are ways through
// the code, and is bounded. To start it, and to stop it, takes V8 some milliseconds of the thread's time.

import type { Profiler, Session } from "node:inspector";
import type { RecordedCpu, RecordedNode } from "../../shared/profile_record.ts";

const INTERVAL_US = 1000;
const NODES_MAX = 20_000;
/** Of names and URLs, all of which are ours or Node's. */
const TEXT_MAX = 200;

export class CpuSamples {
  readonly #session: Session;
  readonly #nodes: RecordedNode[] = [];
  /** Place in #nodes by parent and function. */
  readonly #places = new Map<string, number>();
  #samples = 0;
  dropped = 0;

  private constructor(session: Session) {
    this.#session = session;
  }

  /** Null: this Node has no profiler. */
  static start(): CpuSamples | null {
    try {
      // Not imported: Node does not vouch for that module in snapshots.
      const { Session } = process.getBuiltinModule("node:inspector");
      const session = new Session();
      session.connect();
      session.post("Profiler.enable");
      session.post("Profiler.setSamplingInterval", { interval: INTERVAL_US });
      session.post("Profiler.start");
      return new CpuSamples(session);
    } catch {
      return null;
    }
  }

  /** Takes what there is, and goes on. */
  renew(): void {
    this.#take();
    this.#session.post("Profiler.start");
  }

  stop(): RecordedCpu {
    this.#take();
    this.#session.disconnect();
    return { intervalNs: INTERVAL_US * 1000, samples: this.#samples, nodes: this.#nodes };
  }

  #take(): void {
    // In the thread itself the answer comes before post returns.
    this.#session.post("Profiler.stop", (error, told) => {
      if (error === null && told !== undefined) this.#add(told.profile);
    });
  }

  #add({ nodes, samples }: Profiler.Profile): void {
    const parents = new Map<number, number>();
    for (const { id, children } of nodes) for (const child of children ?? []) parents.set(child, id);
    /** Place in #nodes by V8's id; what finds no room counts as its parent. */
    const places = new Map<number, number>();
    for (const { id, callFrame } of nodes) {
      const { functionName, url, lineNumber, columnNumber } = callFrame;
      const above = parents.get(id);
      const parent = above === undefined ? -1 : (places.get(above) ?? 0);
      const key = `${parent} ${functionName} ${url}:${lineNumber}:${columnNumber}`;
      let place = this.#places.get(key);
      if (place === undefined && this.#nodes.length >= NODES_MAX) {
        this.dropped++;
        place = Math.max(0, parent);
      }
      if (place === undefined) {
        place = this.#nodes.length;
        this.#places.set(key, place);
        this.#nodes.push({
          parent,
          name: functionName.slice(0, TEXT_MAX),
          url: url.slice(-TEXT_MAX),
          line: lineNumber + 1,
          column: columnNumber + 1,
          samples: 0,
        });
      }
      places.set(id, place);
    }
    for (const id of samples ?? []) {
      const place = places.get(id);
      if (place === undefined) continue;
      this.#nodes[place]!.samples++;
      this.#samples++;
    }
  }
}
