// Two mounts that show the same files of the host, as volumes of a pod's containers do: what runc's kernel says of them
// is said here, without a wait.

import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ok, text } from "../said.ts";
import { withBundle } from "./bundle.ts";
import { buildDriver } from "./driver.ts";
import { absent } from "./engine_room.ts";

/** What the program prints under a runtime; absent: under ours. */
async function told(runtime?: string): Promise<string> {
  const program = buildDriver("overlapping_mounts", [], ["-static"]);
  let printed = "";
  await withBundle(
    ["/bin/program"],
    async (bundle) => {
      const directory = join(bundle.directory, "shared");
      mkdirSync(directory);
      copyFileSync(program, join(bundle.rootfs, "bin/program"));
      bundle.configure(["/bin/program"], (config) => {
        for (const destination of ["/a", "/b"])
          config.mounts.push({ destination, type: "bind", source: directory, options: ["rbind", "rw"] });
      });
      printed = text(ok(await bundle.runs()));
    },
    undefined,
    runtime,
  );
  return printed;
}

const why = process.getuid!() === 0 ? absent({ runc: "runc" }) : "runc here is root's";
if (why !== null) console.log(why);
else
  test("what is made, changed, moved and removed by one mount is so by the other, and told there; futexes are one", async () => {
    const native = await told("runc");
    assert.match(native, /^\/b\/made: {2}\(-2\) -1 0\n\/b\/made: one \(0\) 3 100644\n/);
    assert.match(native, /\n80 still\n200 still\nwoken 1, ended with 0\n$/);
    assert.is(await told(), native);
  });

test.run();
