// The publisher of events against a containerd that takes them, refuses them, goes away and comes back.

import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Publisher } from "../../src/main/shim/events.ts";
import { TaskExitSchema } from "../../src/main/shim/gen/events_pb.ts";
import { Events } from "../../src/main/shim/gen/forward_pb.ts";
import type { Envelope } from "../../src/main/shim/gen/types_pb.ts";
import { serve, service } from "../../src/main/shim/ttrpc/server.ts";
import { Code, RpcError } from "../../src/main/shim/ttrpc/status.ts";
import { eventually } from "../spawn.ts";

const RETRY_MS = 20;
const until = async (condition: () => boolean) => assert.ok(await eventually(condition, 20_000));

/** A containerd that can be stopped and started at the same address. */
class Containerd {
  readonly #directory = mkdtempSync(join(tmpdir(), "ringfence-events-"));
  readonly address = join(this.#directory, "s");
  readonly taken: Envelope[] = [];
  readonly connections = new Set<Socket>();
  #server: Server | undefined;
  /** What becomes of an event; nothing: it is taken. */
  judge: (envelope: Envelope) => Promise<void> | void = () => {};

  async start(): Promise<void> {
    const server = createServer();
    const handlers = {
      forward: async ({ envelope }: { envelope?: Envelope | undefined }) => {
        await this.judge(envelope!);
        this.taken.push(envelope!);
        return {};
      },
    };
    serve(server, [service(Events, handlers)]);
    server.on("connection", (socket) => this.connections.add(socket));
    server.listen(this.address);
    await once(server, "listening");
    this.#server = server;
  }

  async stop(): Promise<void> {
    this.#server?.close();
    for (const socket of this.connections) socket.destroy();
    this.connections.clear();
    await once(this.#server!, "close");
    assert.not(existsSync(this.address));
  }

  get pids(): number[] {
    return this.taken.map(({ event }) => fromBinary(TaskExitSchema, event!.value).pid);
  }

  remove(): void {
    this.#server?.close();
    for (const socket of this.connections) socket.destroy();
    rmSync(this.#directory, { recursive: true });
  }
}

async function withContainerd(
  body: (containerd: Containerd, publisher: Publisher, drops: string[]) => Promise<void>,
): Promise<void> {
  const containerd = new Containerd();
  const drops: string[] = [];
  const publisher = new Publisher({
    address: containerd.address,
    namespace: "k8s.io",
    onDrop: (topic, why) => drops.push(`${topic}: ${why}`),
    retryMs: RETRY_MS,
    now: () => 1500,
  });
  try {
    await body(containerd, publisher, drops);
  } finally {
    await publisher.close(0);
    containerd.remove();
  }
}

const exit = (pid: number) => ["/tasks/exit", { containerId: "c", id: "c", pid }] as const;

test("an event in its envelope, by containerd's name of its type", async () => {
  await withContainerd(async (containerd, publisher, drops) => {
    await containerd.start();
    publisher.publish("/tasks/create", { containerId: "c", bundle: "/b", io: { stdin: "/i" }, pid: 3 });
    publisher.publish("/tasks/exit", { containerId: "c", id: "e", pid: 4, exitStatus: 137 });
    await publisher.close(5000);
    const [create, end] = containerd.taken;
    assert.equal(
      [create!.namespace, create!.topic, create!.event!.typeUrl],
      ["k8s.io", "/tasks/create", "containerd.events.TaskCreate"],
    );
    assert.equal([create!.timestamp!.seconds, create!.timestamp!.nanos], [1n, 500_000_000]);
    assert.equal([end!.topic, end!.event!.typeUrl], ["/tasks/exit", "containerd.events.TaskExit"]);
    assert.is(fromBinary(TaskExitSchema, end!.event!.value).exitStatus, 137);
    assert.equal([drops, publisher.dropped, containerd.connections.size], [[], 0, 1]);
  });
});

test("one after the other, however long one takes", async () => {
  await withContainerd(async (containerd, publisher) => {
    await containerd.start();
    let underWay = 0;
    containerd.judge = async () => {
      assert.is(++underWay, 1);
      await new Promise((resolve) => setTimeout(resolve, 2));
      underWay--;
    };
    for (let pid = 0; pid < 50; pid++) publisher.publish(...exit(pid));
    await publisher.close(5000);
    assert.equal(
      containerd.pids,
      Array.from({ length: 50 }, (_, pid) => pid),
    );
  });
});

test("containerd is away and comes back: nothing is lost, and the order stays", async () => {
  await withContainerd(async (containerd, publisher, drops) => {
    publisher.publish(...exit(0));
    publisher.publish(...exit(1));
    await new Promise((resolve) => setTimeout(resolve, 2 * RETRY_MS));
    await containerd.start();
    await until(() => containerd.taken.length === 2);
    await containerd.stop();
    publisher.publish(...exit(2));
    await containerd.start();
    publisher.publish(...exit(3));
    await publisher.close(5000);
    assert.equal([containerd.pids, drops], [[0, 1, 2, 3], []]);
  });
});

test("a connection that ended while nothing was told is made anew at once", async () => {
  await withContainerd(async (containerd, publisher, drops) => {
    await containerd.start();
    publisher.publish(...exit(0));
    await until(() => containerd.taken.length === 1);
    // It ends with the event on its way, which is told again.
    containerd.judge = () => {
      containerd.judge = () => {};
      for (const socket of containerd.connections) socket.destroy();
    };
    publisher.publish(...exit(1));
    await publisher.close(5000);
    assert.equal([containerd.pids, drops], [[0, 1, 1], []]);
  });
});

test("who stays away loses the event after five more tries, and the next one is tried", async () => {
  await withContainerd(async (containerd, publisher, drops) => {
    const tries: number[] = [];
    await containerd.start();
    containerd.judge = ({ event }) => {
      const { pid } = fromBinary(TaskExitSchema, event!.value);
      tries.push(pid);
      if (pid === 0) throw new RpcError(Code.UNKNOWN, "not now");
    };
    publisher.publish(...exit(0));
    publisher.publish(...exit(1));
    await until(() => containerd.taken.length === 1);
    assert.equal(tries, [0, 0, 0, 0, 0, 0, 1]);
    assert.equal([drops, publisher.dropped], [["/tasks/exit: not now"], 1]);
  });
});

test("an event that will never be taken is tried once", async () => {
  await withContainerd(async (containerd, publisher, drops) => {
    await containerd.start();
    containerd.judge = () => {
      throw new RpcError(Code.INVALID_ARGUMENT, "envelope");
    };
    publisher.publish(...exit(0));
    await until(() => drops.length === 1);
    assert.equal(drops, ["/tasks/exit: envelope"]);
  });
});

test("of more than 2 048 events that wait, and of more than 4 MiB, the oldest are dropped", async () => {
  await withContainerd(async (containerd, publisher, drops) => {
    // The first is under way, and waits no more.
    for (let pid = 0; pid < 2060; pid++) publisher.publish(...exit(pid));
    assert.is(publisher.dropped, 11);
    assert.is(drops[0], "/tasks/exit: too many events wait");
    await containerd.start();
    await until(() => containerd.taken.length === 2049);
    assert.equal([containerd.pids[0], containerd.pids[1], containerd.pids.at(-1)], [0, 12, 2059]);
    await containerd.stop();
    const before = publisher.dropped;
    for (let index = 0; index < 8; index++)
      publisher.publish("/tasks/create", { containerId: "c", bundle: "x".repeat(1 << 20) });
    assert.is(publisher.dropped - before, 4);
  });
});

test("who closes while containerd is away has told everything when it comes back in time", async () => {
  await withContainerd(async (containerd, publisher) => {
    publisher.publish(...exit(0));
    const closed = publisher.close(20_000);
    await containerd.start();
    await closed;
    assert.equal([containerd.pids, publisher.dropped], [[0], 0]);
  });
});

test("who closes waits for what is left, but not for ever; nobody listens: nothing is kept", async () => {
  await withContainerd(async (_containerd, publisher, drops) => {
    publisher.publish(...exit(0));
    publisher.publish(...exit(1));
    await publisher.close(RETRY_MS);
    assert.is(publisher.dropped, 2);
    publisher.publish(...exit(2));
    assert.is(drops[2], "/tasks/exit: the publisher is closed");
  });
  const patient = new Publisher({ address: "/nonexistent/s", namespace: "n", retryMs: 3_600_000 });
  patient.publish(...exit(0));
  patient.publish(...exit(1));
  await patient.close(50);
  assert.is(patient.dropped, 2);
  const nobody = new Publisher({ address: "", namespace: "n" });
  nobody.publish(...exit(0));
  await nobody.close(0);
  assert.is(nobody.dropped, 0);
});

test.run();
