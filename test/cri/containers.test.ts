// deadline: 180 s
// Containers of pods by containerd's CRI plugin: what they are given, who they are, how they end, and what is told of it.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { eventually } from "../spawn.ts";
import { withEngine } from "./columns.ts";
import {
  ContainerState,
  NamespaceMode,
  SecurityProfile_ProfileType as Profile,
  RuntimeService,
} from "./gen/runtime_pb.ts";
import { nameOf, OWN } from "./pod.ts";

const { method } = RuntimeService;
/** A shell's loop that ends with 9 when it is asked to end. */
const LOOP = "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done";
const UP_MS = 15_000;
const MIB = 1n << 20n;

withEngine((columns, engine) => {
  columns.both(
    "a command, its arguments, variables and directory",
    async ({ pod }) => {
      const config = {
        command: ["sh", "-c"],
        args: ["pwd; echo $A-$B; echo $0 $1", "zero", "one"],
        envs: [
          { key: "A", value: "a b" },
          { key: "B", value: "=" },
        ],
        workingDir: "/tmp/made",
      };
      return (await pod()).once("", { config });
    },
    /^\/tmp\/made\na b-=\nzero one\nCONTAINER_EXITED Completed 0$/,
  );

  columns.both(
    "states: made, running, ended, removed; in lists by pod and by label",
    async ({ handler, pod }) => {
      const made = await pod();
      const labels = { is: handler };
      const container = await made.create("exit 3", { config: { labels, annotations: { a: "b" } } });
      const listed = async () => {
        const filter = { podSandboxId: made.id, labelSelector: labels };
        const { containers } = await engine.client.call(method.listContainers, { filter });
        return containers.map(({ state }) => nameOf(ContainerState, state)).join();
      };
      const states = [await listed()];
      await container.start();
      states.push(await container.ended(), await listed());
      const { createdAt, startedAt, finishedAt, metadata, annotations } = await container.status();
      // The last two are told by different processes, one of which may be late.
      const inOrder = 0n < createdAt && createdAt <= startedAt && createdAt <= finishedAt;
      await container.remove();
      await container.remove();
      states.push(`[${await listed()}]`);
      return `${states.join(" ")} ${inOrder} ${metadata!.name} ${annotations["a"]}`;
    },
    /^CONTAINER_CREATED CONTAINER_EXITED Error 3 CONTAINER_EXITED \[\] true main b$/,
  );

  columns.both(
    "directories and files of the host's, to read or to write",
    async ({ directory, pod }) => {
      mkdirSync(join(directory, "data"));
      writeFileSync(join(directory, "data/file"), "of the host\n");
      writeFileSync(join(directory, "single"), "");
      const mounts = [
        { containerPath: "/ro", hostPath: join(directory, "data"), readonly: true },
        { containerPath: "/rw", hostPath: join(directory, "data") },
        { containerPath: "/dev/termination-log", hostPath: join(directory, "single") },
      ];
      const script = "cat /ro/file; { echo no > /ro/new; } 2>&1; echo of a container > /rw/new; cat /ro/new";
      const told = await (await pod()).once(`${script}; echo why > /dev/termination-log`, { mounts });
      return `${told} ${readFileSync(join(directory, "single"))}`;
    },
    /^of the host\n.*Read-only file system\nof a container\nCONTAINER_EXITED Completed 0 why\n$/,
  );

  columns.both(
    "who a container is, and what it may",
    async ({ pod }) => {
      const shown = "id; grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status; touch /file 2>&1";
      const security = {
        runAsUser: { value: 7n },
        runAsGroup: { value: 8n },
        supplementalGroups: [9n, 10n],
        capabilities: { dropCapabilities: ["ALL"], addCapabilities: ["NET_BIND_SERVICE"] },
        noNewPrivs: true,
        readonlyRootfs: true,
        seccomp: { profileType: Profile.RuntimeDefault },
      };
      return (await pod()).once(`${shown} || exit 5`, { security });
    },
    /^uid=7 gid=8 groups=.*9,10\n[\s\S]*CapBnd:\t0000000000000400\n[\s\S]*Read-only file system\nCONTAINER_EXITED Error 5$/,
  );

  columns.both(
    "a privileged container, and one with the capabilities that it has without a word",
    async ({ pod }) => {
      const made = await pod({ linux: { securityContext: { privileged: true } } });
      const all = "grep -E '^Cap(Eff|Bnd)' /proc/self/status";
      const plain = await made.once(all, { name: "plain" });
      const security = { privileged: true };
      return `${plain}\n${await made.once(all, { name: "privileged", security })}`;
    },
    /^CapEff:\t00000000a80425fb\n[\s\S]*\nCapEff:\t000001f[0-9a-f]{9}\n/,
  );

  columns.both(
    "paths that are covered, or are only to be read",
    async ({ pod }) => {
      const security = { maskedPaths: ["/proc/uptime", "/etc/group"], readonlyPaths: ["/proc/sys", "/etc"] };
      const script = "cat /proc/uptime /etc/group | wc -c; { echo x > /etc/new; } 2>&1; echo $?";
      return (await pod()).once(script, { security });
    },
    /^0\n[\s\S]*\n1\n/,
  );

  columns.both(
    "a profile of system calls from a file",
    async ({ directory, pod }) => {
      const file = join(directory, "profile.json");
      const calls = [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 }];
      writeFileSync(file, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: calls }));
      const seccomp = { profileType: Profile.Localhost, localhostRef: file };
      return (await pod()).once("mkdir /tmp/new", { security: { seccomp } });
    },
    /^stderr: mkdir: .*: No space left on device\nCONTAINER_EXITED Error 1$/,
  );

  columns.both(
    "stop: TERM, and KILL when the time is over; at once without time",
    async ({ pod }) => {
      const made = await pod();
      const polite = await made.up(LOOP, { name: "polite" });
      await polite.stop(30);
      const deaf = "trap '' TERM; echo up; while :; do sleep 0.05; done";
      const patient = await made.up(deaf, { name: "deaf" });
      const began = performance.now();
      await patient.stop(1);
      const hasWaited = performance.now() - began > 900;
      const sudden = await made.up(LOOP, { name: "sudden" });
      await sudden.stop(0);
      await sudden.stop(0);
      return `${await polite.ended()}, ${hasWaited} ${await patient.ended()}, ${await sudden.ended()}`;
    },
    /^CONTAINER_EXITED Error 9, true CONTAINER_EXITED Error 137, CONTAINER_EXITED Error 137$/,
  );

  columns.both(
    "a container that is removed while it runs, and a pod that is stopped with one",
    async ({ pod }) => {
      const made = await pod();
      const first = await made.up(LOOP, { name: "first" });
      const second = await made.up(LOOP, { name: "second" });
      await first.remove();
      const gone = await first.status().catch((error: Error) => error.message);
      await made.stop();
      return `${/not found/.test(String(gone))} ${await second.ended()}`;
    },
    /^true CONTAINER_EXITED Error 137$/,
  );

  columns.both(
    "a container that ends by a signal, and one whose command is not there",
    async ({ pod }) => {
      const made = await pod();
      // Process 1 of a namespace has no signal's default.
      const namespaces = { ...OWN, pid: NamespaceMode.POD };
      const killed = await made.once("kill -SEGV $$", { name: "killed", namespaces });
      const absent = await made.create(["/no/such"], { name: "absent" });
      const refusal = await absent.start().catch((error: Error) => error.message);
      assert.match(String(refusal), /no such file or directory/);
      const { reason, exitCode, state } = await absent.status();
      return `${killed}, ${nameOf(ContainerState, state)} ${reason} ${exitCode}`;
    },
    /^CONTAINER_EXITED Error 139, CONTAINER_EXITED StartError 128$/,
  );

  columns.both(
    "a container is started again as another attempt, with what its pod keeps for it",
    async ({ directory, pod }) => {
      const made = await pod();
      const mounts = [{ containerPath: "/kept", hostPath: directory }];
      const script =
        "touch /fresh-$(ls / | grep -c fresh); echo x >> /kept/file; wc -l < /kept/file; ls / | grep fresh";
      const attempts = [];
      for (const attempt of [0, 1]) {
        const container = await made.start(`${script}; exit 4`, { attempt, mounts });
        attempts.push(await container.told());
      }
      const { containers } = await engine.client.call(method.listContainers, {
        filter: { podSandboxId: made.id },
      });
      const numbers = containers.map(({ metadata }) => metadata!.attempt).sort();
      return `${attempts.join(", ")} ${numbers}`;
    },
    /^1\nfresh-0\nCONTAINER_EXITED Error 4, 2\nfresh-0\nCONTAINER_EXITED Error 4 0,1$/,
  );

  columns.both(
    "out of memory: the container is killed, and why is said; with more memory it is not",
    async ({ pod }) => {
      const made = await pod();
      const grow = "x=a; for i in $(seq 26); do x=$x$x; done; echo grown";
      const resources = { memoryLimitInBytes: 96n * MIB, memorySwapLimitInBytes: 96n * MIB };
      const killed = await made.start(grow, { name: "killed", resources });
      const how = await killed.ended();
      const wait = "echo up; while [ ! -e /go ]; do sleep 0.05; done";
      const spared = await made.up(`${wait}; ${grow}`, { name: "spared", resources });
      await spared.update({ memoryLimitInBytes: 768n * MIB, memorySwapLimitInBytes: 768n * MIB });
      await spared.exec("touch", "/go");
      const { resources: known } = await spared.status();
      return `${how}, ${await spared.told()} ${known!.linux!.memoryLimitInBytes / MIB}`;
    },
    /^CONTAINER_EXITED OOMKilled 137, up\ngrown\nCONTAINER_EXITED Completed 0 768$/,
  );

  columns.both(
    "usage of a container and of its pod",
    async ({ pod }) => {
      const made = await pod();
      const container = await made.up(LOOP);
      const { attributes, cpu, memory } = await container.stats();
      const used = cpu!.usageCoreNanoSeconds!.value > 0n && memory!.workingSetBytes!.value > 0n;
      const { stats } = await engine.client.call(method.podSandboxStats, { podSandboxId: made.id });
      const { process, containers } = stats!.linux!;
      const names = containers.map((each) => each.attributes!.metadata!.name);
      return `${attributes!.metadata!.name} ${used} ${process!.processCount!.value > 0n} ${names}`;
    },
    /^main true true main$/,
  );

  columns.both(
    "logs: whole lines, parts of long ones, both streams, and a new file when the old one is moved",
    async ({ pod }) => {
      const made = await pod();
      const long = "head -c 20000 /dev/zero | tr '\\0' x; echo; echo wrong >&2; printf 'no end'";
      const container = await made.up(
        `echo up; ${long}; while [ ! -e /go ]; do sleep 0.05; done; echo; echo more`,
      );
      await eventually(() => container.log().length >= 4, UP_MS);
      const before = container.log().map((line) => line.replaceAll(/x+/g, (run) => `x*${run.length}`));
      const old = `${container.logFile}.old`;
      renameSync(container.logFile, old);
      await engine.client.call(method.reopenContainerLog, { containerId: container.id });
      await container.exec("touch", "/go");
      const how = await container.ended();
      const last = readFileSync(old, "utf8").trimEnd().split("\n").at(-1)!.replace(/^\S+ /, "");
      return [...before.sort(), last, "--", ...container.log(), how].join("\n");
    },
    /^P x\*16384\nstderr: wrong\nup\nx\*3616\nstdout P no end\n--\n\nmore\nCONTAINER_EXITED Completed 0$/,
  );
});
