// deadline: 180 s
// Pods by containerd's CRI plugin: what holds one, its network, its names, and its end.

import { existsSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { told } from "../said.ts";
import { eventually } from "../spawn.ts";
import { withEngine } from "./columns.ts";
import { straceOf } from "./engine.ts";
import { ImageService, NamespaceMode, PodSandboxState, Protocol, RuntimeService } from "./gen/runtime_pb.ts";
import { BUSYBOX } from "./image.ts";
import { nameOf, OWN } from "./pod.ts";

const { method } = RuntimeService;
const HOST = { ...OWN, network: NamespaceMode.NODE };
const UNTRUSTED = "io.kubernetes.cri.untrusted-workload";
const HOST_PORT = 8095;
const READY_MS = 15_000;

withEngine((columns, engine) => {
  test("the runtime is ready, and knows the image", async () => {
    const version = await engine.client.call(method.version, {});
    assert.is(`${version.runtimeName} ${version.runtimeApiVersion}`, "containerd v1");
    const { status } = await engine.client.call(method.status, {});
    const conditions = status!.conditions.map((condition) => `${condition.type} ${condition.status}`);
    assert.equal(conditions.slice(0, 2), ["RuntimeReady true", "NetworkReady true"]);
    const asked = { image: { image: BUSYBOX } };
    const { image } = await engine.client.call(ImageService.method.imageStatus, asked);
    assert.equal(image!.repoTags, [BUSYBOX]);
  });

  columns.both(
    "a pod: its status, labels and address, and it is found by a label",
    async ({ engine, handler, pod }) => {
      const labels = { app: "one", of: handler };
      const annotations = { note: "of a pod" };
      const made = await pod({ config: { labels, annotations } });
      const status = await made.status();
      const filter = { labelSelector: { of: handler } };
      const { items } = await engine.client.call(method.listPodSandbox, { filter });
      assert.equal(
        items.map(({ id, runtimeHandler }) => [id, runtimeHandler]),
        [[made.id, handler]],
      );
      const { app } = status.labels;
      const ping = await engine.beside(["ping", "-c", "1", "-W", "5", status.network!.ip]);
      const answered = told(ping).includes(" 0% packet loss");
      const subnet = status.network!.ip.replace(/\.\d+$/, "");
      return `${nameOf(PodSandboxState, status.state)} ${app} ${status.annotations["note"]} ${subnet} ${answered}`;
    },
    /^SANDBOX_READY one of a pod 10\.78\.0 true$/,
  );

  columns.both(
    "a pod that is stopped is not ready, and has no address any longer; a second stop is no error",
    async ({ pod }) => {
      const made = await pod();
      await made.stop();
      await made.stop();
      const status = await made.status();
      return `${nameOf(PodSandboxState, status.state)} [${status.network?.ip ?? ""}]`;
    },
    /^SANDBOX_NOTREADY \[\]$/,
  );

  columns.both(
    "a pod whose first process is killed is not ready, and can be removed",
    async ({ pod }) => {
      const made = await pod();
      process.kill((await made.info()).pid, "SIGKILL");
      const isDown = async () => (await made.status()).state === PodSandboxState.SANDBOX_NOTREADY;
      return String(await eventually(isDown, READY_MS));
    },
    /^true$/,
  );

  columns.both(
    "usage of a pod without containers: of CPU, of memory, and of its link",
    async ({ engine, pod }) => {
      const made = await pod();
      const { network } = await made.status();
      await engine.beside(["ping", "-c", "1", "-W", "5", network!.ip]);
      const { stats } = await engine.client.call(method.podSandboxStats, { podSandboxId: made.id });
      const { cpu, memory, network: link, process, containers } = stats!.linux!;
      const hasCpu = cpu!.usageCoreNanoSeconds!.value > 0n;
      const hasMemory = memory!.workingSetBytes!.value > 0n;
      const { name, rxBytes } = link!.defaultInterface!;
      const { stats: all } = await engine.client.call(method.listPodSandboxStats, {
        filter: { id: made.id },
      });
      const counts = `${process!.processCount!.value} ${containers.length} ${all.length}`;
      return `${hasCpu} ${hasMemory} ${name} ${rxBytes!.value > 0n} ${counts}`;
    },
    /^true true eth0 true 0 0 1$/,
  );

  columns.both(
    "several pods at once: each has an address of its own",
    async ({ pod }) => {
      const made = await Promise.all([pod(), pod(), pod(), pod()]);
      const all = await Promise.all(made.map((each) => each.status()));
      const addresses = new Set(all.map(({ network }) => network!.ip));
      await Promise.all(made.map((each) => each.stop()));
      return `${addresses.size}`;
    },
    /^4$/,
  );

  columns.both(
    "a pod that cannot be is refused, and leaves nothing",
    async ({ engine, pod }) => {
      const before = await engine.beside(["ls", `${engine.directory}/state/io.containerd.grpc.v1.cri/netns`]);
      const sysctls = { "kernel.no_such_setting": "1" };
      const refusal = await pod({ linux: { sysctls } }).then(
        () => "made",
        (error: Error) => (/no_such_setting/.test(error.message) ? "refused" : error.message),
      );
      const after = await engine.beside(["ls", `${engine.directory}/state/io.containerd.grpc.v1.cri/netns`]);
      const { items } = await engine.client.call(method.listPodSandbox, {});
      return `${refusal} ${told(before) === told(after)} ${items.length}`;
    },
    /^refused true 0$/,
  );

  columns.both(
    "containerd is killed and started again: the pod is what it was",
    async ({ engine, pod }) => {
      const made = await pod();
      const before = (await made.status()).network!.ip;
      const { pid } = await made.info();
      await engine.restart("SIGKILL");
      const status = await made.status();
      const isSame = status.network!.ip === before && (await made.info()).pid === pid;
      const ping = await engine.beside(["ping", "-c", "1", "-W", "5", before]);
      const answered = told(ping).includes(" 0% packet loss");
      return `${nameOf(PodSandboxState, status.state)} ${isSame} ${existsSync(`/proc/${pid}`)} ${answered}`;
    },
    /^SANDBOX_READY true true true$/,
  );

  columns.both(
    "names: of the host, of servers for names, and hosts",
    async ({ pod }) => {
      const dnsConfig = { servers: ["10.9.0.10"], searches: ["a.local", "b.local"], options: ["ndots:5"] };
      const made = await pod({ config: { hostname: "named", dnsConfig } });
      const script = "hostname; cat /etc/hostname; echo $HOSTNAME; cat /etc/resolv.conf";
      return made.once(script);
    },
    /^named\nnamed\nnamed\nsearch a\.local b\.local\nnameserver 10\.9\.0\.10\noptions ndots:5\nCONTAINER_EXITED Completed 0$/,
  );

  columns.both(
    "a pod's container has the pod's address, and is reached by it",
    async ({ engine, pod }) => {
      const made = await pod();
      const { ip } = (await made.status()).network!;
      const served = "echo served > /tmp/index.html; echo up; exec httpd -f -p 80 -h /tmp";
      const container = await made.up(served);
      const shown = await container.exec("ip", "-4", "-o", "addr", "show", "dev", "eth0");
      const fetch = ["curl", "-s", "-m", "5", `http://${ip}/`];
      await eventually(async () => (await engine.beside(fetch)).code === 0, READY_MS);
      return `${shown.includes(` ${ip}/24 `)} ${told(await engine.beside(fetch))}`;
    },
    /^true served\n$/,
  );

  columns.both(
    "a port of the host's leads to one of the pod's",
    async ({ engine, pod }) => {
      const port = { protocol: Protocol.TCP, containerPort: 80, hostPort: HOST_PORT };
      const made = await pod({ config: { portMappings: [port] } });
      await made.up("echo mapped > /tmp/index.html; echo up; exec httpd -f -p 80 -h /tmp");
      const fetch = ["curl", "-s", "-m", "5", `http://10.78.0.1:${HOST_PORT}/`];
      await eventually(async () => (await engine.beside(fetch)).code === 0, READY_MS);
      return told(await engine.beside(fetch));
    },
    /^mapped\n$/,
  );

  columns.both(
    "a pod in the host's network",
    async ({ engine, pod }) => {
      const made = await pod({ namespaces: HOST });
      const served = "echo ours > /tmp/index.html; echo up; exec httpd -f -p 8097 -h /tmp";
      await made.up(served);
      const fetch = ["curl", "-s", "-m", "5", "http://127.0.0.1:8097/"];
      await eventually(async () => (await engine.beside(fetch)).code === 0, READY_MS);
      const { network } = await made.status();
      return `[${network?.ip ?? ""}] ${told(await engine.beside(fetch))}`;
    },
    /^\[\] ours\n$/,
  );

  columns.both(
    "settings of the kernel's for a pod",
    async ({ pod }) => {
      const sysctls = { "net.ipv4.ip_unprivileged_port_start": "80", "kernel.shm_rmid_forced": "1" };
      const linux = { sysctls };
      const made = await pod({ linux: { ...linux } });
      const files = ["/proc/sys/net/ipv4/ip_unprivileged_port_start", "/proc/sys/kernel/shm_rmid_forced"];
      return made.once(["cat", ...files]);
    },
    /^80\n1\nCONTAINER_EXITED Completed 0$/,
  );

  test("a pod that says that it is not trusted has the runtime for such pods, with its flags", async () => {
    const annotations = { [UNTRUSTED]: "true" };
    const ran = await columns.play("", async ({ pod }) => {
      const made = await pod({ config: { annotations } });
      await made.once("true");
      const { runtimeType } = await made.info();
      const trusted = await (await pod({ config: { annotations: { [UNTRUSTED]: "false" } } })).info();
      return `${runtimeType} ${trusted.runtimeType}`;
    });
    assert.is(ran, "io.containerd.ringfence.v1 io.containerd.runc.v2");
    assert.match(readFileSync(straceOf(engine.directory), "latin1"), /set_tid_address/);
    const refused = async (handler: string, namespaces = OWN) => {
      const outcome = await columns
        .play(handler, async ({ pod }) => (await pod({ namespaces, config: { annotations } })).id)
        .catch((error: Error) => error.message);
      return outcome;
    };
    assert.match(await refused("runc"), /untrusted workload with explicit runtime handler is not allowed/);
    assert.match(await refused("", HOST), /untrusted workload with host access is not allowed/);
  });
});
