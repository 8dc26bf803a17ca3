// deadline: 300 s
// A file system of the host's that does not answer holds up who touches it, and nobody else: whatever is asked of it, in the
// host's own tree and as a volume of a container. Who waits can be killed; errors and short answers are what they are.

import type { ChildProcess } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually, output, type SpawnResult } from "../spawn.ts";
import { shell, withBundle } from "./bundle.ts";
import { buildDriver } from "./driver.ts";
import { type Held, withHeld } from "./hold.ts";
import { DEADLINE_MS, type SlowHost, Witness, withSlowHost } from "./slow_host.ts";

const text = ({ stdout, stderr }: SpawnResult) => `${stdout}${stderr}`;

/** What is asked of the host, by which request of its, and what it prints in the end. */
const ASKED: readonly [request: string, script: string, printed: string][] = [
  ["lookup", "cat file | head -c 5", "01234"],
  ["getattr", "stat -c %s directory/inner", "6\n"],
  ["open", "cat directory/inner", "inner\n"],
  ["read", "tail -c 4 file", "6789"],
  ["readlink", "cat link", "inner\n"],
  ["opendir", "ls directory", "inner\n"],
  ["readdir", "ls directory", "inner\n"],
];

/** The same of what changes it: only where changes reach it. */
const CHANGES: readonly [request: string, script: string, printed: string][] = [
  ["mkdir", "mkdir d && test -d d && rmdir d && echo made", "made\n"],
  ["rmdir", "mkdir d && rmdir d && echo gone", "gone\n"],
  ["create", "echo new > made && cat made && rm made", "new\n"],
  ["write", "echo new > made && cat made && rm made", "new\n"],
  // Who writes by one description writes one after the other.
  [
    "write",
    "lines() { for i in 1 2 3 4 5 6 7 8; do echo line; done; }; { lines & lines; wait; } > made; sort -u made; wc -l < made; rm made",
    "line\n16\n",
  ],
  [
    "setattr",
    "echo new > made && chmod 640 made && truncate -s 2 made && stat -c %a-%s made && rm made",
    "640-2\n",
  ],
  ["unlink", "echo > made; rm made; ls made 2>&1 | tail -c 26", "No such file or directory\n"],
  [
    "rename",
    "mkdir d; echo moved > made; mv made d/other; cat d/other; rm -r d; ls made 2>/dev/null",
    "moved\n",
  ],
  ["symlink", "ln -s file made; readlink made; rm made", "file\n"],
  [
    "fsync",
    "dd if=/dev/zero of=made bs=1 count=9 conv=fsync 2>/dev/null && echo synced; rm made",
    "synced\n",
  ],
  ["flush", "echo new > made; cat made; rm made", "new\n"],
];

async function waits(held: Held, host: SlowHost, witness: Witness, request: string, script: string) {
  await host.tell(`stall ${request}`);
  let isOver = false;
  const running = held.exec(["sh", "-c", `cd ${host.directory}; ${script}`], { deadlineMs: 60_000 });
  running.then(() => {
    isOver = true;
  });
  await host.isAsked();
  await witness.goesOn();
  // Nobody waits for what a close has left to do.
  if (request !== "flush") assert.not(isOver, `${request}: ${script}`);
  await host.tell("go");
  return text(await running);
}

for (const overlay of ["none", "root:memory"])
  test(`whoever touches it waits, and nobody else: --overlay2=${overlay}`, () =>
    withSlowHost(async (host) => {
      const changes = overlay === "none" ? CHANGES : [];
      await withHeld(
        async (held) => {
          const witness = new Witness(held.exec);
          await witness.goesOn();
          for (const [request, script, printed] of [...ASKED, ...changes])
            assert.is(await waits(held, host, witness, request, script), printed, `${request}: ${script}`);
          await witness.end();
        },
        [`--overlay2=${overlay}`],
      );
    }));

test("who waits is killed, and its parent told at once", () =>
  withSlowHost(async (host) => {
    await withHeld(
      async (held) => {
        const witness = new Witness(held.exec);
        for (const request of ["lookup", "read", "create", "readdir"]) {
          await host.tell(`stall ${request}`);
          let pid = "";
          const script = `cd ${host.directory}; { cat file; echo > new; ls directory; } > /dev/null & echo $!; wait $!; echo $?`;
          const running = held.exec(["sh", "-c", script], {
            started: (child) => {
              child.stdout!.once("data", (bytes: Buffer) => {
                pid = bytes.toString().trim();
              });
            },
          });
          await host.isAsked();
          assert.ok(await eventually(() => pid !== "", DEADLINE_MS));
          const killed = await held.exec(["sh", "-c", `kill -9 ${pid}; pkill -9 -P ${pid}; true`]);
          assert.is(killed.code, 0, text(killed));
          assert.is((await running).stdout.toString(), `${pid}\n137\n`, request);
          await witness.goesOn();
          await host.tell("go");
          await held.exec(["rm", "-f", `${host.directory}/new`]);
        }
        // What was answered for the dead is nobody's: the mount serves others as before.
        assert.is(text(await held.exec(["cat", `${host.directory}/directory/inner`])), "inner\n");
        await witness.end();
      },
      ["--overlay2=none"],
    );
  }));

test("a sandbox ends while its guests wait", () =>
  withSlowHost(async (host) => {
    let waiting: Promise<SpawnResult> | undefined;
    const ended = await withHeld(
      async (held) => {
        // A host that heeds no signals keeps whoever has asked it, a sandbox's process like any other.
        await host.tell("heed");
        await host.tell("stall");
        waiting = held.exec(["cat", `${host.directory}/file`]);
        await host.isAsked();
      },
      ["--overlay2=none"],
    );
    assert.is(ended.code, 0, text(ended));
    assert.not.equal((await waiting!).code, 0);
  }));

test("errors and short answers of the host", () =>
  withSlowHost(async (host) => {
    await withHeld(
      async (held) => {
        const at = (script: string) => held.exec(["sh", "-c", `D=${host.directory}; ${script}`]).then(text);
        for (const [request, errno, script, said] of [
          ["lookup", 5, "cat $D/file > /dev/null", /Input\/output error|I\/O error/],
          ["open", 13, "cat $D/file > /dev/null", /Permission denied/],
          ["read", 5, "cat $D/directory/inner", /Input\/output error|I\/O error/],
          // What was told of it before is believed for a while.
          ["getattr", 116, "sleep 0.2; stat $D/file > /dev/null", /Stale file handle/],
          ["readdir", 5, "ls $D/directory", /Input\/output error|I\/O error/],
          ["write", 28, "dd if=/dev/zero of=$D/made bs=9 count=1", /No space left/],
          ["mkdir", 122, "mkdir $D/d", /quota exceeded/],
          ["open", 11, "cat $D/file > /dev/null", /Input\/output error|I\/O error/],
        ] as const) {
          await host.tell(`error ${request} ${errno}`);
          const printed = await at(script);
          assert.match(printed, said, `${request} ${errno}: ${printed}`);
          await host.tell(`error ${request} 0`);
        }
        await at("cd $D; mv other file; rm -f made; rm -rf d");
        // Whatever the host makes of it, a guest's reader gets what one of the host's own gets. Each opens the file anew, with
        // which the host forgets what it had of it.
        const natively = (script: string) => output("sh", ["-c", `D=${host.directory}; ${script}`]);
        const isSame = async (script: string) => {
          const read = await at(script);
          assert.is(read, await natively(script), script);
          return read;
        };
        await host.tell("short 1000");
        const cutOff = await isSame("cat $D/file | wc -c");
        assert.ok(Number(cutOff) < 100_000, `nothing was short: ${cutOff}`);
        await isSame("tail -c 10 $D/file");
        await isSame("dd if=$D/file bs=3000 count=2 skip=4 2> /dev/null | wc -c");
        await isSame("cat $D/directory/inner");
        await host.tell("short 0");
        await host.tell("size file 200000");
        await isSame("sleep 0.2; cat $D/file | md5sum; wc -c < $D/file");
        await host.tell("size file 7");
        assert.is(await isSame("sleep 0.2; cat $D/file"), "0123456");
        await host.tell("size file 100000");
      },
      ["--overlay2=none"],
    );
  }));

test("a directory that the host changes while it is walked, and a name that it makes while a guest does", () =>
  withSlowHost(async (host) => {
    await withHeld(
      async (held) => {
        const exec = (script: string) => held.exec(["sh", "-c", `cd ${host.directory}; ${script}`]);
        let isOver = false;
        const walks = exec("i=0; while [ $i -lt 200 ]; do cat directory/inner || exit 1; i=$((i+1)); done");
        walks.then(() => {
          isOver = true;
        });
        while (!isOver) {
          await host.tell("make coming");
          await host.tell("remove coming");
        }
        assert.is(text(await walks), "inner\n".repeat(200));
        for (const request of ["lookup", "create"]) {
          await host.tell(`stall ${request}`);
          const making = exec(`set -C; echo mine > raced-${request} && echo made`);
          await host.isAsked();
          await host.tell(`make raced-${request}`);
          await host.tell("go");
          const printed = text(await making);
          assert.not.match(printed, /^made/m, request);
          assert.match(printed, /exist/, request);
        }
      },
      ["--overlay2=none"],
    );
  }));

const ENTRIES = 100_000;
for (const overlay of ["none", "root:memory"])
  test(`a directory of ${ENTRIES} names: --overlay2=${overlay}`, () =>
    withSlowHost(async (host) => {
      await withHeld(
        async (held) => {
          const witness = new Witness(held.exec);
          const listed = await held.exec(["sh", "-c", `ls -U ${host.directory}/many | wc -l`], {
            deadlineMs: 60_000,
          });
          assert.is(text(listed), `${ENTRIES}\n`);
          await witness.goesOn();
          await witness.end();
        },
        [`--overlay2=${overlay}`],
      );
    }, ENTRIES));

test("a program on it, and a file that becomes shorter under a mapping", () =>
  withSlowHost(async (host) => {
    const program = buildDriver("slow_guest", [], ["-static"]);
    await withHeld(
      async (held) => {
        const copy = join(host.directory, "program");
        copyFileSync(program, copy);
        await held.exec(["chmod", "755", copy]);
        await host.tell("stall");
        const witness = new Witness(held.exec);
        const stuck = held.exec([copy, join(host.directory, "file")]);
        await host.isAsked();
        await witness.goesOn();
        await host.tell("go");
        assert.is(text(await stuck).split("\n")[0], "01");
        await witness.end();
        let seen = "";
        const running = held.exec([copy, join(host.directory, "file")], {
          keepStdin: true,
          started: (child) => {
            child.stdout!.on("data", (bytes: Buffer) => {
              seen += bytes.toString();
              if (seen === "01\n") host.tell("size file 100").then(() => child.stdin!.end("\n"));
            });
          },
        });
        assert.is(text(await running), "01\nsize 100\nSIGBUS\n");
      },
      ["--overlay2=none"],
    );
  }));

test("one that is mounted in another holds up who goes there, and not who uses the other", () =>
  withSlowHost((outer) =>
    withSlowHost(
      async (inner) => {
        await withHeld(
          async (held) => {
            await inner.tell("stall");
            let isOver = false;
            const waiting = held.exec(["cat", `${inner.directory}/directory/inner`]);
            waiting.then(() => {
              isOver = true;
            });
            await inner.isAsked();
            assert.is(text(await held.exec(["head", "-c", "4", `${outer.directory}/file`])), "0123");
            assert.is(text(await held.exec(["ls", `${outer.directory}/many`])), "");
            assert.not(isOver);
            await inner.tell("go");
            assert.is(text(await waiting), "inner\n");
          },
          ["--overlay2=none"],
        );
      },
      0,
      join(outer.directory, "directory"),
    ),
  ));

test("a long fallocate, a splice whose pipe another reads, a core file", () =>
  withSlowHost(async (host) => {
    const program = buildDriver("slow_calls", [], ["-static"]);
    await withHeld(
      async (held) => {
        const at = (name: string) => join(host.directory, name);
        const before = Number(await host.tell("count fallocate"));
        assert.is(text(await held.exec([program, "allocate", at("long")])), `allocated 0: ${40 << 20}\n`);
        assert.is(Number(await host.tell("count fallocate")) - before, 5);

        const witness = new Witness(held.exec);
        await host.tell("stall write");
        let seen = "";
        let child: ChildProcess | undefined;
        const splicing = held.exec([program, "splice", at("spliced")], {
          keepStdin: true,
          started: (started) => {
            child = started;
            started.stdout!.on("data", (bytes: Buffer) => {
              seen += bytes.toString();
            });
          },
        });
        await host.isAsked();
        child!.stdin!.write("go\n");
        assert.ok(await eventually(() => seen === "reading\n", DEADLINE_MS));
        await witness.goesOn();
        await host.tell("go");
        assert.is(text(await splicing), "reading\nspliced 5, read 5: 56789\n");
        assert.is(text(await held.exec(["cat", at("spliced")])), "01234");

        await host.tell("stall create");
        const script = `cd ${host.directory}; ulimit -c unlimited; ${program} crash made; echo $?; head -c 4 core* | tail -c 3`;
        const crashing = held.exec(["sh", "-c", script]);
        await host.isAsked(); // of the file that it opens
        await host.tell("go");
        assert.is((await crashing).stdout.toString(), "139\nELF");
        const again = `cd ${host.directory}; ulimit -c unlimited; stat -c %i core*; ${program} crash made; stat -c %i core*`;
        const [first, second] = (await held.exec(["sh", "-c", again])).stdout.toString().split("\n");
        assert.ok(first !== "" && second !== "" && first !== second, `another file: ${first}, ${second}`);
        await witness.end();
      },
      ["--overlay2=none"],
    );
  }));

test("as a volume of a container: kill and delete while its program waits leave nothing behind", () =>
  withSlowHost(async (host) => {
    await withBundle(
      shell("cat /volume/directory/inner; while :; do sleep 1; done"),
      async (bundle) => {
        const created = await bundle.create();
        assert.is(created.code, 0, text(created));
        await host.tell("heed");
        await host.tell("stall read");
        assert.is((await bundle.on("start")).code, 0);
        await host.isAsked();
        const listed = await bundle.on(
          "exec",
          [],
          shell("ls /bin | head -1; echo $(cat /etc/group | wc -l)"),
        );
        assert.match(text(listed), /\n2\n$/);
        assert.is((await bundle.on("kill", [], ["KILL"])).code, 0);
        assert.ok(await eventually(async () => (await bundle.status()) === "stopped", DEADLINE_MS));
        assert.is((await bundle.on("delete")).code, 0);
        assert.equal(bundle.left(), []);
      },
      (config) => {
        config.mounts.push({
          destination: "/volume",
          type: "bind",
          source: host.directory,
          options: ["rbind", "rw"],
        });
      },
    );
  }));

test.run();
