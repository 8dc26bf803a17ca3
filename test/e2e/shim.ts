// A shim without a containerd: started as containerd does it, and asked over a connection of the test's.

import { existsSync, readdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { Task } from "../../src/main/shim/gen/task_v2_pb.ts";
import { connect, type TtrpcClient } from "../../src/main/shim/ttrpc/client.ts";
import { checkout, eventually, run, type SpawnResult } from "../spawn.ts";
import { Bundle, type Config } from "./bundle.ts";
import { exists } from "./processes.ts";

export const SHIM: string = `${checkout}bin/containerd-shim-ringfence-v1`;
const NAMESPACE = "ringfence-test";
const CALL_MS = 30_000;
const END_MS = 5000;

type Methods = typeof Task.method;
type Input<M extends keyof Methods> = MessageInitShape<Methods[M]["input"]>;
type Output<M extends keyof Methods> = MessageShape<Methods[M]["output"]>;

/** What the shim is asked to add to a container (exec): a command, as its root. */
export const execSpec = (...args: string[]): { typeUrl: string; value: Buffer } => ({
  typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Process",
  value: Buffer.from(JSON.stringify({ user: { uid: 0, gid: 0 }, cwd: "/", env: ["PATH=/bin"], args })),
});

export class Shim {
  readonly bundle: Bundle;
  /** unix://PATH */
  readonly address: string;
  readonly client: TtrpcClient;
  readonly pid: number;

  private constructor(bundle: Bundle, address: string, client: TtrpcClient, pid: number) {
    this.bundle = bundle;
    this.address = address;
    this.client = client;
    this.pid = pid;
  }

  /** `args`: of the process in its bundle, whose container is not made yet. */
  static async start(args: string[], change?: (config: Config) => void): Promise<Shim> {
    const bundle = new Bundle(args, change);
    const { stdout, stderr, code } = await Shim.command(bundle, "start");
    if (code !== 0) throw new Error(`no shim: ${stdout}${stderr}`);
    const { address } = JSON.parse(stdout.toString()) as { address: string };
    const client = await connect(address, CALL_MS);
    const { shimPid } = await client.call(Task.method.connect, { id: bundle.id }, CALL_MS);
    return new Shim(bundle, address, client, shimPid);
  }

  /** The shim's program, as containerd calls it for a bundle. */
  static command(bundle: Bundle, action: string, input?: Uint8Array): Promise<SpawnResult> {
    const words = ["-namespace", NAMESPACE, "-address", "/nobody", "-id", bundle.id];
    return run(SHIM, [...words, "-bundle", bundle.directory, action], {
      cwd: bundle.directory,
      ...(input && { input }),
    });
  }

  call<M extends keyof Methods>(method: M, argument: Input<M>, client = this.client): Promise<Output<M>> {
    const desc = Task.method[method] as unknown as DescMethodUnary;
    return client.call(desc, argument as Record<string, unknown>, CALL_MS) as unknown as Promise<Output<M>>;
  }

  /** The code of a call's refusal; 0: it went well. */
  async code<M extends keyof Methods>(method: M, argument: Input<M>): Promise<number> {
    try {
      await this.call(method, argument);
      return 0;
    } catch (error) {
      return (error as { code: number }).code;
    }
  }

  get descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** What it has left among the sockets. */
  get sockets(): string[] {
    const path = this.address.slice("unix://".length);
    return readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)));
  }

  /** Ends it as containerd does, or by a kill where it does not; whether it went by itself. */
  async end(): Promise<boolean> {
    await this.call("shutdown", { id: this.bundle.id }).catch(() => {});
    this.client.close();
    const isGone = await eventually(() => !exists(this.pid), END_MS);
    if (!isGone) process.kill(this.pid, "SIGKILL");
    await eventually(() => !exists(this.pid), END_MS);
    if (existsSync(this.bundle.directory)) await Shim.command(this.bundle, "delete");
    await this.bundle.remove();
    return isGone;
  }
}
