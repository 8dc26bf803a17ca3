// The shim's protocol with containerd itself, whose ttrpc and messages are Go's: it takes our events and tells them to
// whoever asks, also when it was started again between two; and its client asks our task service.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Publisher } from "../../src/main/shim/events.ts";
import { Status } from "../../src/main/shim/gen/task_types_pb.ts";
import { Task } from "../../src/main/shim/gen/task_v2_pb.ts";
import { serve, service } from "../../src/main/shim/ttrpc/server.ts";
import { Code, RpcError } from "../../src/main/shim/ttrpc/status.ts";
import { eventually, run } from "../spawn.ts";

const START_MS = 30_000;
/** All that would use more of the host than the directory. */
const DISABLED = [
  ...["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"],
  ...["aufs", "blockfile", "btrfs", "devmapper", "erofs", "zfs"].map(
    (name) => `io.containerd.snapshotter.v1.${name}`,
  ),
];

class Containerd {
  readonly directory = mkdtempSync(join(tmpdir(), "ringfence-containerd-"));
  readonly address = join(this.directory, "s");
  readonly log = join(this.directory, "log");
  #process: ChildProcess | undefined;

  constructor() {
    const quote = (name: string) => JSON.stringify(join(this.directory, name));
    writeFileSync(
      join(this.directory, "config.toml"),
      `version = 2
root = ${quote("root")}
state = ${quote("state")}
disabled_plugins = ${JSON.stringify(DISABLED)}
[grpc]
address = ${quote("s")}
[ttrpc]
address = ${quote("s.ttrpc")}
`,
    );
  }

  async start(): Promise<void> {
    const log = openSync(this.log, "a");
    this.#process = spawn("containerd", ["--config", join(this.directory, "config.toml")], {
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    const isUp = await eventually(
      async () => (await run("ctr", ["--address", this.address, "version"])).code === 0,
      START_MS,
    );
    assert.ok(isUp, existsSync(this.log) ? readFileSync(this.log, "utf8").slice(-2000) : "");
  }

  async stop(): Promise<void> {
    const ended = once(this.#process!, "exit");
    this.#process!.kill("SIGKILL");
    await ended;
  }
}

/** Lines of `ctr events` while it runs. */
function follow(address: string): { lines: () => string[]; end: () => void } {
  const child = spawn("ctr", ["--address", address, "events"], { stdio: ["ignore", "pipe", "ignore"] });
  let text = "";
  child.stdout.on("data", (bytes: Buffer) => {
    text += bytes.toString();
  });
  return { lines: () => text.split("\n").filter((line) => line !== ""), end: () => child.kill("SIGKILL") };
}

const hasContainerd = spawnSync("which", ["containerd", "ctr"]).status === 0;

if (hasContainerd && process.getuid!() === 0)
  test("containerd takes events, and takes them again when it was away", async () => {
    const containerd = new Containerd();
    const drops: string[] = [];
    const publisher = new Publisher({
      address: `${containerd.address}.ttrpc`,
      namespace: "ours",
      onDrop: (topic, why) => drops.push(`${topic}: ${why}`),
      retryMs: 200,
    });
    await containerd.start();
    try {
      let events = follow(containerd.address);
      // Who listens does so a moment after its start: until then events are told to nobody.
      const isHeard = () => {
        publisher.publish("/tasks/oom", { containerId: "c" });
        return events.lines().length > 0;
      };
      assert.ok(await eventually(isHeard, START_MS));
      publisher.publish("/tasks/create", {
        ...{ containerId: "c", bundle: "/b", pid: 7, io: { stdin: "/i", terminal: true } },
        rootfs: [{ type: "overlay", source: "overlay", options: ["lowerdir=/l"] }],
      });
      publisher.publish("/tasks/exit", {
        ...{ containerId: "c", id: "e", pid: 8, exitStatus: 137, exitedAt: timestampFromMs(1500) },
      });
      assert.ok(
        await eventually(() => events.lines().some((line) => line.includes("/tasks/exit")), START_MS),
      );
      const told = events.lines().filter((line) => !line.includes("/tasks/oom"));
      const [create, exit] = told.map((line) => line.replace(/^\S+ \S+ \S+ \S+ /, ""));
      const expected = { container_id: "c", bundle: "/b", io: { stdin: "/i", terminal: true }, pid: 7 };
      assert.match(create!, /^ours \/tasks\/create /);
      const rootfs = [{ type: "overlay", source: "overlay", options: ["lowerdir=/l"] }];
      assert.equal(JSON.parse(create!.replace(/^\S+ \S+ /, "")), { ...expected, rootfs });
      assert.match(exit!, /^ours \/tasks\/exit /);
      assert.equal(JSON.parse(exit!.replace(/^\S+ \S+ /, "")), {
        ...{ container_id: "c", id: "e", pid: 8, exit_status: 137 },
        exited_at: { seconds: 1, nanos: 500_000_000 },
      });
      events.end();
      await containerd.stop();
      await containerd.start();
      events = follow(containerd.address);
      assert.ok(await eventually(isHeard, START_MS));
      await publisher.close(START_MS);
      assert.equal(drops, []);
      events.end();
    } finally {
      await containerd.stop();
      await publisher.close(0);
      rmSync(containerd.directory, { recursive: true });
    }
  });

if (hasContainerd)
  test("containerd's client asks our task service, and knows our refusals", async () => {
    const id = `ringfence-${process.pid}`;
    const server = createServer();
    serve(server, [
      service(Task, {
        state: async (request) => ({
          ...{ id: request.id, bundle: "/b", pid: 42, status: Status.STOPPED, exitStatus: 137 },
          exitedAt: timestampFromMs(1500),
        }),
        start: async () => {
          throw new RpcError(Code.NOT_FOUND, "container c: not found");
        },
      }),
    ]);
    // Where containerd's client looks last: a name that is no file.
    server.listen(`\0/containerd-shim/default/${id}/shim.sock`);
    await once(server, "listening");
    try {
      const ask = (word: string) => run("ctr", ["shim", "--id", id, word]);
      assert.equal(JSON.parse((await ask("state")).stdout.toString()), {
        ...{ id, bundle: "/b", pid: 42, status: 3, exit_status: 137 },
        exited_at: { seconds: 1, nanos: 500_000_000 },
      });
      const started = await ask("start");
      assert.is(started.code, 1);
      assert.match(started.stderr.toString(), /container c: not found/);
      assert.match((await ask("delete")).stderr.toString(), /method Delete/);
    } finally {
      server.close();
    }
  });

test.run();
