// deadline: 300 s
// Docker with containerd's shim of Ringfence instead of its command line (`runtimeType`): what docker_columns.test.ts has
// not, which shows both. Skipped, and said so, where Docker is not installed.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually } from "../spawn.ts";
import { Columns } from "./columns.ts";
import { Docker, hasDocker } from "./docker.ts";
import { exists, proc, status } from "./processes.ts";
import { Pty } from "./pty.ts";

const RUNTIME = "shimmed";
const MAKES = new Set(["run", "create"]);
const UP_MS = 15_000;
let docker: Docker;

const columns = new Columns(
  () => docker,
  (runtime, args) => (MAKES.has(args[0]!) ? [args[0]!, `--runtime=${runtime}`, ...args.slice(1)] : args),
  [RUNTIME],
);

async function actions(since: number, name: string): Promise<string> {
  const until = ["--since", String(since), "--until", String(Math.ceil(Date.now() / 1000))];
  const format = ["--format", "{{.Action}} {{.Actor.Attributes.exitCode}}"];
  // The daemon's own two for the end of `docker stop` and of the process come in either order.
  return (await docker.ok("events", ...until, "--filter", `container=${name}`, ...format)).replace(
    /^stop .*\n/m,
    "",
  );
}

if (!hasDocker()) {
  console.log("skipped: dockerd, docker, containerd or iptables is not installed");
} else {
  test.before(async () => {
    const options = { log_level: "info", ringfence_config: { strict: false } };
    const runtimes = { [RUNTIME]: { runtimeType: "io.containerd.ringfence.v1", options } };
    docker = new Docker(true, { runtimes });
    await docker.start();
  });
  test.after(() => docker.stop());

  columns.both(
    "exec, pause, top, stats, update, and the events of it in their order",
    async (scene) => {
      const since = Math.floor(Date.now() / 1000);
      await scene.loop(["-m", "200m"], "sleep 987 & :");
      const said = [await scene.ok("exec", "-u", "7:8", "-w", "/tmp", scene.name, "sh", "-c", "id -u; pwd")];
      const failed = await scene.run(["exec", scene.name, "sh", "-c", "echo err >&2; exit 5"]);
      said.push(`${failed.stderr}${failed.code}`);
      await scene.ok("pause", scene.name);
      said.push(await scene.inspect("{{.State.Status}}"));
      await scene.ok("unpause", scene.name);
      const top = async () => scene.ok("top", scene.name, "-o", "pid,args");
      said.push(String(await eventually(async () => (await top()).includes("sleep 987"), UP_MS)));
      const stats = await scene.ok("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}}", scene.name);
      said.push(stats.replace(/^.* \/ (\S+) [1-9]\d*$/, "limit $1"));
      await scene.ok("update", "--memory=300m", "--memory-swap=300m", scene.name);
      said.push(
        (await scene.ok("stats", "--no-stream", "--format", "{{.MemUsage}}", scene.name)).replace(
          /.* \/ /,
          "",
        ),
      );
      await scene.ok("stop", scene.name);
      await scene.ok("rm", scene.name);
      said.push(await actions(since, scene.name));
      return said.join("\n");
    },
    /^7\n\/tmp\nerr\n5\npaused\ntrue\nlimit 200MiB\n300MiB\ncreate[\s\S]*exec_die 0[\s\S]*exec_die 5\npause .*\nunpause .*\n(top .*\n)+update .*\nkill .*\ndie 9\ndestroy/,
  );

  columns.both(
    "terminals of run and of exec",
    async (scene) => {
      const script =
        'while [ "$(stty size 2>&1)" != "33 77" ]; do sleep 0.05; done; echo sized; read x; echo got $x; exit 6';
      const said: string[] = [];
      const play = async (words: string[]) => {
        const pty = new Pty("docker", docker.commandLine(words));
        try {
          await pty.sized(33, 77, "sized");
          pty.type("word\r");
          said.push(`${await pty.event("exit")} ${pty.shown}`);
        } finally {
          pty.close();
        }
      };
      await play([
        "run",
        "--rm",
        "-it",
        `--runtime=${scene.runtime}`,
        "--network=none",
        "bb",
        "sh",
        "-c",
        script,
      ]);
      await scene.loop([]);
      await play(["exec", "-it", scene.name, "sh", "-c", script]);
      return said.join("\n");
    },
    /^exit 6 [\s\S]*sized\r+\nword\r+\ngot word[\s\S]*exit 6 [\s\S]*got word/,
  );

  test("live restore: a container goes on without the daemon, which knows of its end", async () => {
    const scene = columns.scene(RUNTIME);
    await scene.loop([]);
    await docker.restart("SIGKILL");
    assert.is(await scene.inspect("{{.State.Status}}"), "running");
    assert.is(await scene.ok("exec", scene.name, "echo", "on"), "on");
    await scene.ok("exec", scene.name, "kill", "1");
    await scene.becomes("{{.State.Status}} {{.State.ExitCode}}", "exited 9");
    await scene.ok("rm", scene.name);
  });

  test("its shim is ours, and when it is killed Docker knows", async () => {
    const scene = columns.scene(RUNTIME);
    await scene.loop([]);
    const shim = Number(status(Number(await scene.inspect("{{.State.Pid}}")), "PPid"));
    assert.match(proc(shim, "cmdline")!, /shim\.(blob|cjs)/);
    process.kill(shim, "SIGKILL");
    await scene.becomes("{{.State.Status}} {{.State.ExitCode}}", "exited 137");
    await scene.ok("start", scene.name);
    await scene.becomes("{{.State.Status}}", "running");
    const next = Number(status(Number(await scene.inspect("{{.State.Pid}}")), "PPid"));
    await scene.ok("rm", "-f", scene.name);
    assert.ok(await eventually(() => !exists(next), UP_MS), "its shim is still there");
  });
}

test.run();
