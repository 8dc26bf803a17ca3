// deadline: 300 s
// What users of containerd do by `ctr`, once under runc's shim and once under ours: both columns say the same, and so do
// containerd's events of each scene. Skipped, and said so, where containerd or runc is not installed.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { told } from "../said.ts";
import { eventually, run, type SpawnOptions, type SpawnResult } from "../spawn.ts";
import { LOOP } from "./columns.ts";
import { BB, Containerd, containerdLacks, type Followed, RINGFENCE, RUNC } from "./containerd.ts";
import { absent } from "./engine_room.ts";
import { Pty } from "./pty.ts";
import { makeRootfs } from "./rootfs.ts";

const WAIT_MS = 15_000;

let containerd: Containerd;
let events: Followed;

const text = (result: SpawnResult): string => `${told(result).trimEnd()} ${result.code}`;

/** A container `c` of one of the columns. */
class Scene {
  readonly runtime: string;
  readonly #events = events;
  readonly #firstEvent: number;

  constructor(runtime: string) {
    this.runtime = runtime;
    this.#firstEvent = events.lines().length;
  }

  words(flags: readonly string[], ...command: string[]): string[] {
    return ["run", "--runtime", this.runtime, ...flags, BB, "c", ...command];
  }

  ctr(...args: string[]): Promise<SpawnResult> {
    return containerd.ctr(...args);
  }

  ok(...args: string[]): Promise<string> {
    return containerd.ok(...args);
  }

  /** One that ends, and is removed: what it printed, and its code. */
  async once(flags: readonly string[], command: readonly string[], options?: SpawnOptions): Promise<string> {
    return text(await containerd.run(this.words(["--rm", ...flags], ...command), options));
  }

  sh(flags: readonly string[], script: string, options?: SpawnOptions): Promise<string> {
    return this.once(flags, ["sh", "-c", script], options);
  }

  /** One in the background, which has said `up` to a file. */
  async loop(flags: readonly string[] = [], first = ":"): Promise<string> {
    const out = join(containerd.directory, `out-${this.runtime}-${Math.random()}`);
    await this.ok(
      ...this.words(["-d", "--log-uri", `file://${out}`, ...flags], "sh", "-c", `${first}; ${LOOP}`),
    );
    const isUp = await eventually(() => existsSync(out) && readFileSync(out, "utf8").includes("up"), WAIT_MS);
    assert.ok(isUp, "the container says that it is up");
    return out;
  }

  #execs = 0;

  async exec(...command: string[]): Promise<string> {
    return text(await this.ctr("task", "exec", "--exec-id", `e${++this.#execs}`, "c", ...command));
  }

  status(): Promise<string> {
    return containerd.status("c");
  }

  /** Waits until the task has stopped; the code that its deletion says. */
  async ended(): Promise<string> {
    const isOver = await eventually(async () => (await this.status()) === "STOPPED", WAIT_MS);
    assert.ok(isOver, `the task is ${await this.status()}`);
    const { code } = await this.ctr("task", "delete", "c");
    await this.ok("container", "rm", "c");
    return `deleted ${code}`;
  }

  /** Topics of the scene's events, with what they say of it, once the last one has come. */
  async events(last: string): Promise<string> {
    // Others than at first: containerd was started again.
    const first = events === this.#events ? this.#firstEvent : 0;
    const lines = () =>
      events
        .lines()
        .slice(first)
        .filter((line) => line.includes(" /tasks/"));
    assert.ok(await eventually(() => lines().at(-1)?.includes(last) === true, WAIT_MS), lines().join("\n"));
    return lines()
      .map((line) => {
        const [, topic, json] = /(\/tasks\/\S+) (.*)$/.exec(line)!;
        const { id, exec_id, container_id, exit_status } = JSON.parse(json!) as Record<string, unknown>;
        return [topic, container_id, id, exec_id, exit_status].filter((word) => word !== undefined).join(" ");
      })
      .join("\n");
  }

  async clear(): Promise<void> {
    await this.ctr("task", "delete", "-f", "c");
    await this.ctr("container", "rm", "c");
  }
}

async function listen(): Promise<void> {
  events = containerd.follow();
  // Who listens does so a moment after its start.
  const isHeard = async () => {
    await containerd.ok("namespaces", "label", "default", `at=${Date.now()}`);
    return events.lines().length > 0;
  };
  assert.ok(await eventually(isHeard, WAIT_MS));
}

/** What a scene tells in each column must be the same, and match. */
function both(what: string, play: (scene: Scene) => Promise<string>, expected: RegExp): void {
  test(what, async () => {
    const columns: string[] = [];
    for (const runtime of [RUNC, RINGFENCE]) {
      const scene = new Scene(runtime);
      try {
        columns.push((await play(scene)).replaceAll(runtime, "RUNTIME"));
      } finally {
        await scene.clear();
      }
    }
    assert.is(columns[1], columns[0]);
    assert.match(columns[0]!, expected);
  });
}

/** The part of an error's text that users look for. */
const tail = (said: string): string =>
  said.replace(
    /^[\s\S]*(executable file not found[^:]*|permission denied|is a directory|no such file or directory)[\s\S]* (\d+)$/,
    "$1 $2",
  );

const why = containerdLacks() ?? absent({ runc: "runc" });
if (why !== null) console.log(`skipped: ${why}`);
else {
  test.before(async () => {
    containerd = new Containerd();
    await containerd.start();
    await containerd.importImage();
    await listen();
  });
  test.after(async () => {
    events.end();
    await containerd.remove();
  });

  both(
    "run --rm: both streams, codes, standard input to its end, and the events of it",
    async (scene) => {
      const said = [
        await scene.sh([], "echo out; echo err >&2; sleep 0.3; exit 3"),
        await scene.sh([], "wc -c; exit 4", { input: "a".repeat(200_000) }),
        await scene.sh([], "read line; echo got $line", { input: "word\nmore\n" }),
        await scene.sh(["--null-io"], "echo nobody hears it"),
        await scene.once([], ["sh", "-c", "kill -9 $$"]),
      ];
      return `${said.join("\n")}\n${await scene.events("/tasks/delete")}`;
    },
    /^out\nerr 3\n200000 4\ngot word 0\n 0\n 0\n\/tasks\/create c\n\/tasks\/start c\n\/tasks\/exit c c 3\n\/tasks\/delete c 3\n/,
  );

  both(
    "signals of ctr task kill, and the code that ctr run ends with",
    async (scene) => {
      const running = containerd.run(scene.words(["--rm"], "sh", "-c", `trap 'echo usr' USR1; ${LOOP}`));
      await eventually(async () => (await scene.status()) === "RUNNING", WAIT_MS);
      await eventually(
        async () => (await scene.exec("grep", "-q", "SigCgt.*0.*4[02]0[02]$", "/proc/1/status")) === " 0",
        5000,
      );
      await scene.ok("task", "kill", "-s", "USR1", "c");
      await scene.ok("task", "kill", "-s", "TERM", "c");
      return text(await running);
    },
    /^up\nusr 9$/,
  );

  both(
    "commands that cannot be run, by run and by exec",
    async (scene) => {
      const said: string[] = [];
      for (const command of ["nosuch", "/etc/passwd", "/bin"]) {
        said.push(tail(await scene.once([], [command])));
        await scene.clear();
      }
      await scene.loop();
      for (const command of ["nosuch", "/etc/passwd", "/bin"]) said.push(tail(await scene.exec(command)));
      said.push(tail(await scene.exec("true")));
      said.push((await scene.ctr("task", "exec", "--exec-id", "x", "nobody", "true")).code!.toString());
      return said.join("\n");
    },
    /./,
  );

  both(
    "a container in the background: ls, exec, pause, resume, ps, kill, delete, rm, and the events of it",
    async (scene) => {
      await scene.loop([], "sleep 1000 & :");
      const said = [await scene.status()];
      said.push(await scene.exec("sh", "-c", "echo out; echo err >&2; exit 5"));
      said.push(await scene.exec("sh", "-c", "kill -TERM $$"));
      said.push(
        text(
          await scene.ctr(
            "task",
            "exec",
            "--exec-id",
            "u",
            "--user",
            "7:8",
            "--cwd",
            "/tmp",
            "c",
            "sh",
            "-c",
            "id -u; id -g; pwd",
          ),
        ),
      );
      said.push(text(await containerd.run(["task", "exec", "--exec-id", "i", "c", "cat"], { input: "in" })));
      await scene.ok("task", "pause", "c");
      said.push(await scene.status());
      said.push(String((await scene.ctr("task", "exec", "--exec-id", "p", "c", "true")).code));
      await scene.ok("task", "resume", "c");
      said.push(await scene.status());
      const ps = (await scene.ok("task", "ps", "c")).split("\n");
      said.push(`${ps[0]!.split(/ +/).join(" ")} ${ps.length > 2}`);
      said.push(
        text(await scene.ctr("task", "delete", "c")).replace(
          /^[\s\S]*(task must be stopped)[\s\S]* (\d)$/,
          "$1 $2",
        ),
      );
      await scene.ok("task", "kill", "-s", "KILL", "c");
      said.push(await scene.ended());
      said.push(tail(text(await scene.ctr("task", "kill", "c"))).replace(/^.*(not found).* (\d)/s, "$1 $2"));
      said.push(await scene.events("/tasks/delete"));
      return said.join("\n");
    },
    /^RUNNING\nout\nerr 5\n 143\n7\n8\n\/tmp 0\nin 0\nPAUSED\n1\nRUNNING\nPID INFO true\n/,
  );

  both(
    "a terminal of run -t and of exec -t: its name, its size, what is typed, its end",
    async (scene) => {
      const script =
        'tty; while [ "$(stty size 2>&1)" != "33 77" ]; do sleep 0.05; done; echo sized; read x; echo got $x; exit 6';
      const said: string[] = [];
      const play = async (words: readonly string[]) => {
        const pty = new Pty(...containerd.commandLine(words));
        try {
          await pty.shows("/dev/");
          await pty.sized(33, 77, "sized");
          pty.type("word\r");
          said.push(`${await pty.event("exit")} ${pty.shown.replace(/pts\/\d/, "pts/N")}`);
        } finally {
          pty.close();
        }
      };
      await play(scene.words(["--rm", "-t"], "sh", "-c", script));
      await scene.loop();
      await play(["task", "exec", "-t", "--exec-id", "t", "c", "sh", "-c", script]);
      return said.join("\n");
    },
    /^exit 6 \/dev\/\S+\r+\nsized\r+\nword\r+\ngot word\r+\n\nexit 6 \/dev\/pts\/N\r+\nsized\r+\nword\r+\ngot word\r+\n$/,
  );

  both(
    "--log-uri: files, and programs that log",
    async (scene) => {
      const directory = join(containerd.directory, `logs-${scene.runtime}`);
      mkdirSync(directory);
      const logger = join(directory, "logger");
      const words = [
        "#!/bin/sh",
        `cd ${directory}`,
        "cat <&3 5>&- >out & cat <&4 5>&- >err &",
        'echo "$CONTAINER_NAMESPACE $CONTAINER_ID $*" >who',
        "exec 5>&-; wait",
      ];
      writeFileSync(logger, `${words.join("\n")}\n`, { mode: 0o755 });
      const script = "echo out; sleep 0.1; echo err >&2; sleep 0.1; echo last; exit 2";
      const said = [await scene.sh(["--log-uri", `file://${directory}/both`], script)];
      said.push(await scene.sh(["--log-uri", `binary://${logger}?--flag=value`], script));
      const read = (name: string) => readFileSync(join(directory, name), "utf8");
      said.push(...["both", "out", "err", "who"].map(read));
      said.push(tail(await scene.sh(["--log-uri", "binary:///nosuch"], ":")));
      return said.join("\n");
    },
    /^ 2\n 2\nout\nerr\nlast\n\nout\nlast\n\nerr\n\ndefault c --flag value\n\nno such file or directory 1$/,
  );

  both(
    "limits, what is counted, and an end for want of memory",
    async (scene) => {
      await scene.loop(["--memory-limit", "134217728", "--cpus", "0.5"]);
      const table = await scene.ok("task", "metrics", "c");
      const limits = /^memory\.limit_in_bytes.*$/m.exec(table)?.[0].split(/ +/).join(" ");
      const names = table.split("\n").map((line) => line.split(" ")[0]);
      const counted = ["memory.usage_in_bytes", "memory.stat.cache", "cpuacct.usage", "pids.current"];
      const said = [limits, counted.filter((name) => names.includes(name)).join(" ")];
      await scene.clear();
      const grow = "x=aaaaaaaa; while :; do x=$x$x; done";
      said.push(await scene.sh(["--memory-limit", "67108864"], grow));
      said.push(String((await scene.events("/tasks/delete")).includes("/tasks/oom")));
      return said.join("\n");
    },
    /^memory\.limit_in_bytes 134217728 ?\n.*usage_in_bytes.*\n 137\ntrue$/,
  );

  both(
    "who the process is, what it sees, and what it may",
    async (scene) => {
      const root = join(containerd.directory, `root-${scene.runtime}`);
      makeRootfs(root);
      writeFileSync(join(root, "etc/mark"), "its own\n");
      const mount = (more: string) => `type=bind,src=${root}/etc,dst=/given,options=rbind:${more}`;
      const status = "grep -E 'Cap(Eff|Bnd)|NoNewPrivs|Seccomp:' /proc/self/status";
      const rooted = ["run", "--rm", "--runtime", scene.runtime, "--env", "PATH=/bin", "--rootfs", root, "c"];
      return [
        await scene.sh(
          ["--env", "A=b c", "--cwd", "/made/here", "--user", "7:8", "--hostname", "me"],
          "echo $A; pwd; id -u; id -g; hostname",
        ),
        await scene.sh(["--user", "user", "--mount", mount("rw")], "id; echo x >/x; cat /given/mark"),
        await scene.sh(["--mount", mount("ro")], "echo x >/given/x"),
        await scene.sh(
          ["--mount", mount("rw"), "--read-only"],
          "echo x >/given/y; echo x >/dev/shm/x; echo x >/x",
        ),
        text(await scene.ctr(...rooted, "sh", "-c", `cat /etc/mark /etc/y; ${status}`)),
        await scene.sh(["--privileged"], status),
        await scene.sh(
          ["--seccomp", "--allow-new-privs", "--cap-drop", "CAP_CHOWN", "--cap-add", "CAP_SYS_ADMIN"],
          status,
        ),
      ].join("\n");
    },
    /^b c\n\/made\/here\n7\n8\nme 0\nuid=1000/,
  );

  both(
    "what is written is read, by whoever reads slowly, comes late or comes again",
    async (scene) => {
      const cat = (file: string) => `for i in $(seq 35); do cat ${file}; done`;
      const slow =
        "for i in 1 2 3 4 5 6; do dd bs=1M count=4 iflag=fullblock 2>/dev/null; sleep 0.1; done; cat";
      const [program, words] = containerd.commandLine(scene.words(["--rm"], "sh", "-c", cat("/bin/busybox")));
      const sum = (first: readonly string[], filter: string) =>
        run("sh", ["-c", `"$@" | (${filter}) | md5sum`, "sh", ...first]);
      const sums = [
        await sum([program, ...words], slow),
        await sum(["sh", "-c", cat(join(containerd.directory, "image/bin/busybox"))], "cat"),
      ].map(text);
      const said = [String(sums[0] === sums[1])];
      const count = "i=0; while :; do i=$((i + 1)); echo line $i; sleep 0.02; done";
      await scene.ok(...scene.words(["-d"], "sh", "-c", count));
      for (let i = 0; i < 2; i++) {
        let heard = "";
        await containerd.run(["task", "attach", "c"], {
          started: (child) =>
            child.stdout!.on("data", (bytes: Buffer) => {
              heard += bytes.toString();
              if (heard.split("\n").length > 3) child.kill("SIGKILL");
            }),
        });
        said.push(String(/^line \d+\nline/.test(heard)));
      }
      await scene.clear();
      said.push(await scene.sh([], "(sleep 5; echo late) & echo first"));
      await scene.loop();
      said.push(await scene.exec("sh", "-c", "(sleep 0.3; echo late) & echo first"));
      return said.join("\n");
    },
    /^true\ntrue\ntrue\nfirst 0\nfirst\n(late )?0$/,
  );

  both(
    "containerd is killed and started again: containers go on, and their ends are told",
    async (scene) => {
      const out = await scene.loop();
      await containerd.end("SIGKILL");
      events.end();
      await containerd.start();
      await listen();
      const said = [await scene.status(), await scene.exec("echo", "on")];
      await scene.ok("task", "kill", "-s", "TERM", "c");
      said.push(await scene.ended(), await scene.events("/tasks/delete"), readFileSync(out, "utf8"));
      await scene.loop();
      const pid = await containerd.taskPid("c");
      await containerd.end("SIGKILL");
      events.end();
      process.kill(pid, "SIGKILL");
      await containerd.start();
      await listen();
      // Of what has ended while it was away containerd keeps nothing.
      said.push(String(await eventually(async () => (await scene.status()) === "", WAIT_MS)));
      said.push(text(await scene.ctr("container", "rm", "c")));
      return said.join("\n");
    },
    /^RUNNING\non 0\n/,
  );

  test.run();
}
