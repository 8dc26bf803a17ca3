// deadline: 300 s
// What users of Docker do, once under runc, once here, and once here by containerd's shim of ours. The daemon's default is Ringfence, so that its builder goes
// through it. Skipped, and said so, where Docker is not installed.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually } from "../spawn.ts";
import { Columns, text } from "./columns.ts";
import { Docker, hasDocker } from "./docker.ts";

const MAKES = new Set(["run", "create"]);
let docker: Docker;

const columns = new Columns(
  () => docker,
  (runtime, args) => (MAKES.has(args[0]!) ? [args[0]!, `--runtime=${runtime}`, ...args.slice(1)] : args),
  ["ringfence", "shimmed"],
);

async function actions(since: number, name: string): Promise<string> {
  const until = ["--since", String(since), "--until", String(Math.ceil(Date.now() / 1000))];
  const filter = ["--filter", `container=${name}`];
  const format = ["--format", "{{.Action}} {{.Actor.Attributes.exitCode}}"];
  // The daemon's own two for the end of `docker stop` and of the process come in either order.
  return (await docker.ok("events", ...until, ...filter, ...format)).replace(/^stop .*\n/m, "");
}

if (!hasDocker()) {
  console.log("skipped: dockerd, docker, containerd or iptables is not installed");
} else {
  test.before(async () => {
    const runtimes = { shimmed: { runtimeType: "io.containerd.ringfence.v1" } };
    docker = new Docker(false, { "default-runtime": "ringfence", experimental: true, runtimes });
    await docker.start();
  });
  test.after(() => docker.stop());

  columns.common();

  columns.both(
    "events come in their order",
    async (scene) => {
      const since = Math.floor(Date.now() / 1000);
      await scene.loop([]);
      await scene.ok("exec", scene.name, "true");
      await scene.ok("pause", scene.name);
      await scene.ok("unpause", scene.name);
      await scene.ok("stop", scene.name);
      await scene.ok("rm", scene.name);
      return actions(since, scene.name);
    },
    /create .*\nstart .*\nexec_create: true .*\nexec_start: true .*\nexec_die 0\npause .*\nunpause .*\nkill .*\ndie 9\ndestroy/,
  );

  columns.both(
    "limits as programs see them, devices and their rules",
    async (scene) => {
      const files = "memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us cpu/cpu.shares";
      const alone = "memory.max pids.max cpu.max";
      const shown = `nproc; cd /sys/fs/cgroup; cat ${files} 2>/dev/null || cat ${alone}`;
      const limits = [
        "--memory=200m",
        "--pids-limit=50",
        "--cpus=1.5",
        "--cpu-shares=512",
        "--cpuset-cpus=1",
      ];
      const made =
        "mknod /dev/n c 1 5; head -c 2 /dev/n | od -An -tx1; mknod /dev/b b 7 0; head -c 1 /dev/b 2>&1 | cut -c1-40";
      return [
        await scene.once(limits, "bb", "sh", "-c", shown),
        await scene.once([], "bb", "sh", "-c", made),
        await scene.once(
          ["--privileged", "--cap-add=ALL"],
          "bb",
          "sh",
          "-c",
          "echo x >/dev/null; cat /proc/1/cpuset | wc -l",
        ),
        await scene.once(
          ["--device=/dev/zero:/dev/of/zero"],
          "bb",
          "sh",
          "-c",
          "head -c 2 /dev/of/zero | od -An -tx1",
        ),
      ].join("\n");
    },
    /^1\n209715200\n50\n150000\n512\n[\s\S]*00 00\n.*not permitted[\s\S]*\n0$/,
  );

  columns.both(
    "--init: a process 1 that reaps, and passes signals on",
    async (scene) => {
      const orphan = "(sleep 0.05 &); sleep 0.2; ps -o pid,stat,comm | grep -c Z";
      const reaped = await scene.once(["--init"], "bb", "sh", "-c", `cat /proc/1/comm; ${orphan}`);
      await scene.loop(["--init"]);
      await scene.ok("stop", scene.name);
      return `${reaped} ${await scene.inspect("{{.State.ExitCode}}")}`;
    },
    /docker-init\n0\n1 9/,
  );

  columns.both(
    "health checks: healthy, then not",
    async (scene) => {
      const check = ["--health-cmd=test -e /ok", "--health-interval=300ms", "--health-retries=1"];
      await scene.loop(check, "touch /ok");
      await scene.becomes("{{.State.Health.Status}}", "healthy");
      await scene.ok("exec", scene.name, "rm", "/ok");
      await scene.becomes("{{.State.Health.Status}}", "unhealthy");
      return scene.inspect("{{(index .State.Health.Log 0).ExitCode}}");
    },
    /^0$/,
  );

  columns.both(
    "top: the commands that run inside",
    async (scene) => {
      await scene.loop([], "sleep 987 & exec 3<&0");
      await scene.ok("exec", "-d", scene.name, "sh", "-c", "sleep 988; :");
      const top = async () => scene.ok("top", scene.name, "-o", "pid,comm,args");
      await eventually(async () => (await top()).includes("988"), 5000);
      const commands = (await top()).match(/[a-z]\w* +(sleep|sh -c) .*/g)!;
      return (
        commands
          // A process between fork and exec may have another name.
          .filter((line) => !/^\w+ +sleep 0\.05/.test(line))
          .sort()
          .join("\n")
      );
    },
    /^sh +sh -c sleep 987 .*\nsh +sh -c sleep 988; :\nsleep +sleep 987\nsleep +sleep 988$/,
  );

  columns.both(
    "checkpoint is refused, and the container goes on",
    async (scene) => {
      await scene.loop([]);
      const { code } = await scene.run(["checkpoint", "create", scene.name, "one"]);
      return `${code !== 0} ${await scene.ok("exec", scene.name, "echo", "on")}`;
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
    for (const runtime of ["runc", "ringfence"])
      assert.is(await columns.scene(runtime).once([], "built"), "1000\n/tmp/work\n640:1000:7\n8\n0", runtime);
    assert.match(await columns.scene("runc").once([], "built", "cat", "/kernel"), /ringfence/i);
    writeFileSync(join(directory, "Dockerfile"), "FROM bb\nRUN exit 5\n");
    const failed = await docker.run(["build", "--network=none", directory], { env });
    assert.match(text(failed), /returned a non-zero code: 5/);
  });
}

test.run();
