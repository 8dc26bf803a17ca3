// Debian's nft, and iptables as it speaks to nf_tables, in a sandbox: rules do what they do natively, in a network namespace
// of its own, and are told in the same words (filter_scenes.py, nft_scenes.py).
//
// deadline: 300 s

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, ringfence, run } from "../spawn.ts";

const DEADLINE_MS = 120_000;
const SCENES: readonly { readonly what: string; readonly words: readonly string[]; readonly sees: RegExp }[] =
  [
    {
      what: "iptables-nft",
      words: ["python3", `${checkout}test/e2e/filter_scenes.py`, "nft"],
      sees: /original 127\.5\.6\.7 80/,
    },
    {
      what: "nft",
      words: ["python3", `${checkout}test/e2e/nft_scenes.py`],
      sees: /fib daddr type local .* packets [1-9]/,
    },
  ];

/** The package is named where it is missing. */
const absent = [
  ["/usr/sbin/iptables-nft", "iptables"],
  ["/usr/sbin/nft", "nftables"],
  ["/usr/bin/python3", "python3"],
  ["/usr/sbin/ip", "iproute2"],
].filter(([path]) => !existsSync(path!));
const isRoot = process.getuid!() === 0;
if (!isRoot) console.log("  skipped: there are no rules of nft for who is not root");
for (const [, name] of absent) console.log(`  skipped: missing package ${name}`);

async function hasTables(): Promise<boolean> {
  const { code } = await run("unshare", ["-n", "nft", "add table ip x; add chain ip x y"]);
  return code === 0;
}

if (isRoot && absent.length === 0) {
  const isNative = await hasTables();
  if (!isNative) console.log("  skipped: the host's kernel has no nf_tables, nothing is compared");
  for (const { what, words, sees } of SCENES) {
    let native: string | null = null;
    if (isNative)
      test(`${what}: natively the scenes come to their end`, async () => {
        const { stdout, stderr, code } = await run("unshare", ["-n", ...words], { deadlineMs: DEADLINE_MS });
        assert.is(code, 0, stderr.toString());
        native = stdout.toString();
        assert.match(native, sees);
      });

    for (const workers of ["solo", "2"])
      test(`${what}: rules act and are told as natively (--workers=${workers})`, async () => {
        const args = [`--workers=${workers}`, "do", "--", ...words];
        const { stdout, stderr, code } = await run(ringfence, args, { deadlineMs: DEADLINE_MS });
        assert.is(code, 0, stderr.toString());
        if (native === null) assert.match(stdout.toString(), sees);
        else assert.is(stdout.toString(), native);
      });
  }

  test("tables are their network namespace's, and go with it", async () => {
    const inside = "nft list tables; nft add table ip b; iptables-nft -A INPUT -j DROP; nft list tables";
    const script = `nft add table ip a; unshare -n sh -c '${inside}'; nft list tables`;
    const { stdout } = await run(ringfence, ["do", "--", "sh", "-c", script], { deadlineMs: DEADLINE_MS });
    assert.is(stdout.toString(), "table ip b\ntable ip filter\ntable ip a\n");
  });

  test("there are none of the host's network", async () => {
    const args = ["--network=host", "do", "--", "sh", "-c", "nft list ruleset; iptables-nft -S"];
    const { stderr } = await run(ringfence, args, { deadlineMs: DEADLINE_MS });
    assert.match(stderr.toString(), /Protocol not supported[\s\S]*Protocol not supported/);
  });

  test("what there is not is refused, counted and logged", async () => {
    const directory = mkdtempSync(`${tmpdir()}/ringfence-nft-`);
    const script = "nft 'add table ip t; add chain ip t c; add rule ip t c socket transparent 1'";
    const args = [`--log=${directory}/log`, "do", "--", "sh", "-c", `${script}; echo $?; nft list ruleset`];
    const { stdout, stderr } = await run(ringfence, args, { deadlineMs: DEADLINE_MS });
    const text = readFileSync(`${directory}/log`, "utf8");
    rmSync(directory, { recursive: true });
    assert.is(stdout.toString(), "1\n");
    assert.match(stderr.toString(), /No such file or directory/);
    assert.match(text, /unsupported in nf_tables.*expression socket/);
  });
}

test.run();
