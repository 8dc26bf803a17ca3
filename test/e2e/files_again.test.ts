// Files that are opened again a moment after they were closed, for which the host is not asked (gofer/idle_files.ts): the guest
// sees what it would under runc, also in an overlay of the host's, where a file that is written to becomes another one; and
// what the host changes meanwhile.

import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ok, text } from "../said.ts";
import { shell, withBundle } from "./bundle.ts";
import { buildDriver } from "./driver.ts";
import { absent } from "./engine_room.ts";

const NAMES = ["lower", "lower2", "lower3", "lower4", "lower5"];

/** What the program prints under a runtime; absent: under ours. */
async function told(runtime?: string): Promise<string> {
  const program = buildDriver("files_again", [], ["-static"]);
  let printed = "";
  await withBundle(
    ["/bin/program"],
    async (bundle) => {
      const [lower, upper, work, merged] = ["lower", "upper", "work", "merged"].map((name) => {
        const directory = join(bundle.directory, name);
        mkdirSync(directory);
        return directory;
      }) as [string, string, string, string];
      for (const name of NAMES) writeFileSync(join(lower, name), "lower");
      copyFileSync(program, join(bundle.rootfs, "bin/program"));
      bundle.configure(["/bin/program"], (config) => {
        for (const destination of ["/o", "/p"])
          config.mounts.push({ destination, type: "bind", source: merged, options: ["rbind", "rw"] });
      });
      const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
      execFileSync("mount", ["-t", "overlay", "overlay", "-o", layers, merged]);
      try {
        printed = text(ok(await bundle.runs()));
      } finally {
        execFileSync("umount", [merged]);
      }
    },
    undefined,
    runtime,
  );
  return printed;
}

const why = process.getuid!() === 0 ? absent({ runc: "runc" }) : "overlays here are root's";
if (why !== null) console.log(why);
else
  test("what was changed since is seen, in an overlay of the host's", async () => {
    const native = await told("runc");
    assert.match(native, /^written since, for the first time: read 6 'upper1', size 6, memory 'upper1'\n/);
    assert.match(native, /nobody may read it: errno 13\n$/);
    assert.is(await told(), native);
  });

/** Opens its file all the time, and tells what is new. */
const GUEST = `
cd /x
last=
while [ "$last" != end ]; do
  read line < file
  [ "$line" = "$last" ] || { echo "$line"; echo "$line" > seen; }
  last=$line
done
`;

test("what the host puts in a file's place is seen", async () => {
  await withBundle(shell(GUEST), async (bundle) => {
    const x = join(bundle.rootfs, "x");
    mkdirSync(x);
    const put = (line: string) => {
      writeFileSync(join(x, "next"), `${line}\n`);
      renameSync(join(x, "next"), join(x, "file"));
    };
    put("line 0");
    let number = 0;
    // The next one when the guest has seen the last, however long its sandbox takes to start.
    const changes = setInterval(() => {
      const seen = existsSync(join(x, "seen")) ? readFileSync(join(x, "seen"), "utf8") : "";
      if (seen === `line ${number}\n`) put(++number < 10 ? `line ${number}` : "end");
    }, 50);
    try {
      const lines = text(ok(await bundle.runs()));
      assert.is(lines, [...Array.from({ length: 10 }, (_none, i) => `line ${i}`), "end", ""].join("\n"));
    } finally {
      clearInterval(changes);
    }
  });
});

test.run();
