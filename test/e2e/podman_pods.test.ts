// deadline: 300 s
// alone: its names of namespaces are the host's, as those of CNI are
// podman's pods, whose first container holds the namespaces of the others: once under runc and once here, where they are
// one sandbox. Skipped, and said so, where podman or the program of such a container is not installed.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually } from "../spawn.ts";
import { Columns, type Scene } from "./columns.ts";
import { absent } from "./engine_room.ts";
import { Podman, podmanLacks } from "./podman.ts";

const why = podmanLacks() ?? absent({ catatonit: "catatonit" });
const UP_MS = 15_000;
let podman: Podman;

const columns = new Columns(
  () => podman,
  (runtime, args) => ["--runtime", runtime, ...args],
);

/** A pod for a scene, which is removed with all of its containers. */
async function inPod(scene: Scene, flags: string[], play: (pod: string) => Promise<string>): Promise<string> {
  const pod = `pod-${scene.name}`;
  await scene.ok("pod", "create", "--name", pod, ...flags);
  try {
    return await play(pod);
  } finally {
    await scene.ok("pod", "rm", "-f", "-t", "0", pod);
  }
}

const member = (scene: Scene, pod: string, name: string, ...command: string[]) =>
  scene.ok("run", "-d", "--pod", pod, "--name", `${scene.name}-${name}`, "bb", ...command);
const beside = (scene: Scene, pod: string, script: string) =>
  scene.ok("run", "--rm", "--pod", pod, "bb", "sh", "-c", script);

/** One sandbox, seen from the host: all that stands for the containers of a pod is in one PID namespace. */
async function sandboxes(scene: Scene, ...names: string[]): Promise<number> {
  const pids = await scene.ok("inspect", "-f", "{{.State.Pid}}", ...names);
  const found = await scene.beside([
    "sh",
    "-c",
    `for p in ${pids.replaceAll("\n", " ")}; do readlink /proc/$p/ns/pid; done`,
  ]);
  return new Set(found.stdout.toString().trim().split("\n")).size;
}

if (why !== null) console.log(why);
else {
  test.before(async () => {
    podman = new Podman();
    await podman.start();
  });
  test.after(() => podman.stop());

  columns.both(
    "containers of a pod: one network and host name, roots and processes of their own",
    (scene) =>
      inPod(scene, ["--hostname=shown"], async (pod) => {
        await member(
          scene,
          pod,
          "server",
          "sh",
          "-c",
          "touch /mine; while :; do echo here | nc -l -p 7000; done",
        );
        const said = () => beside(scene, pod, "nc 127.0.0.1 7000 </dev/null");
        assert.ok(await eventually(async () => (await said().catch(() => "")) === "here", UP_MS));
        const script = "hostname; ls /mine 2>&1; echo /proc/[0-9]*; nc 127.0.0.1 7000 </dev/null";
        const infra = await scene.ok("pod", "inspect", "-f", "{{.InfraContainerID}}", pod);
        if (scene.runtime === "ringfence")
          assert.is(await sandboxes(scene, infra, `${scene.name}-server`), 1);
        return beside(scene, pod, script);
      }),
    /^shown\nls: \/mine: No such file or directory\n\/proc\/1\nhere$/,
  );

  columns.both(
    "--share pid: a container sees the others' processes, and signals them",
    (scene) =>
      inPod(scene, ["--share=pid,net,ipc,uts"], async (pod) => {
        await member(scene, pod, "other", "sleep", "1234");
        const script =
          "ps -o args | grep '^sleep'; kill $(ps -o pid,args | awk '/ sleep 123[4]/{print $1}') && echo sent";
        const said = await beside(scene, pod, script);
        const gone = async () =>
          (await scene.ok("inspect", "-f", "{{.State.Status}}", `${scene.name}-other`)) === "exited";
        return `${said} ${await eventually(gone, UP_MS)}`;
      }),
    /^sleep 1234\nsent true$/,
  );

  columns.both(
    "a pod is stopped, started, paused and goes on",
    (scene) =>
      inPod(scene, [], async (pod) => {
        const name = `${scene.name}-loop`;
        await member(
          scene,
          pod,
          "loop",
          "sh",
          "-c",
          "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done",
        );
        const state = (format: string) => scene.ok("inspect", "-f", format, name);
        const ups = async () => (await scene.ok("logs", name)).split("up").length - 1;
        assert.ok(await eventually(async () => (await ups()) === 1, UP_MS));
        await scene.ok("pod", "stop", "-t", "5", pod);
        const stopped = await state("{{.State.Status}} {{.State.ExitCode}}");
        await scene.ok("pod", "start", pod);
        assert.ok(await eventually(async () => (await ups()) === 2, UP_MS));
        await scene.ok("pod", "pause", pod);
        const paused = await state("{{.State.Status}}");
        await scene.ok("pod", "unpause", pod);
        const inside = await scene.ok("exec", name, "sh", "-c", "echo $$ >/dev/null; hostname");
        return [stopped, paused, inside, await scene.ok("pod", "inspect", "-f", "{{.State}}", pod)].join(" ");
      }),
    /^exited 9 paused pod-c-RUNTIME Running$/,
  );

  columns.both(
    "a pod of two containers is played from YAML",
    async (scene) => {
      const file = join(scene.directory, `${scene.name}-pod.yaml`);
      const container = (name: string, script: string) =>
        `  - name: ${name}\n    image: localhost/bb:latest\n    command: ["sh", "-c", "${script}"]\n`;
      writeFileSync(
        file,
        `apiVersion: v1\nkind: Pod\nmetadata:\n  name: played\nspec:\n  containers:\n` +
          container("one", "while :; do echo of one | nc -l -p 7001; done") +
          container("two", "while ! nc 127.0.0.1 7001 </dev/null; do sleep 0.1; done; sleep 1000"),
      );
      await scene.ok("kube", "play", file);
      try {
        const said = async () => scene.ok("logs", "played-two");
        await eventually(async () => (await said()).includes("of one"), UP_MS);
        return (await said()).split("\n").at(-1)!;
      } finally {
        await scene.ok("kube", "down", file);
      }
    },
    /^of one$/,
  );

  test("nothing is left", async () => {
    assert.is(await podman.ok("ps", "-aq"), "");
    assert.is(await podman.ok("pod", "ps", "-q"), "");
  });
}

test.run();
