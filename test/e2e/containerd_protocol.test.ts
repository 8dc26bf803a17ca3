// The shim's protocol with containerd itself, whose ttrpc and messages are Go's: it takes our events and tells them to
// whoever asks, also when it was started again between two; and its client asks our task service.

import { once } from "node:events";
import { createServer } from "node:net";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Publisher } from "../../src/main/shim/events.ts";
import { Status } from "../../src/main/shim/gen/task_types_pb.ts";
import { Task } from "../../src/main/shim/gen/task_v2_pb.ts";
import { serve, service } from "../../src/main/shim/ttrpc/server.ts";
import { Code, RpcError } from "../../src/main/shim/ttrpc/status.ts";
import { eventually, run } from "../spawn.ts";
import { Containerd, containerdLacks } from "./containerd.ts";
import { absent } from "./engine_room.ts";

const START_MS = 30_000;
const why = containerdLacks();

if (why !== null) console.log(`skipped: ${why}`);
else
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
      let events = containerd.follow();
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
      await containerd.end("SIGKILL");
      await containerd.start();
      events = containerd.follow();
      assert.ok(await eventually(isHeard, START_MS));
      await publisher.close(START_MS);
      assert.equal(drops, []);
      events.end();
    } finally {
      await publisher.close(0);
      await containerd.remove();
    }
  });

if (absent({ ctr: "containerd" }) === null)
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
