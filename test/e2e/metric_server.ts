// A metric server for a test, and what it tells, read.

import { type ChildProcess, spawn } from "node:child_process";
import * as assert from "uvu/assert";
import { type Format, faultsOf, type ReadFamily, type ReadSample, readExposition } from "../exposition.ts";
import { text } from "../said.ts";
import { eventually, launcher, run } from "../spawn.ts";

const START_MS = 20_000;

/** What was told, and how to find it. */
export class Told {
  readonly families: ReadFamily[];

  /** Throws where it is not well-formed. */
  constructor(told: string, format: Format) {
    this.families = readExposition(told, format);
    assert.equal(faultsOf(this.families, format), []);
  }

  /** Without prefix and _total. */
  samples(name: string): ReadSample[] {
    const found = this.families.find(
      (family) => family.name.replace(/_total$/, "").replace(/^ringfence_/, "") === name,
    );
    return found?.samples ?? [];
  }

  /** The only value of a metric with such labels; undefined: there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const found = this.samples(name).filter((sample) =>
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
    assert.ok(found.length <= 1, `${name} ${JSON.stringify(labels)}: ${JSON.stringify(found)}`);
    return found[0]?.value;
  }
}

export class MetricServer {
  readonly child: ChildProcess;
  /** As `--address` has it, with the port that it was given. */
  readonly address: string;
  #said: () => string;

  private constructor(child: ChildProcess, address: string, said: () => string) {
    this.child = child;
    this.address = address;
    this.#said = said;
  }

  static async start(address: string, globalFlags: string[], flags: string[] = []): Promise<MetricServer> {
    const child = spawn(launcher, [...globalFlags, "metric-server", `--address=${address}`, ...flags], {
      stdio: ["ignore", "inherit", "pipe"],
    });
    let said = "";
    child.stderr!.on("data", (bytes: Buffer) => {
      said += bytes;
    });
    const bound = () => /listening at (\S+)\n/.exec(said)?.[1];
    await eventually(() => bound() !== undefined || child.exitCode !== null, START_MS);
    if (bound() === undefined) throw new Error(`no metric server: ${said}`);
    return new MetricServer(child, bound()!, () => said);
  }

  static async with(
    address: string,
    globalFlags: string[],
    body: (server: MetricServer) => Promise<void>,
    flags: string[] = [],
  ): Promise<void> {
    const server = await MetricServer.start(address, globalFlags, flags);
    try {
      await body(server);
    } finally {
      await server.end();
    }
  }

  get said(): string {
    return this.#said();
  }

  /** What curl prints of a path of it. */
  async curl(path: string, ...flags: string[]): Promise<string> {
    const isPath = this.address.startsWith("unix:");
    const way = isPath ? ["--unix-socket", this.address.slice("unix:".length)] : [];
    const url = `http://${isPath ? "localhost" : this.address}${path}`;
    return text(await run("curl", ["-sS", "--max-time", "20", ...way, ...flags, url]));
  }

  async scrape(format: Format = "prometheus"): Promise<Told> {
    const accept = format === "openmetrics" ? "application/openmetrics-text; version=1.0.0" : "text/plain";
    const told = await this.curl("/metrics", "-H", `Accept: ${accept}`);
    return new Told(Buffer.from(told, "latin1").toString("utf8"), format);
  }

  /** By SIGTERM: its exit code. */
  async end(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = new Promise((resolve) => this.child.once("exit", resolve));
      this.child.kill("SIGTERM");
      await ended;
    }
    return this.child.exitCode;
  }
}
