// deadline: 300 s
// What users of Docker do, once under runc and once here: both columns say the same. The daemon's default is Ringfence,
// so that its builder goes through it. Skipped, and said so, where Docker is not installed.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually, type SpawnResult } from "../spawn.ts";
import { Docker, hasDocker } from "./docker.ts";
import { buildDriver } from "./driver.ts";

const LOOP = "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done";
const RUNTIMES = ["runc", "ringfence"];

const text = ({ stdout, stderr }: SpawnResult) => `${stdout}${stderr}`.trimEnd();
let docker: Docker;

const ok = (...args: string[]): Promise<string> => docker.ok(...args);

/** A container of this scene; its name is the scene's own. */
interface Scene {
  readonly name: string;
  /** `docker run` with flags and a command, in the background. */
  start(flags: readonly string[], ...command: string[]): Promise<void>;
  /** One that ends, and is removed: what it printed, and its code. */
  run(flags: readonly string[], ...command: string[]): Promise<string>;
  inspect(format: string): Promise<string>;
}

function sceneOf(runtime: string): Scene {
  const name = `c-${runtime}`;
  const flags = [`--runtime=${runtime}`, "--network=none"];
  return {
    name,
    start: async (more, ...command) => {
      await ok("run", "-d", "--name", name, ...flags, ...more, ...command);
    },
    run: async (more, ...command) => {
      const result = await docker.run(["run", "--rm", ...flags, ...more, ...command]);
      return `${text(result)}\n${result.code}`;
    },
    inspect: (format) => ok("inspect", "-f", format, name),
  };
}

/** What a scene tells under each runtime must be the same, and match. */
function both(what: string, scene: (scene: Scene) => Promise<string>, expected: RegExp): void {
  test(what, async () => {
    const told: string[] = [];
    for (const runtime of RUNTIMES) {
      const one = sceneOf(runtime);
      try {
        told.push((await scene(one)).replaceAll(runtime, "RUNTIME"));
      } finally {
        await docker.run(["rm", "-f", one.name]);
      }
    }
    assert.is(told[1], told[0]);

    assert.match(told[0]!, expected);
  });
}

async function becomes(scene: Scene, format: string, value: string): Promise<void> {
  const isSo = await eventually(async () => (await scene.inspect(format)) === value, 15_000);
  assert.ok(isSo, `${scene.name}: ${format} is ${await scene.inspect(format)}, not ${value}`);
}

async function actions(since: number, name: string): Promise<string> {
  const until = ["--since", String(since), "--until", String(Math.ceil(Date.now() / 1000))];
  const filter = ["--filter", `container=${name}`];
  const told = await ok(
    "events",
    ...until,
    ...filter,
    "--format",
    "{{.Action}} {{.Actor.Attributes.exitCode}}",
  );
  // The daemon's own two for the end of `docker stop` and of the process come in either order.
  return told.replace(/^stop .*\n/m, "");
}

if (!hasDocker()) {
  console.log("skipped: dockerd, docker, containerd or iptables is not installed");
} else {
  test.before(async () => {
    docker = new Docker(false, { "default-runtime": "ringfence", experimental: true });
    await docker.start();
  });
  test.after(() => docker.stop());

  both(
    "events come in their order",
    async (scene) => {
      const since = Math.floor(Date.now() / 1000);
      await scene.start([], "bb", "sh", "-c", LOOP);
      await docker.until(scene.name, "up");
      await ok("exec", scene.name, "true");
      await ok("pause", scene.name);
      await ok("unpause", scene.name);
      await ok("stop", scene.name);
      await ok("rm", scene.name);
      return actions(since, scene.name);
    },
    /create .*\nstart .*\nexec_create: true .*\nexec_start: true .*\nexec_die 0\npause .*\nunpause .*\nkill .*\ndie 9\ndestroy/,
  );

  both(
    "--init: a process 1 that reaps, and passes signals on",
    async (scene) => {
      const orphan = "(sleep 0.05 &); sleep 0.2; ps -o pid,stat,comm | grep -c Z";
      const reaped = await scene.run(["--init"], "bb", "sh", "-c", `cat /proc/1/comm; ${orphan}`);
      await scene.start(["--init"], "bb", "sh", "-c", LOOP);
      await docker.until(scene.name, "up");
      await ok("stop", scene.name);
      return `${reaped} ${await scene.inspect("{{.State.ExitCode}}")}`;
    },
    /docker-init\n0\n1 9/,
  );

  both(
    "health checks: healthy, then not",
    async (scene) => {
      const check = ["--health-cmd=test -e /ok", "--health-interval=300ms", "--health-retries=1"];
      await scene.start(check, "bb", "sh", "-c", `touch /ok; ${LOOP}`);
      await becomes(scene, "{{.State.Health.Status}}", "healthy");
      await ok("exec", scene.name, "rm", "/ok");
      await becomes(scene, "{{.State.Health.Status}}", "unhealthy");
      return scene.inspect("{{(index .State.Health.Log 0).ExitCode}}");
    },
    /^0$/,
  );

  both(
    "--restart: on failure so many times; always, after a kill by a signal from within",
    async (scene) => {
      await scene.start(["--restart=on-failure:2"], "bb", "sh", "-c", "exit 3");
      await becomes(scene, "{{.State.Status}} {{.RestartCount}}", "exited 2");
      const failed = await scene.inspect("{{.State.ExitCode}}");
      await ok("rm", scene.name);
      await scene.start(["--restart=always"], "bb", "sh", "-c", `date +%s%N >> /starts; ${LOOP}`);
      await docker.until(scene.name, "up");
      await ok("exec", scene.name, "kill", "1");
      await becomes(scene, "{{.State.Status}} {{.RestartCount}}", "running 1");
      return `${failed} ${await ok("exec", scene.name, "sh", "-c", "wc -l < /starts")}`;
    },
    /^3 2$/,
  );

  both(
    "diff, commit, export",
    async (scene) => {
      const made =
        "mkdir -p /new/dir; echo text > /new/dir/file; chown 7:8 /new; chmod 600 /new/dir/file; rm /etc/group";
      await scene.start([], "bb", "sh", "-c", `${made}; ln -s file /new/dir/link; ${LOOP}`);
      await docker.until(scene.name, "up");
      const diff = await ok("diff", scene.name);
      const image = await ok(
        "commit",
        "-c",
        'CMD ["sh", "-c", "cat /new/dir/link; ls /etc/group"]',
        scene.name,
      );
      const again = await scene.run([], image);
      const tar = join(docker.directory, "export.tar");
      await ok("export", "-o", tar, scene.name);
      const { stdout } = await docker.beside(["tar", "--numeric-owner", "-tvf", tar, "new"]);
      const listed = stdout.toString().replace(/\d{4}-\d\d-\d\d \d\d:\d\d /g, "");
      await ok("rmi", "-f", image);
      return `${diff.split("\n").sort().join("\n")}\n${again}\n${listed}`;
    },
    /D \/etc\/group[\s\S]*text\n[\s\S]*drwxr-xr-x 7\/8 .*new\//,
  );

  both(
    "create, start -a, rename, attach, wait, and a signal of one's own to stop by",
    async (scene) => {
      const flags = ["--stop-signal=USR1", "--name", scene.name];
      const runtime = `--runtime=${scene.name.slice(2)}`;
      await ok(
        "create",
        runtime,
        "--network=none",
        ...flags,
        "bb",
        "sh",
        "-c",
        "trap 'exit 4' USR1; echo up; while :; do sleep 0.05; done",
      );
      await ok("rename", scene.name, `${scene.name}-b`);
      await ok("rename", `${scene.name}-b`, scene.name);
      const attached = docker.run(["start", "-a", scene.name]);
      await docker.until(scene.name, "up");
      const waited = docker.run(["wait", scene.name]);
      await ok("stop", scene.name);
      const { code, stdout } = await attached;
      return `${code} ${stdout} ${text(await waited)}`;
    },
    /^4 up\n 4$/,
  );

  both(
    "out of memory: the container is killed, and Docker says why",
    async (scene) => {
      const grow = "echo up; x=a; while :; do x=$x$x; done";
      await scene.start(["-m", "128m", "--memory-swap", "128m"], "bb", "sh", "-c", grow);
      await becomes(scene, "{{.State.Status}}", "exited");
      return scene.inspect("{{.State.OOMKilled}} {{.State.ExitCode}}");
    },
    /^true 137$/,
  );

  both(
    "an image of one static program",
    async (scene) => {
      const image = join(docker.directory, `one-${scene.name}`);
      mkdirSync(image);
      const built = buildDriver("static_program", [], ["-static"]);
      await docker.beside(["cp", built, join(image, "program")]);
      await docker.beside(["tar", "-C", image, "-cf", `${image}.tar`, "program"]);
      await ok("import", `${image}.tar`, scene.name);
      const result = await scene.run(
        ["--read-only", "-u", "7:7", "--workdir=/work"],
        scene.name,
        "/program",
        "word",
      );
      await ok("rmi", scene.name);
      return result;
    },
    /^word 7 \/work/,
  );

  both(
    "checkpoint is refused, and the container goes on",
    async (scene) => {
      await scene.start([], "bb", "sh", "-c", LOOP);
      const { code } = await docker.run(["checkpoint", "create", scene.name, "one"]);
      return `${code !== 0} ${await ok("exec", scene.name, "echo", "on")}`;
    },
    /^true on$/,
  );

  test("build: steps run in sandboxes, with what they leave in the image", async () => {
    const directory = join(docker.directory, "build");
    mkdirSync(directory);
    const file = [
      "FROM bb",
      "ARG WHO=nobody",
      "COPY Dockerfile /copied",
      "RUN chmod 1777 /tmp; cat /proc/version > /kernel; echo built for $WHO > /built && chown 1000:7 /built && chmod 640 /built",
      "USER user",
      "WORKDIR /tmp/work",
      "RUN id -u > /tmp/who; pwd > /tmp/where",
      'CMD ["sh", "-c", "cat /tmp/who /tmp/where; stat -c %a:%u:%g /built; wc -l < /copied"]',
    ];
    writeFileSync(join(directory, "Dockerfile"), `${file.join("\n")}\n`);
    const env = { ...process.env, DOCKER_BUILDKIT: "0" } as Record<string, string>;
    const args = ["build", "--network=none", "--build-arg", "WHO=us", "-t", "built", directory];
    const built = await docker.run(args, { env, deadlineMs: 60_000 });
    assert.is(built.code, 0, text(built));
    for (const runtime of RUNTIMES)
      assert.is(await sceneOf(runtime).run([], "built"), "1000\n/tmp/work\n640:1000:7\n8\n0", runtime);
    assert.match(await sceneOf("runc").run([], "built", "cat", "/kernel"), /ringfence/i);
    const failing = ["FROM bb", "RUN exit 5"].join("\n");
    writeFileSync(join(directory, "Dockerfile"), failing);
    const failed = await docker.run(["build", "--network=none", directory], { env });
    assert.match(text(failed), /returned a non-zero code: 5/);
  });
}

test.run();
