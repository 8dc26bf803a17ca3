// The shim's life: it serves the socket that the launcher has made (native/launcher/shim_start.c) until containerd says
// that it may end, or nobody has needed it for a while.

import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { loadAddon } from "./addon.ts";
import { Children } from "./children.ts";
import { Publisher } from "./events.ts";
import { logPathOf, type ShimOptions } from "./options.ts";
import { joinGroup } from "./shim_cgroup.ts";
import { ShimLog } from "./shim_log.ts";
import { TaskService } from "./task_service.ts";
import { serve } from "./ttrpc/server.ts";

/** Descriptors that the launcher gives. */
const LISTENING = 3;
const LOG = 4;
const SCHEME = "unix://";
/** A shim that nobody talks to, without a container for anybody: containerd was killed before it could use it. */
const IDLE_MS = 30_000;
/** How long events may wait for a containerd that is away when the shim ends. */
const LAST_EVENTS_MS = 2000;

export interface ServeWords {
  namespace: string;
  /** unix://PATH */
  address: string;
  root: string;
  isDebug: boolean;
  /** It serves all pods. */
  isOfNode: boolean;
  /** Where shim.node and the launcher are. */
  native: string;
}

export function serveTasks({ namespace, address, root, isDebug, isOfNode, native }: ServeWords): void {
  const socket = address.slice(SCHEME.length);
  const log = new ShimLog(LOG);
  const addon = loadAddon(join(native, "shim.node"));
  const events = new Publisher({
    address: process.env["TTRPC_ADDRESS"] ?? "",
    namespace,
    onDrop: (topic, why) => log.write("error", `the event ${topic} was not told: ${why}`),
  });
  const server = createServer();
  let connections = 0;
  let timer: NodeJS.Timeout | undefined;
  let isEnding = false;
  let group = "";

  const end = () => {
    if (isEnding) return;
    isEnding = true;
    server.close();
    rmSync(socket, { force: true });
    void stop();
  };
  const stop = async () => {
    // Neither a socket that is closed nor a child that is waited for keeps Node from ending.
    setInterval(() => {}, IDLE_MS);
    // What nobody needs any more, while its end can still be told.
    await tasks.stop();
    await events.close(LAST_EVENTS_MS);
    // The answer to whoever asked for it goes out before.
    await setImmediate();
    if (!tasks.isEmpty) await tasks.stop();
    process.exit(0);
  };
  const configure = (options: ShimOptions, id: string) => {
    log.goTo(logPathOf(options, id));
    if (options.shimCgroup === "" || options.shimCgroup === group) return;
    group = options.shimCgroup;
    joinGroup(group);
  };
  const tasks = new TaskService(
    {
      addon,
      children: new Children(addon),
      events,
      namespace,
      socket,
      consoles: { last: 0 },
      log: (message) => log.write("warning", message),
    },
    { launcher: join(native, "ringfence-launcher"), root, isDebug, configure },
    // `start` may have named the node's shim to somebody who has not connected yet.
    () => isOfNode || end(),
  );
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      await setImmediate(); // who has connected just now
      if (connections > 0) return;
      if (tasks.isForgotten) end();
      else wait();
    }, IDLE_MS);
  };
  server.on("connection", (connection) => {
    connections++;
    clearTimeout(timer);
    connection.on("close", () => {
      if (--connections === 0) wait();
    });
  });
  serve(server, tasks.services());
  server.listen({ fd: LISTENING });
  wait();

  // What ends a service's processes is not for the shim: its containers need it.
  for (const signal of ["SIGTERM", "SIGINT", "SIGPIPE", "SIGHUP"] as const) process.on(signal, () => {});
  process.on("uncaughtException", (error) => log.write("error", `${error.stack ?? error}`));
  process.on("unhandledRejection", (error) => log.write("error", `${(error as Error)?.stack ?? error}`));
}
