// What users do with an engine, once under runc and once here: both columns say the same.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { told } from "../said.ts";
import { eventually, type SpawnOptions, type SpawnResult } from "../spawn.ts";
import { buildDriver } from "./driver.ts";

/** An engine with the image `bb`: busybox. */
export interface Engine {
  readonly directory: string;
  run(args: string[], options?: SpawnOptions): Promise<SpawnResult>;
  /** One that must succeed: what it prints. */
  ok(...args: string[]): Promise<string>;
  /** A command in the engine's namespaces. */
  beside(words: string[]): Promise<SpawnResult>;
}

/** A container of a scene, by a name of its own. */
export interface Scene extends Engine {
  readonly name: string;
  readonly runtime: string;
  /** A container in the background. */
  start(flags: readonly string[], ...command: string[]): Promise<void>;
  /** The same, until it says that it is up. */
  loop(flags: readonly string[], first?: string): Promise<void>;
  /** One that ends, and is removed: what it printed, and its code. */
  once(flags: readonly string[], ...command: string[]): Promise<string>;
  inspect(format: string): Promise<string>;
  /** Waits for a value of inspect's. */
  becomes(format: string, value: string): Promise<void>;
}

/** A shell's command that says when it is up, and ends with 9 when it is asked to end. */
export const LOOP: string = "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done";
const UP_MS = 15_000;

export const text = (result: SpawnResult): string => told(result).trimEnd();

/** `asks`: words that name a runtime, for before the engine's own command. */
function sceneOf(engine: Engine, runtime: string, asks: Asks): Scene {
  const name = `c-${runtime}`;
  const run = (args: string[], options?: SpawnOptions) => engine.run(asks(runtime, args), options);
  const scene: Scene = {
    directory: engine.directory,
    beside: (words) => engine.beside(words),
    run,
    name,
    runtime,
    async ok(...args) {
      const result = await run(args);
      assert.is(result.code, 0, `${args.join(" ")}: ${text(result)}`);
      return result.stdout.toString().trimEnd();
    },
    async start(flags, ...command) {
      await scene.ok("run", "-d", "--name", name, "--network=none", ...flags, ...command);
    },
    async loop(flags, first = ":") {
      await scene.start(flags, "bb", "sh", "-c", `${first}; ${LOOP}`);
      const isUp = await eventually(async () => (await scene.ok("logs", name)).includes("up"), UP_MS);
      assert.ok(isUp, await scene.ok("logs", name));
    },
    async once(flags, ...command) {
      const result = await run(["run", "--rm", "--network=none", ...flags, ...command]);
      return `${text(result)}\n${result.code}`;
    },
    inspect: (format) => scene.ok("inspect", "-f", format, name),
    async becomes(format, value) {
      const isSo = await eventually(async () => (await scene.inspect(format)) === value, UP_MS);
      assert.ok(isSo, `${name}: ${format} is ${await scene.inspect(format)}, not ${value}`);
    },
  };
  return scene;
}

/** The engine's command line for a runtime. */
export type Asks = (runtime: string, args: string[]) => string[];

/** Tests of one engine, which is there when they run. */
export class Columns {
  readonly #engine: () => Engine;
  readonly #asks: Asks;
  readonly #runtimes: readonly string[];

  constructor(engine: () => Engine, asks: Asks, ours: readonly string[] = ["ringfence"]) {
    this.#engine = engine;
    this.#asks = asks;
    this.#runtimes = ["runc", ...ours];
  }

  scene(runtime: string): Scene {
    return sceneOf(this.#engine(), runtime, this.#asks);
  }

  /** What a scene tells under each runtime must be the same, and match. */
  both(what: string, play: (scene: Scene) => Promise<string>, expected: RegExp): void {
    test(what, async () => {
      const told: string[] = [];
      for (const runtime of this.#runtimes) {
        const scene = this.scene(runtime);
        try {
          told.push((await play(scene)).replaceAll(runtime, "RUNTIME"));
        } finally {
          await scene.run(["rm", "-f", scene.name]);
        }
      }
      for (const ours of told.slice(1)) assert.is(ours, told[0]);
      assert.match(told[0]!, expected);
    });
  }

  /** What every engine has. */
  common(): void {
    this.both(
      "--restart: on failure so many times; always, after a kill by a signal from within",
      async (scene) => {
        await scene.start(["--restart=on-failure:2"], "bb", "sh", "-c", "exit 3");
        await scene.becomes("{{.State.Status}} {{.RestartCount}}", "exited 2");
        const failed = await scene.inspect("{{.State.ExitCode}}");
        await scene.ok("rm", scene.name);
        await scene.loop(["--restart=always"], "date +%s%N >> /starts");
        // The container may be gone before the command's own end is known: podman says so then.
        await scene.run(["exec", scene.name, "kill", "1"]);
        await scene.becomes("{{.State.Status}} {{.RestartCount}}", "running 1");
        const count = ["sh", "-c", "wc -l < /starts"];
        const isAgain = async () => text(await scene.run(["exec", scene.name, ...count])) === "2";
        return `${failed} ${await eventually(isAgain, UP_MS)}`;
      },
      /^3 true$/,
    );

    this.both(
      "diff, commit, export",
      async (scene) => {
        const made = "mkdir -p /new/dir; echo text > /new/dir/file; chown 7:8 /new; chmod 600 /new/dir/file";
        await scene.loop([], `${made}; rm /etc/group; ln -s file /new/dir/link`);
        const diff = await scene.ok("diff", scene.name);
        const command = 'CMD ["sh", "-c", "cat /new/dir/link; ls /etc/group"]';
        const id = await scene.ok("commit", "-c", command, scene.name);
        const again = await scene.once([], id);
        const tar = join(scene.directory, "export.tar");
        await scene.ok("export", "-o", tar, scene.name);
        const { stdout } = await scene.beside(["tar", "--numeric-owner", "-tvf", tar, "new"]);
        const listed = stdout.toString().replace(/\d{4}-\d\d-\d\d \d\d:\d\d /g, "");
        await scene.ok("rmi", "-f", id);
        return `${diff.split("\n").sort().join("\n")}\n${again}\n${listed}`;
      },
      /D \/etc\/group[\s\S]*text\n[\s\S]*drwxr-xr-x 7\/8 .*new\//,
    );

    this.both(
      "cp to and from a running container and its volumes, and its files as the host sees them",
      async (scene) => {
        await scene.loop(["-v", `${scene.name}:/vol`], "echo inside > /vol/file");
        await scene.ok("cp", "/etc/passwd", `${scene.name}:/copied`);
        await scene.ok("cp", "/etc/passwd", `${scene.name}:/vol/copied`);
        const sums = "md5sum < /copied; md5sum < /vol/copied; stat -c %a:%u /copied";
        const seen = await scene.ok("exec", scene.name, "sh", "-c", sums);
        const got = join(scene.directory, `got-${scene.name}`);
        await scene.ok("cp", `${scene.name}:/vol/file`, got);
        const root = `/proc/${await scene.inspect("{{.State.Pid}}")}/root`;
        const shown = await scene.beside(["cat", got, `${root}/vol/file`, `${root}/etc/passwd`]);
        await scene.ok("rm", "-f", scene.name);
        await scene.ok("volume", "rm", scene.name);
        return `${seen}\n${text(shown)}`;
      },
      /^(\S+ {2}-)\n\1\n644:0\ninside\ninside\nroot:/,
    );

    this.both(
      "create, start -a, rename, attach, wait, and a signal of one's own to stop by",
      async (scene) => {
        const flags = ["--network=none", "--stop-signal=USR1", "--name", scene.name];
        const loop = "trap 'exit 4' USR1; echo up; while :; do sleep 0.05; done";
        await scene.ok("create", ...flags, "bb", "sh", "-c", loop);
        await scene.ok("rename", scene.name, `${scene.name}-b`);
        await scene.ok("rename", `${scene.name}-b`, scene.name);
        const attached = scene.run(["start", "-a", scene.name]);
        await eventually(async () => (await scene.ok("logs", scene.name)).includes("up"), UP_MS);
        const waited = scene.run(["wait", scene.name]);
        await scene.ok("stop", scene.name);
        const { code, stdout } = await attached;
        return `${code} ${stdout} ${text(await waited)}`;
      },
      /^4 up\n 4$/,
    );

    this.both(
      "out of memory: the container is killed, and the engine says why",
      async (scene) => {
        const grow = "echo up; x=a; while :; do x=$x$x; done";
        await scene.start(["-m", "128m", "--memory-swap", "128m"], "bb", "sh", "-c", grow);
        await scene.becomes("{{.State.Status}}", "exited");
        return scene.inspect("{{.State.OOMKilled}} {{.State.ExitCode}}");
      },
      /^true 137$/,
    );

    this.both(
      "an image of one static program",
      async (scene) => {
        const image = join(scene.directory, `one-${scene.name}`);
        mkdirSync(image);
        const built = buildDriver("static_program", [], ["-static"]);
        await scene.beside(["cp", built, join(image, "program")]);
        await scene.beside(["tar", "-C", image, "-cf", `${image}.tar`, "program"]);
        await scene.ok("import", `${image}.tar`, scene.name);
        const flags = ["--read-only", "-u", "7:7", "--workdir=/"];
        const result = await scene.once(flags, scene.name, "/program", "word");
        await scene.ok("rmi", scene.name);
        return result;
      },
      /^word 7 \/ -1/,
    );

    this.both(
      "who the process is, what it may, and where",
      async (scene) => {
        const flags = ["-u", "7:8", "--group-add", "9", "-e", "A=b c", "-w", "/tmp", "--read-only"];
        const more = ["--tmpfs", "/t", "--hostname", "me", "--ulimit", "nofile=100:200", "--cap-drop=all"];
        const shown =
          "id; pwd; echo $A; hostname; ulimit -n; touch /x; touch /t/x && echo t; grep Cap /proc/self/status";
        return scene.once([...flags, ...more], "bb", "sh", "-c", shown);
      },
      /uid=7.*\n\/tmp\nb c\nme\n100\n[\s\S]*CapEff:\t0000000000000000/,
    );

    this.both(
      "commands that cannot be run",
      async (scene) => {
        const codes: string[] = [];
        for (const command of ["nosuch", "/etc/passwd", "/bin"]) {
          const told = await scene.once([], "bb", command);
          codes.push(/executable file not found|permission denied|is a directory/i.exec(told)?.[0] ?? told);
          codes.push(told.slice(told.lastIndexOf("\n") + 1));
        }
        return codes.join(" ").toLowerCase();
      },
      /^executable file not found 127 permission denied 126/,
    );
  }
}
