// A command that changes the caller's files sees its changes, as it would natively, and the caller's files
// stay as they are. The same script runs natively in one copy of a tree and sandboxed in another.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { output, ringfence } from "../spawn.ts";

const LISTING = `find . -printf '%p %y %m %n %u %l ' \\( -type d -o -printf '%s' \\) -printf '\\n' | sort`;
const CONTENTS = 'find . -type f | sort | while read f; do echo "== $f"; cksum < "$f"; done';

/** What the script's directory holds before. */
const PREPARE = `
  mkdir -p dir/deep/deeper gone kept 'a name' sparse
  echo one > file; echo two > dir/two; echo three > dir/deep/three; echo four > dir/deep/deeper/four
  echo many > linked; ln linked dir/linked; ln -s file link; ln -s dir dirlink; ln -s nowhere broken
  seq 100000 > large; seq 3 > 'a name/b c'; echo x > gone/x; mkfifo fifo; chmod 0644 file
  printf start > sparse/file; truncate -s 20M sparse/file; printf end >> sparse/file
  head -c 9000000 /dev/zero | tr '\\0' z > big; echo '#!/bin/sh' > run; echo 'echo ran' >> run; chmod 755 run
`;

const SCRIPTS: Record<string, string> = {
  "writes, appends and truncations": `
    echo more >> file; : > dir/two; truncate -s 3 dir/deep/three; printf X | dd of=large bs=1 seek=77 conv=notrunc 2>/dev/null
    echo tail >> big; echo new > dir/new; cat file dir/new dir/deep/three; tail -c 10 big; sed -i s/f/F/ dir/deep/deeper/four
    printf Y | dd of=sparse/file bs=1 seek=10000000 conv=notrunc 2>/dev/null; du sparse/file | cut -f1 | awk '{print $1 < 2000}'
  `,
  "removals and what comes after": `
    rm file dir/two; rm -r gone; mkdir gone; ls -A gone; echo again > file; mkdir dir/two; rm -r dir/deep; ls dir
    mkdir dir/deep; ls -A dir/deep; rm link broken fifo; ls -A; rmdir kept; test -e kept || echo no
  `,
  renames: `
    mv file moved; mv dir moved-dir; cat moved-dir/deep/three; echo in > moved-dir/in; mkdir dir; ls -A dir
    mv moved-dir/deep dir/; cat dir/deep/deeper/four; mv large dir/deep/; mv moved file; mv -T 'a name' kept; ls kept
    mv gone/x gone/y; mv run dir/run; dir/run; mv -f file linked; cat linked moved-dir/linked; mv dir dir2; mv dir2 dir; ls -R dir
  `,
  links: `
    stat -c '%s %a' linked dir/linked; echo seen >> linked; chmod 640 linked; stat -c '%s %a' linked dir/linked
    ln file second; echo through >> second; cat file; echo all >> linked; cat dir/linked; rm linked; cat dir/linked
    ln dir/linked third; stat -c %h third; ln -s second s; cat s; ln -sf file link; cat link; cp -al dir copy; echo z > copy/linked; cat third
  `,
  attributes: `
    chmod 600 file; chmod 700 dir; touch -d '2001-02-03 04:05:06.789' file large dir/two; stat -c '%n %Y %a' file large dir/two
    chmod u+s run; stat -c %a run; echo : >> run; stat -c %a run; truncate -s 9 run; stat -c %a run; chown 12:34 big; stat -c '%u %g' big; chmod 555 kept; :
    touch file; cat file; stat -c %s big; find . -newermt 2001-01-01 ! -newermt 2002-01-01 | sort
  `,
  "descriptors that were open": `
    exec 3< file 4< dir/two 5>> dir/deep/three; rm file dir/two; cat <&3; cat <&4; echo late >&5; cat dir/deep/three
    exec 6<> large; mv large renamed; printf QQ >&6; head -c 5 renamed; exec 7< dir; rm -r dir; ls -A /proc/self/fd/7 2>/dev/null | head -1
  `,
  programs: `
    tar --mtime=@0 -cf t.tar dir file; mkdir u; tar xf t.tar -C u; diff -r dir u/dir && echo same; cp -a dir v; diff -r dir v && echo same
    sort -r large -o large; head -1 large; gzip big; ls big.gz; gunzip big.gz; cksum big; rm -rf u v
  `,
};

const directory = mkdtempSync(join(tmpdir(), "ringfence-overlay-"));

test.after(() => rmSync(directory, { recursive: true, force: true }));

async function tree(name: string): Promise<string> {
  const path = join(directory, name);
  mkdirSync(path);
  await output("sh", ["-c", PREPARE], { cwd: path });
  return path;
}

const state = (cwd: string) =>
  output("sh", ["-c", `${LISTING}; ${CONTENTS}; find . -printf '%p %i %T@ %C@\\n' | sort`], { cwd });

for (const [name, script] of Object.entries(SCRIPTS))
  test(name, async () => {
    const whole = `set -e; ${script}\n${LISTING}; ${CONTENTS}`;
    const native = await tree(`${name} natively`);
    const sandboxed = await tree(`${name} sandboxed`);
    const expected = await output("sh", ["-c", whole], { cwd: native });
    const before = await state(sandboxed);
    const got = await output(ringfence, ["do", "--", "sh", "-c", whole], { cwd: sandboxed });
    assert.is(got, expected);
    assert.is(await state(sandboxed), before, "the caller's files");
  });

for (const [name, script] of Object.entries(SCRIPTS))
  test(`${name}, without an overlay`, async () => {
    const whole = `set -e; ${script}\n${LISTING}; ${CONTENTS}`;
    const native = await tree(`${name} natively once more`);
    const sandboxed = await tree(`${name} through`);
    const expected = await output("sh", ["-c", whole], { cwd: native });
    const got = await output(ringfence, ["--overlay2=none", "do", "--", "sh", "-c", whole], {
      cwd: sandboxed,
    });
    assert.is(got, expected);
    const after = (cwd: string) => output("sh", ["-c", `${LISTING}; ${CONTENTS}`], { cwd });
    assert.is(await after(sandboxed), await after(native), "the caller's files");
  });

test("what the sandbox makes elsewhere is not the caller's", async () => {
  const marker = `ringfence-marker-${process.pid}`;
  const places = ["/tmp", "/run", "/var/tmp", "/etc", "/", "/dev/shm", "/home", "/usr/bin"];
  const script = `for d in ${places.join(" ")}; do echo x > $d/${marker} && cat $d/${marker}; done`;
  const got = await output(ringfence, ["do", "--", "sh", "-c", script]);
  assert.is(got, "x\n".repeat(places.length));
  assert.is(
    await output("sh", ["-c", `ls ${places.map((d) => `${d}/${marker}`).join(" ")} 2>/dev/null || true`]),
    "",
  );
});

test("the caller can execute what the sandbox has made", async () => {
  const path = await tree("executable");
  const script = "cp /bin/true made; echo ready; read line; cat file";
  await output(ringfence, ["--overlay2=none", "do", "--", "sh", "-c", script], {
    cwd: path,
    started: (child) => {
      child.stdout?.once("data", async () => {
        // Text file busy, if somebody still had it open for writing.
        const status = await output("sh", ["-c", "./made; echo $?"], { cwd: path });
        writeFileSync(join(path, "status"), status);
        child.stdin?.write("\n");
      });
    },
    keepStdin: true,
  });
  assert.is(readFileSync(join(path, "status"), "latin1"), "0\n");
});

test("the caller's new files are seen", async () => {
  const path = await tree("new files");
  const script = `ls later 2>/dev/null; echo ready; read line; sleep 1.5; cat later; cat file`;
  const got = await output(ringfence, ["do", "--", "sh", "-c", script], {
    cwd: path,
    started: (child) => {
      child.stdout!.once("data", () => {
        writeFileSync(join(path, "later"), "came later\n");
        writeFileSync(join(path, "file"), "changed\n");
        child.stdin!.write("\n");
      });
    },
    keepStdin: true,
  });
  assert.is(got, "ready\ncame later\nchanged\n");
});

test("what is appended to a file of the host is not lost to who appends there", async () => {
  const directory = mkdtempSync(join(tmpdir(), "ringfence-append-"));
  try {
    const file = join(directory, "log");
    writeFileSync(file, "");
    // A write each: they meet, and each must find the end that the other has left.
    const inside = "i=0; while [ $i -lt 2000 ]; do echo inside $i; i=$((i+1)); done >> log; touch done";
    const outside = "i=0; until [ -e done ]; do echo outside $i; i=$((i+1)); done >> log";
    const both = `"$1" --overlay2=none do -- sh -c '${inside}' & ${outside}; wait`;
    await output("/bin/sh", ["-c", `cd "$0" || exit 1; ${both}`, directory, ringfence]);
    const lines = readFileSync(file, "latin1").split("\n").slice(0, -1);
    const of = (name: string) => lines.filter((line) => line.startsWith(`${name} `));
    const numbered = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name} ${i}`);
    assert.equal(of("inside"), numbered("inside", 2000));
    assert.equal(of("outside"), numbered("outside", lines.length - 2000));
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.run();
